/*
 * scale: one axis of a chart: from where to where, and where its ticks are.
 */
#ifndef YODEL_FLOOD_SCALE_H
#define YODEL_FLOOD_SCALE_H

#include <stdbool.h>
#include <stddef.h>

#define YODEL_SCALE_TICKS 16

typedef struct yodel_scale {
    bool log;
    double low, high; /* low < high; log: 0 < low */
    double ticks[YODEL_SCALE_TICKS];
    size_t tick_count; /* ticks ascend and lie within low..high */
} yodel_scale;

/* From 0 to high (>= 0) or a little above, where a round number lies. least_step: 1 when only whole
 * numbers make sense, else 0. */
void yodel_scale_linear(yodel_scale *s, double high, double least_step);

/* The same for bytes, where 512 and 1,024 are round and 1,000 is not. */
void yodel_scale_bytes(yodel_scale *s, double high);

/* Logarithmic: from low or a little below to high or a little above. 0 < low <= high. */
void yodel_scale_log(yodel_scale *s, double low, double high);

/* Seconds, exactly from low to high (a little more when they are equal), ticks where a clock has
 * them: 10 s, 30 s, 1 min, 1 h. */
void yodel_scale_time(yodel_scale *s, double low, double high);

/* Where a value lies: 0 at low, 1 at high, and never outside. */
double yodel_scale_at(const yodel_scale *s, double value);

#endif
