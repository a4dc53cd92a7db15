/*
 * How a conversation ended: what to tell the user, and the exit status.
 *
 * The rules stand here and nowhere else; main collects what the two threads saw and asks. Pure.
 *
 * The server closes a connection with the same FIN whether it was asked to, had enough, or was
 * killed; only what was said before tells these apart:
 *
 *   "." was sent                                         0: the user asked for the end
 *   input had ended, and everything was answered         0
 *   input had ended, and nothing at all was answered     0: some servers only listen
 *   input had ended, and only some lines were answered   1 "connection closed by server: 3 of 10
 *                                                           lines unanswered"
 *   input had not ended, everything was answered         0, unless a person was at a terminal: who
 *                                                           is typing wants to know, so 1
 *   otherwise: a line was not sent to its end, lines     1 "connection closed by server..."
 *   are unanswered, or not a word was said
 *
 * A reset is 1 with a message of its own; but behind "." it is no news: the server had closed and
 * did not want what followed.
 */
#ifndef YODEL_CLIENT_OUTCOME_H
#define YODEL_CLIENT_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Errors are negative codes of core/error.h, 0: there was none. */
typedef struct yodel_outcome {
    int receive_error;  /* why receiving ended; YODEL_EOF: the server closed in order */
    int send_error;     /* -EPIPE only repeats that the server has closed */
    int input_error;    /* standard input could not be read */
    int output_error;   /* standard output could not be written; -EPIPE: nobody reads it any more */
    bool input_ended;   /* everything was read and sent, and our direction closed */
    bool cut;           /* or else: what was read was not all sent, or ended within a line */
    bool from_terminal; /* a person was typing */
    bool said_goodbye;  /* the line "." was sent */
    bool silent;        /* we gave up: after the end of input nothing came for `timeout` */
    double timeout;     /* seconds, for the message */
    uint64_t lines;     /* sent, those that could expect an answer (client/crlf.h) */
    uint64_t answers;   /* complete lines that came back */
} yodel_outcome;

/* The longest message. */
#define YODEL_OUTCOME_MESSAGE 200

/* Returns the exit status and writes one line, without newline, into `message`; an empty one where
 * there is nothing to say. */
int yodel_outcome_status(const yodel_outcome *o, char message[YODEL_OUTCOME_MESSAGE]);

#endif
