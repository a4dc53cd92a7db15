/*
 * What chat, stream and raw must answer to a stream of bytes, in the plainest words: the reference
 * for tests that send anything. It shares nothing with the programs; DESIGN section 5 is the
 * source.
 */
#ifndef YODEL_TESTS_ECHO_MODEL_H
#define YODEL_TESTS_ECHO_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "net.h"

typedef enum echo_protocol { ECHO_CHAT, ECHO_STREAM, ECHO_RAW, ECHO_PROTOCOLS } echo_protocol;

typedef enum echo_end {
    ECHO_OPEN,     /* the server waits for more */
    ECHO_QUIT,     /* a line "." */
    ECHO_TOO_LONG, /* a line above the limit */
    ECHO_ENDS
} echo_end;

typedef struct echo_verdict {
    net_text answers; /* all of them; the caller's to free */
    size_t lines;     /* complete lines with an answer */
    echo_end end;
    size_t end_at; /* how many bytes it took to know that the connection ends; ECHO_OPEN: all */
    bool partial;  /* ECHO_OPEN: the last line is not complete */
} echo_verdict;

/* The name for --protocol. */
const char *echo_protocol_name(echo_protocol protocol);

/* What the server makes of these bytes. max_line: bytes without CRLF; raw knows no lines. */
echo_verdict echo_judge(echo_protocol protocol, size_t max_line, const char *data, size_t len);

#endif
