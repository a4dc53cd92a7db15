/*
 * metric: the figures of a run that have a name: for --slo, the JSON file and `flood compare`.
 * One table, so that the three never disagree about what there is.
 */
#ifndef YODEL_FLOOD_METRIC_H
#define YODEL_FLOOD_METRIC_H

#include <stddef.h>

struct yodel_result;

typedef enum yodel_unit {
    YODEL_UNIT_COUNT,   /* a number */
    YODEL_UNIT_RATE,    /* per second */
    YODEL_UNIT_SECONDS, /* a time; in reports as 412us, 1.9ms */
    YODEL_UNIT_BYTES,
    YODEL_UNIT_CORES /* CPU: 1.0 is one core, all the time; in reports as percent */
} yodel_unit;

typedef enum yodel_better { YODEL_BETTER_LESS, YODEL_BETTER_MORE } yodel_better;

typedef struct yodel_metric {
    const char *name; /* "p99.9", "rate", "errors", "server-cpu-per-line" */
    const char *what; /* half a line for people */
    yodel_unit unit;
    yodel_better better;
    double (*of)(const struct yodel_result *result); /* NAN when this run does not have it */
} yodel_metric;

/* All of them, in the order of reports. */
const yodel_metric *yodel_metrics(size_t *count);

/* The one with this name, or NULL. */
const yodel_metric *yodel_metric_find(const char *name);

#endif
