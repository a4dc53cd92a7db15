#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tools/flood/html_parts.h"

/* A table of names and values starts with its caption, and each row is a name and a value. */
static void begin(FILE *out, const char *caption)
{
    fprintf(out, "<div class=\"card\"><table><caption>%s</caption>\n<tbody>\n", caption);
}

static void row(FILE *out, const char *name, const char *value)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th><td>%s</td></tr>\n", name, value);
}

static void count_row(FILE *out, const char *name, uint64_t count)
{
    char text[YODEL_AMOUNT_TEXT];

    row(out, name, yodel_amount_exact((int64_t)count, text));
}

static void end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

static void column_heads(FILE *out, const char *const *names, size_t count)
{
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "<th scope=\"col\">%s</th>", names[i]);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

/* --- latencies --------------------------------------------------------------------------------*/

static void latency_cell(FILE *out, const yodel_histogram *h, double seconds)
{
    char text[YODEL_AMOUNT_TEXT];

    fprintf(out, "<td>%s</td>", h->count > 0 ? yodel_amount_time(seconds, text) : "\u2013");
}

static void latencies(const yodel_flood_options *o, const yodel_result *r, FILE *out)
{
    static const char *const names[] = {"", "intended", "service", "connect", "lag"};
    static const double percentiles[] = {50, 90, 99, 99.9, 99.99, 100};
    const yodel_histogram *all[] = {&r->total.intended, &r->total.service, &r->total.connect,
                                    &r->total.lag};
    size_t first = o->rate > 0 ? 0 : 1; /* the closed loop intends nothing */
    size_t count = sizeof all / sizeof all[0];
    char text[YODEL_AMOUNT_TEXT];

    fputs("<div class=\"card\"><div class=\"scroll\"><table><caption>Latencies</caption>\n"
          "<thead><tr><td></td>",
          out);
    for (size_t i = first; i < count; i++) {
        fprintf(out, "<th scope=\"col\">%s</th>", names[i + 1]);
    }
    fputs("</tr></thead>\n<tbody>\n<tr><th scope=\"row\">mean</th>", out);
    for (size_t i = first; i < count; i++) {
        latency_cell(out, all[i], yodel_histogram_mean(all[i]) / 1e9);
    }
    fputs("</tr>\n", out);
    for (size_t k = 0; k < sizeof percentiles / sizeof percentiles[0]; k++) {
        if (percentiles[k] < 100) {
            fprintf(out, "<tr><th scope=\"row\">p%g</th>", percentiles[k]);
        } else {
            fputs("<tr><th scope=\"row\">max</th>", out);
        }
        for (size_t i = first; i < count; i++) {
            latency_cell(out, all[i],
                         (double)yodel_histogram_percentile(all[i], percentiles[k]) / 1e9);
        }
        fputs("</tr>\n", out);
    }
    fputs("<tr><th scope=\"row\">values</th>", out);
    for (size_t i = first; i < count; i++) {
        fprintf(out, "<td>%s</td>", yodel_amount_count((double)all[i]->count, text));
    }
    fprintf(
        out,
        "</tr>\n</tbody></table></div>\n<p class=\"after\">%sService: from a line\u2019s write to "
        "its answer. Lag: flood\u2019s own delay before the write.",
        o->rate > 0 ? "Intended: from when a line was due to its answer. " : "");
    if (r->median_mean > 0) {
        fprintf(out, " The slowest connection, no. %" PRIu32 ", had a mean of %s,", r->slowest,
                yodel_amount_time(r->slowest_mean, text));
        fprintf(out, " the one in the middle %s.", yodel_amount_time(r->median_mean, text));
    }
    fputs("</p></div>\n", out);
}

/* --- lines, errors, faults --------------------------------------------------------------------*/

static void lines(const yodel_result *r, FILE *out)
{
    char text[YODEL_AMOUNT_TEXT];

    begin(out, "Lines");
    count_row(out, "sent", r->total.sent);
    count_row(out, "answered, every byte verified", r->total.answered);
    count_row(out, "of these due after the warm-up", r->total.counted);
    if (r->total.abandoned > 0) {
        count_row(out, "abandoned by planned resets", r->total.abandoned);
    }
    count_row(out, "connections established", r->total.connected);
    row(out, "bytes sent", yodel_amount_bytes((double)r->total.bytes_out, text));
    row(out, "bytes received", yodel_amount_bytes((double)r->total.bytes_in, text));
    end(out);
}

static void errors(const yodel_result *r, FILE *out)
{
    bool none_yet = true;

    begin(out, "Errors by kind");
    for (int i = 0; i < YODEL_FLAWS; i++) {
        if (r->total.flaws[i] != 0) {
            count_row(out, yodel_flaw_name((yodel_flaw)i), (uint64_t)r->total.flaws[i]);
        }
    }
    count_row(out, "all", (uint64_t)yodel_tally_flaws(&r->total));
    fputs("</tbody></table>\n<p class=\"after\">None: ", out);
    for (int i = 0; i < YODEL_FLAWS; i++) {
        if (r->total.flaws[i] == 0) {
            fprintf(out, "%s%s", none_yet ? "" : ", ", yodel_flaw_name((yodel_flaw)i));
            none_yet = false;
        }
    }
    fputs(".</p></div>\n", out);
}

static void faults(const yodel_flood_options *o, const yodel_result *r, FILE *out)
{
    static const char *const names[] = {"fault", "of connections", "got it"};
    char text[YODEL_AMOUNT_TEXT];
    bool any = false;

    for (int i = 0; i < YODEL_FAULTS; i++) {
        any = any || o->faults[i] > 0 || r->total.faults[i] > 0;
    }
    if (!any) {
        return;
    }
    fputs("<div class=\"card\"><table><caption>Planned faults by kind</caption>\n", out);
    column_heads(out, names, sizeof names / sizeof names[0]);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        if (o->faults[i] > 0 || r->total.faults[i] > 0) {
            fprintf(out, "<tr><th scope=\"row\">%s</th><td>%g%%</td><td>%s</td></tr>\n",
                    yodel_fault_name((yodel_fault)i), o->faults[i],
                    yodel_amount_exact((int64_t)r->total.faults[i], text));
        }
    }
    end(out);
}

/* --- all figures by name ----------------------------------------------------------------------*/

static void figures(const yodel_result *r, FILE *out)
{
    size_t count;
    const yodel_metric *metrics = yodel_metrics(&count);
    char text[YODEL_VALUE_TEXT];

    fputs(
        "<details class=\"card\"><summary>All figures, by the names that --slo and --json have for "
        "them</summary>\n<div class=\"scroll\"><table><caption>Figures</caption>\n<tbody>\n",
        out);
    for (size_t i = 0; i < count; i++) {
        double value = metrics[i].of(r);

        if (!isnan(value)) {
            fprintf(out,
                    "<tr><th scope=\"row\"><code>%s</code></th><td>%s</td><td "
                    "class=\"what\">%s</td></tr>\n",
                    metrics[i].name, yodel_html_value(metrics[i].unit, value, text),
                    metrics[i].what);
        }
    }
    fputs("</tbody></table></div></details>\n", out);
}

/* --- runs -------------------------------------------------------------------------------------*/

static void runs(const yodel_report *report, const yodel_result *drawn, FILE *out)
{
    static const char *const shown[] = {"rate", "p50", "p99", "p99.9", "max"};
    static const char *const names[] = {"run", "rate", "p50", "p99", "p99.9", "max", "errors", ""};
    char text[YODEL_VALUE_TEXT];

    fputs("<div class=\"card across\"><div class=\"scroll\"><table><caption>Runs</caption>\n", out);
    column_heads(out, names, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < report->count; i++) {
        const yodel_result *r = &report->results[i];

        fprintf(out, "<tr%s><th scope=\"row\">%zu%s</th>", r == drawn ? " class=\"drawn\"" : "",
                i + 1, r == drawn ? " (shown)" : "");
        for (size_t k = 0; k < sizeof shown / sizeof shown[0]; k++) {
            const yodel_metric *m = yodel_metric_find(shown[k]);

            fprintf(out, "<td>%s</td>", yodel_html_value(m->unit, m->of(r), text));
        }
        fprintf(out, "<td>%s</td><td class=\"%s\">%s</td></tr>\n",
                yodel_amount_exact(yodel_tally_flaws(&r->total), text),
                r->invalid[0] == '\0' ? "good" : "bad",
                r->invalid[0] == '\0' ? "\u2713 valid" : "\u2717 invalid");
    }
    fputs("</tbody></table></div></div>\n", out);
}

void yodel_html_tables(const yodel_report *report, const yodel_result *result,
                       const yodel_columns *columns, FILE *out)
{
    fputs("<section class=\"tables\" aria-label=\"Tables\">\n", out);
    if (report->count > 1) {
        runs(report, result, out);
    }
    latencies(report->options, result, out);
    lines(result, out);
    errors(result, out);
    faults(report->options, result, out);
    yodel_html_configuration(report, result, out);
    fputs("</section>\n", out);
    figures(result, out);
    yodel_html_seconds(columns, out);
}
