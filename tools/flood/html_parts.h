/*
 * html_parts: the parts of the HTML page, each a source of its own. Only for html*.c.
 */
#ifndef YODEL_FLOOD_HTML_PARTS_H
#define YODEL_FLOOD_HTML_PARTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "amount.h"
#include "columns.h"
#include "metric.h"
#include "report.h"

/* Room for a value with its unit. */
#define YODEL_HTML_TEXT (YODEL_AMOUNT_TEXT + 8)

/* The style sheet. */
extern const char yodel_html_style[];

/* A metric's value with its unit, a dash for NAN. Writes to text and returns it. */
const char *yodel_html_value(yodel_unit unit, double value, char text[YODEL_HTML_TEXT]);

/* "61%", "0.5%". */
const char *yodel_html_percent(double percent, char text[YODEL_AMOUNT_TEXT]);

/* The sum of a run's errors that are wrong bytes, and of those that are something missing. */
void yodel_html_count_flaws(const yodel_tally *tally, int64_t *wrong, int64_t *missing);

/* html_verdict.c: VALID or not and why, errors, SLOs, the command, the first wrong answer. */
void yodel_html_verdict(const yodel_report *report, FILE *out);

/* html_charts.c: all charts of a run. */
void yodel_html_charts(const yodel_flood_options *options, const yodel_result *result,
                       const yodel_columns *columns, FILE *out);

/* html_tables.c: all tables of a run, and one of all runs when there are several. */
void yodel_html_tables(const yodel_report *report, const yodel_result *result,
                       const yodel_columns *columns, FILE *out);

/* html_details.c: the table of what was asked for, and the folded table of all seconds. */
void yodel_html_configuration(const yodel_report *report, const yodel_result *result, FILE *out);
void yodel_html_seconds(const yodel_columns *columns, FILE *out);

#endif
