/*
 * registry: the protocols by name, for programs that let their user choose one.
 */
#ifndef YODEL_PROTO_REGISTRY_H
#define YODEL_PROTO_REGISTRY_H

#include "../core/protocol.h"
#include "line_protocol.h"
#include "stream.h"
#include "stream_echo.h"

#include <stdio.h>

/* What a user may set about any of them. Must outlive the server that uses the factory: the
 * connections refer to it. */
typedef struct yodel_protocol_options {
    uint32_t max_line; /* bytes; chat, stream */
    double
        idle_timeout; /* seconds for each line, 0: never; stream (the others have the server's) */
    FILE *dump;       /* where dump prints */
    /* Filled by yodel_protocol_factory_for. */
    yodel_line_config line;
    yodel_stream_config stream;
    yodel_stream_echo_options echo;
} yodel_protocol_options;

typedef struct yodel_protocol_entry {
    const char *name;
    const char *summary; /* one line for people */
} yodel_protocol_entry;

/* All of them, in the order for a list; static storage. */
const yodel_protocol_entry *yodel_protocol_entries(size_t *count);

/* The factory of the protocol of this name. 0 and *out; -ENOENT when there is none. */
int yodel_protocol_factory_for(const char *name, yodel_protocol_options *options,
                               yodel_protocol_factory *out);

#endif
