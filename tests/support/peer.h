/*
 * The other end of yodel-client: a server that is the test itself, so that it can do what no good
 * server does. The test plays it with tests/support/net.h on `fd`.
 */
#ifndef YODEL_TESTS_PEER_H
#define YODEL_TESTS_PEER_H

#include <stdint.h>

#include "program.h"

typedef struct peer {
    int listener;
    int fd; /* the client's connection, accepted */
    program *client;
} peer;

/* Starts `yodel-client 127.0.0.1 PORT` with more arguments (NULL at the end) and accepts its
 * connection. options: how to start it, or NULL. */
peer peer_start(const program_options *options, ...) __attribute__((sentinel));

/* The same, but the kernel takes little (64 KiB) of what is sent to us until it is received, and
 * does not take more with time: the client soon feels that nobody reads. */
peer peer_start_tiny(const program_options *options);

/* Answers like a chat server, "You sent: LINE", until the client closes its direction; then closes,
 * too. Returns the number of lines. Lines are shorter than 64 KiB. */
size_t peer_chat(peer *p);

/* Closes the connection in order, with all that was sent to us read. */
void peer_close(peer *p);

/* Checks that the client exits with this status and that its stderr is exactly this ("": nothing),
 * after the prefix "yodel-client: " and before the newline. Closes what is still open. */
void peer_expect_exit(peer *p, int status, const char *message);

/* The path of yodel-client, for starting it through a shell. */
const char *peer_client_path(void);

#endif
