#include "tests/support/flood_samples.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

/* What the seconds of a run are made of. */
typedef struct run_shape {
    int warm_up, seconds;
    double rate;    /* lines a second */
    double latency; /* seconds, the median */
    double spread;  /* of the logarithm */
    int pause_at;   /* second in which the server stops answering; -1: never */
    double pause;   /* for so many seconds */
    double connections;
    bool server; /* its figures are known */
} run_shape;

static double uniform(test_random *r)
{
    return ((double)test_random_below(r, 1000000) + 0.5) / 1e6;
}

static double normal(test_random *r)
{
    return sqrt(-2 * log(uniform(r))) * cos(2 * M_PI * uniform(r));
}

static uint64_t latency(test_random *r, const run_shape *s)
{
    return (uint64_t)(1e9 * s->latency * exp(s->spread * fabs(normal(r)) * 1.3 - 0.2));
}

/* Is the server standing still at the end of this second, and for which part of it? */
static double paused_part(const run_shape *s, int second)
{
    double from = fmax(s->pause_at, second);
    double to = fmin(s->pause_at + s->pause, second + 1);

    return s->pause_at < 0 ? 0 : fmax(to - from, 0);
}

static void fill_second(const run_shape *s, test_random *r, int second, yodel_second *t)
{
    double paused = paused_part(s, second);
    double after = paused > 0 && paused_part(s, second + 1) <= 0 ? s->pause : 0;
    double busy = 1 - paused + after;
    double noise = 1 + 0.02 * normal(r);
    double typical = 1e9 * s->latency * (1 + 0.04 * normal(r));

    *t = (yodel_second){.begin = second, .length = 1, .server_cpu = NAN};
    t->connections = (uint64_t)(s->connections * (second < 0 ? 0.8 : 1));
    t->in_flight = (uint64_t)(s->rate * s->latency * (1 + 100 * paused));
    t->sent = (uint64_t)(s->rate * noise);
    t->answered = (uint64_t)(s->rate * noise * busy);
    if (t->answered > 0) {
        t->p50 = (uint64_t)(after > 0 ? 4e8 : typical);
        t->p90 = (uint64_t)(after > 0 ? 9e8 : typical * (1 + s->spread));
        t->p99 = (uint64_t)(after > 0 ? 1.2e9 : typical * exp(2 * s->spread));
        t->most = (uint64_t)(after > 0 ? 1.4e9 : typical * exp((3 + 2 * uniform(r)) * s->spread));
    }
    t->lag99 = (uint64_t)(38e3 * noise);
    t->client_cpu = 0.61 * noise;
    if (s->server) {
        t->server_cpu = 0.97 * (1 - paused + after / 3) * noise;
        t->server_resident = (uint64_t)(18e6 + 9e5 * log(2 + second + s->warm_up));
    }
}

static void fill_histograms(const run_shape *s, test_random *r, bool open, yodel_result *result)
{
    yodel_tally *t = &result->total;

    for (int i = 0; i < 20000; i++) {
        uint64_t service = latency(r, s);
        uint64_t late =
            s->pause_at >= 0 && i % 10 == 0 ? (uint64_t)(1e9 * s->pause * uniform(r)) : 0;

        yodel_histogram_record(&t->service, late > 0 && i % 2000 == 0 ? service + late : service,
                               (uint64_t)(s->rate * s->seconds / 20000) + 1);
        if (open) {
            yodel_histogram_record(&t->intended, service + late,
                                   (uint64_t)(s->rate * s->seconds / 20000) + 1);
        }
        if (i < s->connections) {
            yodel_histogram_record(&t->connect, service / 2, 1);
        }
        yodel_histogram_record(&t->lag, 9000 + service / 50, 1);
    }
}

static void fill(yodel_result *result, const run_shape *s, uint64_t seed, bool open)
{
    test_random r = {.state = seed};

    result->started = 1795253575;
    result->seconds = s->seconds;
    result->connections = (uint32_t)s->connections;
    result->timeline_count = (size_t)s->warm_up + (size_t)s->seconds;
    result->timeline = calloc(result->timeline_count + 1, sizeof *result->timeline);
    if (result->timeline == NULL) {
        abort();
    }
    for (size_t i = 0; i < result->timeline_count; i++) {
        yodel_second *t = &result->timeline[i];

        fill_second(s, &r, (int)i - s->warm_up, t);
        result->total.sent += t->sent;
        result->total.answered += t->answered;
        result->client_cpu += t->begin >= 0 ? t->client_cpu : 0;
        result->server_cpu += t->begin >= 0 ? t->server_cpu : 0;
    }
    fill_histograms(s, &r, open, result);
    result->total.counted = result->total.service.count;
    result->total.bytes_out = result->total.sent * 66;
    result->total.bytes_in = result->total.answered * 76;
    result->total.connected = (uint64_t)s->connections;
    result->total.counted_sent = result->total.counted;
    result->counted_rate = (double)result->total.counted / s->seconds;
    result->slowest = 17;
    result->slowest_mean = 3 * s->latency;
    result->median_mean = 1.2 * s->latency;
    if (s->server) {
        result->server_resident_before = 17000000;
        result->server_resident_peak = 24000000;
    }
}

static void add_errors(yodel_result *r)
{
    static const char expected[] = "You sent: 3:4711 kqzvbnrtwx\r\n";
    yodel_mismatch *m = &r->mismatch;

    for (size_t i = 0; i < r->timeline_count; i++) {
        r->timeline[i].faults = i >= 3 && i < 7 ? 5 : 0;
        r->timeline[i].flaws = i == 5 ? 12 : i == 6 ? 3 : i == 8 ? -2 : 0;
        r->timeline[i].connections -= i == 5 ? 20 : 0;
    }
    r->total.flaws[YODEL_FLAW_RESET] = 2;
    r->total.flaws[YODEL_FLAW_LOST] = 9;
    r->total.flaws[YODEL_FLAW_CORRUPT] = 2;
    r->total.faults[YODEL_FAULT_SPLIT] = 12;
    r->total.faults[YODEL_FAULT_RESET] = 8;
    r->total.abandoned = 31;
    r->has_mismatch = true;
    m->flaw = YODEL_FLAW_CORRUPT;
    m->connection = 3;
    m->line = 4711;
    m->offset = 17;
    m->expected_length = m->got_length = sizeof expected - 1;
    m->expected_kept = m->got_kept = sizeof expected - 1;
    memcpy(m->expected, expected, sizeof expected - 1);
    memcpy(m->got, expected, sizeof expected - 1);
    memcpy(m->got + 17, "<&>", 3);
}

static void no_answers(yodel_result *r)
{
    for (size_t i = 0; i < r->timeline_count; i++) {
        r->timeline[i] = (yodel_second){
            .begin = r->timeline[i].begin,
            .length = 1,
            .flaws = 50,
            .client_cpu = 0.01,
            .server_cpu = NAN,
        };
    }
    memset(&r->total, 0, sizeof r->total);
    r->total.flaws[YODEL_FLAW_CONNECT] = 50 * (int64_t)r->timeline_count;
    r->counted_rate = 0;
    r->total.counted_sent = 0;
    r->server_cpu = NAN;
    r->slowest_mean = r->median_mean = 0;
    snprintf(r->connect_error, sizeof r->connect_error, "Connection refused");
}

static void one_line(yodel_result *r)
{
    memset(&r->total, 0, sizeof r->total);
    yodel_histogram_record(&r->total.service, 412000, 1);
    yodel_histogram_record(&r->total.connect, 80000, 1);
    r->total.sent = r->total.answered = r->total.counted = r->total.counted_sent = 1;
    r->seconds = 0.02;
    r->counted_rate = 50;
    r->timeline[0].length = 0.02;
    r->timeline[0].sent = r->timeline[0].answered = 1;
    r->timeline[0].p50 = r->timeline[0].p90 = r->timeline[0].p99 = r->timeline[0].most = 412000;
    r->slowest_mean = r->median_mean = 0;
}

static void add_slo(flood_sample *s, const char *text)
{
    char message[256];

    if (yodel_slo_parse(text, &s->slos[s->options.slo_count], message, sizeof message) != 0) {
        abort();
    }
    s->options.slo_count++;
}

static void hostile(flood_sample *s)
{
    yodel_result *r = s->results;

    s->report.command = s->report.replay = FLOOD_SAMPLE_HOSTILE;
    s->target.host = s->target.port = (char *)(uintptr_t)FLOOD_SAMPLE_HOSTILE;
    s->source = (char *)(uintptr_t)FLOOD_SAMPLE_HOSTILE;
    s->options.sources = &s->source;
    s->options.source_count = 1;
    s->options.fixed_line = FLOOD_SAMPLE_HOSTILE;
    s->slos[0].text = FLOOD_SAMPLE_HOSTILE;
    snprintf(r->invalid, sizeof r->invalid, FLOOD_SAMPLE_HOSTILE);
    snprintf(r->note, sizeof r->note, FLOOD_SAMPLE_HOSTILE);
    snprintf(r->connect_error, sizeof r->connect_error, FLOOD_SAMPLE_HOSTILE);
}

static run_shape shape_of(flood_sample_kind kind)
{
    run_shape s = {
        .warm_up = 1,
        .seconds = 10,
        .rate = 250000,
        .latency = 412e-6,
        .spread = 0.5,
        .pause_at = -1,
        .connections = 50,
        .server = true,
    };

    switch (kind) {
    case FLOOD_SAMPLE_PAUSE:
        s.pause_at = 5;
        s.pause = 1.4;
        s.connections = 10000;
        s.seconds = 15;
        break;
    case FLOOD_SAMPLE_SECOND:
    case FLOOD_SAMPLE_LINE:
        s.warm_up = 0;
        s.seconds = 1;
        s.server = false;
        break;
    case FLOOD_SAMPLE_LONG:
        s.seconds = 600;
        s.warm_up = 30;
        break;
    case FLOOD_SAMPLE_HOURS:
        s.seconds = 5000;
        s.warm_up = 60;
        s.pause_at = 3000;
        s.pause = 9.5;
        break;
    case FLOOD_SAMPLE_EMPTY:
        s.seconds = 0;
        s.warm_up = 0;
        break;
    default:
        break;
    }
    return s;
}

static void set_options(flood_sample *s, flood_sample_kind kind, const run_shape *shape)
{
    yodel_flood_options *o = &s->options;

    s->target = (yodel_flood_target){.host = (char *)(uintptr_t) "127.0.0.1",
                                     .port = (char *)(uintptr_t) "8007"};
    *o = (yodel_flood_options){
        .targets = &s->target,
        .target_count = 1,
        .connections = (uint32_t)shape->connections,
        .threads = 2,
        .duration = shape->seconds > 0 ? shape->seconds : 10,
        .depth = 16,
        .warm_up = shape->warm_up,
        .rate = kind == FLOOD_SAMPLE_PAUSE || kind == FLOOD_SAMPLE_HOURS ? shape->rate : 0,
        .timeout = 5,
        .repeat = kind == FLOOD_SAMPLE_RUNS ? 5 : 1,
        .length_min = 64,
        .length_max = 64,
        .seed = 9876543210,
        .server_pid = shape->server ? 4711 : 0,
        .slos = s->slos,
    };
    if (kind != FLOOD_SAMPLE_LINE && kind != FLOOD_SAMPLE_EMPTY) {
        add_slo(s, "p99<2ms");
        add_slo(s, "errors=0");
    }
    if (kind == FLOOD_SAMPLE_ERRORS) {
        o->faults[YODEL_FAULT_SPLIT] = 10;
        o->faults[YODEL_FAULT_RESET] = 2.5;
        o->length_max = 1024;
    }
}

flood_sample *flood_sample_new(flood_sample_kind kind)
{
    static const char *const names[] = {"good",  "pause", "errors", "second", "line",   "nothing",
                                        "empty", "long",  "hours",  "runs",   "hostile"};
    flood_sample *s = calloc(1, sizeof *s);
    size_t runs = kind == FLOOD_SAMPLE_RUNS ? 5 : 1;
    run_shape shape = shape_of(kind);

    if (s == NULL || (s->results = calloc(runs, sizeof *s->results)) == NULL) {
        abort();
    }
    s->name = names[kind];
    set_options(s, kind, &shape);
    s->report = (yodel_report){
        .options = &s->options,
        .command = "flood -c 50 -P 16 -d 10s --slo 'p99<2ms' --slo errors=0 --html report.html "
                   "127.0.0.1:8007",
        .replay = "flood --seed 9876543210 -c 50 -P 16 -d 10s 127.0.0.1:8007",
        .results = s->results,
        .count = runs,
    };
    for (size_t i = 0; i < runs; i++) {
        fill(&s->results[i], &shape, 77 + i, s->options.rate > 0);
        s->results[i].counted_rate *= 1 + 0.01 * (double)(i * i % 5);
    }
    if (kind == FLOOD_SAMPLE_ERRORS) {
        add_errors(s->results);
    } else if (kind == FLOOD_SAMPLE_LINE) {
        one_line(s->results);
    } else if (kind == FLOOD_SAMPLE_NOTHING) {
        no_answers(s->results);
    } else if (kind == FLOOD_SAMPLE_EMPTY) {
        memset(&s->results->total, 0, sizeof s->results->total);
        s->results->counted_rate = NAN;
        s->results->interrupted = true;
        s->options.rate = 1000;
    } else if (kind == FLOOD_SAMPLE_RUNS) {
        snprintf(s->results[2].invalid, sizeof s->results[2].invalid,
                 "flood itself was the bottleneck: send lag p99 4.2ms");
    } else if (kind == FLOOD_SAMPLE_HOSTILES) {
        add_errors(s->results);
        hostile(s);
    }
    return s;
}

void flood_sample_free(flood_sample *sample)
{
    if (sample == NULL) {
        return;
    }
    for (size_t i = 0; i < sample->report.count; i++) {
        free(sample->results[i].timeline);
    }
    free(sample->results);
    free(sample);
}
