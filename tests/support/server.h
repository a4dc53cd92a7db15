/*
 * yodel-server as the tests want it: on a free port of 127.0.0.1, and checked when it ends.
 *
 * What DESIGN section 5 asks of every end-to-end test is done by server_stop: open fds are back at
 * what they were before the first client, SIGTERM ends it with status 0, accepted = active + closed
 * with nothing active, and no error line stands in the log.
 */
#ifndef YODEL_TESTS_SERVER_H
#define YODEL_TESTS_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "net.h"
#include "program.h"

typedef struct server {
    program *program;
    uint16_t port;
    size_t fds; /* open descriptors without any client */
} server;

/* Starts `yodel-server -H 127.0.0.1 -p 0` with more arguments (NULL at the end) and waits until it
 * listens. options: how to start it, or NULL. */
server server_start(const program_options *options, ...) __attribute__((sentinel));

/* The same with the whole argument vector, which must have the server on port 0. */
server server_start_argv(const program_options *options, const char *const argv[]);

/* The port of a line like "listening on 127.0.0.1:8007". */
uint16_t server_port_of_line(const char *line);

/* Waits until all clients are gone, ends it by SIGTERM and checks how it ends. */
void server_stop(server *s);

/* Waits for the end of a drain that is under way, which must be a good one: status 0. */
void server_wait_drained(server *s);

/* A counter of the last line of counters, "closed_idle" for instance; after the end or with
 * --stats. */
uint64_t server_counter(const server *s, const char *name);

/* Waits for a line of counters, counted after this call began, with this value in it (start the
 * server with --stats 0.05). */
void server_wait_counter(const server *s, const char *name, uint64_t value);

/* A counter of the last line for one worker, "accepted" for instance. */
uint64_t server_worker_counter(const server *s, unsigned worker, const char *name);

/* Lines of the level WARNING; but that a worker is stuck is the machine's doing, when it is busy.
 */
size_t server_count_warnings(program *p);

/* Connects, sends one line and gets its answer: the server serves. */
void server_check_serves(const server *s);

/* Sends `chunk` again and again without reading, each time all the way into the server's kernel,
 * until the server has paused reading; adds `answer` to *answers for each time. Start the server
 * with
 * --stats 0.004, and small water marks make it quicker. */
void server_send_until_paused(const server *s, int fd, const net_text *chunk,
                              const net_text *answer, net_text *answers);

/* Connects a client that sends lines and reads nothing, until the server does not read from it
 * either: answers that no kernel takes wait in the server. Start the server with --stats 0.004. */
int server_connect_deaf(const server *s);

/* Runs body with a fresh server for both ways to accept and 1, 2 and 8 workers; arguments for the
 * server follow, NULL at the end. The body leaves it running and without clients, for server_stop.
 */
void server_with_each_shape(void (*body)(server *s), ...) __attribute__((sentinel));

/* A second signal to a server that has seen one: in time not to be taken for the same (core/run.h).
 */
void server_signal_again(program *p, int signal_number);

#endif
