/* The table of metrics: names, and what each of them takes out of a result. */
#include "support/cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/metric.h"
#include "tools/flood/result.h"

static yodel_result *new_result(void)
{
    yodel_result *r = calloc(1, sizeof *r);
    assert_non_null(r);
    return r;
}

/* 100,000 values, so that each percentile is another one: base is the median, base + 700 the
 * greatest. Below 2,048 ns all are exact. */
static void record(yodel_histogram *h, uint64_t base)
{
    yodel_histogram_record(h, base, 50000);
    yodel_histogram_record(h, base + 100, 40000);
    yodel_histogram_record(h, base + 200, 5000);
    yodel_histogram_record(h, base + 300, 4000);
    yodel_histogram_record(h, base + 400, 900);
    yodel_histogram_record(h, base + 500, 90);
    yodel_histogram_record(h, base + 600, 9);
    yodel_histogram_record(h, base + 700, 1);
}

/* An open loop in which everything is another number. */
static yodel_result *open_loop(void)
{
    yodel_result *r = new_result();

    r->connections = 50;
    r->seconds = 10;
    r->counted_rate = 1234.5;
    r->client_cpu = 12.5;
    r->server_cpu = 25;
    r->server_resident_before = 1000000;
    r->server_resident_peak = 1012345;
    r->total.sent = 3000;
    r->total.answered = 2500;
    r->total.counted_sent = 2200;
    r->total.counted = 2000;
    for (int i = 0; i < YODEL_FLAWS; i++) {
        r->total.flaws[i] = 1 << i;
    }
    record(&r->total.intended, 1300);
    record(&r->total.service, 1000);
    record(&r->total.connect, 500);
    record(&r->total.lag, 100);
    return r;
}

static const struct {
    const char *name;
    yodel_unit unit;
    double value; /* of open_loop */
} metrics[] = {
    {"rate", YODEL_UNIT_RATE, 1234.5},
    /* 1300 + 100 * (40000 + 2 * 5000 + 3 * 4000 + 4 * 900 + 5 * 90 + 6 * 9 + 7) / 100000 */
    {"mean", YODEL_UNIT_SECONDS, 1366.111e-9},
    {"p50", YODEL_UNIT_SECONDS, 1300e-9},
    {"p90", YODEL_UNIT_SECONDS, 1400e-9},
    {"p95", YODEL_UNIT_SECONDS, 1500e-9},
    {"p99", YODEL_UNIT_SECONDS, 1600e-9},
    {"p99.9", YODEL_UNIT_SECONDS, 1700e-9},
    {"p99.99", YODEL_UNIT_SECONDS, 1800e-9},
    {"max", YODEL_UNIT_SECONDS, 2000e-9},
    {"service-p50", YODEL_UNIT_SECONDS, 1000e-9},
    {"service-p99", YODEL_UNIT_SECONDS, 1300e-9},
    {"connect-p50", YODEL_UNIT_SECONDS, 500e-9},
    {"connect-p99", YODEL_UNIT_SECONDS, 800e-9},
    {"connect-max", YODEL_UNIT_SECONDS, 1200e-9},
    {"lag-p99", YODEL_UNIT_SECONDS, 400e-9},
    {"errors", YODEL_UNIT_COUNT, 2047},
    {"wrong", YODEL_UNIT_COUNT, 32 + 64 + 128 + 256 + 512 + 1024},
    {"connect", YODEL_UNIT_COUNT, 1},
    {"reset", YODEL_UNIT_COUNT, 2},
    {"closed-early", YODEL_UNIT_COUNT, 4},
    {"timeout", YODEL_UNIT_COUNT, 8},
    {"lost", YODEL_UNIT_COUNT, 16},
    {"duplicated", YODEL_UNIT_COUNT, 32},
    {"reordered", YODEL_UNIT_COUNT, 64},
    {"foreign", YODEL_UNIT_COUNT, 128},
    {"corrupt", YODEL_UNIT_COUNT, 256},
    {"truncated", YODEL_UNIT_COUNT, 512},
    {"extra", YODEL_UNIT_COUNT, 1024},
    {"client-cpu", YODEL_UNIT_CORES, 1.25},
    {"client-cpu-per-line", YODEL_UNIT_SECONDS, 6.25e-3},
    {"server-cpu", YODEL_UNIT_CORES, 2.5},
    {"server-cpu-per-line", YODEL_UNIT_SECONDS, 12.5e-3},
    {"server-memory-per-connection", YODEL_UNIT_BYTES, 246.9},
};
#define METRICS (sizeof metrics / sizeof metrics[0])

static double value_of(const char *name, const yodel_result *r)
{
    const yodel_metric *m = yodel_metric_find(name);
    assert_non_null(m);
    return m->of(r);
}

static void check_value(const char *name, const yodel_result *r, double expected)
{
    double value = value_of(name, r);

    if (isnan(expected) ? !isnan(value) : !(fabs(value - expected) <= fabs(expected) * 1e-12)) {
        fail_msg("%s is %.17g, not %.17g", name, value, expected);
    }
}

static void test_the_table(void **state)
{
    size_t count = 0;
    const yodel_metric *all = yodel_metrics(&count);

    (void)state;
    assert_int_equal(count, METRICS);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(all[i].name, metrics[i].name);
        assert_ptr_equal(yodel_metric_find(all[i].name), &all[i]); /* so all are different */
        assert_int_equal(all[i].unit, metrics[i].unit);
        assert_int_equal(all[i].better, i == 0 ? YODEL_BETTER_MORE : YODEL_BETTER_LESS);
        assert_in_range(strlen(all[i].what), 5, 50);
        /* Fit for --slo, which takes blanks and operators for the name's end. */
        assert_int_equal(strspn(all[i].name, "abcdefghijklmnopqrstuvwxyz0123456789.-"),
                         strlen(all[i].name));
    }
}

static void test_names_that_are_none(void **state)
{
    static const char *const names[] = {"",    "p9",   "p999",  "p99.",
                                        "P99", " p99", "rates", "closed early"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_null(yodel_metric_find(names[i]));
    }
}

static void test_each_value(void **state)
{
    yodel_result *r = open_loop();

    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        check_value(metrics[i].name, r, metrics[i].value);
    }
    free(r);
}

static void test_a_closed_loop_has_service_latency(void **state)
{
    static const struct {
        const char *name;
        double value;
    } table[] = {
        {"mean", 1066.111e-9},    {"p50", 1000e-9},         {"p90", 1100e-9},    {"p95", 1200e-9},
        {"p99", 1300e-9},         {"p99.9", 1400e-9},       {"p99.99", 1500e-9}, {"max", 1700e-9},
        {"service-p50", 1000e-9}, {"service-p99", 1300e-9},
    };
    yodel_result *r = open_loop();

    (void)state;
    memset(&r->total.intended, 0, sizeof r->total.intended);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_value(table[i].name, r, table[i].value);
    }
    free(r);
}

/* Nobody listened: no latency, and no CPU for a line. But there are no errors, either. */
static void test_nothing_measured(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    for (size_t i = 0; i < METRICS; i++) {
        bool is_zero = metrics[i].unit == YODEL_UNIT_COUNT || metrics[i].unit == YODEL_UNIT_RATE;
        check_value(metrics[i].name, r, is_zero ? 0 : NAN);
    }
    free(r);
}

static void test_a_server_nobody_looked_at(void **state)
{
    yodel_result *r = open_loop();

    (void)state;
    r->server_cpu = NAN;
    r->server_resident_before = r->server_resident_peak = 0;
    check_value("server-cpu", r, NAN);
    check_value("server-cpu-per-line", r, NAN);
    check_value("server-memory-per-connection", r, NAN);
    check_value("client-cpu", r, 1.25);
    free(r);
}

static void test_memory_needs_both_ends(void **state)
{
    yodel_result *r = open_loop();

    (void)state;
    r->server_resident_peak = r->server_resident_before;
    check_value("server-memory-per-connection", r, 0);
    r->server_resident_peak = r->server_resident_before - 1; /* or never seen again */
    check_value("server-memory-per-connection", r, NAN);
    r->server_resident_peak = r->server_resident_before + 100;
    check_value("server-memory-per-connection", r, 2);
    r->connections = 0;
    check_value("server-memory-per-connection", r, NAN);
    r->connections = 50;
    r->server_resident_before = 0;
    check_value("server-memory-per-connection", r, NAN);
    free(r);
}

/* A share of no time and a part of no lines are nothing. */
static void test_divisors(void **state)
{
    yodel_result *r = open_loop();

    (void)state;
    r->seconds = 0;
    check_value("client-cpu", r, NAN);
    check_value("server-cpu", r, NAN);
    check_value("client-cpu-per-line", r, 6.25e-3);
    r->seconds = 10;
    r->total.counted = 0;
    check_value("client-cpu", r, 1.25);
    check_value("client-cpu-per-line", r, NAN);
    check_value("server-cpu-per-line", r, NAN);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_names_that_are_none),
        cmocka_unit_test(test_each_value),
        cmocka_unit_test(test_a_closed_loop_has_service_latency),
        cmocka_unit_test(test_nothing_measured),
        cmocka_unit_test(test_a_server_nobody_looked_at),
        cmocka_unit_test(test_memory_needs_both_ends),
        cmocka_unit_test(test_divisors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
