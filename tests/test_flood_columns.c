/*
 * The timeline as columns: units, what is put together and what is left out.
 */
#include "tools/flood/columns.h"

#include <math.h>
#include <stdlib.h>

#include "tests/support/cmocka_all.h"

static void is_about(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected)))) {
        fail_msg("%.17g, not %.17g", value, expected);
    }
}

static yodel_columns *columns_of(const yodel_second *timeline, size_t count)
{
    yodel_columns *c = malloc(sizeof *c);

    assert_non_null(c);
    yodel_columns_fill(c, timeline, count);
    return c;
}

static void one_second_each(void **state)
{
    const yodel_second timeline[] = {
        {
            .begin = -0.5,
            .length = 0.5,
            .connections = 50,
            .in_flight = 800,
            .sent = 1000,
            .answered = 600,
            .flaws = 3,
            .faults = 2,
            .p50 = 412000,
            .p90 = 800000,
            .p99 = 1900000,
            .most = 7200000,
            .lag99 = 38000,
            .client_cpu = 0.61,
            .server_cpu = 1.25,
            .server_resident = 4096,
        },
        {.begin = 0, .length = 1, .sent = 10, .flaws = -3, .server_cpu = NAN},
    };
    yodel_columns *c = columns_of(timeline, 2);

    (void)state;
    assert_int_equal(c->count, 2);
    assert_int_equal(c->seconds, 1);
    is_about(c->from[0], -0.5);
    is_about(c->to[0], 0);
    is_about(c->sent[0], 2000);
    is_about(c->answered[0], 1200);
    is_about(c->connections[0], 50);
    is_about(c->in_flight[0], 800);
    is_about(c->flaws[0], 3);
    is_about(c->faults[0], 2);
    is_about(c->p50[0], 412e-6);
    is_about(c->p90[0], 800e-6);
    is_about(c->p99[0], 1.9e-3);
    is_about(c->most[0], 7.2e-3);
    is_about(c->lag99[0], 38e-6);
    is_about(c->client_cpu[0], 61);
    is_about(c->server_cpu[0], 125);
    is_about(c->server_resident[0], 4096);
    is_about(c->from[1], 0);
    is_about(c->to[1], 1);
    is_about(c->flaws[1], -3);
    is_about(c->p50[1], 0);
    assert_true(isnan(c->server_cpu[1]));
    assert_true(isnan(c->server_resident[1]));
    free(c);
}

static void long_runs(void **state)
{
    enum { WARM_UP = 31, ALL = 3 * YODEL_COLUMNS_MOST };
    yodel_second *timeline = calloc(ALL, sizeof *timeline);
    yodel_columns *c;
    double sent = 0;

    (void)state;
    assert_non_null(timeline);
    for (int i = 0; i < ALL; i++) {
        timeline[i].begin = i - WARM_UP;
        timeline[i].length = 1;
        timeline[i].sent = (uint64_t)i;
        timeline[i].flaws = 1;
        timeline[i].connections = (uint64_t)i;
        timeline[i].client_cpu = i % 3;
        timeline[i].p99 = i == WARM_UP + 1 ? 5000000 : 1000000;
        timeline[i].server_resident = i == WARM_UP + 1 ? 4096 : 0;
    }
    c = columns_of(timeline, ALL);
    assert_int_equal(c->seconds, 3);
    assert_int_equal(c->count, YODEL_COLUMNS_MOST + 1);
    /* 31 = 10 * 3 + 1: no point goes across the end of the warm-up. */
    is_about(c->from[10], -1);
    is_about(c->to[10], 0);
    is_about(c->from[11], 0);
    is_about(c->to[11], 3);
    is_about(c->sent[11], WARM_UP + 1); /* the mean */
    is_about(c->flaws[11], 3);          /* the sum */
    is_about(c->connections[11], WARM_UP + 2);
    is_about(c->client_cpu[11], 100);
    is_about(c->p99[11], 5e-3);
    is_about(c->server_resident[11], 4096);
    for (size_t i = 0; i < c->count; i++) {
        sent += c->sent[i] * (c->to[i] - c->from[i]);
        assert_true(i == 0 || fabs(c->from[i] - c->to[i - 1]) < 1e-9);
    }
    is_about(sent, (double)ALL * (ALL - 1) / 2); /* none is lost */
    free(c);
    free(timeline);
}

static void short_ends(void **state)
{
    const yodel_second timeline[] = {
        {.begin = -1, .length = 1, .sent = 5},
        {.begin = 0, .length = 1, .sent = 100, .p50 = 1000000, .most = 2000000},
        {.begin = 1, .length = 0.05, .sent = 5, .p50 = 9000000, .most = 9000000},
        {.begin = 1.05, .length = 0, .sent = 1},
    };
    yodel_columns *c = columns_of(timeline, 3);

    (void)state;
    assert_int_equal(c->count, 2);
    is_about(c->to[1], 1.05);
    is_about(c->sent[1], 100);
    is_about(c->p50[1], 0.001); /* that of a few lines says nothing */
    is_about(c->most[1], 0.009);
    free(c);

    c = columns_of(timeline, 4); /* an end of no length is no reason to keep a short one */
    is_about(c->sent[c->count - 1], 100);
    assert_int_equal(c->count, 2);
    free(c);

    c = columns_of(timeline + 2, 1); /* all there is */
    assert_int_equal(c->count, 1);
    is_about(c->sent[0], 100);
    free(c);

    c = columns_of(timeline + 3, 1);
    assert_int_equal(c->count, 0);
    free(c);

    c = columns_of(NULL, 0);
    assert_int_equal(c->count, 0);
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_second_each),
        cmocka_unit_test(long_runs),
        cmocka_unit_test(short_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
