/*
 * chart: a chart as a piece of HTML: heading, legend and inline SVG.
 *
 * The SVG takes the width that the page gives it: only the curves stretch, in a nested SVG with a
 * viewBox of their own. Text is placed by percent and keeps its size, and tick labels that do not
 * fit next to each other on a telephone are hidden there by the style sheet.
 *
 * Class names of the style sheet (html_style.c) that a chart uses: card, sub, legend, plot, chart,
 * grid, base, y, x, wide, wider, curves, tip, band-*, and line-*, area-*, bar-* for the series.
 */
#ifndef YODEL_FLOOD_CHART_H
#define YODEL_FLOOD_CHART_H

#include <stddef.h>
#include <stdio.h>

#include "amount.h"
#include "scale.h"

#define YODEL_CHART_SERIES 3
#define YODEL_CHART_BANDS  2

typedef enum yodel_chart_kind {
    YODEL_CHART_LINE,
    YODEL_CHART_AREA, /* a line and what is below it */
    YODEL_CHART_BARS
} yodel_chart_kind;

/* How numbers become text: yodel_amount_count and its like. */
typedef const char *(*yodel_chart_format)(double number, char text[YODEL_AMOUNT_TEXT]);

typedef struct yodel_chart_series {
    const char *name;
    const char *color; /* a, b, c or bad: the color and the dashes of the style sheet */
    yodel_chart_kind kind;
    const double *y; /* `points` of them; NAN (log: or 0) where there is a gap */
} yodel_chart_series;

/* A part of the x axis with another background. */
typedef struct yodel_chart_band {
    const char *name;
    const char *color; /* warm or fault: of the style sheet */
    const double *from, *to;
    size_t count;
} yodel_chart_band;

typedef struct yodel_chart {
    const char *id; /* unique in the page */
    const char *title;
    const char *sub; /* what is measured in which unit, and how */
    const char *x_title;
    yodel_scale x, y;
    yodel_chart_format x_format, y_format;

    /* The series' points: each is valid from..to (which may be the same), and drawn in the
     * middle. */
    const double *from, *to;
    size_t points;

    yodel_chart_series series[YODEL_CHART_SERIES];
    size_t series_count;
    yodel_chart_band bands[YODEL_CHART_BANDS]; /* those without parts are left out of the legend */
    size_t band_count;
} yodel_chart;

/* Writes the chart: a <div> for a <figure> or a <section>. */
void yodel_chart_write(const yodel_chart *chart, FILE *out);

/* Seconds as a clock has them: "0", "12s", "1m30s", "2h", "0.25s", "-1s". */
const char *yodel_chart_clock(double seconds, char text[YODEL_AMOUNT_TEXT]);

/* The greatest of the numbers that are not NAN; 0 when there is none. */
double yodel_chart_greatest(const double *numbers, size_t count);

#endif
