#include <math.h>
#include <stdlib.h>

#include "tools/flood/color.h"
#include "tools/flood/report_parts.h"
#include "tools/flood/value.h"

static const char *metric_text(const char *name, const yodel_result *r, char text[YODEL_VALUE_TEXT])
{
    const yodel_metric *m = yodel_metric_find(name);
    return yodel_value_text(m->unit, m->of(r), text);
}

static void write_run(const yodel_report_page *page, size_t index)
{
    const yodel_result *r = &page->report->results[index];
    bool invalid = r->invalid[0] != '\0';
    char rate[YODEL_VALUE_TEXT], p50[YODEL_VALUE_TEXT], p99[YODEL_VALUE_TEXT],
        most[YODEL_VALUE_TEXT], errors[YODEL_VALUE_TEXT], server[YODEL_VALUE_TEXT];

    fprintf(page->out, "  %3zu  %11s  %8s  %8s  %8s  %7s  %7s  %s%s%s%s\n", index + 1,
            metric_text("rate", r, rate), metric_text("p50", r, p50), metric_text("p99", r, p99),
            metric_text("max", r, most), metric_text("server-cpu", r, server),
            metric_text("errors", r, errors),
            yodel_color(page->color, invalid ? YODEL_COLOR_BAD : YODEL_COLOR_GOOD),
            invalid ? "INVALID" : "VALID", yodel_color(page->color, YODEL_COLOR_END),
            r->interrupted ? " interrupted" : "");
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A row of the medians, unless no run has this metric. */
static void write_spread(const yodel_report_page *page, const char *name, double *values)
{
    const yodel_report *report = page->report;
    const yodel_metric *m = yodel_metric_find(name);
    size_t n = 0;
    char median[YODEL_VALUE_TEXT], low[YODEL_VALUE_TEXT], high[YODEL_VALUE_TEXT];

    for (size_t i = 0; i < report->count; i++) {
        double value = m->of(&report->results[i]);
        if (!isnan(value)) {
            values[n++] = value;
        }
    }
    if (n == 0) {
        return;
    }
    qsort(values, n, sizeof *values, compare);
    fprintf(page->out, "  %-28s  %9s  %9s .. %s", m->name,
            yodel_value_text(m->unit, (values[(n - 1) / 2] + values[n / 2]) / 2, median),
            yodel_value_text(m->unit, values[0], low),
            yodel_value_text(m->unit, values[n - 1], high));
    if (n < report->count) {
        fprintf(page->out, " (of %zu run%s)", n, n == 1 ? "" : "s");
    }
    fputc('\n', page->out);
}

void yodel_report_runs(const yodel_report_page *page)
{
    static const char *const shown[] = {"rate",
                                        "mean",
                                        "p50",
                                        "p90",
                                        "p99",
                                        "p99.9",
                                        "p99.99",
                                        "max",
                                        "connect-p99",
                                        "client-cpu",
                                        "server-cpu",
                                        "server-cpu-per-line",
                                        "server-memory-per-connection"};
    double *values = calloc(page->report->count, sizeof *values);

    fprintf(page->out, "\n  %3s  %11s  %8s  %8s  %8s  %7s  %7s\n", "run", "rate", "p50", "p99",
            "max", "srv CPU", "errors");
    for (size_t i = 0; i < page->report->count; i++) {
        write_run(page, i);
    }
    fprintf(page->out, "\n  %-28s  %9s  %9s .. %s\n", "", "median", "least", "most");
    for (size_t i = 0; values != NULL && i < sizeof shown / sizeof shown[0]; i++) {
        write_spread(page, shown[i], values);
    }
    if (values == NULL) {
        fputs("  no memory for the medians\n", page->out);
    }
    free(values);
}
