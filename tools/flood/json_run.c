#include "tools/flood/json_run.h"

#include <time.h>

#include "tools/flood/json_value.h"
#include "tools/flood/metric.h"
#include "tools/flood/slo.h"

enum { EXIT_SLO = 99 };

json_t *yodel_json_time(time_t t)
{
    char text[64];
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return json_null(); /* a year that does not fit into an int */
    }
    return json_string(text);
}

static json_t *metrics(const yodel_result *run)
{
    json_t *object = json_object();
    size_t count;
    const yodel_metric *list = yodel_metrics(&count);

    for (size_t i = 0; i < count; i++) {
        object = yodel_json_with(object, list[i].name, yodel_json_number(list[i].of(run)));
    }
    return object;
}

static json_t *counts(const yodel_result *run)
{
    const yodel_tally *t = &run->total;
    json_t *o = json_object();

    o = yodel_json_with(o, "sent", yodel_json_count(t->sent));
    o = yodel_json_with(o, "answered", yodel_json_count(t->answered));
    o = yodel_json_with(o, "abandoned", yodel_json_count(t->abandoned));
    o = yodel_json_with(o, "counted_sent", yodel_json_count(t->counted_sent));
    o = yodel_json_with(o, "counted", yodel_json_count(t->counted));
    o = yodel_json_with(o, "bytes_out", yodel_json_count(t->bytes_out));
    o = yodel_json_with(o, "bytes_in", yodel_json_count(t->bytes_in));
    return yodel_json_with(o, "connected", yodel_json_count(t->connected));
}

static json_t *errors(const yodel_tally *t)
{
    json_t *o = json_object();

    for (yodel_flaw flaw = 0; flaw < YODEL_FLAWS; flaw++) {
        o = yodel_json_with(o, yodel_flaw_name(flaw), json_integer(t->flaws[flaw]));
    }
    return o;
}

static json_t *faults(const yodel_tally *t)
{
    json_t *o = json_object();

    for (yodel_fault fault = 0; fault < YODEL_FAULTS; fault++) {
        o = yodel_json_with(o, yodel_fault_name(fault), yodel_json_count(t->faults[fault]));
    }
    return o;
}

static json_t *latency_of(const yodel_histogram *h)
{
    static const struct {
        const char *name;
        double percent;
    } table[] = {{"p50", 50},     {"p90", 90},       {"p99", 99},
                 {"p99.9", 99.9}, {"p99.99", 99.99}, {"max", 100}};
    json_t *o = yodel_json_with(json_object(), "count", yodel_json_count(h->count));
    bool none = h->count == 0;

    o = yodel_json_with(o, "mean",
                        none ? json_null() : yodel_json_number(yodel_histogram_mean(h) / 1e9));
    o = yodel_json_with(o, "min", none ? json_null() : yodel_json_seconds(h->least));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t ns = yodel_histogram_percentile(h, table[i].percent);

        o = yodel_json_with(o, table[i].name, none ? json_null() : yodel_json_seconds(ns));
    }
    return o;
}

static json_t *latency(const yodel_tally *t)
{
    json_t *o = yodel_json_with(json_object(), "intended", latency_of(&t->intended));

    o = yodel_json_with(o, "service", latency_of(&t->service));
    o = yodel_json_with(o, "connect", latency_of(&t->connect));
    return yodel_json_with(o, "lag", latency_of(&t->lag));
}

static json_t *slowest(const yodel_result *run)
{
    json_t *o;

    if (run->median_mean <= 0) {
        return json_null();
    }
    o = yodel_json_with(json_object(), "connection", yodel_json_count(run->slowest));
    o = yodel_json_with(o, "mean", yodel_json_number(run->slowest_mean));
    return yodel_json_with(o, "median_mean", yodel_json_number(run->median_mean));
}

static json_t *cpu(const yodel_result *run)
{
    json_t *o = yodel_json_with(json_object(), "client", yodel_json_number(run->client_cpu));

    return yodel_json_with(o, "server", yodel_json_number(run->server_cpu));
}

static json_t *bytes_unless_zero(uint64_t bytes)
{
    return bytes > 0 ? yodel_json_count(bytes) : json_null();
}

static json_t *memory(const yodel_result *run)
{
    json_t *o = yodel_json_with(json_object(), "server_before",
                                bytes_unless_zero(run->server_resident_before));

    return yodel_json_with(o, "server_peak", bytes_unless_zero(run->server_resident_peak));
}

/* Bytes as {"hex": "6f6e650d0a", "text": "one\\r\\n"}: the text is for eyes, the hex is exact. */
static json_t *bytes(const uint8_t *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * YODEL_MISMATCH_BYTES];
    char text[4 * YODEL_MISMATCH_BYTES];
    size_t text_len = 0;
    json_t *o;

    for (size_t i = 0; i < len; i++) {
        uint8_t high = data[i] >> 4;
        uint8_t low = data[i] & 15;

        hex[2 * i] = digits[high];
        hex[2 * i + 1] = digits[low];
        if (data[i] == '\r' || data[i] == '\n') {
            text[text_len++] = '\\';
            text[text_len++] = data[i] == '\r' ? 'r' : 'n';
        } else if (data[i] < ' ' || data[i] > '~') {
            text[text_len++] = '\\';
            text[text_len++] = 'x';
            text[text_len++] = digits[high];
            text[text_len++] = digits[low];
        } else {
            text[text_len++] = (char)data[i];
        }
    }
    o = yodel_json_with(json_object(), "hex", json_stringn(hex, 2 * len));
    return yodel_json_with(o, "text", json_stringn(text, text_len));
}

static json_t *mismatch(const yodel_result *run)
{
    const yodel_mismatch *m = &run->mismatch;
    json_t *o;

    if (!run->has_mismatch) {
        return json_null();
    }
    o = yodel_json_with(json_object(), "error", json_string(yodel_flaw_name(m->flaw)));
    o = yodel_json_with(o, "connection", yodel_json_count(m->connection));
    o = yodel_json_with(o, "line", yodel_json_count(m->line));
    o = yodel_json_with(o, "offset", yodel_json_count(m->offset));
    o = yodel_json_with(o, "expected_length", yodel_json_count(m->expected_length));
    o = yodel_json_with(o, "got_length", yodel_json_count(m->got_length));
    o = yodel_json_with(o, "from", yodel_json_count(m->from));
    o = yodel_json_with(o, "expected", bytes(m->expected, m->expected_kept));
    return yodel_json_with(o, "got", bytes(m->got, m->got_kept));
}

/* *kept is set to false when one of them was not. */
static json_t *slos(const yodel_flood_options *options, const yodel_result *run, bool *kept)
{
    json_t *array = json_array();

    for (size_t i = 0; i < options->slo_count; i++) {
        double value;
        bool this_one = yodel_slo_kept(&options->slos[i], run, &value);
        json_t *o = yodel_json_with(json_object(), "text", yodel_json_text(options->slos[i].text));

        o = yodel_json_with(o, "value", yodel_json_number(value));
        o = yodel_json_with(o, "kept", json_boolean(this_one));
        array = yodel_json_and(array, o);
        *kept &= this_one;
    }
    return array;
}

static json_t *second(const yodel_second *s)
{
    json_t *o = yodel_json_with(json_object(), "begin", yodel_json_number(s->begin));
    bool timed = s->most > 0;

    o = yodel_json_with(o, "length", yodel_json_number(s->length));
    o = yodel_json_with(o, "connections", yodel_json_count(s->connections));
    o = yodel_json_with(o, "in_flight", yodel_json_count(s->in_flight));
    o = yodel_json_with(o, "sent", yodel_json_count(s->sent));
    o = yodel_json_with(o, "answered", yodel_json_count(s->answered));
    o = yodel_json_with(o, "errors", json_integer(s->flaws));
    o = yodel_json_with(o, "faults", yodel_json_count(s->faults));
    o = yodel_json_with(o, "p50", timed ? yodel_json_seconds(s->p50) : json_null());
    o = yodel_json_with(o, "p90", timed ? yodel_json_seconds(s->p90) : json_null());
    o = yodel_json_with(o, "p99", timed ? yodel_json_seconds(s->p99) : json_null());
    o = yodel_json_with(o, "max", timed ? yodel_json_seconds(s->most) : json_null());
    o = yodel_json_with(o, "lag_p99", yodel_json_seconds(s->lag99));
    o = yodel_json_with(o, "client_cpu", yodel_json_number(s->client_cpu));
    o = yodel_json_with(o, "server_cpu", yodel_json_number(s->server_cpu));
    return yodel_json_with(o, "server_resident", bytes_unless_zero(s->server_resident));
}

static json_t *timeline(const yodel_result *run)
{
    json_t *array = json_array();

    for (size_t i = 0; i < run->timeline_count; i++) {
        array = yodel_json_and(array, second(&run->timeline[i]));
    }
    return array;
}

json_t *yodel_json_run(const yodel_report *report, const yodel_result *run)
{
    bool kept = true;
    json_t *promises = slos(report->options, run, &kept);
    int status = (int)yodel_result_status(run);
    json_t *o = yodel_json_with(json_object(), "valid", json_boolean(run->invalid[0] == '\0'));

    o = yodel_json_with(o, "invalid", yodel_json_text(run->invalid));
    o = yodel_json_with(o, "note", yodel_json_text(run->note));
    o = yodel_json_with(o, "interrupted", json_boolean(run->interrupted));
    o = yodel_json_with(o, "status", json_integer(status == 0 && !kept ? EXIT_SLO : status));
    o = yodel_json_with(o, "started", yodel_json_time(run->started));
    o = yodel_json_with(o, "seconds", yodel_json_number(run->seconds));
    o = yodel_json_with(o, "metrics", metrics(run));
    o = yodel_json_with(o, "counts", counts(run));
    o = yodel_json_with(o, "errors", errors(&run->total));
    o = yodel_json_with(o, "faults", faults(&run->total));
    o = yodel_json_with(o, "latency", latency(&run->total));
    o = yodel_json_with(o, "slowest", slowest(run));
    o = yodel_json_with(o, "connect_error", yodel_json_text(run->connect_error));
    o = yodel_json_with(o, "cpu", cpu(run));
    o = yodel_json_with(o, "memory", memory(run));
    o = yodel_json_with(o, "mismatch", mismatch(run));
    o = yodel_json_with(o, "slos", promises);
    return yodel_json_with(o, "timeline", timeline(run));
}
