#include "tools/flood/metric.h"

#include <math.h>
#include <string.h>

#include "tools/flood/result.h"

static double percentile(const yodel_histogram *h, double percent)
{
    return h->count > 0 ? (double)yodel_histogram_percentile(h, percent) / 1e9 : NAN;
}

static double latency(const yodel_result *r, double percent)
{
    return percentile(yodel_result_latency(r), percent);
}

static double rate(const yodel_result *r)
{
    return r->counted_rate;
}

static double mean(const yodel_result *r)
{
    const yodel_histogram *h = yodel_result_latency(r);
    return h->count > 0 ? yodel_histogram_mean(h) / 1e9 : NAN;
}

static double p50(const yodel_result *r)
{
    return latency(r, 50);
}

static double p90(const yodel_result *r)
{
    return latency(r, 90);
}

static double p95(const yodel_result *r)
{
    return latency(r, 95);
}

static double p99(const yodel_result *r)
{
    return latency(r, 99);
}

static double p999(const yodel_result *r)
{
    return latency(r, 99.9);
}

static double p9999(const yodel_result *r)
{
    return latency(r, 99.99);
}

static double most(const yodel_result *r)
{
    return latency(r, 100);
}

static double service_p50(const yodel_result *r)
{
    return percentile(&r->total.service, 50);
}

static double service_p99(const yodel_result *r)
{
    return percentile(&r->total.service, 99);
}

static double connect_p50(const yodel_result *r)
{
    return percentile(&r->total.connect, 50);
}

static double connect_p99(const yodel_result *r)
{
    return percentile(&r->total.connect, 99);
}

static double connect_max(const yodel_result *r)
{
    return percentile(&r->total.connect, 100);
}

static double lag_p99(const yodel_result *r)
{
    return percentile(&r->total.lag, 99);
}

static double errors(const yodel_result *r)
{
    return (double)yodel_tally_flaws(&r->total);
}

static double wrong(const yodel_result *r)
{
    return (double)yodel_tally_wrong(&r->total);
}

#define FLAW(function, flaw)                                                                       \
    static double function(const yodel_result *r)                                                  \
    {                                                                                              \
        return (double)r->total.flaws[flaw];                                                       \
    }

FLAW(connect_errors, YODEL_FLAW_CONNECT)
FLAW(resets, YODEL_FLAW_RESET)
FLAW(closed_early, YODEL_FLAW_CLOSED)
FLAW(timeouts, YODEL_FLAW_TIMEOUT)
FLAW(lost, YODEL_FLAW_LOST)
FLAW(duplicated, YODEL_FLAW_DUPLICATED)
FLAW(reordered, YODEL_FLAW_REORDERED)
FLAW(foreign, YODEL_FLAW_FOREIGN)
FLAW(corrupt, YODEL_FLAW_CORRUPT)
FLAW(truncated, YODEL_FLAW_TRUNCATED)
FLAW(extra, YODEL_FLAW_EXTRA)

static double client_cpu(const yodel_result *r)
{
    return r->seconds > 0 ? r->client_cpu / r->seconds : NAN;
}

static double server_cpu(const yodel_result *r)
{
    return r->seconds > 0 ? r->server_cpu / r->seconds : NAN;
}

static double client_cpu_per_line(const yodel_result *r)
{
    return r->total.counted > 0 ? r->client_cpu / (double)r->total.counted : NAN;
}

static double server_cpu_per_line(const yodel_result *r)
{
    return r->total.counted > 0 ? r->server_cpu / (double)r->total.counted : NAN;
}

static double server_memory_per_connection(const yodel_result *r)
{
    uint64_t before = r->server_resident_before, peak = r->server_resident_peak;

    if (before == 0 || peak < before || r->connections == 0) {
        return NAN;
    }
    return (double)(peak - before) / r->connections;
}

const yodel_metric *yodel_metrics(size_t *count)
{
    static const yodel_metric metrics[] = {
        {"rate", "lines answered per second", YODEL_UNIT_RATE, YODEL_BETTER_MORE, rate},
        {"mean", "mean latency", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, mean},
        {"p50", "median latency", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p50},
        {"p90", "latency of 90 % of the lines", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p90},
        {"p95", "latency of 95 % of the lines", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p95},
        {"p99", "latency of 99 % of the lines", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p99},
        {"p99.9", "latency of 99.9 % of the lines", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p999},
        {"p99.99", "latency of 99.99 % of the lines", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, p9999},
        {"max", "greatest latency", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, most},
        {"service-p50", "the same from the write on", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         service_p50},
        {"service-p99", "the same from the write on", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         service_p99},
        {"connect-p50", "median time to connect", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         connect_p50},
        {"connect-p99", "time to connect of 99 %", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         connect_p99},
        {"connect-max", "greatest time to connect", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         connect_max},
        {"lag-p99", "flood's own delay", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS, lag_p99},
        {"errors", "all errors", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, errors},
        {"wrong", "answers with wrong bytes", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, wrong},
        {"connect", "failed connects", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, connect_errors},
        {"reset", "connections reset", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, resets},
        {"closed-early", "connections closed too early", YODEL_UNIT_COUNT, YODEL_BETTER_LESS,
         closed_early},
        {"timeout", "lines not answered in time", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, timeouts},
        {"lost", "lines never answered", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, lost},
        {"duplicated", "answers that came twice", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, duplicated},
        {"reordered", "answers after a later one", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, reordered},
        {"foreign", "another connection's answers", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, foreign},
        {"corrupt", "answers with wrong bytes", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, corrupt},
        {"truncated", "answers without their end", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, truncated},
        {"extra", "answers to nothing", YODEL_UNIT_COUNT, YODEL_BETTER_LESS, extra},
        {"client-cpu", "flood's CPU", YODEL_UNIT_CORES, YODEL_BETTER_LESS, client_cpu},
        {"client-cpu-per-line", "flood's CPU for a line", YODEL_UNIT_SECONDS, YODEL_BETTER_LESS,
         client_cpu_per_line},
        {"server-cpu", "the server's CPU", YODEL_UNIT_CORES, YODEL_BETTER_LESS, server_cpu},
        {"server-cpu-per-line", "the server's CPU for a line", YODEL_UNIT_SECONDS,
         YODEL_BETTER_LESS, server_cpu_per_line},
        {"server-memory-per-connection", "the server's memory for a connection", YODEL_UNIT_BYTES,
         YODEL_BETTER_LESS, server_memory_per_connection},
    };
    *count = sizeof metrics / sizeof metrics[0];
    return metrics;
}

const yodel_metric *yodel_metric_find(const char *name)
{
    size_t count;
    const yodel_metric *metrics = yodel_metrics(&count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(metrics[i].name, name) == 0) {
            return &metrics[i];
        }
    }
    return NULL;
}
