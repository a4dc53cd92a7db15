/*
 * The reader thread: receives, counts answers, prints. It is the one that learns how the connection
 * ends, and completes `closed` with that (asyncio's on_exit).
 *
 * Receiving and writing block, on purpose: while standard output takes nothing (a pager, a slow
 * pipe) nothing is received, TCP's window closes, and the server feels it. Memory is two fixed
 * buffers, however long the server's lines are. What was received is printed before the next
 * receive, complete line or not: nobody waits for an answer that is already here.
 */
#ifndef YODEL_CLIENT_READER_H
#define YODEL_CLIENT_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "../core/completion.h"

typedef struct yodel_reader {
    /* Set before the thread starts; borrowed. */
    int socket;               /* connected, blocking */
    int output;               /* where to print */
    bool visible;             /* through client/visible.h; otherwise byte for byte */
    yodel_completion *closed; /* completed when receiving is over, as the thread's last act:
                                 YODEL_EOF, a negated errno, or -ECANCELED after output_error */

    /* Since when it waits for the server (nanoseconds of CLOCK_MONOTONIC); 0 while it does not, but
     * prints. Any thread may look. */
    _Atomic uint64_t waiting_since;

    /* Valid once `closed` is done. */
    uint64_t answers; /* lines, that is CRLFs, received */
    int output_error; /* printing failed: a negated errno */
} yodel_reader;

/* The thread's function for pthread_create; the argument is the yodel_reader. Ends when the server
 * closes, the connection breaks, printing fails, or somebody calls shutdown(2) on the socket.
 * Returns NULL. */
void *yodel_reader_run(void *reader);

#endif
