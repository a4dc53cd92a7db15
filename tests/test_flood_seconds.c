/*
 * What generators report becomes seconds: only complete ones, in the total and in the timeline, and
 * what counts of them is what lies behind the warm-up.
 */
#include "tools/flood/seconds.h"

#include <math.h>
#include <stdlib.h>

#include "support/cmocka_all.h"

#define SECOND UINT64_C(1000000000)
#define START  (100 * SECOND)

static yodel_flood_options options(void)
{
    return (yodel_flood_options){.threads = 2, .connections = 2, .duration = 2, .warm_up = 1};
}

/* What a generator reports of the time up to so many seconds after the start. */
static yodel_interval *interval(uint64_t second, uint64_t sent, double cpu)
{
    yodel_interval *i = calloc(1, sizeof *i);
    assert_non_null(i);
    i->tally = calloc(1, sizeof *i->tally);
    assert_non_null(i->tally);
    i->tally->sent = sent;
    i->tally->answered = sent - 3;
    i->tally->flaws[YODEL_FLAW_LOST] = 1;
    i->tally->faults[YODEL_FAULT_RESET] = 2;
    yodel_histogram_record(&i->tally->service, 1000 * sent, 1);
    i->end = START + second * SECOND;
    i->progress = i->end - sent;
    i->connections = 3;
    i->in_flight = 5;
    i->cpu = cpu;
    return i;
}

static void assert_near(double value, double expected)
{
    assert_true(fabs(value - expected) < 1e-9);
}

typedef struct watched {
    unsigned count;
    yodel_second last;
} watched;

static void on_second(const yodel_second *second, void *arg)
{
    watched *w = arg;
    w->count++;
    w->last = *second;
}

static void test_a_second_is_of_all(void **state)
{
    (void)state;
    const yodel_flood_options o = options();
    watched seen = {0};
    const yodel_run_watcher watcher = {on_second, &seen};
    yodel_result *result = calloc(1, sizeof *result);
    yodel_seconds s;

    assert_non_null(result);
    assert_int_equal(yodel_seconds_init(&s, &o, NULL, &watcher, result), 0);
    yodel_seconds_add(&s, 0, interval(0, 7, 0), false);
    assert_int_equal(result->total.sent, 7); /* the opening: in the total only */
    yodel_seconds_begin(&s, START);
    yodel_seconds_add(&s, 0, interval(1, 10, 0.5), false);
    yodel_seconds_add(&s, 0, interval(2, 20, 0.5), false);
    assert_int_equal(seen.count, 0);
    yodel_seconds_add(&s, 1, interval(1, 100, 0.9), false);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.last.sent, 110);
    assert_int_equal(seen.last.connections, 6);
    assert_int_equal(seen.last.in_flight, 10);
    assert_int_equal(seen.last.flaws, 2);
    assert_int_equal(seen.last.faults, 4);
    assert_int_equal(seen.last.most, 100000);
    assert_true(isnan(seen.last.server_cpu));
    assert_near(seen.last.begin, -1);
    assert_near(seen.last.length, 1);
    assert_near(yodel_seconds_busiest(&s), 0); /* nothing counts yet */
    assert_near(yodel_seconds_rate(&s), 0);
    /* The other ends: nobody waits for it any more. */
    yodel_seconds_add(&s, 1, interval(2, 200, 0.25), true);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last.sent, 220);
    yodel_seconds_add(&s, 0, interval(3, 30, 0.25), false);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.last.sent, 30);
    assert_near(yodel_seconds_busiest(&s), 0.375);
    /* What comes when the time is over does not count. */
    yodel_seconds_add(&s, 0, interval(4, 40, 1), true);
    assert_near(yodel_seconds_busiest(&s), 0.375);
    assert_near(yodel_seconds_rate(&s), ((220 - 6) + (30 - 3)) / 2.0);
    assert_int_equal(result->total.sent, 7 + 110 + 220 + 30 + 40);
    assert_int_equal(result->timeline_count, 4);
    assert_int_equal(s.progress, START + 4 * SECOND - 40);
    assert_near(yodel_seconds_since_warm_up(&s, START), -1);
    assert_near(yodel_seconds_since_warm_up(&s, START + 3 * SECOND), 2);
    yodel_seconds_destroy(&s);
    yodel_result_free(result);
    free(result);
}

/* A run that broke off: what others still had to complete is freed. */
static void test_left_over(void **state)
{
    (void)state;
    const yodel_flood_options o = options();
    yodel_result *result = calloc(1, sizeof *result);
    yodel_seconds s;

    assert_non_null(result);
    assert_int_equal(yodel_seconds_init(&s, &o, NULL, NULL, result), 0);
    yodel_seconds_begin(&s, START);
    yodel_seconds_add(&s, 1, interval(1, 1, 0), false);
    yodel_seconds_add(&s, 1, interval(2, 2, 0), true);
    assert_int_equal(result->timeline_count, 0);
    yodel_seconds_destroy(&s);
    yodel_result_free(result);
    free(result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_second_is_of_all),
        cmocka_unit_test(test_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
