#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tools/flood/chart.h"
#include "tools/flood/html_parts.h"

/* --- over time --------------------------------------------------------------------------------*/

/* What all charts over time have in common. `warm` is the part before 0. */
static yodel_chart over_time(const yodel_columns *t, const double warm[2])
{
    yodel_chart c = {
        .x_title = "time since the end of the warm-up",
        .x_format = yodel_chart_clock,
        .y_format = yodel_amount_count,
        .from = t->from,
        .to = t->to,
        .points = t->count,
        .band_count = 1,
        .bands[0] = {.name = "warm-up", .color = "warm", .from = &warm[0], .to = &warm[1]},
    };

    yodel_scale_time(&c.x, t->from[0], t->to[t->count - 1]);
    if (t->from[0] < 0) {
        c.bands[0].count = 1;
    } else {
        c.x_title = "time";
    }
    return c;
}

static void add(yodel_chart *c, const char *name, const char *color, yodel_chart_kind kind,
                const double *y)
{
    c->series[c->series_count++] =
        (yodel_chart_series){.name = name, .color = color, .kind = kind, .y = y};
}

/* Of all series of a chart. */
static double greatest(const yodel_chart *c)
{
    double most = 0;

    for (size_t i = 0; i < c->series_count; i++) {
        most = fmax(most, yodel_chart_greatest(c->series[i].y, c->points));
    }
    return most;
}

static bool is_known(const double *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (isfinite(numbers[i])) {
            return true;
        }
    }
    return false;
}

static void rate_chart(const yodel_flood_options *o, const yodel_columns *t,
                       const yodel_chart *base, FILE *out)
{
    yodel_chart c = *base;
    double asked[YODEL_COLUMNS_ROOM];

    c.id = "rate";
    c.title = "Rate";
    c.sub = "lines per second";
    add(&c, "answered", "a", YODEL_CHART_AREA, t->answered);
    add(&c, "sent", "b", YODEL_CHART_LINE, t->sent);
    if (o->rate > 0) {
        for (size_t i = 0; i < t->count; i++) {
            asked[i] = o->rate;
        }
        add(&c, "asked for", "c", YODEL_CHART_LINE, asked);
    }
    yodel_scale_linear(&c.y, greatest(&c), 1);
    fputs("<figure class=\"card\">", out);
    yodel_chart_write(&c, out);
    fputs("</figure>\n", out);
}

static void latency_chart(const yodel_flood_options *o, const yodel_columns *t,
                          const yodel_chart *base, FILE *out)
{
    yodel_chart c = *base;
    double most = yodel_chart_greatest(t->most, t->count);
    double least = most;

    fputs("<figure class=\"card\">", out);
    c.id = "latency";
    c.title = "Latency";
    c.sub = o->rate > 0 ? "from when a line was due to its answer"
                        : "from a line's write to its answer";
    if (most > 0) {
        for (size_t i = 0; i < t->count; i++) {
            least = t->p50[i] > 0 ? fmin(least, t->p50[i]) : least;
        }
        c.y_format = yodel_amount_time;
        add(&c, "p50", "a", YODEL_CHART_LINE, t->p50);
        add(&c, "p99", "b", YODEL_CHART_LINE, t->p99);
        add(&c, "max", "c", YODEL_CHART_LINE, t->most);
        yodel_scale_log(&c.y, least, most);
        yodel_chart_write(&c, out);
    } else {
        fputs("<h3>Latency</h3><p class=\"sub\">No line was answered.</p>", out);
    }
    fputs("</figure>\n", out);
}

/* Connections above, errors below, and the seconds with planned faults shaded in both. */
static void error_charts(const yodel_columns *t, const yodel_chart *base, FILE *out)
{
    double from[YODEL_COLUMNS_ROOM];
    double to[YODEL_COLUMNS_ROOM];
    yodel_chart_band faults = {.name = "planned faults", .color = "fault", .from = from, .to = to};
    bool any = yodel_chart_greatest(t->flaws, t->count) > 0;
    yodel_chart c = *base;

    for (size_t i = 0; i < t->count; i++) {
        if (t->faults[i] <= 0) {
            continue;
        }
        if (faults.count > 0 && t->from[i] <= to[faults.count - 1]) {
            to[faults.count - 1] = t->to[i]; /* neighbours are one band */
        } else {
            from[faults.count] = t->from[i];
            to[faults.count++] = t->to[i];
        }
    }
    c.bands[c.band_count++] = faults;
    c.id = "connections";
    c.title = "Connections";
    c.sub = "open at the end of each second";
    add(&c, "connections", "a", YODEL_CHART_AREA, t->connections);
    yodel_scale_linear(&c.y, greatest(&c), 1);
    fprintf(out, "<figure class=\"card\"><div%s>", any ? " class=\"low\"" : "");
    yodel_chart_write(&c, out);
    fputs("</div>\n<div class=\"low more\">", out);

    c.series_count = 0;
    c.id = "errors";
    c.title = "Errors";
    c.sub = t->seconds > 1 ? "in each point of time" : "in each second";
    add(&c, "errors", "bad", YODEL_CHART_BARS, t->flaws);
    if (any) {
        yodel_scale_linear(&c.y, greatest(&c), 1);
        yodel_chart_write(&c, out);
    } else {
        fputs("<h3>Errors</h3><p class=\"sub\">None in any second.</p>", out);
    }
    fputs("</div></figure>\n", out);
}

static void cpu_charts(const yodel_columns *t, const yodel_chart *base, FILE *out)
{
    bool memory = is_known(t->server_resident, t->count);
    yodel_chart c = *base;

    c.id = "cpu";
    c.title = "CPU";
    c.sub = "100% is one core, all the time";
    c.y_format = yodel_html_percent;
    add(&c, "flood", "a", YODEL_CHART_LINE, t->client_cpu);
    if (is_known(t->server_cpu, t->count)) {
        add(&c, "server", "b", YODEL_CHART_LINE, t->server_cpu);
    }
    yodel_scale_linear(&c.y, greatest(&c), 0);
    fprintf(out, "<figure class=\"card\"><div%s>", memory ? " class=\"low\"" : "");
    yodel_chart_write(&c, out);
    fputs("</div>\n", out);
    if (memory) {
        c.series_count = 0;
        c.id = "memory";
        c.title = "Server memory";
        c.sub = "resident";
        c.y_format = yodel_amount_bytes;
        add(&c, "server", "b", YODEL_CHART_LINE, t->server_resident);
        yodel_scale_bytes(&c.y, greatest(&c));
        fputs("<div class=\"low more\">", out);
        yodel_chart_write(&c, out);
        fputs("</div>\n", out);
    }
    fputs("</figure>\n", out);
}

/* --- percentiles ------------------------------------------------------------------------------*/

/* So many points per power of ten, and at most so many powers: 99.9999999%. */
enum { CURVE_STEPS = 40, CURVE_DECADES = 9, CURVE_ROOM = CURVE_STEPS * CURVE_DECADES + 1 };

/* x is the number of nines: log10 of 1 / (1 - p). */
static double to_percent(double x)
{
    return 100 * (1 - pow(10, -x));
}

static const char *nines(double x, char text[YODEL_AMOUNT_TEXT])
{
    int digits = (int)fmax(ceil(x) - 2, 0);

    snprintf(text, YODEL_AMOUNT_TEXT, "%.*f%%", digits, to_percent(x));
    return text;
}

/* As far as there are lines: with 1,000 of them 99.9% is the last percentile. At least to 90%. */
static void nines_scale(yodel_scale *s, uint64_t lines)
{
    *s = (yodel_scale){.high = fmin(fmax(log10((double)lines), 1), CURVE_DECADES)};
    s->ticks[s->tick_count++] = log10(2); /* 50% */
    for (int i = 1; i <= s->high; i++) {
        s->ticks[s->tick_count++] = i;
    }
}

static void percentile_chart(const yodel_flood_options *o, const yodel_result *r, FILE *out)
{
    const yodel_histogram *main_one = yodel_result_latency(r);
    double x[CURVE_ROOM];
    double y[CURVE_ROOM];
    double service[CURVE_ROOM];
    yodel_chart c = {
        .id = "percentiles",
        .title = "Latency by percentile",
        .sub = "so many percent of all lines were answered within",
        .x_title = "percentile",
        .x_format = nines,
        .y_format = yodel_amount_time,
        .from = x,
        .to = x,
    };
    double least = 1e9;

    fputs("<figure class=\"card across\">", out);
    if (main_one->count == 0) {
        fputs("<h3>Latency by percentile</h3><p class=\"sub\">No line was answered after the "
              "warm-up.</p></figure>\n",
              out);
        return;
    }
    nines_scale(&c.x, main_one->count);
    c.points = (size_t)(c.x.high * CURVE_STEPS) + 1;
    for (size_t i = 0; i < c.points; i++) {
        x[i] = c.x.high * (double)i / (double)(c.points - 1);
        y[i] = (double)yodel_histogram_percentile(main_one, to_percent(x[i])) / 1e9;
        service[i] = (double)yodel_histogram_percentile(&r->total.service, to_percent(x[i])) / 1e9;
        least = y[i] > 0 ? fmin(least, y[i]) : least;
        least = service[i] > 0 ? fmin(least, service[i]) : least;
    }
    if (o->rate > 0) {
        add(&c, "intended: from when a line was due", "a", YODEL_CHART_LINE, y);
        add(&c, "service: from its write", "b", YODEL_CHART_LINE, service);
    } else {
        add(&c, "service: from a line's write", "a", YODEL_CHART_LINE, y);
    }
    yodel_scale_log(&c.y, fmin(least, fmax(greatest(&c), 1e-9)), fmax(greatest(&c), 1e-9));
    yodel_chart_write(&c, out);
    fputs("</figure>\n", out);
}

/* --- all --------------------------------------------------------------------------------------*/

void yodel_html_charts(const yodel_flood_options *options, const yodel_result *result,
                       const yodel_columns *columns, FILE *out)
{
    const double warm[2] = {columns->count > 0 ? columns->from[0] : 0, 0};

    /* Patterns of all charts. An SVG that is not displayed would have none. */
    fputs("<svg class=\"hidden\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>"
          "<pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\">"
          "<path d=\"M-1 8L8 -1M-2 2L2 -2M5 9L9 5\" /></pattern></defs></svg>\n"
          "<section class=\"charts\" aria-label=\"Charts\">\n",
          out);
    if (columns->count == 0) {
        fputs("<p class=\"card across sub\">There are no charts over time: the run ended too "
              "soon.</p>\n",
              out);
        percentile_chart(options, result, out);
    } else {
        yodel_chart base = over_time(columns, warm);

        rate_chart(options, columns, &base, out);
        latency_chart(options, columns, &base, out);
        percentile_chart(options, result, out);
        error_charts(columns, &base, out);
        cpu_charts(columns, &base, out);
    }
    fputs("</section>\n", out);
    if (columns->seconds > 1) {
        fprintf(
            out,
            "<p class=\"after\">Each point stands for %zu seconds: rates and CPU are their mean, "
            "latencies those of the worst of them.</p>\n",
            columns->seconds);
    }
}
