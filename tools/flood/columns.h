/*
 * columns: a run's timeline as columns for charts: one array per figure, at most some hundreds of
 * points of one or more seconds each.
 */
#ifndef YODEL_FLOOD_COLUMNS_H
#define YODEL_FLOOD_COLUMNS_H

#include <stddef.h>

#include "result.h"

/* More points than this are not to be told apart on a screen. */
#define YODEL_COLUMNS_MOST 720

/* One more for the end of the warm-up, which no point crosses. */
#define YODEL_COLUMNS_ROOM (YODEL_COLUMNS_MOST + 1)

typedef struct yodel_columns {
    size_t count;
    size_t seconds; /* of the timeline in a point, 1 unless the run was long */

    double from[YODEL_COLUMNS_ROOM], to[YODEL_COLUMNS_ROOM];       /* instants, see result.h */
    double sent[YODEL_COLUMNS_ROOM], answered[YODEL_COLUMNS_ROOM]; /* per second */
    double connections[YODEL_COLUMNS_ROOM], in_flight[YODEL_COLUMNS_ROOM]; /* at the end */
    double flaws[YODEL_COLUMNS_ROOM], faults[YODEL_COLUMNS_ROOM];          /* in it */
    /* Seconds, of the worst second in it; 0 when nothing was answered. */
    double p50[YODEL_COLUMNS_ROOM], p90[YODEL_COLUMNS_ROOM], p99[YODEL_COLUMNS_ROOM];
    double most[YODEL_COLUMNS_ROOM], lag99[YODEL_COLUMNS_ROOM];
    double client_cpu[YODEL_COLUMNS_ROOM], server_cpu[YODEL_COLUMNS_ROOM]; /* percent, or NAN */
    double server_resident[YODEL_COLUMNS_ROOM]; /* bytes, the most in it, or NAN */
} yodel_columns;

/* Fills the columns from a timeline. What took no time at all is left out, and a piece too short
 * for a rate of its own (less than a tenth of a second), as the last one may be, counts to the
 * point before. */
void yodel_columns_fill(yodel_columns *columns, const yodel_second *timeline, size_t count);

#endif
