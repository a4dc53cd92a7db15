/*
 * compare: `flood compare A.json B.json`: is B better or worse than A, and could that be chance?
 *
 * For each metric that both have: the medians of their valid runs, how far B is from A, and with
 * several runs on both sides p of the Mann-Whitney U test and a verdict at a level of 0.05. What
 * differs in what was asked for comes first, since then it is not the same experiment.
 */
#ifndef YODEL_FLOOD_COMPARE_H
#define YODEL_FLOOD_COMPARE_H

#include <stdio.h>

#include "compare_file.h"

/* Reads both files, compares them on `out`, and says what went wrong, a line for each file, on
 * `err`. Returns flood's exit status: 0 compared, whatever the verdict; 1 not. */
int yodel_compare(const char *path_a, const char *path_b, FILE *out, FILE *err);

/* The comparison itself. 0, -ENOMEM, or what writing failed with. */
int yodel_compare_write(const yodel_compare_file *a, const yodel_compare_file *b, FILE *out);

#endif
