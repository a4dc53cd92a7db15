/*
 * Results of runs that never were, for tests of flood's reports: every kind of run that a report
 * must look right for. The same on every machine.
 */
#ifndef YODEL_TESTS_FLOOD_SAMPLES_H
#define YODEL_TESTS_FLOOD_SAMPLES_H

#include "tools/flood/report.h"

/* Text that does harm where it is not escaped. */
#define FLOOD_SAMPLE_HOSTILE "<b>&amp;\"'\x1b\xff</b>"

typedef enum flood_sample_kind {
    FLOOD_SAMPLE_GOOD,     /* closed loop, 10 s, nothing wrong, SLOs kept */
    FLOOD_SAMPLE_PAUSE,    /* open loop; the server stands still for a while */
    FLOOD_SAMPLE_ERRORS,   /* planned faults, errors, a wrong answer */
    FLOOD_SAMPLE_SECOND,   /* one second, no warm-up, server unknown */
    FLOOD_SAMPLE_LINE,     /* one line, 20 ms */
    FLOOD_SAMPLE_NOTHING,  /* nobody listens */
    FLOOD_SAMPLE_EMPTY,    /* interrupted before anything happened: no timeline */
    FLOOD_SAMPLE_LONG,     /* ten minutes, connections come and go */
    FLOOD_SAMPLE_HOURS,    /* so long that seconds have to be put together */
    FLOOD_SAMPLE_RUNS,     /* five runs, one of them invalid */
    FLOOD_SAMPLE_HOSTILES, /* one where every text that may come from outside is the hostile one */
    FLOOD_SAMPLES
} flood_sample_kind;

typedef struct flood_sample {
    const char *name; /* "good", ...: also fit for a file name */
    yodel_report report;
    yodel_flood_options options;
    yodel_flood_target target;
    char *source;
    yodel_slo slos[2];
    yodel_result *results;
} flood_sample;

/* Makes one of them; ends the program when there is no memory. To be freed. */
flood_sample *flood_sample_new(flood_sample_kind kind);
void flood_sample_free(flood_sample *sample);

#endif
