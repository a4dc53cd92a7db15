#include "tools/flood/html.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tools/flood/html_parts.h"
#include "tools/flood/markup.h"

const char *yodel_html_percent(double percent, char text[YODEL_AMOUNT_TEXT])
{
    snprintf(text, YODEL_AMOUNT_TEXT, percent < 10 ? "%.2g%%" : "%.0f%%", percent);
    return text;
}

const char *yodel_html_value(yodel_unit unit, double value, char text[YODEL_VALUE_TEXT])
{
    return isnan(value) ? "\u2013" : yodel_value_text(unit, value, text);
}

/* --- head -------------------------------------------------------------------------------------*/

static void write_target(const yodel_flood_options *o, FILE *out)
{
    char text[YODEL_FLOOD_TARGET_TEXT];

    if (o->target_count == 0) {
        return;
    }
    yodel_markup_text(out, yodel_flood_target_text(&o->targets[0], text));
    if (o->target_count > 1) {
        fprintf(out, " and %zu more", o->target_count - 1);
    }
}

static void write_head(const yodel_report *report, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
          "<meta name=\"color-scheme\" content=\"light dark\" />\n"
          "<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;\" />\n"
          "<title>flood ",
          out);
    write_target(report->options, out);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>flood ",
            yodel_html_style);
    write_target(report->options, out);
    fputs("</h1>\n", out);
}

/* What kind of run it was, in one line. */
static void write_subtitle(const yodel_report *report, const yodel_result *result, FILE *out)
{
    const yodel_flood_options *o = report->options;
    struct tm utc;
    char text[YODEL_AMOUNT_TEXT];
    char started[32];

    fprintf(out, "<p class=\"sub\">%s connection%s, ",
            yodel_amount_exact((int64_t)o->connections, text), o->connections == 1 ? "" : "s");
    if (o->idle) {
        fputs("idle", out);
    } else if (o->rate > 0) {
        fprintf(out, "open loop at %s lines/s", yodel_amount_count(o->rate, text));
    } else {
        fprintf(out, "closed loop, %s in flight each", yodel_amount_exact(o->depth, text));
    }
    fprintf(out, ", %s", yodel_amount_time(result->seconds, text));
    if (gmtime_r(&result->started, &utc) != NULL &&
        strftime(started, sizeof started, "%Y-%m-%d %H:%M UTC", &utc) > 0) {
        fprintf(out, ", %s", started);
    }
    if (report->count > 1) {
        fprintf(out, "; %zu runs, figures and charts are those of run %zu, the median",
                report->count, (size_t)(result - report->results) + 1);
    }
    fputs("</p>\n", out);
}

/* --- key figures ------------------------------------------------------------------------------*/

static void write_figure(const char *name, const char *value, const char *sub, FILE *out)
{
    fprintf(out, "<div><dt>%s</dt><dd class=\"value\">%s</dd><dd class=\"sub\">%s</dd></div>\n",
            name, value, sub);
}

/* The figure of this name, unless there is none in this run. */
static void write_metric(const char *metric, const char *name, const char *sub,
                         const yodel_result *result, FILE *out)
{
    const yodel_metric *m = yodel_metric_find(metric);
    char text[YODEL_VALUE_TEXT];

    write_figure(name, yodel_html_value(m->unit, m->of(result), text), sub, out);
}

static void write_figures(const yodel_flood_options *o, const yodel_result *result, FILE *out)
{
    const char *latency = o->rate > 0 ? "intended" : "service";
    const yodel_metric *cpu = yodel_metric_find("server-cpu-per-line");
    char text[YODEL_VALUE_TEXT + 32] = "lines answered";
    int64_t flaws = yodel_tally_flaws(&result->total);
    int64_t wrong = yodel_tally_wrong(&result->total);

    fputs("<dl class=\"figures\">\n", out);
    if (o->rate > 0 && isfinite(result->counted_rate)) {
        snprintf(text, sizeof text, "%.4g%% of what was asked",
                 100 * result->counted_rate / o->rate);
    }
    write_metric("rate", "Rate", text, result, out);
    write_metric("p50", "p50", latency, result, out);
    write_metric("p99", "p99", latency, result, out);
    write_metric("max", "Max", latency, result, out);
    if (flaws == 0) {
        snprintf(text, sizeof text,
                 result->total.answered > 0 ? "every byte checked" : "nothing to check");
    } else {
        char a[YODEL_AMOUNT_TEXT];
        char b[YODEL_AMOUNT_TEXT];

        snprintf(text, sizeof text, "%s wrong, %s missing", yodel_amount_count((double)wrong, a),
                 yodel_amount_count((double)(flaws - wrong), b));
    }
    write_metric("errors", "Errors", text, result, out);
    if (isfinite(cpu->of(result))) {
        write_metric(cpu->name, "Server CPU", "per line", result, out);
    }
    fputs("</dl>\n", out);
}

int yodel_html_write(const yodel_report *report, FILE *out)
{
    const yodel_result *result = yodel_report_median_run(report);
    yodel_columns *columns = malloc(sizeof *columns);

    if (columns == NULL) {
        return -ENOMEM;
    }
    yodel_columns_fill(columns, result->timeline, result->timeline_count);
    write_head(report, out);
    write_subtitle(report, result, out);
    yodel_html_verdict(report, out);
    write_figures(report->options, result, out);
    fputs("<h2>Charts</h2>\n", out);
    yodel_html_charts(report->options, result, columns, out);
    fputs("<h2>Tables</h2>\n", out);
    yodel_html_tables(report, result, columns, out);
    fputs("<footer>flood, the stress tool of yodel. Points of the charts show their figures under "
          "the mouse.</footer>\n</main>\n</body>\n</html>\n",
          out);
    free(columns);
    /* An earlier failure has set the flag of the stream, but its errno may be gone. */
    if (fflush(out) != 0) {
        return -errno;
    }
    return ferror(out) ? -EIO : 0;
}
