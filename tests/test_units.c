/*
 * Numbers in options: what is accepted, what is refused, and where the limits lie.
 */
#include "core/units.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

#include "tests/support/cmocka_all.h"

static const char *const never_a_number[] = {
    "",     " ",     "-1",  "+1",   " 1",  "1 ",  "1 K", ".",   ".5",    "5.",
    "1..2", "1.2.3", "1,5", "0x10", "1e3", "inf", "nan", "K",   "1KK",   "1KB",
    "1B",   "1T",    "1d",  "1\n",  "--1", "1.K", "1.s", "12a", "1_000", "\xd9\xa1",
};

enum { NEVER = sizeof never_a_number / sizeof never_a_number[0] };

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"1", 1},
        {"007", 7},
        {"65536", 65536},
        {"64K", 65536},
        {"64k", 65536},
        {"1M", 1048576},
        {"1m", 1048576},
        {"1G", 1073741824},
        {"1g", 1073741824},
        {"1.5M", 1572864},
        {"0.5K", 512},
        {"0.1K", 102}, /* 102.4 */
        {"1.9", 1},
        {"0.000000001G", 1},  /* 1.07 */
        {"0.0000000001G", 0}, /* the tenth digit does not count */
        {"1.99999999999999999999999999999999999K", 2047},
        {"18446744073709551615", UINT64_MAX},
        {"18014398509481983K", UINT64_MAX - 1023},
        {"18014398509481983.999K", UINT64_MAX - 1},
        {"17179869183G", UINT64_MAX - 1073741823},
    };
    static const char *const too_large[] = {
        "18446744073709551616", "18446744073709551615K",   "18014398509481984K",
        "17179869184G",         "99999999999999999999999", "99999999999999999999999.5M",
    };
    uint64_t bytes;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(yodel_parse_size(good[i].text, &bytes), 0);
        assert_true(bytes == good[i].bytes);
    }
    bytes = 12345;
    for (size_t i = 0; i < sizeof too_large / sizeof too_large[0]; i++) {
        assert_int_equal(yodel_parse_size(too_large[i], &bytes), -ERANGE);
    }
    for (size_t i = 0; i < NEVER; i++) {
        assert_int_equal(yodel_parse_size(never_a_number[i], &bytes), -EINVAL);
    }
    assert_int_equal(yodel_parse_size("1s", &bytes), -EINVAL);
    assert_int_equal(yodel_parse_size("99999999999999999999999x", &bytes), -EINVAL);
    assert_int_equal(bytes, 12345);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        {"0", 0.0},     {"30", 30.0},      {"1.5", 1.5},
        {"0.2", 0.2},   {"0.3s", 0.3},     {"10s", 10.0},
        {"200ms", 0.2}, {"1.5ms", 0.0015}, {"250us", 250e-6},
        {"7us", 7e-6},  {"2m", 120.0},     {"0.5m", 30.0},
        {"1h", 3600.0}, {"1.5h", 5400.0},  {"18446744073s", 18446744073.0},
    };
    static const char *const too_long[] = {
        "18446744074",
        "18446744073709551616us",
        "99999999999999999999999ms",
        "5124096h",
    };
    double seconds;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(yodel_parse_duration(good[i].text, &seconds), 0);
        assert_true(fabs(seconds - good[i].seconds) <= good[i].seconds * DBL_EPSILON);
    }
    seconds = 12345;
    for (size_t i = 0; i < sizeof too_long / sizeof too_long[0]; i++) {
        assert_int_equal(yodel_parse_duration(too_long[i], &seconds), -ERANGE);
    }
    for (size_t i = 0; i < NEVER; i++) {
        assert_int_equal(yodel_parse_duration(never_a_number[i], &seconds), -EINVAL);
    }
    assert_int_equal(yodel_parse_duration("1K", &seconds), -EINVAL);
    assert_int_equal(yodel_parse_duration("1S", &seconds), -EINVAL);
    assert_int_equal(yodel_parse_duration("1M", &seconds), -EINVAL); /* minutes or months? */
    assert_int_equal(yodel_parse_duration("1sec", &seconds), -EINVAL);
    assert_true(seconds == 12345);
}

static void counts(void **state)
{
    uint64_t count;

    (void)state;
    assert_int_equal(yodel_parse_count("1", 1, 8, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(yodel_parse_count("8", 1, 8, &count), 0);
    assert_int_equal(count, 8);
    assert_int_equal(yodel_parse_count("18446744073709551615", 0, UINT64_MAX, &count), 0);
    assert_true(count == UINT64_MAX);

    count = 12345;
    assert_int_equal(yodel_parse_count("0", 1, 8, &count), -ERANGE);
    assert_int_equal(yodel_parse_count("9", 1, 8, &count), -ERANGE);
    assert_int_equal(yodel_parse_count("18446744073709551616", 0, UINT64_MAX, &count), -ERANGE);
    assert_int_equal(yodel_parse_count("18446744073709551617", 0, UINT64_MAX, &count), -ERANGE);
    assert_int_equal(yodel_parse_count("99999999999999999999", 0, UINT64_MAX, &count), -ERANGE);
    for (size_t i = 0; i < NEVER; i++) {
        assert_int_equal(yodel_parse_count(never_a_number[i], 0, UINT64_MAX, &count), -EINVAL);
    }
    assert_int_equal(yodel_parse_count("1.0", 0, 8, &count), -EINVAL);
    assert_int_equal(yodel_parse_count("1K", 0, 8, &count), -EINVAL);
    assert_int_equal(count, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
