/*
 * A client that sends anything in any way: random bytes, lines and near-lines, cut at random, ended
 * at random by FIN, close or reset, read eagerly, slowly or late. Whatever comes back must be, byte
 * for byte, what the reference model (echo_model.h) says, and the connection must end as it says.
 *
 * All of a client's choices come from its own seed, so that one can be had again alone; only how
 * several of them interleave depends on the machine.
 */
#ifndef YODEL_TESTS_FUZZ_CLIENT_H
#define YODEL_TESTS_FUZZ_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "echo_model.h"
#include "random.h"

typedef enum fuzz_ending {
    FUZZ_FINISH, /* FIN behind the last byte, then reads to the end */
    FUZZ_CLOSE,  /* reads all answers, then closes */
    FUZZ_LEAVE,  /* closes in the middle of it all, with whatever is unread */
    FUZZ_RESET,  /* resets in the middle of it all */
} fuzz_ending;

typedef struct fuzz_client {
    uint64_t seed;
    test_random random;
    net_text bytes;       /* what it sends */
    echo_verdict verdict; /* on all of it */
    echo_protocol protocol;
    size_t max_line;
    fuzz_ending ending;
    size_t leave_at;                /* FUZZ_LEAVE, FUZZ_RESET: after so many bytes */
    size_t send_most, receive_most; /* bytes at a time */
    bool reads_late;                /* only when nothing more can be sent */

    int fd; /* -1: over */
    size_t sent, got;
    bool finished;   /* it has sent its FIN, or need not send any more */
    double end_sent; /* when it had sent what makes the server end it; 0: not yet */
    double progress; /* when something happened last */
} fuzz_client;

/* Makes it up and connects. orderly: it does not leave in the middle. */
void fuzz_client_start(fuzz_client *c, uint64_t seed, echo_protocol protocol, size_t max_line,
                       bool orderly, uint16_t port);

/* Sends or receives once, without waiting. Returns whether anything happened; c->fd is -1 once it
 * is over. Fails the test, and tells all about the client, when what comes is wrong. */
bool fuzz_client_step(fuzz_client *c);

/* True when the server has seen all of its bytes and its orderly end. */
bool fuzz_client_is_orderly(const fuzz_client *c);

/* What poll should wait for. */
short fuzz_client_events(const fuzz_client *c);

/* Closes what is open and frees. */
void fuzz_client_free(fuzz_client *c);

#endif
