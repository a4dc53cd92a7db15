#include <inttypes.h>
#include <math.h>

#include "tools/flood/color.h"
#include "tools/flood/report_parts.h"
#include "tools/flood/value.h"

static void write_count(const yodel_report_page *page, const char *label, uint64_t count,
                        uint64_t bytes)
{
    char text[YODEL_AMOUNT_TEXT];

    yodel_report_label(page, label);
    fprintf(page->out, "%14s", yodel_amount_exact((int64_t)count, text));
    if (bytes > 0) {
        fprintf(page->out, "  %s", yodel_amount_bytes((double)bytes, text));
    }
}

static void write_traffic(const yodel_report_page *page, const yodel_result *r)
{
    const yodel_tally *t = &r->total;
    double warm_up = page->report->options->warm_up;
    char text[YODEL_AMOUNT_TEXT];

    yodel_report_label(page, "time");
    fprintf(page->out, "%s", yodel_amount_time(r->seconds, text));
    if (warm_up > 0) {
        fprintf(page->out, " after a warm-up of %s", yodel_amount_time(warm_up, text));
    }
    fputs("\n\n", page->out);
    write_count(page, "sent", t->sent, t->bytes_out);
    fputs(warm_up > 0 ? " (with the warm-up)\n" : "\n", page->out);
    /* Only an answer that was right in every byte counts as verified. */
    write_count(page, "verified", t->answered, t->bytes_in);
    if (t->answered > 0) {
        fputs(" in, every byte checked", page->out);
    }
    if (t->answered < t->sent) {
        fprintf(page->out, "; %s unverified",
                yodel_amount_exact((int64_t)(t->sent - t->answered), text));
    }
    fputc('\n', page->out);
}

static void write_rate(const yodel_report_page *page, const yodel_result *r)
{
    const yodel_flood_options *o = page->report->options;
    char number[YODEL_AMOUNT_TEXT];

    yodel_report_label(page, "rate");
    if (isnan(r->counted_rate)) {
        fputs("not measured\n", page->out);
        return;
    }
    fprintf(page->out, "%s%12s/s%s", yodel_color(page->color, YODEL_COLOR_BOLD),
            yodel_amount_exact((int64_t)llround(r->counted_rate), number),
            yodel_color(page->color, YODEL_COLOR_END));
    if (o->rate > 0) {
        fprintf(page->out, "  %.1f%% of the %s/s asked for", 100 * r->counted_rate / o->rate,
                yodel_amount_count(o->rate, number));
    }
    fputc('\n', page->out);
}

/* --- latency -----------------------------------------------------------------------------------*/

static void write_histogram(const yodel_report_page *page, const char *name,
                            const yodel_histogram *h)
{
    static const double percents[] = {50, 90, 99, 99.9, 99.99, 100};
    char text[YODEL_AMOUNT_TEXT];

    if (h->count == 0) {
        return;
    }
    yodel_report_label(page, name);
    fprintf(page->out, "%8s", yodel_amount_time(yodel_histogram_mean(h) / 1e9, text));
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        double seconds = (double)yodel_histogram_percentile(h, percents[i]) / 1e9;
        fprintf(page->out, "%9s", yodel_amount_time(seconds, text));
    }
    fputc('\n', page->out);
}

static void write_latency(const yodel_report_page *page, const yodel_result *r)
{
    const yodel_tally *t = &r->total;
    char slowest[YODEL_AMOUNT_TEXT], median[YODEL_AMOUNT_TEXT];

    if (t->service.count == 0 && t->connect.count == 0) {
        return;
    }
    fprintf(page->out, "\n  %-10s%8s%9s%9s%9s%9s%9s%9s\n", "latency", "mean", "p50", "p90", "p99",
            "p99.9", "p99.99", "max");
    if (page->report->options->rate > 0) {
        write_histogram(page, "intended", &t->intended);
    }
    write_histogram(page, "service", &t->service);
    if (t->service.count == 0 && t->answered > 0) {
        yodel_report_label(page, "service");
        fputs("not measured: no answer that counts was without a planned fault\n", page->out);
    }
    write_histogram(page, "connect", &t->connect);
    if (r->median_mean > 0 && page->report->options->connections > 1) {
        yodel_report_label(page, "slowest");
        fprintf(page->out,
                "connection %" PRIu32 ", mean %s: %.1f times the median connection's %s\n",
                r->slowest, yodel_amount_time(r->slowest_mean, slowest),
                r->slowest_mean / r->median_mean, yodel_amount_time(r->median_mean, median));
    }
}

/* --- CPU and memory ----------------------------------------------------------------------------*/

static void write_cpu(const yodel_report_page *page, const char *label, const yodel_result *r,
                      const char *cores_name, const char *per_line_name)
{
    char cores[YODEL_VALUE_TEXT], per_line[YODEL_VALUE_TEXT];
    double share = yodel_metric_find(cores_name)->of(r);
    double cost = yodel_metric_find(per_line_name)->of(r);

    yodel_report_label(page, label);
    if (isnan(share)) {
        fputs("CPU unknown", page->out);
    } else {
        fprintf(page->out, "CPU %s", yodel_value_text(YODEL_UNIT_CORES, share, cores));
    }
    if (!isnan(cost)) {
        fprintf(page->out, ", %s a line", yodel_value_text(YODEL_UNIT_SECONDS, cost, per_line));
    }
}

static void write_server(const yodel_report_page *page, const yodel_result *r)
{
    char each[YODEL_VALUE_TEXT], most[YODEL_VALUE_TEXT];
    double per_connection = yodel_metric_find("server-memory-per-connection")->of(r);
    long pid = (long)page->report->options->server_pid;

    if (pid == 0) {
        return;
    }
    if (isnan(r->server_cpu) && r->server_resident_peak == 0) {
        yodel_report_label(page, "server");
        fprintf(page->out, "process %ld could not be read: it has ended or is not ours to see\n",
                pid);
        return;
    }
    write_cpu(page, "server", r, "server-cpu", "server-cpu-per-line");
    if (isnan(r->server_cpu)) {
        fprintf(page->out, ": process %ld ended during the run", pid);
    }
    fputc('\n', page->out);
    yodel_report_label(page, "");
    fprintf(page->out, "memory %s at most",
            yodel_value_text(YODEL_UNIT_BYTES, (double)r->server_resident_peak, most));
    if (!isnan(per_connection)) {
        fprintf(page->out, ", %s a connection",
                yodel_value_text(YODEL_UNIT_BYTES, per_connection, each));
    }
    fputc('\n', page->out);
}

void yodel_report_run(const yodel_report_page *page, const yodel_result *r)
{
    write_traffic(page, r);
    write_rate(page, r);
    write_latency(page, r);
    fputc('\n', page->out);
    write_cpu(page, "flood", r, "client-cpu", "client-cpu-per-line");
    fputc('\n', page->out);
    write_server(page, r);
}
