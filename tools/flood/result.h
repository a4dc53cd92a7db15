/*
 * result: everything that a run found out. The engine (run.h) fills it in, the reports read it:
 * text, JSON, CSV, HTML and hgrm show the same figures because they have them from here.
 *
 * Instants are seconds since the end of the warm-up (negative: in the warm-up).
 */
#ifndef YODEL_FLOOD_RESULT_H
#define YODEL_FLOOD_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "tally.h"

/* What one look at a process gave. */
typedef struct yodel_usage {
    double cpu;        /* seconds of user and system time since its start */
    uint64_t resident; /* bytes */
    bool known;        /* false: there was no such process (any more), the rest is 0 */
} yodel_usage;

/* One line of the live display, of the CSV file, one point of the charts. */
typedef struct yodel_second {
    double begin;         /* instant */
    double length;        /* seconds; the last one may be short */
    uint64_t connections; /* open at its end */
    uint64_t in_flight;   /* lines, at its end */
    uint64_t sent, answered;
    int64_t flaws;   /* may be negative, see tally.h */
    uint64_t faults; /* connections that got one in it */
    /* Latency of the lines answered in it, ns: intended in the open loop, service in the closed.
     * All 0 when there was none. */
    uint64_t p50, p90, p99, most;
    uint64_t lag99;           /* ns */
    double client_cpu;        /* cores: 1.0 is one core all the time */
    double server_cpu;        /* cores; NAN when unknown */
    uint64_t server_resident; /* bytes, 0 when unknown */
} yodel_second;

/* How many bytes around the first wrong one are kept. */
#define YODEL_MISMATCH_BYTES 32

/* The first answer that was wrong. */
typedef struct yodel_mismatch {
    yodel_flaw flaw;
    uint32_t connection; /* which, 0 to connections - 1 */
    uint64_t line;       /* the connection's line that was to be answered, from 1 */
    uint64_t offset;     /* of the first wrong byte in the answer, from 0 */
    uint64_t expected_length, got_length; /* of the whole answers, with CRLF if it came */
    uint64_t from;                        /* offset of the first byte kept below */
    uint8_t expected[YODEL_MISMATCH_BYTES], got[YODEL_MISMATCH_BYTES];
    size_t expected_kept, got_kept;
    uint64_t at_ns; /* CLOCK_MONOTONIC */
} yodel_mismatch;

typedef struct yodel_result {
    time_t started;       /* wall clock */
    uint32_t connections; /* that it was to have */
    double
        seconds; /* from the end of the warm-up to the last line's sending (by -d: the duration) */
    bool interrupted;  /* by Ctrl-C or SIGTERM */
    char invalid[256]; /* why the figures are not to be trusted; "" when they are */
    char note[256];    /* what else should be known (flood at its limit in a closed loop); "" */

    yodel_tally total;   /* of the whole run */
    double counted_rate; /* lines answered per second, in the time that counts */

    bool has_mismatch;
    yodel_mismatch mismatch;

    /* Of connections without a fault that got 10 answers or more; 0 when there were none. */
    uint32_t slowest;        /* connection with the greatest mean */
    double slowest_mean;     /* seconds */
    double median_mean;      /* the connections' median of their means */
    char connect_error[128]; /* the last one in words: "Connection refused"; "" */

    /* Of the time after the warm-up. */
    double client_cpu;               /* seconds of user and system time */
    double server_cpu;               /* seconds; NAN when unknown */
    uint64_t server_resident_before; /* bytes before the first connection, 0 when unknown */
    uint64_t server_resident_peak;   /* most of those seen while the connections were open */

    yodel_second *timeline; /* allocated; the warm-up first */
    size_t timeline_count;
} yodel_result;

/* Frees what the result owns, not the struct; one that is all zero is fine. A yodel_result is half
 * a megabyte and more: not for the stack. */
void yodel_result_free(yodel_result *result);

/* flood's exit statuses. */
typedef enum yodel_status {
    YODEL_STATUS_FINE = 0,
    YODEL_STATUS_NOT_RUN = 1,
    YODEL_STATUS_USAGE = 2,
    YODEL_STATUS_WRONG = 3,   /* wrong bytes */
    YODEL_STATUS_MISSING = 4, /* lost answers or errors */
    YODEL_STATUS_INVALID = 5,
    YODEL_STATUS_SLO = 99, /* a promise was broken, but nothing of the above */
    YODEL_STATUS_INTERRUPTED = 130
} yodel_status;

/* That of a run: interrupted, else wrong, missing, invalid or fine. SLOs are not asked here. */
yodel_status yodel_result_status(const yodel_result *result);

/* The latency that counts: intended in the open loop, service in the closed. */
const yodel_histogram *yodel_result_latency(const yodel_result *result);

#endif
