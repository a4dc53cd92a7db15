/*
 * live: one line a second while flood runs. On a terminal the line rewrites itself, elsewhere each
 * is a line of its own, so that a log keeps them all.
 */
#ifndef YODEL_FLOOD_LIVE_H
#define YODEL_FLOOD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "result.h"

#define YODEL_LIVE_TEXT 192

typedef struct yodel_live_line {
    char text[YODEL_LIVE_TEXT];    /* without newline */
    size_t length;                 /* of the text */
    size_t errors_from, errors_to; /* where the count of errors stands in it */
} yodel_live_line;

/* The names of the columns, without newline. They and a second fit into 80 columns. */
extern const char yodel_live_header[];

/* Formats a second: its end as the time ("warm" before the end of the warm-up), rates per second,
 * CPU in percent of a core; "-" where there is nothing to show. flaws: all errors up to now. */
void yodel_live_format(const yodel_second *second, int64_t flaws, yodel_live_line *line);

/* Belongs to one thread. */
typedef struct yodel_live {
    FILE *out;
    bool terminal;
    bool color;
    bool standing;        /* the cursor is behind a line that will be rewritten */
    unsigned lines;       /* since the last header; 0: it is due */
    int64_t flaws;        /* of this run so far */
    yodel_live_line last; /* the one standing */
} yodel_live;

/* Prepares; prints nothing. `out` stays the caller's, and is asked whether it is a terminal. */
void yodel_live_init(yodel_live *live, FILE *out, bool color);

/* Shows a second; not the very short one at the end, unless it has errors. */
void yodel_live_second(yodel_live *live, const yodel_second *second);

/* The run is over: leaves the last line where it is and the cursor on a fresh one. What comes next
 * is another run: header first, errors counted from 0. */
void yodel_live_finish(yodel_live *live);

#endif
