/*
 * raw: the echo protocol of RFC 862. Every byte comes back, lines mean nothing, and after the
 * client's end of file the rest is sent and the connection closed.
 */
#ifndef YODEL_PROTO_RAW_H
#define YODEL_PROTO_RAW_H

#include "../core/protocol.h"

/* For yodel_protocol_factory.ops, with size yodel_raw_size; needs no arg. */
extern const yodel_protocol_ops yodel_raw_ops;
extern const size_t yodel_raw_size;

#endif
