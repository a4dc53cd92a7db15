/*
 * report_parts: what the files of the text report share, and nobody else needs.
 */
#ifndef YODEL_FLOOD_REPORT_PARTS_H
#define YODEL_FLOOD_REPORT_PARTS_H

#include "report.h"

/* What is being written, and where. */
typedef struct yodel_report_page {
    const yodel_report *report;
    FILE *out;
    bool color;
} yodel_report_page;

/* Columns that a report tries to stay within, and where its values begin. */
enum { YODEL_REPORT_WIDTH = 80, YODEL_REPORT_INDENT = 12 };

/* "  rate        ", which values follow. */
void yodel_report_label(const yodel_report_page *page, const char *label);

/* Text that may come from outside, with ? for control characters, which a terminal would obey. */
void yodel_report_text(const yodel_report_page *page, const char *text);

/* The same with line breaks at blanks, all lines indented; ends with a newline. */
void yodel_report_paragraph(const yodel_report_page *page, size_t indent, const char *text);

/* report_run.c: what one run measured, from what was sent to the memory. */
void yodel_report_run(const yodel_report_page *page, const yodel_result *result);

/* report_runs.c: a line for each of several runs, then medians and ranges. */
void yodel_report_runs(const yodel_report_page *page);

/* report_flaws.c: errors and planned faults of all runs together. */
void yodel_report_faults(const yodel_report_page *page);
void yodel_report_flaws(const yodel_report_page *page);
/* The first wrong answer of the first run that has one, with a newline before it; and the command that does it again. */
void yodel_report_mismatch(const yodel_report_page *page);

#endif
