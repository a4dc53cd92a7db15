/*
 * flood's command line: what each spelling means, what is not given, and that every mistake is
 * named.
 */
#include "tools/flood/options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpus.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/flood_parse.h"

static yodel_flood_options parse_good(const flood_line *line)
{
    yodel_flood_options o;
    char message[512] = "";

    if (flood_parse(line, &o, message, sizeof message) != 0) {
        fail_msg("%s %s: %s", line->argv[0], line->argv[1] != NULL ? line->argv[1] : "", message);
    }
    return o;
}

#define GOOD(...) parse_good(&(flood_line){{__VA_ARGS__}})

/* Checks an expression about the options `o` of a command line, and frees them. */
#define CHECK(expression, ...)                                                                     \
    do {                                                                                           \
        yodel_flood_options o = GOOD(__VA_ARGS__);                                                 \
        assert_true(expression);                                                                   \
        yodel_flood_options_free(&o);                                                              \
    } while (0)

static int unset_no_color(void **state)
{
    (void)state;
    return unsetenv("NO_COLOR");
}

static void test_defaults(void **state)
{
    (void)state;
    yodel_flood_options o = GOOD(NULL);

    assert_int_equal(o.action, YODEL_FLOOD_RUN);
    assert_int_equal(o.target_count, 1);
    assert_string_equal(o.targets[0].host, "localhost");
    assert_string_equal(o.targets[0].port, "8007");
    assert_null(o.sources);
    assert_int_equal(o.source_count, 0);
    assert_int_equal(o.connections, 50);
    assert_int_equal(o.threads, yodel_cpus_usable() < 50 ? yodel_cpus_usable() : 50);
    assert_true(o.duration == 10);
    assert_int_equal(o.messages, 0);
    assert_int_equal(o.depth, 1);
    assert_true(o.warm_up == 1);
    assert_true(o.rate == 0);
    assert_true(o.timeout == 5);
    assert_int_equal(o.repeat, 1);
    assert_int_equal(o.length_min, 64);
    assert_int_equal(o.length_max, 64);
    assert_null(o.fixed_line);
    assert_false(o.seed_given);
    assert_int_equal(o.expect, YODEL_EXPECT_CHAT);
    assert_true(o.connect_rate == 0);
    assert_int_equal(o.churn, 0);
    assert_false(o.idle);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        assert_true(o.faults[i] == 0);
    }
    assert_int_equal(o.server_pid, 0);
    assert_int_equal(o.slo_count, 0);
    assert_null(o.json);
    assert_null(o.csv);
    assert_null(o.html);
    assert_null(o.hgrm);
    assert_false(o.quiet);
    assert_false(o.no_color);
    yodel_flood_options_free(&o);
}

static void test_load(void **state)
{
    (void)state;
    CHECK(o.connections == 10000, "-c", "10k");
    CHECK(o.connections == 1, "--connections=1");
    CHECK(o.connections == 1000000, "-c1M");
    CHECK(o.connections == 7, "-c", "5", "-c", "7"); /* as in an alias */
    CHECK(o.threads == 3, "-t", "3");
    CHECK(o.threads == 50, "-t", "1024");
    CHECK(o.threads == 1, "-c", "1");
    CHECK(o.threads == 2, "-t", "8", "-c", "2");
    CHECK(o.duration == 120, "-d", "2m");
    CHECK(o.duration == 0.5, "--duration=500ms");
    CHECK(o.messages == 1000000000000, "-n", "1000G");
    CHECK(o.messages == 1 && o.warm_up == 0, "--messages", "1");
    CHECK(o.messages == 1 && o.warm_up == 2, "-n1", "-w2");
    CHECK(o.depth == 16, "-P", "16");
    CHECK(o.depth == 100000, "--depth=100k", "-c", "10k");
    CHECK(o.rate == 250000, "-R", "250k");
    CHECK(o.rate == 0.5, "--rate=0.5");
    CHECK(o.warm_up == 0, "-w", "0");
    CHECK(o.warm_up == 0.25, "--warm-up=250ms");
    CHECK(o.timeout == 0.001, "-T", "1ms");
    CHECK(o.timeout == 3600, "--timeout=1h");
    CHECK(o.repeat == 1000, "-x", "1000");
    CHECK(o.repeat == 3, "--repeat=3");
}

static void test_lines(void **state)
{
    (void)state;
    CHECK(o.length_min == 1 && o.length_max == 16777216, "-s", "1-16M");
    CHECK(o.length_min == 100 && o.length_max == 100, "--size=100");
    CHECK(strcmp(o.fixed_line, "hello") == 0 && o.length_min == 5 && o.length_max == 5, "-mhello");
    CHECK(strcmp(o.fixed_line, "a\rb\nc\r") == 0 && o.length_max == 6, "--message", "a\rb\nc\r");
    CHECK(strcmp(o.fixed_line, "..") == 0, "-m", "..");
    CHECK(strcmp(o.fixed_line, "-h") == 0 && o.action == YODEL_FLOOD_RUN, "-m", "-h");
    CHECK(strcmp(o.fixed_line, ".") == 0 && o.length_max == 1, "-m", ".", "--expect", "echo");
    CHECK(o.expect == YODEL_EXPECT_ECHO, "--expect=echo");
    CHECK(o.expect == YODEL_EXPECT_CHAT, "--expect=echo", "--expect=chat");
    CHECK(o.seed == 5 && o.seed_given, "--seed", "5");
    CHECK(o.seed == UINT64_MAX && o.seed_given, "--see=0xffffffffffffffff");
}

static void test_connections(void **state)
{
    (void)state;
    CHECK(o.connect_rate == 2500, "--connect-rate", "2.5k");
    CHECK(o.churn == 100, "--churn", "100");
    CHECK(o.idle && o.warm_up == 0 && o.duration == 60, "--idle", "-d", "60");
    CHECK(o.faults[YODEL_FAULT_SPLIT] == 20 && o.faults[YODEL_FAULT_RESET] == 5 &&
              o.faults[YODEL_FAULT_DRIP] == 0,
          "--fault", "split:20,reset:5%");
    CHECK(o.faults[YODEL_FAULT_DRIP] == 100 && o.faults[YODEL_FAULT_SLOW_READ] == 1, "--fault=drip",
          "--fault=slow-read:1");
    CHECK(o.idle && o.faults[YODEL_FAULT_HALF_CLOSE] == 1, "--idle", "--fault=half-close:1");
    CHECK(o.source_count == 3 && strcmp(o.sources[2], "127.0.0.4") == 0, "--source",
          "127.0.0.2,127.0.0.3", "--source", "127.0.0.4");
}

static void test_report(void **state)
{
    (void)state;
    CHECK(o.server_pid == 4711, "--server-pid", "4711");
    CHECK(o.slo_count == 2 && strcmp(o.slos[0].text, "p99<2ms") == 0 &&
              strcmp(o.slos[1].metric->name, "rate") == 0 && o.slos[1].op == YODEL_SLO_GE &&
              o.slos[1].bound == 100000,
          "--slo", "p99<2ms", "--slo=rate>=100k");
    CHECK(strcmp(o.json, "-") == 0 && strcmp(o.csv, "b") == 0 && strcmp(o.html, "c") == 0 &&
              strcmp(o.hgrm, "d") == 0,
          "--json", "-", "--csv=b", "--html", "c", "--hgrm", "d");
    CHECK(strcmp(o.json, "-") == 0, "--json=-");
    CHECK(o.quiet, "-q");
    CHECK(o.quiet && o.connections == 3, "-qc3");
    CHECK(o.no_color, "--no-color");
}

/* no-color.org: set, and not empty. */
static void test_no_color(void **state)
{
    (void)state;
    assert_int_equal(setenv("NO_COLOR", "0", 1), 0);
    CHECK(o.no_color, NULL);
    assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
    CHECK(o.no_color, NULL);
    assert_int_equal(setenv("NO_COLOR", "", 1), 0);
    CHECK(!o.no_color, NULL);
}

static void test_hosts(void **state)
{
    (void)state;
    yodel_flood_options all = GOOD("-c", "4", "h:79", "-q", "::1", "[::1]:80");

    assert_int_equal(all.target_count, 3);
    assert_string_equal(all.targets[0].host, "h");
    assert_string_equal(all.targets[0].port, "79");
    assert_string_equal(all.targets[1].host, "::1");
    assert_string_equal(all.targets[1].port, "8007");
    assert_string_equal(all.targets[2].host, "::1");
    assert_string_equal(all.targets[2].port, "80");
    assert_int_equal(all.connections, 4);
    assert_true(all.quiet);
    yodel_flood_options_free(&all);
    CHECK(strcmp(o.targets[0].host, "-q") == 0 && !o.quiet, "--", "-q");
    CHECK(o.action == YODEL_FLOOD_RUN && strcmp(o.targets[0].host, "compare") == 0, "compare:8007");
    CHECK(o.action == YODEL_FLOOD_RUN && strcmp(o.targets[1].host, "compare") == 0, "h", "compare");
}

/* Who wants the same run again types the seed. */
static void test_random_seed(void **state)
{
    (void)state;
    uint64_t seeds[4];
    bool all_the_same = true;

    for (int i = 0; i < 4; i++) {
        yodel_flood_options o = GOOD(NULL);
        assert_true(o.seed <= UINT32_MAX);
        seeds[i] = o.seed;
        all_the_same = all_the_same && seeds[i] == seeds[0];
        yodel_flood_options_free(&o);
    }
    assert_false(all_the_same);
}

static void test_actions(void **state)
{
    (void)state;
    CHECK(o.action == YODEL_FLOOD_HELP, "-h");
    CHECK(o.action == YODEL_FLOOD_HELP, "--help");
    CHECK(o.action == YODEL_FLOOD_VERSION, "-V");
    CHECK(o.action == YODEL_FLOOD_VERSION, "--version");
    /* Who asks for help need not have the rest right; what came before is freed all the same. */
    CHECK(o.action == YODEL_FLOOD_HELP, "--slo=errors=0", "--source=a", "-h", "--bogus");
    CHECK(o.action == YODEL_FLOOD_COMPARE && strcmp(o.operands[0], "a.json") == 0 &&
              strcmp(o.operands[1], "b.json") == 0,
          "compare", "a.json", "b.json");
    CHECK(o.action == YODEL_FLOOD_COMPARE && strcmp(o.operands[1], "-b") == 0, "compare", "a", "--",
          "-b");
}

/* The second command line of a process is read as the first one was. */
static void test_twice(void **state)
{
    (void)state;
    yodel_flood_options none;
    char message[256];

    assert_int_equal(flood_parse(&(flood_line){{"-qZ"}}, &none, message, sizeof message), -EINVAL);
    CHECK(o.depth == 3 && !o.quiet, "-P", "3");
    CHECK(o.depth == 1, "-c", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_defaults, unset_no_color),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_connections),
        cmocka_unit_test_setup(test_report, unset_no_color),
        cmocka_unit_test_setup_teardown(test_no_color, unset_no_color, unset_no_color),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_random_seed),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
