/*
 * compare_table: the metrics of two reports side by side, a part of compare.h.
 */
#ifndef YODEL_FLOOD_COMPARE_TABLE_H
#define YODEL_FLOOD_COMPARE_TABLE_H

#include <stdio.h>

#include "compare_file.h"

/* A row for each metric that both have, but none for errors that neither has had, and below what
 * the figures prove. Of a file whose runs are all INVALID these count, and there is no verdict. 0
 * or -ENOMEM; whether writing worked `out` knows. */
int yodel_compare_table(const yodel_compare_file *a, const yodel_compare_file *b, FILE *out);

#endif
