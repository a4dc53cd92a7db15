/*
 * seconds: adds up what all generators report, second by second, into the result: its total, its
 * timeline, and what flood and the server cost in the time that counts.
 *
 * A second is complete when each generator that still runs has reported its interval of it. Belongs
 * to main's thread.
 */
#ifndef YODEL_FLOOD_SECONDS_H
#define YODEL_FLOOD_SECONDS_H

#include <stdint.h>

#include "generator.h"
#include "options.h"
#include "process.h"
#include "run.h"

/* A generator, and what it reported but not all of the others have yet. */
typedef struct yodel_seconds_source {
    yodel_mail *first; /* linked by next; intervals */
    yodel_mail **last;
    bool over;  /* nothing more will come */
    double cpu; /* seconds, of the time that counts */
} yodel_seconds_source;

typedef struct yodel_seconds {
    const yodel_flood_options *options;
    const yodel_process *server;
    const yodel_run_watcher *watcher;
    yodel_result *result;
    yodel_seconds_source *sources; /* one of each thread */
    uint64_t start;                /* instant of the first line, 0 before */
    uint64_t end;                  /* up to when the timeline is made */
    uint64_t progress;             /* when the last answer came, 0: never */
    yodel_usage self, other;       /* at `end`: flood's and the server's */
    yodel_tally *merged;           /* of one second */
    size_t timeline_room;
    double counted;    /* seconds of the timeline that count */
    uint64_t answered; /* lines answered in them, whenever they were sent */
} yodel_seconds;

/* server and watcher may be NULL; all must outlive it. 0 or -ENOMEM; yodel_seconds_destroy in any
 * case. */
int yodel_seconds_init(yodel_seconds *all, const yodel_flood_options *options,
                       const yodel_process *server, const yodel_run_watcher *watcher,
                       yodel_result *result);

/* The first line is sent at instant `start`. */
void yodel_seconds_begin(yodel_seconds *all, uint64_t start);

/* Generator `index` reports; takes the interval over. What comes before begin is in the total only.
 * over: nothing more will come from it. */
void yodel_seconds_add(yodel_seconds *all, uint32_t index, yodel_interval *interval, bool over);

/* Seconds from the end of the warm-up to this instant; negative in the warm-up. After begin. */
double yodel_seconds_since_warm_up(const yodel_seconds *all, uint64_t at);

/* Lines answered per second of the time that counts; 0 when there was none. What was sent in it but
 * answered later is not in it: a deep window would make the server look faster than it is. */
double yodel_seconds_rate(const yodel_seconds *all);

/* What part of the time that counts the busiest thread used a core, 1.0 is all of it; 0 when that
 * time was too short to say. */
double yodel_seconds_busiest(const yodel_seconds *all);

void yodel_seconds_destroy(yodel_seconds *all);

#endif
