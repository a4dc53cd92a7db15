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
#include "value.h"

/* The style sheet. */
extern const char yodel_html_style[];

/* As yodel_value_text, but a longer dash for NAN; it need not be in text. */
const char *yodel_html_value(yodel_unit unit, double value, char text[YODEL_VALUE_TEXT]);

/* "61%", "0.5%". */
const char *yodel_html_percent(double percent, char text[YODEL_AMOUNT_TEXT]);

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
