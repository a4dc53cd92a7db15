/*
 * metrics: a server's state in the text format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * Names end in their unit, counters in _total. Every counter of core/counters.h is in it: those
 * that have no place of their own among the metrics as yodel_<name>_total, so that a new one is
 * never missing.
 */
#ifndef YODEL_SERVER_METRICS_H
#define YODEL_SERVER_METRICS_H

#include "server/process_stats.h"
#include "server/watched.h"

#include <stddef.h>

/* What such a text is, for HTTP. */
#define YODEL_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes the whole text; *text is the caller's, to be freed with free(). started: see
 * yodel_process_stats. 0 or -ENOMEM. Any thread. */
int yodel_metrics_write(const yodel_watched *watched, double started, char **text, size_t *len);

#endif
