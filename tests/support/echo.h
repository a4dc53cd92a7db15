/*
 * What a fault test runs against: the server with each protocol that answers lines, "chat" and
 * "stream", so that one body says what must hold for both.
 *
 * After each body the server must still serve a new client, and then end as server_stop wants it:
 * what FAULTS.md asks of every row. It logs its counters every 50 ms (a --stats of the test's own
 * overrides that), so that bodies can use server_wait_counter.
 */
#ifndef YODEL_TESTS_ECHO_H
#define YODEL_TESTS_ECHO_H

#include <stdbool.h>
#include <stddef.h>

#include "net.h"
#include "program.h"
#include "server.h"

typedef struct echo {
    server server;
    const char *protocol; /* "chat" or "stream" */
    const char *prefix;   /* what it puts before a line */
    bool drained;         /* set by a body that has told the server to end */
} echo;

/* Leaves the server without clients; a drain that it began may still be under way. */
typedef void echo_body(echo *e);

/* Runs body with a fresh server for both protocols, two workers each. More arguments for the server
 * follow, NULL at the end; options as for program_start, or NULL. */
void echo_with_each_protocol(const program_options *options, echo_body *body, ...)
    __attribute__((sentinel));

/* The same for both ways to accept, too: handoff to two workers, reuseport with eight. */
void echo_with_each_accept(const program_options *options, echo_body *body, ...)
    __attribute__((sentinel));

/* Adds the answer to a line. */
void echo_answer(const echo *e, net_text *answers, const void *line, size_t len);

/* Sends a line (text without CRLF) and expects its answer. */
void echo_talk(const echo *e, int fd, const char *line);

/* Connects and has one line answered: it is being served. */
int echo_connect(const echo *e);

/* Lines of about 1,000 bytes, `bytes` in all, and unless NULL their answers. */
void echo_make_lines(const echo *e, size_t bytes, net_text *lines, net_text *answers);

/* True when the rows are to run in their full size: YODEL_SOAK=1 in the environment. */
bool echo_soak(void);

#endif
