/*
 * flood measures right: against servers whose times are known. Lower bounds are exact, since no
 * answer can be sooner than it is given; upper ones are generous, since machines are busy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/json_at.h"
#include "tests/support/liar.h"

static const char *const percentiles[] = {"p50", "p90", "p99", "p99.9", "p99.99", "max"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static double latency(const flood_run *run, const char *kind, const char *which)
{
    char path[64];

    snprintf(path, sizeof path, "latency/%s/%s", kind, which);
    return flood_number(run, path);
}

static bool is_null(const flood_run *run, const char *path)
{
    return json_is_null(json_at(json_array_get(json_at(run->report, "runs"), 0), path));
}

/* Each is at least as large as the one before, the first as the least; and there is a mean
 * between. */
static void check_order(const flood_run *run, const char *kind)
{
    double before = latency(run, kind, "min");

    for (size_t i = 0; i < COUNT(percentiles); i++) {
        double value = latency(run, kind, percentiles[i]);
        if (value < before) {
            program_fail(run->program, "%s of %s is %g, less than %g", percentiles[i], kind, value,
                         before);
        }
        before = value;
    }
    assert_true(latency(run, kind, "mean") >= latency(run, kind, "min"));
    assert_true(latency(run, kind, "mean") <= latency(run, kind, "max"));
}

/* The seconds of the timeline add up to the whole. */
static void check_timeline(const flood_run *run)
{
    json_t *timeline = json_at(run->report, "runs/0/timeline"), *second;
    json_int_t sent = 0, answered = 0;
    size_t i;

    assert_true(json_array_size(timeline) > 0);
    json_array_foreach(timeline, i, second)
    {
        sent += json_integer_value(json_at(second, "sent"));
        answered += json_integer_value(json_at(second, "answered"));
    }
    assert_int_equal(sent, flood_count(run, "counts/sent"));
    assert_int_equal(answered, flood_count(run, "counts/answered"));
}

/* All that was due was sent, but for what was late when the time was over: on a busy machine. */
static void check_sent(const flood_run *run, int64_t due)
{
    assert_in_range(flood_count(run, "counts/sent"), due - due / 20, due);
}

/* Everything that counts was timed, in both ways. */
static int64_t check_counted(const flood_run *run, int64_t due)
{
    int64_t counted = flood_count(run, "counts/counted");

    assert_in_range(counted, due - due / 20, due);
    assert_int_equal(flood_count(run, "counts/counted_sent"), counted);
    assert_int_equal(flood_count(run, "latency/service/count"), counted);
    assert_int_equal(flood_count(run, "latency/intended/count"), counted);
    return counted;
}

/* --- a pause -----------------------------------------------------------------------------------*/

/*
 * 1 s of 10 s: a tenth of the lines was due in it, and waited for what was left of it, so one of a
 * hundred waited for more than 0.9 s. Only ten of them were in flight, which is two of a thousand.
 */
static void test_pause(void **state)
{
    (void)state;
    liar *l = liar_start(&(liar_options){.pause_after = 4, .pause_for = 1});
    program *p = flood_start(NULL, liar_port(l), "-c", "10", "-R", "500", "-d", "10s", "-w", "0",
                             "-T", "60s", "-t", "1", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    check_sent(&run, 5000);
    check_counted(&run, 5000);
    check_order(&run, "intended");
    check_order(&run, "service");
    check_timeline(&run);
    double intended = latency(&run, "intended", "p99");
    double service = latency(&run, "service", "p99");
    print_message("    p99: intended %.0f ms, service %.3f ms\n", intended * 1e3, service * 1e3);
    assert_true(intended >= 0.85);
    assert_true(intended < 2);
    assert_true(service < intended / 2);
    /* Who was in flight has waited for all of it. */
    assert_true(latency(&run, "service", "max") >= 0.9);
    assert_true(latency(&run, "intended", "max") >= 0.95);
    flood_run_free(&run);
    liar_stop(l);
}

/* --- a delay -----------------------------------------------------------------------------------*/

/* Every percentile of this kind sits on the delay. */
static void check_delay(const flood_run *run, const char *kind, double delay)
{
    check_order(run, kind);
    assert_true(latency(run, kind, "min") >= delay);
    assert_true(latency(run, kind, "p50") >= delay);
    print_message("    %s: min %.3f, p50 %.3f, p99 %.3f, max %.3f ms\n", kind,
                  latency(run, kind, "min") * 1e3, latency(run, kind, "p50") * 1e3,
                  latency(run, kind, "p99") * 1e3, latency(run, kind, "max") * 1e3);
    if (!program_sanitized()) {
        assert_true(latency(run, kind, "p50") < 3 * delay);
    }
}

static void test_delay_closed_loop(void **state)
{
    const double delay = 0.05;
    const int64_t in_flight = 10 * 16;

    (void)state;
    liar *l = liar_start(&(liar_options){.delay = delay});
    program *p = flood_start(NULL, liar_port(l), "-c", "10", "-P", "16", "-d", "3s", "-w", "1s",
                             "-T", "60s", "-s", "1-100", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    check_delay(&run, "service", delay);
    check_timeline(&run);
    assert_true(is_null(&run, "latency/intended/p99"));
    /* Each slot answers once per delay at most. */
    int64_t counted = flood_count(&run, "counts/counted");
    assert_true(counted > 0);
    assert_true(counted <= in_flight * (int64_t)(3 / delay + 1));
    assert_int_equal(flood_count(&run, "latency/service/count"), counted);
    assert_int_equal(flood_count(&run, "counts/counted_sent"), counted);
    assert_true(flood_count(&run, "counts/answered") > counted); /* those of the warm-up */
    flood_run_free(&run);
    liar_stop(l);
}

static void test_delay_open_loop(void **state)
{
    const double delay = 0.05;

    (void)state;
    liar *l = liar_start(&(liar_options){.delay = delay});
    program *p = flood_start(NULL, liar_port(l), "-c", "10", "-P", "64", "-R", "1000", "-d", "3s",
                             "-w", "1s", "-T", "60s", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    check_delay(&run, "service", delay);
    check_delay(&run, "intended", delay);
    check_timeline(&run);
    check_sent(&run, 4000);
    int64_t counted = check_counted(&run, 3000);
    double rate = flood_number(&run, "metrics/rate") * 3;
    /* Answered in the time, that is: nearly the same lines. */
    assert_true(rate > (double)counted * 0.9 && rate < (double)counted * 1.1);
    flood_run_free(&run);
    liar_stop(l);
}

/* One connection is slow: the report knows which. */
static void test_slowest(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_DELAY, .connection = 3, .seconds = 0.05}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    program *p =
        flood_start(NULL, liar_port(l), "-c", "5", "-t", "1", "-n", "100", "-T", "60s", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "slowest/connection"), 2); /* they are opened in order */
    assert_true(flood_number(&run, "slowest/mean") >= 0.05);
    assert_true(flood_number(&run, "slowest/median_mean") < flood_number(&run, "slowest/mean"));
    flood_run_free(&run);
    liar_stop(l);
}

/* --- the warm-up -------------------------------------------------------------------------------*/

/* What happens in the warm-up is not counted, but for errors. */
static void test_warm_up(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_CORRUPT, .line = 1, .times = 1}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules, .pause_after = 0.1, .pause_for = 0.5});
    program *p = flood_start(NULL, liar_port(l), "-c", "2", "-P", "64", "-R", "100", "-d", "2s",
                             "-w", "2s", "-T", "60s", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 3, (const flood_error[]){{"corrupt", 1}, {0}});
    check_sent(&run, 400);
    check_counted(&run, 200);
    if (!program_sanitized()) {
        assert_true(latency(&run, "intended", "p50") < 0.1);
    }
    flood_run_free(&run);
    liar_stop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_pause),   liar_test(test_delay_closed_loop), liar_test(test_delay_open_loop),
        liar_test(test_slowest), liar_test(test_warm_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
