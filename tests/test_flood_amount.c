/* Numbers with units: what is read and refused, and the texts on either side of every limit. */
#include "support/cmocka_all.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "tools/flood/amount.h"

static void test_numbers_are_read(void **state)
{
    static const struct {
        const char *text;
        double number;
    } table[] = {
        {"0", 0},
        {"7", 7},
        {"007", 7},
        {"250", 250},
        {"0.5", 0.5},
        {"1.000000001", 1.000000001},
        {"1k", 1e3},
        {"1K", 1e3},
        {"250k", 250e3},
        {"1.5M", 1.5e6},
        {"2m", 2e6},
        {"3G", 3e9},
        {"3g", 3e9},
        {"0k", 0},
        {"0.0001k", 0.1},
        /* Neither 1.001 nor 1.005 is a double, and their products with 1,000 are too small. */
        {"1.001k", 1001},
        {"1.005k", 1005},
        {"1.000001M", 1000001},
        {"4.000000001G", 4000000001},
        {"1.0005k", 1000.5},
        /* More than the nanoseconds that 64 bits can hold. */
        {"20000000000", 2e10},
        {"20G", 2e10},
        {"18446744073709551615", 18446744073709551615.0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double number = -1;
        int error = yodel_amount_parse(table[i].text, &number);
        if (error != 0 || number != table[i].number) {
            fail_msg("'%s': %d, %.17g", table[i].text, error, number);
        }
    }
}

static void test_what_is_no_number_is_refused(void **state)
{
    static const struct {
        const char *text;
        int error;
    } table[] = {
        {"", -EINVAL},
        {"k", -EINVAL},
        {"kk", -EINVAL},
        {"1kk", -EINVAL},
        {"1kM", -EINVAL},
        {"k1", -EINVAL},
        {"1T", -EINVAL},
        {"1 k", -EINVAL},
        {" 1", -EINVAL},
        {"1 ", -EINVAL},
        {"1k ", -EINVAL},
        {"-1", -EINVAL},
        {"+1", -EINVAL},
        {"-1k", -EINVAL},
        {".5", -EINVAL},
        {"5.", -EINVAL},
        {"5.k", -EINVAL},
        {".", -EINVAL},
        {"1.2.3", -EINVAL},
        {"1,5", -EINVAL},
        {"1,000", -EINVAL},
        {"1e3", -EINVAL},
        {"0x10", -EINVAL},
        {"inf", -EINVAL},
        {"nan", -EINVAL},
        {"10%", -EINVAL},
        /* Durations are no numbers, whatever may stand behind them. */
        {"1s", -EINVAL},
        {"1ms", -EINVAL},
        {"1us", -EINVAL},
        {"1h", -EINVAL},
        {"1sk", -EINVAL},
        {"1sM", -EINVAL},
        {"1s5", -EINVAL},
        {"18446744073709551616", -ERANGE},
        {"99999999999999999999G", -ERANGE},
        {"99999999999999999999.5", -ERANGE},
        {"1111111111111111111111111111111111111111111111111111111111111111111111", -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double number = 4711;
        int error = yodel_amount_parse(table[i].text, &number);
        if (error != table[i].error || number != 4711) {
            fail_msg("'%s': %d, %.17g", table[i].text, error, number);
        }
    }
}

typedef const char *(*writer)(double number, char text[YODEL_AMOUNT_TEXT]);

typedef struct expectation {
    double number;
    const char *text;
} expectation;

static void check_text(writer write, double number, const char *expected)
{
    char text[YODEL_AMOUNT_TEXT];

    if (write(number, text) != text || strcmp(text, expected) != 0) {
        fail_msg("%.17g: '%s', not '%s'", number, text, expected);
    }
}

/* And the same below zero, with a minus sign unless it is nothing. */
static void check_texts(writer write, const expectation *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char negative[YODEL_AMOUNT_TEXT + 1] = "-";

        check_text(write, table[i].number, table[i].text);
        strncat(negative, table[i].text, YODEL_AMOUNT_TEXT - 1);
        check_text(write, -table[i].number,
                   strcmp(table[i].text, "0") == 0 ? table[i].text : negative);
    }
}

static void test_count(void **state)
{
    static const expectation table[] = {
        {0, "0"},
        {0.5, "0"},
        {0.51, "1"},
        {1, "1"},
        {42, "42"},
        {999, "999"},
        {1000, "1000"},
        {9999, "9999"},
        {9999.4, "9999"},
        {9999.5, "10.0k"},
        {10000, "10.0k"},
        {12345, "12.3k"},
        {99949, "99.9k"},
        {99951, "100.0k"},
        {250000, "250.0k"},
        {999900, "999.9k"},
        {999949, "999.9k"},
        {999950, "1.00M"},
        {1000000, "1.00M"},
        {1250000, "1.25M"},
        {9994999, "9.99M"},
        {9995000, "10.0M"},
        {12345678, "12.3M"},
        {999949999, "999.9M"},
        {999950000, "1.00G"},
        {1.25e9, "1.25G"},
        {9.996e9, "10.0G"},
        {9.9994e11, "999.9G"},
        {9.9996e11, "1.00T"},
        {1.25e15, "1250.0T"},
    };

    (void)state;
    check_texts(yodel_amount_count, table, sizeof table / sizeof table[0]);
}

static void test_time(void **state)
{
    static const expectation table[] = {
        {0, "0"},
        {0.5e-9, "0"},
        {0.51e-9, "1ns"},
        {1e-9, "1ns"},
        {850e-9, "850ns"},
        {999.4e-9, "999ns"},
        {999.5e-9, "1.00us"},
        {1e-6, "1.00us"},
        {9.99e-6, "9.99us"},
        {9.994e-6, "9.99us"},
        {9.995e-6, "10us"},
        {10e-6, "10us"},
        {412e-6, "412us"},
        {999.4e-6, "999us"},
        {999.5e-6, "1.00ms"},
        {1e-3, "1.00ms"},
        {1.94e-3, "1.94ms"},
        {9.994e-3, "9.99ms"},
        {9.995e-3, "10.0ms"},
        {12.34e-3, "12.3ms"},
        {99.94e-3, "99.9ms"},
        {99.95e-3, "100ms"},
        {0.1, "100ms"},
        {999.4e-3, "999ms"},
        {999.5e-3, "1.00s"},
        {1, "1.00s"},
        {9.994, "9.99s"},
        {9.995, "10.0s"},
        {12.3, "12.3s"},
        {99.94, "99.9s"},
        {99.95, "100s"},
        {3600, "3600s"},
    };

    (void)state;
    check_texts(yodel_amount_time, table, sizeof table / sizeof table[0]);
}

static void test_bytes(void **state)
{
    static const double k = 1024, m = 1024 * k, g = 1024 * m, t = 1024 * g;
    const expectation table[] = {
        {0, "0"},
        {0.5, "0"},
        {0.51, "1 B"},
        {1, "1 B"},
        {216, "216 B"},
        {1023, "1023 B"},
        {1023.4, "1023 B"},
        {1023.5, "1.0 KiB"},
        {1024, "1.0 KiB"},
        {4.6 * k, "4.6 KiB"},
        {10 * k, "10.0 KiB"},
        {999.94 * k, "999.9 KiB"},
        {999.95 * k, "1000 KiB"},
        {1023.4 * k, "1023 KiB"},
        {1023.5 * k, "1.0 MiB"},
        {1.26 * m, "1.3 MiB"},
        {1023 * m, "1023 MiB"},
        {1023.9 * m, "1.0 GiB"},
        {1.2 * g, "1.2 GiB"},
        {1023.9 * g, "1.0 TiB"},
        {1.5 * t, "1.5 TiB"},
        {2048 * t, "2048 TiB"},
    };

    (void)state;
    check_texts(yodel_amount_bytes, table, sizeof table / sizeof table[0]);
}

/* At most four digits, so that a column does not dance, and never more than there is room for. */
static void test_four_digits_at_most(void **state)
{
    static const writer writers[] = {yodel_amount_count, yodel_amount_time, yodel_amount_bytes};
    static const double upper[] = {9.9e14, 9999, 1e16};

    (void)state;
    for (size_t w = 0; w < sizeof writers / sizeof writers[0]; w++) {
        double number = 1e-9;
        while (number < upper[w]) {
            char text[YODEL_AMOUNT_TEXT];
            size_t digits = 0;
            for (const char *c = writers[w](number, text); *c != '\0'; c++) {
                digits += *c >= '0' && *c <= '9';
            }
            if (digits < 1 || digits > 4) {
                fail_msg("%.17g: '%s'", number, text);
            }
            number *= 1.0007;
        }
        char room[YODEL_AMOUNT_TEXT + 1];
        room[YODEL_AMOUNT_TEXT] = '!';
        writers[w](-DBL_MAX, room);
        assert_int_equal(room[YODEL_AMOUNT_TEXT], '!');
        assert_non_null(memchr(room, '\0', YODEL_AMOUNT_TEXT));
    }
}

static void test_exact(void **state)
{
    static const struct {
        int64_t number;
        const char *text;
    } table[] = {
        {0, "0"},
        {7, "7"},
        {-3, "-3"},
        {999, "999"},
        {-999, "-999"},
        {1000, "1,000"},
        {-1000, "-1,000"},
        {12345, "12,345"},
        {999999, "999,999"},
        {-100000, "-100,000"},
        {1000000, "1,000,000"},
        {1234567, "1,234,567"},
        {INT64_MAX, "9,223,372,036,854,775,807"},
        {INT64_MIN, "-9,223,372,036,854,775,808"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[YODEL_AMOUNT_TEXT];
        assert_ptr_equal(yodel_amount_exact(table[i].number, text), text);
        assert_string_equal(text, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_read),
        cmocka_unit_test(test_what_is_no_number_is_refused),
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_four_digits_at_most),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
