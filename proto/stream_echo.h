/*
 * stream_echo: the articles' high-level echo server, as a straight-line handler: every line comes
 * back as it is, the line "." closes, and each line has its time.
 */
#ifndef YODEL_PROTO_STREAM_ECHO_H
#define YODEL_PROTO_STREAM_ECHO_H

#include "stream.h"

typedef struct yodel_stream_echo_options {
    double idle_timeout; /* seconds for each line, 0: never */
    uint32_t max_line;   /* bytes; as the stream's limit, for the error line */
} yodel_stream_echo_options;

/* For yodel_stream_config.handler, with yodel_stream_echo_options as arg. */
void yodel_stream_echo(yodel_stream *stream, void *arg);

#endif
