#include "tools/flood/chart.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Of the curves' viewBox, in both directions. */
static const double box = 1000;

/* All in px. What a character of a tick label takes, what is between two labels, and how far the
 * last one may go beyond the area that is plotted. */
static const double character_width = 7.2;
static const double label_gap = 8;
static const double right_margin = 30;

/* How wide that area is at least, and the class of labels that are hidden when it is narrower: the
 * limits are those of the style sheet, less margins. The last one is a telephone. */
enum { PLOTS = 3 };

static const struct {
    double width;
    const char *style;
} plots[PLOTS] = {{780, " wider"}, {440, " wide"}, {240, ""}};

const char *yodel_chart_clock(double seconds, char text[YODEL_AMOUNT_TEXT])
{
    double all = floor(fabs(seconds) + 1e-9);
    const char *sign = seconds < 0 ? "-" : "";
    int hours = (int)fmin(all / 3600, 1e6);
    int minutes = (int)(fmod(all, 3600) / 60);
    int rest = (int)fmod(all, 60);
    int n;

    if (fabs(seconds) < 60) {
        snprintf(text, YODEL_AMOUNT_TEXT, seconds == 0 ? "0" : "%.4gs", seconds);
        return text;
    }
    n = snprintf(text, YODEL_AMOUNT_TEXT, "%s", sign);
    if (hours > 0) {
        n += snprintf(text + n, YODEL_AMOUNT_TEXT - (size_t)n, "%dh", hours);
    }
    if (minutes > 0) {
        n += snprintf(text + n, YODEL_AMOUNT_TEXT - (size_t)n, "%dm", minutes);
    }
    if (rest > 0) {
        snprintf(text + n, YODEL_AMOUNT_TEXT - (size_t)n, "%ds", rest);
    }
    return text;
}

double yodel_chart_greatest(const double *numbers, size_t count)
{
    double greatest = 0;

    for (size_t i = 0; i < count; i++) {
        greatest = fmax(greatest, numbers[i]); /* which ignores NAN */
    }
    return greatest;
}

/* "250.0k" is good for a figure that changes every second; on an axis it is "250k". */
static const char *tick_text(yodel_chart_format format, double value, char text[YODEL_AMOUNT_TEXT])
{
    char *end;
    char *dot;

    format(value, text);
    dot = strchr(text, '.');
    if (dot == NULL) {
        return text;
    }
    end = dot + 1;
    while (isdigit((unsigned char)*end)) {
        end++;
    }
    for (dot = end; dot[-1] == '0'; dot--) {
    }
    if (dot[-1] == '.') {
        dot--;
    }
    memmove(dot, end, strlen(end) + 1);
    return text;
}

static double percent_x(const yodel_chart *c, double x)
{
    return 100 * yodel_scale_at(&c->x, x);
}

static double percent_y(const yodel_chart *c, double y)
{
    return 100 - 100 * yodel_scale_at(&c->y, y);
}

static bool is_gap(const yodel_chart *c, double y)
{
    return !isfinite(y) || (c->y.log && y <= 0);
}

static void write_legend(const yodel_chart *c, FILE *out)
{
    fputs("<ul class=\"legend\">", out);
    for (size_t i = 0; i < c->series_count; i++) {
        const yodel_chart_series *s = &c->series[i];

        fputs("<li><svg width=\"28\" height=\"12\" aria-hidden=\"true\">", out);
        if (s->kind == YODEL_CHART_BARS) {
            fprintf(out, "<rect class=\"bar-%s\" x=\"8\" width=\"12\" height=\"12\" />", s->color);
        } else {
            fprintf(out, "<line class=\"line-%s\" x1=\"1\" x2=\"27\" y1=\"6\" y2=\"6\" />",
                    s->color);
        }
        fprintf(out, "</svg>%s</li>\n", s->name);
    }
    for (size_t i = 0; i < c->band_count; i++) {
        if (c->bands[i].count > 0) {
            fprintf(out,
                    "<li><svg width=\"28\" height=\"12\" aria-hidden=\"true\">"
                    "<rect class=\"band-%s\" width=\"28\" height=\"12\" /></svg>%s</li>\n",
                    c->bands[i].color, c->bands[i].name);
        }
    }
    fputs("</ul>\n", out);
}

static void write_description(const yodel_chart *c, FILE *out)
{
    char low[YODEL_AMOUNT_TEXT];
    char high[YODEL_AMOUNT_TEXT];

    fprintf(out, "<title id=\"%s-title\">%s</title>\n<desc id=\"%s-desc\">From %s to %s, ", c->id,
            c->title, c->id, c->x_format(c->x.low, low), c->x_format(c->x.high, high));
    for (size_t i = 0; i < c->series_count; i++) {
        const double *y = c->series[i].y;
        double least = NAN;

        for (size_t k = 0; k < c->points; k++) {
            least = is_gap(c, y[k]) ? least : fmin(least, y[k]);
        }
        if (isnan(least)) {
            fprintf(out, "%s: nothing. ", c->series[i].name);
        } else {
            fprintf(out, "%s: %s to %s. ", c->series[i].name, c->y_format(least, low),
                    c->y_format(yodel_chart_greatest(y, c->points), high));
        }
    }
    fputs("</desc>\n", out);
}

static void write_bands(const yodel_chart *c, FILE *out)
{
    for (size_t i = 0; i < c->band_count; i++) {
        const yodel_chart_band *b = &c->bands[i];

        for (size_t k = 0; k < b->count; k++) {
            double from = percent_x(c, b->from[k]);

            fprintf(
                out,
                "<rect class=\"band-%s\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"100%%\" "
                "/>\n",
                b->color, from, percent_x(c, b->to[k]) - from);
        }
    }
}

static void write_y_axis(const yodel_chart *c, FILE *out)
{
    char text[YODEL_AMOUNT_TEXT];

    for (size_t i = 0; i < c->y.tick_count; i++) {
        double y = percent_y(c, c->y.ticks[i]);

        fprintf(out,
                "<line class=\"%s\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\" />"
                "<text class=\"y\" x=\"-8\" y=\"%.2f%%\" dy=\".35em\">%s</text>\n",
                i == 0 ? "base" : "grid", y, y, y, tick_text(c->y_format, c->y.ticks[i], text));
    }
}

/* Labels are taken from left to right as long as there is room, first on the widest plot. Those
 * that there is no room for on a narrower one are hidden there. */
static void write_x_axis(const yodel_chart *c, FILE *out)
{
    double ends[PLOTS] = {-box, -box, -box}; /* of the last label, on each */
    char text[YODEL_AMOUNT_TEXT];

    for (size_t i = 0; i < c->x.tick_count; i++) {
        double x = percent_x(c, c->x.ticks[i]) / 100;
        size_t length = strlen(tick_text(c->x_format, c->x.ticks[i], text));
        double half = label_gap / 2 + character_width * (double)length / 2;
        size_t fits = 0;

        while (fits < PLOTS && x * plots[fits].width - half >= ends[fits] &&
               (x - 1) * plots[fits].width + half <= right_margin) {
            ends[fits] = x * plots[fits].width + half;
            fits++;
        }
        fprintf(out, "<line class=\"grid\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"0\" y2=\"100%%\" />",
                100 * x, 100 * x);
        if (fits > 0) {
            fprintf(out, "<text class=\"x%s\" x=\"%.2f%%\" y=\"100%%\" dy=\"18\">%s</text>",
                    plots[fits - 1].style, 100 * x, text);
        }
        fputc('\n', out);
    }
    fprintf(out, "<text class=\"x\" x=\"50%%\" y=\"100%%\" dy=\"38\">%s</text>\n", c->x_title);
}

static void put_point(const yodel_chart *c, FILE *out, double x, double y)
{
    fprintf(out, "%.1f,%.1f ", box / 100 * percent_x(c, x), box / 100 * percent_y(c, y));
}

/* The line of the points first..last, which have no gap: through the middle of each, and level to
 * the ends of the first and the last one, so that a single second is a line as well. */
static void write_line(const yodel_chart *c, const yodel_chart_series *s, size_t first, size_t last,
                       FILE *out)
{
    if (s->kind == YODEL_CHART_AREA) {
        fprintf(out, "<polygon class=\"area-%s\" points=\"", s->color);
        put_point(c, out, c->from[first], c->y.low);
        put_point(c, out, c->from[first], s->y[first]);
        for (size_t i = first; i <= last; i++) {
            put_point(c, out, (c->from[i] + c->to[i]) / 2, s->y[i]);
        }
        put_point(c, out, c->to[last], s->y[last]);
        put_point(c, out, c->to[last], c->y.low);
        fputs("\" />\n", out);
    }
    fprintf(out, "<polyline class=\"line-%s\" points=\"", s->color);
    put_point(c, out, c->from[first], s->y[first]);
    for (size_t i = first; i <= last; i++) {
        put_point(c, out, (c->from[i] + c->to[i]) / 2, s->y[i]);
    }
    put_point(c, out, c->to[last], s->y[last]);
    fputs("\" />\n", out);
}

static void write_bars(const yodel_chart *c, const yodel_chart_series *s, FILE *out)
{
    for (size_t i = 0; i < c->points; i++) {
        double x = box / 100 * percent_x(c, c->from[i]);
        double width = box / 100 * percent_x(c, c->to[i]) - x;
        double y = box / 100 * percent_y(c, s->y[i]);

        if (s->y[i] > c->y.low) {
            fprintf(out,
                    "<rect class=\"bar-%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                    "/>\n",
                    s->color, x + width * 0.1, y, fmax(width * 0.8, 1), box - y);
        }
    }
}

static void write_curves(const yodel_chart *c, FILE *out)
{
    fprintf(out,
            "<svg class=\"curves\" width=\"100%%\" height=\"100%%\" viewBox=\"0 0 %.0f %.0f\" "
            "preserveAspectRatio=\"none\">\n",
            box, box);
    for (size_t k = 0; k < c->series_count; k++) {
        const yodel_chart_series *s = &c->series[k];
        size_t first = 0;

        if (s->kind == YODEL_CHART_BARS) {
            write_bars(c, s, out);
            continue;
        }
        for (size_t i = 0; i < c->points; i++) {
            if (is_gap(c, s->y[i])) {
                first = i + 1;
            } else if (i + 1 == c->points || is_gap(c, s->y[i + 1])) {
                write_line(c, s, first, i, out);
            }
        }
    }
    fputs("</svg>\n", out);
}

/* A column for each point that shows its figures while the mouse is over it. */
static void write_tips(const yodel_chart *c, FILE *out)
{
    char text[YODEL_AMOUNT_TEXT];

    for (size_t i = 0; i < c->points; i++) {
        /* Points without an extent are in the middle of their column. */
        double left = i > 0 ? (c->to[i - 1] + c->from[i]) / 2 : c->from[i];
        double right = i + 1 < c->points ? (c->to[i] + c->from[i + 1]) / 2 : c->to[i];
        double x = percent_x(c, left);

        fprintf(out,
                "<rect class=\"tip\" x=\"%.2f%%\" y=\"0\" width=\"%.2f%%\" height=\"100%%\"><title>"
                "%s",
                x, percent_x(c, right) - x, c->x_format(c->from[i], text));
        if (c->to[i] > c->from[i]) {
            fprintf(out, " to %s", c->x_format(c->to[i], text));
        }
        for (size_t k = 0; k < c->series_count; k++) {
            double y = c->series[k].y[i];

            fprintf(out, "\n%s: %s", c->series[k].name,
                    is_gap(c, y) ? "none" : c->y_format(y, text));
        }
        fputs("</title></rect>\n", out);
    }
}

/* Room for the longest label at the left. */
static double margin(const yodel_chart *c)
{
    size_t longest = 0;
    char text[YODEL_AMOUNT_TEXT];

    for (size_t i = 0; i < c->y.tick_count; i++) {
        size_t length = strlen(tick_text(c->y_format, c->y.ticks[i], text));

        longest = length > longest ? length : longest;
    }
    return 12 + character_width * (double)longest;
}

void yodel_chart_write(const yodel_chart *c, FILE *out)
{
    assert(c->series_count <= YODEL_CHART_SERIES && c->band_count <= YODEL_CHART_BANDS);
    fprintf(out, "<h3>%s</h3>\n<p class=\"sub\">%s</p>\n", c->title, c->sub);
    write_legend(c, out);
    fprintf(out,
            "<div class=\"plot\" style=\"padding-left:%.0fpx\">"
            "<svg class=\"chart\" role=\"img\" aria-labelledby=\"%s-title %s-desc\">\n",
            margin(c), c->id, c->id);
    write_description(c, out);
    write_bands(c, out);
    write_y_axis(c, out);
    write_x_axis(c, out);
    write_curves(c, out);
    write_tips(c, out);
    fputs("</svg></div>\n", out);
}
