/*
 * csv: the timeline of a run for spreadsheets and plots: --csv.
 *
 * RFC 4180: lines end in CRLF, fields are separated by commas, the first line names them, with
 * their units. No field ever needs quotes: all of them are numbers in the C locale, or empty where
 * there is none. With several runs the first column is the run, from 1. begin_s is negative in the
 * warm-up.
 */
#ifndef YODEL_FLOOD_CSV_H
#define YODEL_FLOOD_CSV_H

#include <stdio.h>

#include "report.h"

/* Writes and flushes. 0, or what writing failed with (then part of it may be written). */
int yodel_csv_write(const yodel_report *report, FILE *out);

#endif
