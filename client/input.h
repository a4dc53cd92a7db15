/*
 * The input thread: sends the user's lines (client/crlf.h) as they come.
 *
 * It never sleeps on one thing alone: waiting for a key as well as for room in the socket it also
 * watches `closed`, so the end of the connection wakes it at once. It reads at most 64 KiB ahead of
 * what the socket takes, and all the lines in that leave in one send: many lines cost few system
 * calls, and a slow server costs no memory.
 */
#ifndef YODEL_CLIENT_INPUT_H
#define YODEL_CLIENT_INPUT_H

#include <stdbool.h>

#include "../core/completion.h"
#include "crlf.h"

typedef struct yodel_input {
    /* Set before the thread starts; borrowed. */
    int socket;               /* connected */
    int source;               /* where the lines come from: a terminal, pipe, file, ... */
    yodel_completion *closed; /* once done there is nobody to send to */

    /* Valid when the thread was joined. */
    yodel_crlf crlf; /* what was taken from the source, and how many lines */
    bool ended;      /* everything was sent, and our direction of the connection closed */
    bool cut;        /* otherwise: the connection ended in the middle of a line, or of more */
    int read_error;  /* the source failed, a negated errno; what it gave before was sent */
    int send_error;  /* the connection failed, a negated errno; the socket was shut down */
} yodel_input;

/* The thread's function for pthread_create; the argument is the yodel_input. Ends at the end of
 * input, when sending fails, or when `closed` is done. Returns NULL. */
void *yodel_input_run(void *input);

#endif
