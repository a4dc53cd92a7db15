/*
 * Axes: where they begin and end, which ticks they have, where a value lies.
 */
#include "tools/flood/scale.h"

#include <math.h>

#include "tests/support/cmocka_all.h"

static void is_about(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 * fmax(1, fabs(expected)) ||
          fabs(value / expected - 1) <= 1e-9)) {
        fail_msg("%.17g, not %.17g", value, expected);
    }
}

static void has_ticks(const yodel_scale *s, const double *ticks, size_t count)
{
    assert_int_equal(s->tick_count, count);
    for (size_t i = 0; i < count; i++) {
        is_about(s->ticks[i], ticks[i]);
        assert_false(signbit(s->ticks[i]) && s->ticks[i] == 0);
    }
}

#define TICKS(s, ...)                                                                              \
    do {                                                                                           \
        const double expected[] = {__VA_ARGS__};                                                   \
        has_ticks(s, expected, sizeof expected / sizeof expected[0]);                              \
    } while (0)

/* What holds for each scale. */
static void is_sound(const yodel_scale *s, double low, double high)
{
    assert_true(isfinite(s->low) && isfinite(s->high) && s->low < s->high);
    assert_true(s->low <= low + 1e-9 * fabs(low));
    assert_true(s->high >= high * (1 - 1e-9));
    assert_true(s->tick_count >= 1 && s->tick_count <= 12);
    for (size_t i = 0; i < s->tick_count; i++) {
        double slack = 1e-9 * (s->high - s->low);

        assert_true(s->ticks[i] >= s->low - slack && s->ticks[i] <= s->high + slack);
        assert_true(i == 0 || s->ticks[i] > s->ticks[i - 1]);
    }
}

static void linear(void **state)
{
    yodel_scale s;

    (void)state;
    yodel_scale_linear(&s, 250000, 0);
    TICKS(&s, 0, 50000, 100000, 150000, 200000, 250000);
    yodel_scale_linear(&s, 251000, 0);
    TICKS(&s, 0, 100000, 200000, 300000);
    yodel_scale_linear(&s, 0.97, 0);
    TICKS(&s, 0, 0.2, 0.4, 0.6, 0.8, 1);
    yodel_scale_linear(&s, 3, 1);
    TICKS(&s, 0, 1, 2, 3);
    yodel_scale_linear(&s, 1, 1); /* no half connections */
    TICKS(&s, 0, 1);
    yodel_scale_linear(&s, 0, 0);
    TICKS(&s, 0, 1);
    for (int i = -90; i < 150; i++) {
        double high = pow(10, i / 10.0);

        yodel_scale_linear(&s, high, 0);
        is_sound(&s, 0, high);
        assert_true(s.tick_count >= 3);
        assert_true(s.high <= 2 * high);
    }
}

static void bytes(void **state)
{
    const double k = 1024;
    yodel_scale s;

    (void)state;
    yodel_scale_bytes(&s, 20 * k * k);
    TICKS(&s, 0, 5 * k * k, 10 * k * k, 15 * k * k, 20 * k * k);
    yodel_scale_bytes(&s, 1.4 * k);
    TICKS(&s, 0, k / 2, k, 3 * k / 2);
    yodel_scale_bytes(&s, 3);
    TICKS(&s, 0, 1, 2, 3);
    yodel_scale_bytes(&s, 0);
    TICKS(&s, 0, 1);
    for (int i = 0; i < 150; i++) {
        double high = pow(10, i / 10.0);

        yodel_scale_bytes(&s, high);
        is_sound(&s, 0, high);
    }
}

static void logarithmic(void **state)
{
    yodel_scale s;

    (void)state;
    yodel_scale_log(&s, 412e-6, 7.2e-3);
    TICKS(&s, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3);
    yodel_scale_log(&s, 3e-6, 20); /* too much for 1, 2, 5 */
    TICKS(&s, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100);
    yodel_scale_log(&s, 412e-6, 412e-6);
    TICKS(&s, 200e-6, 500e-6);
    yodel_scale_log(&s, 1e-3, 1e-3); /* on a tick: one below, one above */
    TICKS(&s, 500e-6, 1e-3, 2e-3);
    for (int i = -90; i < 20; i++) {
        for (int k = i; k < 20; k++) {
            double low = pow(10, i / 10.0);
            double high = pow(10, k / 10.0);

            yodel_scale_log(&s, low, high);
            is_sound(&s, low, high);
            assert_true(s.tick_count >= 2);
        }
    }
}

static void of_time(void **state)
{
    yodel_scale s;

    (void)state;
    yodel_scale_time(&s, -1, 10);
    is_about(s.low, -1);
    is_about(s.high, 10);
    TICKS(&s, 0, 2, 4, 6, 8, 10);
    yodel_scale_time(&s, -30, 600);
    TICKS(&s, 0, 120, 240, 360, 480, 600);
    yodel_scale_time(&s, 0, 3600);
    TICKS(&s, 0, 600, 1200, 1800, 2400, 3000, 3600);
    yodel_scale_time(&s, 0, 1);
    TICKS(&s, 0, 0.2, 0.4, 0.6, 0.8, 1);
    yodel_scale_time(&s, 0, 4 * 86400);
    TICKS(&s, 0, 86400, 2 * 86400, 3 * 86400, 4 * 86400);
    for (int i = -50; i < 90; i++) {
        double high = pow(10, i / 10.0);

        yodel_scale_time(&s, -high / 3, high);
        is_sound(&s, -high / 3, high);
        assert_true(s.tick_count >= 2);
    }
    yodel_scale_time(&s, 2, 2);
    is_sound(&s, 2, 2);
}

static void where_a_value_lies(void **state)
{
    yodel_scale s;

    (void)state;
    yodel_scale_time(&s, -1, 9);
    is_about(yodel_scale_at(&s, -1), 0);
    is_about(yodel_scale_at(&s, 0), 0.1);
    is_about(yodel_scale_at(&s, 9), 1);
    is_about(yodel_scale_at(&s, 10), 1);
    is_about(yodel_scale_at(&s, -2), 0);
    yodel_scale_log(&s, 1e-3, 1e-1);
    is_about(yodel_scale_at(&s, 1e-2), 0.5);
    is_about(yodel_scale_at(&s, 1), 1);
    is_about(yodel_scale_at(&s, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear),
        cmocka_unit_test(bytes),
        cmocka_unit_test(logarithmic),
        cmocka_unit_test(of_time),
        cmocka_unit_test(where_a_value_lies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
