/*
 * A line protocol for tests that notes all that it is called for, and does what a line tells it:
 *
 *     pause                  pauses reading and returns 0
 *     pause, go on           pauses reading and returns 1
 *     pause and resume       both, and returns 0
 *     stop                   returns 0, nothing else
 *     close / close, go on   closes and returns 0 / closes, writes and returns 1
 *     abort, go on           aborts with -ECANCELED and returns 1
 *     fail                   returns -EBADMSG
 *     count                  answers with the number of lines of this connection
 *
 * Any other line L is answered by "<L>", in three writes.
 */
#ifndef YODEL_TESTS_LINE_RECORDER_H
#define YODEL_TESTS_LINE_RECORDER_H

#include "fixture.h"
#include "proto/line_protocol.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_LINE = 40 };

#define LINE_40  "0123456789012345678901234567890123456789"
#define TOO_LONG "Error: line longer than 40 bytes\r\n"

/* What a test's connections were called for, all in one. */
typedef struct line_record {
    char lines[4096]; /* "[line]" for each */
    size_t count;
    size_t made;
    size_t lost;
    int reason;
    size_t depth;    /* callbacks that have not returned */
    bool nested;     /* connection_lost from inside another one */
    bool bad_state;  /* not zero, or not aligned */
    bool bad_access; /* yodel_line_arg is not what it should be */
    yodel_line_protocol *last;
    const char *greeting;
    int made_code;
    int too_long_code;
    int eof_code;
    size_t eofs;
    int last_write; /* what the last write returned */
} line_record;

extern line_record seen;

/* The protocol, and its config with CRLF and MAX_LINE. yodel_line_arg is &seen. */
extern const yodel_line_ops line_recorder_ops;
extern const yodel_line_config line_recorder_config;

/* The config that this test's connections refer to, until the teardown has ended them. */
extern yodel_line_config line_recorder_used;

/* Begin a test of fixture_test: with an empty record and a group for this protocol, or for a copy
 * of another config and its ops. idle_timeout: the group's, in seconds. */
fixture *line_recorder_start(void **state);
fixture *line_recorder_start_with(void **state, const yodel_line_config *with, double idle_timeout);

/* Waits for the end of the only connection that there was, and checks it: one connection_lost, for
 * this reason and in this counter. */
void line_recorder_check_end(fixture *f, int reason, yodel_counter counter);

/* Feeds a string literal, NULs included. */
#define FEED(f, client, text) fixture_feed(f, client, text, sizeof(text) - 1)

#endif
