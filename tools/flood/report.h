/*
 * report: what a run found out, as text for people.
 */
#ifndef YODEL_FLOOD_REPORT_H
#define YODEL_FLOOD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "options.h"
#include "result.h"

/* What all reports (text, JSON, HTML) need to know beside the results. */
typedef struct yodel_report {
    const yodel_flood_options *options;
    const char *command;         /* the command line, quoted for a shell */
    const char *replay;          /* the command that does the same again: with the seed */
    const yodel_result *results; /* of -x runs, one after the other */
    size_t count;                /* at least 1 */
} yodel_report;

/* Writes the final report: each run's figures when there is one, a line for each and their medians
 * when there are several. color: with ANSI colors. */
void yodel_report_write(const yodel_report *report, FILE *out, bool color);

/* The run with the median rate (the lower of the two in the middle): of several runs the one to
 * draw and to show in full. */
const yodel_result *yodel_report_median_run(const yodel_report *report);

/* In how many of the runs the SLO was kept. */
size_t yodel_report_kept(const yodel_report *report, const yodel_slo *slo);

#endif
