/*
 * What stands behind flood's options: every form that is taken, and that what is refused leaves the
 * output as it was. The words of the refusals are test_flood_options.c's.
 */
#include "tools/flood/option_values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static char message[256];
static const yodel_complaint complaint = {message, sizeof message};

static void check_seed(const char *text, uint64_t expected)
{
    uint64_t seed = ~expected;

    assert_int_equal(yodel_option_seed(text, &seed, &complaint), 0);
    assert_true(seed == expected);
}

static void test_seed(void **state)
{
    (void)state;
    check_seed("0", 0);
    check_seed("42", 42);
    check_seed("0042", 42); /* not octal */
    check_seed("0x2a", 42);
    check_seed("0X2A", 42);
    check_seed("0x0", 0);
    check_seed("18446744073709551615", UINT64_MAX);
    check_seed("0xffffffffffffffff", UINT64_MAX);
    check_seed("0xFEDCBA9876543210", UINT64_C(0xfedcba9876543210));

    const char *const bad[] = {"",
                               "x",
                               "0x",
                               "-1",
                               "+1",
                               " 1",
                               "1 ",
                               "2a",
                               "0xg",
                               "1.5",
                               "1k",
                               "0x-1",
                               "0x 1",
                               "18446744073709551616",
                               "0x10000000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t seed = 7;
        message[0] = '\0';
        assert_int_equal(yodel_option_seed(bad[i], &seed, &complaint), -EINVAL);
        assert_int_equal(seed, 7);
        assert_non_null(strstr(message, bad[i]));
    }
}

static void check_lengths(const char *text, uint32_t min, uint32_t max)
{
    uint32_t low = 0, high = 0;

    assert_int_equal(yodel_option_lengths(text, &low, &high, &complaint), 0);
    assert_int_equal(low, min);
    assert_int_equal(high, max);
}

static void test_lengths(void **state)
{
    (void)state;
    check_lengths("1", 1, 1);
    check_lengths("64", 64, 64);
    check_lengths("16M", 16777216, 16777216);
    check_lengths("16-4K", 16, 4096);
    check_lengths("1-16777216", 1, 16777216);
    check_lengths("1.5k-1.5K", 1536, 1536);

    const char *const bad[] = {"",     "-",     "0",    "-5",   "5-",         "5-0",      "0-5",
                               "6-5",  "1-2-3", "64 ",  "6 -7", "1-16777217", "16777217", "x",
                               "1--2", "64KB",  "0x10", "1:2",  "17M-18M"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t low = 3, high = 4;
        assert_int_equal(yodel_option_lengths(bad[i], &low, &high, &complaint), -EINVAL);
        assert_int_equal(low, 3);
        assert_int_equal(high, 4);
    }
}

static void check_faults(const char *text, double split, double drip, double slow_read,
                         double half_close, double reset)
{
    const double expected[YODEL_FAULTS] = {split, drip, slow_read, half_close, reset};
    double percents[YODEL_FAULTS] = {0};

    if (yodel_option_faults(text, percents, &complaint) != 0) {
        fail_msg("%s: %s", text, message);
    }
    for (int i = 0; i < YODEL_FAULTS; i++) {
        if (percents[i] < expected[i] || percents[i] > expected[i]) {
            fail_msg("%s: %s is %g, not %g", text, yodel_fault_name((yodel_fault)i), percents[i],
                     expected[i]);
        }
    }
}

static void test_faults(void **state)
{
    (void)state;
    check_faults("split", 100, 0, 0, 0, 0);
    check_faults("drip:100", 0, 100, 0, 0, 0);
    check_faults("slow-read:0.5", 0, 0, 0.5, 0, 0);
    check_faults("half-close:12.5%", 0, 0, 0, 12.5, 0);
    check_faults("reset:5,split:20%,drip:1", 20, 1, 0, 0, 5);

    const char *const bad[] = {"",
                               ",",
                               "split,",
                               ",split",
                               "Split",
                               "split:",
                               "split:%",
                               "split:0",
                               "split:-1",
                               "split:101",
                               "split:5%%",
                               "split:x",
                               "split:5:6",
                               "split 5",
                               "split=5",
                               "spli",
                               "slow_read",
                               "split,split",
                               "reset:1,drip,reset:2",
                               "split:1e1",
                               "split:0.0%",
                               "split: 5",
                               "split:100.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double percents[YODEL_FAULTS] = {0};
        assert_int_equal(yodel_option_faults(bad[i], percents, &complaint), -EINVAL);
        for (int k = 0; k < YODEL_FAULTS; k++) {
            assert_true(percents[k] == 0);
        }
    }
}

/* A second --fault adds to the first, and cannot change it. */
static void test_more_faults(void **state)
{
    (void)state;
    double percents[YODEL_FAULTS] = {0};

    assert_int_equal(yodel_option_faults("split:5", percents, &complaint), 0);
    assert_int_equal(yodel_option_faults("drip:6,split:7", percents, &complaint), -EINVAL);
    assert_true(percents[YODEL_FAULT_SPLIT] == 5);
    assert_true(percents[YODEL_FAULT_DRIP] == 0);
    assert_int_equal(yodel_option_faults("drip:6", percents, &complaint), 0);
    assert_true(percents[YODEL_FAULT_SPLIT] == 5);
    assert_true(percents[YODEL_FAULT_DRIP] == 6);
}

static void check_target(const char *text, const char *host, const char *port)
{
    yodel_flood_target t = {0};

    if (yodel_option_target(text, &t, &complaint) != 0) {
        fail_msg("%s: %s", text, message);
    }
    assert_string_equal(t.host, host);
    assert_string_equal(t.port, port);
    free(t.host);
    free(t.port);
}

static void test_targets(void **state)
{
    (void)state;
    check_target("localhost", "localhost", "8007");
    check_target("localhost:79", "localhost", "79");
    check_target("127.0.0.1:65535", "127.0.0.1", "65535");
    check_target("a-b.example.org.:1", "a-b.example.org.", "1");
    check_target("compare:8007", "compare", "8007");
    check_target("unix:/run/yodel.sock", "unix:/run/yodel.sock", "");
    check_target("unix:@a:1", "unix:@a:1", "");
    check_target("unix", "unix", "8007");
    check_target("[::1]", "::1", "8007");
    check_target("[::1]:79", "::1", "79");
    check_target("[fe80::1%lo]:79", "fe80::1%lo", "79");
    /* Without brackets the last group is no port. */
    check_target("::1", "::1", "8007");
    check_target("::", "::", "8007");
    check_target("::1:79", "::1:79", "8007");
    check_target("2001:db8::1", "2001:db8::1", "8007");
    check_target("fe80::1%lo", "fe80::1%lo", "8007");
    check_target("::ffff:127.0.0.1", "::ffff:127.0.0.1", "8007");

    const char *const bad[] = {"",
                               "8007",
                               ":",
                               ":79",
                               "h:",
                               "h:0",
                               "h:65536",
                               "h:http",
                               "h:-1",
                               "h: 1",
                               "h:1k",
                               "[",
                               "[]",
                               "[]:79",
                               "unix:",
                               "unix:@",
                               "[::1",
                               "[::1]79",
                               "[::1]:",
                               "[::1]:0",
                               "[::1]x:79",
                               "[::1]:79:80",
                               "localhost:80:90",
                               "[localhost]:80",
                               "[127.0.0.1]:80"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yodel_flood_target t = {0};
        if (yodel_option_target(bad[i], &t, &complaint) != -EINVAL) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_null(t.host);
        assert_null(t.port);
    }
}

static void test_sources(void **state)
{
    (void)state;
    char **sources = NULL;
    size_t count = 0;

    assert_int_equal(yodel_option_sources("127.0.0.1", &sources, &count, &complaint), 0);
    assert_int_equal(count, 1);
    assert_int_equal(yodel_option_sources("127.0.0.2,::1", &sources, &count, &complaint), 0);
    assert_int_equal(count, 3);
    assert_string_equal(sources[0], "127.0.0.1");
    assert_string_equal(sources[1], "127.0.0.2");
    assert_string_equal(sources[2], "::1");
    const char *const bad[] = {"", ",", "127.0.0.3,", ",127.0.0.3", "127.0.0.3,,127.0.0.4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(yodel_option_sources(bad[i], &sources, &count, &complaint), -EINVAL);
        assert_string_equal(message, "--source has an empty address");
    }
    for (size_t i = 0; i < count; i++) {
        free(sources[i]);
    }
    free(sources);
}

/* Texts are handed on as they are, not copied. */
static void test_texts(void **state)
{
    (void)state;
    static char longest[16 * 1024 * 1024 + 2];
    const char *line = "before", *path = "before";
    uint32_t length = 7;
    yodel_flood_expect expect = YODEL_EXPECT_CHAT;

    memset(longest, 'x', sizeof longest - 1);
    const char *const bad[] = {"", "\r\n", "a\r\nb", longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(yodel_option_message(bad[i], &line, &length, &complaint), -EINVAL);
        assert_string_equal(line, "before");
        assert_int_equal(length, 7);
    }
    longest[sizeof longest - 2] = '\0';
    assert_int_equal(yodel_option_message(longest, &line, &length, &complaint), 0);
    assert_ptr_equal(line, longest);
    assert_int_equal(length, 16 * 1024 * 1024);

    assert_int_equal(yodel_option_expect("echo", &expect, &complaint), 0);
    assert_int_equal(yodel_option_expect("Chat", &expect, &complaint), -EINVAL);
    assert_int_equal(expect, YODEL_EXPECT_ECHO);
    assert_int_equal(yodel_option_expect("chat", &expect, &complaint), 0);
    assert_int_equal(expect, YODEL_EXPECT_CHAT);

    assert_int_equal(yodel_option_file("--csv", "", &path, &complaint), -EINVAL);
    assert_string_equal(path, "before");
    assert_int_equal(yodel_option_file("--csv", longest, &path, &complaint), 0);
    assert_ptr_equal(path, longest);
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t count = 0;
    double value = 0;

    assert_int_equal(yodel_option_count("-c", "1.5k", 1, 1500, &count, &complaint), 0);
    assert_int_equal(count, 1500);
    assert_int_equal(yodel_option_count("-c", "1.0", 1, 1, &count, &complaint), 0);
    assert_int_equal(count, 1);
    assert_int_equal(yodel_option_count("-c", "1.5", 1, 9, &count, &complaint), -EINVAL);
    assert_int_equal(yodel_option_count("-c", "10", 1, 9, &count, &complaint), -EINVAL);
    assert_int_equal(yodel_option_count("-c", "0", 1, 9, &count, &complaint), -EINVAL);
    assert_int_equal(count, 1);

    assert_int_equal(yodel_option_rate("-R", "0.5", &value, &complaint), 0);
    assert_true(value == 0.5);
    assert_int_equal(yodel_option_rate("-R", "1G", &value, &complaint), 0);
    assert_true(value == 1e9);
    assert_int_equal(yodel_option_rate("-R", "0", &value, &complaint), -EINVAL);
    assert_int_equal(yodel_option_rate("-R", "1.1G", &value, &complaint), -EINVAL);
    assert_true(value == 1e9);

    assert_int_equal(yodel_option_time("-d", "1ms", false, &value, &complaint), 0);
    assert_true(value == 0.001);
    assert_int_equal(yodel_option_time("-d", "0", true, &value, &complaint), 0);
    assert_true(value == 0);
    assert_int_equal(yodel_option_time("-d", "10000000", false, &value, &complaint), 0);
    assert_true(value == 1e7);
    assert_int_equal(yodel_option_time("-d", "0", false, &value, &complaint), -EINVAL);
    assert_int_equal(yodel_option_time("-d", "999us", true, &value, &complaint), -EINVAL);
    assert_int_equal(yodel_option_time("-d", "10000001", true, &value, &complaint), -EINVAL);
    assert_true(value == 1e7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),    cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_more_faults),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_sources),
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
