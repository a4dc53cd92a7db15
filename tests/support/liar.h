/*
 * A server that lies, by script: for tests of what looks for lies.
 *
 *     liar *l = liar_start(&(liar_options){
 *         .rules = (const liar_rule[]){{.lie = LIAR_DROP, .line = 7}, {0}},
 *     });
 *     ... a client talks to 127.0.0.1, liar_port(l) ...
 *     liar_counts counts = liar_stop(l);
 *     assert_int_equal(counts.did[LIAR_DROP], 1);
 *
 * Without rules it is an honest chat server: CRLF ends a line, "You sent: LINE" answers it, all
 * answers have gone out before it closes in reply to the client's FIN. One thread, up to some
 * hundred connections, a hundred thousand lines a second and more.
 *
 * The functions are for the thread that runs the cmocka test and fail the test when something is
 * not to be had. What fails in the server's thread ends the process, with a line on stderr.
 */
#ifndef YODEL_TESTS_LIAR_H
#define YODEL_TESTS_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct liar liar;

/* "Answer" below is the answer to the line that the rule is about, with its CRLF; bytes are its. */
typedef enum liar_lie {
    LIAR_NOTHING, /* the end of a list of rules */

    /* About a line. */
    LIAR_CORRUPT,      /* the lowest bit of byte `at` is wrong; -1 is the last one, the LF */
    LIAR_DROP,         /* no answer */
    LIAR_REPEAT,       /* the answer twice */
    LIAR_SWAP,         /* the answer comes behind the next `at` (0: 1) ones of the connection */
    LIAR_EXCHANGE,     /* the next answer of another connection, and this one there; until then
                          nothing more is said here. Rules do not matter to the other line */
    LIAR_CUT,          /* the last `at` bytes are missing, the CRLF is not */
    LIAR_CUT_OFF,      /* the last `at` bytes are missing, the CRLF among them */
    LIAR_INSERT,       /* `text`, as it is, before the answer */
    LIAR_APPEND,       /* `text`, as it is, after the answer */
    LIAR_DELAY,        /* the answer, and so what is behind it, waits for `seconds` */
    LIAR_DRIP,         /* each byte in a segment of its own */
    LIAR_FINISH,       /* after `at` bytes of it a FIN; what comes is thrown away */
    LIAR_RESET,        /* after `at` bytes of it, and when the client's kernel has them, a RST */
    LIAR_STOP_READING, /* no answer, and this connection is not read any more */
    LIAR_STOP_ALL,     /* no answer, and nothing is read any more. New connections stay unread */

    /* About a connection. */
    LIAR_GREET, /* `text`, as it is, before anything else */
    LIAR_SLAM,  /* a FIN at once; what comes is thrown away */
    LIAR_STAY,  /* no FIN in reply to the client's */

    LIAR_LIES
} liar_lie;

/* Which line it is about: all of what is said must hold. The first rule that holds counts, and no
 * other one. */
typedef struct liar_rule {
    liar_lie lie;
    unsigned connection; /* the n-th that was accepted; 0: each */
    unsigned line;       /* the n-th of its connection; 0: each */
    unsigned every;      /* from `line` on every n-th; 0: that one only */
    unsigned times;      /* so often at the most, over all connections; 0: without end */

    int at;
    double seconds;
    const char *text;
} liar_rule;

/* All zero (or NULL) is an honest chat server. */
typedef struct liar_options {
    const liar_rule *rules;        /* {0} ends them; copied but for the texts. NULL: none */
    bool echo;                     /* the answer to a line is the line */
    double delay;                  /* seconds between a line and its answer; many can wait */
    double pause_after, pause_for; /* so long after the first line nothing happens for so long */
    bool refuses;                  /* nobody listens on the port */
    bool never_accepts;            /* connections are the kernel's for ever */
} liar_options;

/* What it did so far. Once no connection is left these are final. */
typedef struct liar_counts {
    uint64_t accepted, closed; /* connections */
    uint64_t lines;            /* received */
    uint64_t answers;          /* to them, right or wrong, whole or not */
    uint64_t did[LIAR_LIES];   /* how often each rule was followed */
} liar_counts;

liar *liar_start(const liar_options *options);

uint16_t liar_port(const liar *l);

/* Without stopping it. */
liar_counts liar_look(liar *l);

/* Waits until it has closed all connections that it accepted, at least one; what it counted. */
liar_counts liar_wait_closed(liar *l);

/* Begins anew on the same port: no connection is left, counts, rules and the pause are as at the
 * start. Returns what it counted before. */
liar_counts liar_again(liar *l);

/* Ends it, resetting connections that are left, and frees it; what it counted. */
liar_counts liar_stop(liar *l);

/* Teardown for cmocka: ends those that a failed test left, and the programs, too. */
int liar_teardown(void **state);

#define liar_test(function) cmocka_unit_test_teardown(function, liar_teardown)

#endif
