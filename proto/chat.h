/*
 * chat: the articles' line protocol. Line L comes back as "You sent: L", the line "." closes;
 * every answer before it arrives.
 */
#ifndef YODEL_PROTO_CHAT_H
#define YODEL_PROTO_CHAT_H

#include "line_protocol.h"

/* For yodel_line_config.ops; needs no arg. */
extern const yodel_line_ops yodel_chat_ops;

#endif
