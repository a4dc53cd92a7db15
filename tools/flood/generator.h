/*
 * generator: one thread of flood with its loop and its share of the connections. It shares nothing
 * with the others; what it counted goes to main once a second, as a message.
 *
 * Life: yodel_generator_start; it opens its connections and says YODEL_PHASE_OPENED (or
 * YODEL_PHASE_FAILED when already the first could not be made); yodel_generator_go; a message each
 * second; when the time or the lines are over, or yodel_generator_stop, it waits for the answers
 * still due, closes in order and says YODEL_PHASE_OVER in its last message; yodel_generator_join.
 */
#ifndef YODEL_FLOOD_GENERATOR_H
#define YODEL_FLOOD_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mailbox.h"
#include "plan.h"
#include "result.h"
#include "tally.h"

typedef struct yodel_generator yodel_generator;

typedef enum yodel_phase {
    YODEL_PHASE_OPENED, /* every connection has been tried once */
    YODEL_PHASE_FAILED, /* the first connection failed: `error` says why. Nothing else will come */
    YODEL_PHASE_RUNNING,
    YODEL_PHASE_OVER
} yodel_phase;

/* What a generator reports. It belongs to whom it was delivered to, who frees it with
 * yodel_interval_free. */
typedef struct yodel_interval {
    yodel_mail mail;
    yodel_generator *generator;
    yodel_phase phase;
    int error;            /* FAILED: why; otherwise of the last connection that failed, or 0 */
    uint32_t target;      /* which of the options' targets that connection was to reach */
    yodel_tally *tally;   /* since the last report */
    uint64_t end;         /* instant, ns */
    uint64_t progress;    /* when bytes came for the last time, ns; 0: never */
    uint64_t connections; /* open now */
    uint64_t in_flight;   /* lines, now */
    double cpu;           /* seconds that this thread used in the interval */
} yodel_interval;

void yodel_interval_free(yodel_interval *interval);

/* How to reach who wants the reports: on main's loop. */
typedef struct yodel_generator_owner {
    yodel_mailbox *mailbox;
    void (*deliver)(yodel_mail *mail, void *owner); /* a yodel_interval's */
} yodel_generator_owner;

/* Makes one in main, before any thread starts. The plan must outlive it. 0 and *out, -ENOMEM, or
 * what a loop can fail with. */
int yodel_generator_new(const yodel_plan *plan, uint32_t index, const yodel_generator_owner *owner,
                        yodel_generator **out);

/* Starts its thread, which opens the connections at once. 0 or a negative errno. */
int yodel_generator_start(yodel_generator *g);

/* The time runs from instant `start` on. After OPENED; from main's thread. */
void yodel_generator_go(yodel_generator *g, uint64_t start);

/* Ends early: as if the time were over. Any phase; more than once is fine; from main's thread. */
void yodel_generator_stop(yodel_generator *g);

/* Waits for its thread, which ends after FAILED or OVER. */
void yodel_generator_join(yodel_generator *g);

/* After join: the first wrong answer it saw, the generator's, or NULL. */
const yodel_mismatch *yodel_generator_mismatch(const yodel_generator *g);

/* After join: the mean latency in seconds of its i-th connection (i < its share), which is the
 * run's connection index + i * threads, and in *answers of how many; 0 of none. */
double yodel_generator_mean(const yodel_generator *g, uint32_t i, uint64_t *answers);

/* Frees it; it must have been joined, or never started. NULL is fine. */
void yodel_generator_free(yodel_generator *g);

#endif
