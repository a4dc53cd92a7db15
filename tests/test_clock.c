/*
 * Time: that conversions saturate, and that the clock goes on.
 */
#include "core/clock.h"

#include <math.h>

#include "tests/support/cmocka_all.h"

static void seconds_become_nanoseconds(void **state)
{
    static const struct {
        double seconds;
        uint64_t ns;
    } durations[] = {
        {0.0, 0},
        {1.0, 1000000000},
        {0.2, 200000000},
        {1e-9, 1},
        {1e-10, 0},
        {86400.0, UINT64_C(86400000000000)},
        {-0.0, 0},
        {-1.0, 0},
        {-INFINITY, 0},
        {NAN, 0},
        {18446744074.0, UINT64_MAX},
        {1e300, UINT64_MAX},
        {INFINITY, UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        assert_true(yodel_clock_from_seconds(durations[i].seconds) == durations[i].ns);
    }
    assert_true(yodel_clock_from_seconds(18446744073.0) < UINT64_MAX);
}

static void it_never_goes_back(void **state)
{
    uint64_t last = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t now = yodel_clock_now();

        assert_true(now >= last);
        last = now;
    }
}

static void deadlines(void **state)
{
    uint64_t before = yodel_clock_now();
    uint64_t deadline_ns = yodel_clock_after(1.5);
    uint64_t after = yodel_clock_now();

    (void)state;
    assert_true(before + 1500000000 <= deadline_ns && deadline_ns <= after + 1500000000);
    assert_true(yodel_clock_after(0.0) <= yodel_clock_now());
    assert_true(yodel_clock_after(-1.0) <= yodel_clock_now());
    assert_true(yodel_clock_after(18446744073.5) == UINT64_MAX); /* fits, but not on top of now */
    assert_true(yodel_clock_after(INFINITY) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_become_nanoseconds),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
