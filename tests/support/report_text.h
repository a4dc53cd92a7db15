/*
 * What flood's text report says of a sample.
 */
#ifndef YODEL_TESTS_REPORT_TEXT_H
#define YODEL_TESTS_REPORT_TEXT_H

#include <stdbool.h>

#include "flood_samples.h"

/* The whole report, allocated. */
char *report_text(const flood_sample *s, bool color);

/* Fails unless this part is in the report without colors, or is not. */
void report_has(const flood_sample *s, const char *part);
void report_has_not(const flood_sample *s, const char *part);

/* Fails unless the text is within 80 columns, but for the command in the first line, and has no
 * blanks at the end of a line. name is for the message. */
void report_is_tidy(const char *name, const char *text);

/* A run whose figures are round; freed with flood_sample_free. */
flood_sample *report_round_run(void);

#endif
