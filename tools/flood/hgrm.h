/*
 * hgrm: a histogram in the percentile format of HdrHistogram, which its plotters read: --hgrm.
 */
#ifndef YODEL_FLOOD_HGRM_H
#define YODEL_FLOOD_HGRM_H

#include <stdio.h>

#include "histogram.h"

/* Writes and flushes; values in milliseconds. 0, or the error of writing, negative. */
int yodel_hgrm_write(const yodel_histogram *histogram, FILE *out);

#endif
