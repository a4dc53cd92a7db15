/*
 * tally: what a generator thread counted in one interval (at most a second), and the sum of many.
 *
 * Only the thread that owns it writes to it. At the end of an interval it is handed to main, which
 * adds it up; so nothing is shared and nothing is atomic.
 *
 * Every line that was sent ends in exactly one way, and once nothing is in flight
 *
 *     sent = answered + timeout + lost + reordered + foreign + corrupt + truncated + abandoned
 *
 * Answers that no line asked for are duplicated or extra. Connections, not lines, are counted by
 * connect, reset and closed early.
 */
#ifndef YODEL_FLOOD_TALLY_H
#define YODEL_FLOOD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

/* What a server can do wrong. In the order of reports. */
typedef enum yodel_flaw {
    YODEL_FLAW_CONNECT, /* attempts to connect that failed */
    YODEL_FLAW_RESET,   /* connections that ended in a reset or another error of the socket */
    YODEL_FLAW_CLOSED,  /* connections that the server closed too early */
    YODEL_FLAW_TIMEOUT, /* lines not answered within --timeout; they may have been later */
    YODEL_FLAW_LOST,    /* lines never answered, though a later one was or the connection ended */
    YODEL_FLAW_DUPLICATED, /* answers to a line that had been answered already */
    YODEL_FLAW_REORDERED,  /* lines answered after a later line of their connection (RFC 4737) */
    YODEL_FLAW_FOREIGN,    /* answers to a line of another connection */
    YODEL_FLAW_CORRUPT,    /* answers with wrong bytes in them */
    YODEL_FLAW_TRUNCATED,  /* answers whose end is missing */
    YODEL_FLAW_EXTRA,      /* answers to nothing */
    YODEL_FLAWS
} yodel_flaw;

/* What flood does wrong on purpose (--fault). */
typedef enum yodel_fault {
    YODEL_FAULT_SPLIT,      /* lines cut at random, also inside their CRLF */
    YODEL_FAULT_DRIP,       /* one byte a segment */
    YODEL_FAULT_SLOW_READ,  /* answers taken slowly, from a small receive buffer */
    YODEL_FAULT_HALF_CLOSE, /* our direction closed with lines in flight */
    YODEL_FAULT_RESET,      /* the connection reset with lines in flight */
    YODEL_FAULTS
} yodel_fault;

/* All zero is an empty one. */
typedef struct yodel_tally {
    uint64_t sent;         /* lines whose first byte went to the kernel */
    uint64_t answered;     /* lines answered in time, in order, and byte for byte */
    uint64_t abandoned;    /* lines that a fault left behind: a reset, or slowness at the end */
    uint64_t counted_sent; /* of those sent: after the warm-up (open loop: due after it) */
    uint64_t counted;      /* of those answered: likewise */
    uint64_t bytes_out, bytes_in;
    uint64_t connected;            /* connections established, reconnects included */
    int64_t flaws[YODEL_FLAWS];    /* negative in an interval that corrects an earlier one: a line
                                    first taken for late turns out to be lost */
    uint64_t faults[YODEL_FAULTS]; /* connections that got it */

    /* Of the lines counted, but for those of connections with a fault: what a slow reader measures
     * is its own slowness. */
    yodel_histogram service;  /* from the write of a line to its answer */
    yodel_histogram intended; /* from when a line was due to its answer; open loop only */
    yodel_histogram connect;  /* from connect() to the connection; of the whole run */
    yodel_histogram lag; /* from when a line could be written to its write: flood's own delay */
} yodel_tally;

/* Adds all of `from` to `into`. */
void yodel_tally_add(yodel_tally *into, const yodel_tally *from);

/* The sum of all flaws, and of those among them that are wrong bytes. */
int64_t yodel_tally_flaws(const yodel_tally *t);
int64_t yodel_tally_wrong(const yodel_tally *t);

/* True for the flaws that are wrong bytes (exit status 3), false for those that are something
 * missing (4). */
bool yodel_flaw_is_wrong_bytes(yodel_flaw flaw);

/* The word for it, static: "closed early", "corrupt"; "slow-read". */
const char *yodel_flaw_name(yodel_flaw flaw);
const char *yodel_fault_name(yodel_fault fault);

#endif
