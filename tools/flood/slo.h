/*
 * slo: what the user promises others about the server, and whether a run kept it: 'p99<2ms'.
 */
#ifndef YODEL_FLOOD_SLO_H
#define YODEL_FLOOD_SLO_H

#include <stdbool.h>
#include <stddef.h>

#include "metric.h"

struct yodel_result;

typedef enum yodel_slo_op {
    YODEL_SLO_LT,
    YODEL_SLO_LE,
    YODEL_SLO_EQ,
    YODEL_SLO_GE,
    YODEL_SLO_GT
} yodel_slo_op;

typedef struct yodel_slo {
    const char *text; /* as given; the caller's */
    const yodel_metric *metric;
    yodel_slo_op op;
    double bound; /* in the metric's unit */
} yodel_slo;

/* Reads METRIC OP VALUE, OP one of < <= = == >= >, blanks allowed around it: "p99.9 <= 1.5ms",
 * "rate>=100k", "errors=0". The value has the unit of the metric: a duration needs one (us, ms, s),
 * CPU is percent of a core ("80%"), a number may have k, M or G, bytes K, M or G. `text` must live
 * as long as the slo. 0, or -EINVAL and one line in message that names what is wrong: an unknown
 * metric (and which there are), no operator, no value or one that does not fit. */
int yodel_slo_parse(const char *text, yodel_slo *slo, char *message, size_t size);

/* Was it kept? *value is what was measured, NAN when the run has no such value (server CPU
 * without --server-pid): then it was not. */
bool yodel_slo_kept(const yodel_slo *slo, const struct yodel_result *result, double *value);

#endif
