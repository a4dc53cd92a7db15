/*
 * Against an honest server flood finds nothing, however it misbehaves itself; and what the server
 * has counted is what flood has counted.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/server.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* How flood is run. */
typedef struct shape {
    const char *protocol; /* of the server; the answers are those */
    const char *depth;
    const char *lengths;
    const char *connections;
    const char *more[6];
} shape;

static bool is_stream(const shape *how)
{
    return strcmp(how->protocol, "stream") == 0;
}

static flood_run run_with(server *s, const shape *how)
{
    const char *const *more = how->more;
    char connections[16];

    snprintf(connections, sizeof connections, "%s",
             how->connections != NULL ? how->connections : "16");
    /* NULL ends them early: those that are not given are at the end. */
    program *p = flood_start(NULL, s->port, "-T", "60s", "-P", how->depth, "-s", how->lengths, "-c",
                             connections, "--expect", is_stream(how) ? "echo" : "chat", more[0],
                             more[1], more[2], more[3], more[4], more[5], NULL);
    return flood_end(p);
}

/* What the server says agrees with what flood says. Under `resets` lines were left behind, of which
 * it has seen some. */
static void compare(const server *s, const flood_run *run, bool resets)
{
    uint64_t in = server_counter(s, "lines_in");
    uint64_t out = server_counter(s, "lines_out");
    uint64_t sent = (uint64_t)flood_count(run, "counts/sent");
    uint64_t answered = (uint64_t)flood_count(run, "counts/answered");

    assert_true(answered > 0);
    assert_int_equal(sent, answered + (uint64_t)flood_count(run, "counts/abandoned"));
    /* When the time is over flood gives up those that are just being made, which the kernel may
     * have accepted already. */
    uint64_t connected = (uint64_t)flood_count(run, "counts/connected");
    assert_in_range(server_counter(s, "accepted"), connected, connected + 16);
    if (resets) {
        assert_in_range(in, answered, sent);
        assert_in_range(out, answered, sent);
    } else {
        assert_int_equal(in, sent);
        assert_int_equal(out, sent);
        assert_int_equal(answered, sent);
    }
}

static bool has_word(const shape *how, const char *word)
{
    for (size_t i = 0; i < COUNT(how->more) && how->more[i] != NULL; i++) {
        if (strstr(how->more[i], word) != NULL) {
            return true;
        }
    }
    return false;
}

static flood_run check(const shape *how)
{
    server s = server_start(NULL, "--protocol", how->protocol, NULL);
    flood_run run = run_with(&s, how);

    print_message("    %s -P %s -s %s %s %s: %.0f lines\n", how->protocol, how->depth, how->lengths,
                  how->more[0], how->more[1] != NULL ? how->more[1] : "",
                  flood_number(&run, "counts/answered"));
    flood_expect(&run, 0, NULL);
    server_stop(&s);
    compare(&s, &run, has_word(how, "reset"));
    return run;
}

/* For both protocols, with one line in flight and with 64. */
static void check_each(const char *lengths, const char *const more[6], const char *counted)
{
    static const char *const protocols[] = {"chat", "stream"};
    static const char *const depths[] = {"1", "64"};

    for (size_t i = 0; i < 4; i++) {
        shape how = {
            .protocol = protocols[i / 2],
            .depth = depths[i % 2],
            .lengths = lengths,
        };
        memcpy(how.more, more, sizeof how.more);
        flood_run run = check(&how);
        if (counted != NULL) {
            assert_true(flood_count(&run, counted) > 0);
        }
        flood_run_free(&run);
    }
}

/* --- well-behaved ------------------------------------------------------------------------------*/

static void test_sizes(void **state)
{
    (void)state;
    check_each("1-2000", (const char *const[6]){"-n", "20000"}, NULL);
}

static void test_short_lines(void **state)
{
    (void)state;
    check_each("1", (const char *const[6]){"-n", "20000"}, NULL);
}

static void test_threads(void **state)
{
    (void)state;
    check_each("64", (const char *const[6]){"-n", "20000", "-t", "3"}, NULL);
}

static void test_open_loop(void **state)
{
    (void)state;
    check_each("20-200", (const char *const[6]){"-R", "2000", "-d", "1s", "-w", "0"}, NULL);
}

static void test_fixed_line(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    program *p = flood_start(NULL, s.port, "-T", "60s", "-P", "64", "-m", "always the same", "-n",
                             "20000", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    server_stop(&s);
    compare(&s, &run, false);
    flood_run_free(&run);
}

/* The lines are a function of the seed. */
static void test_seed(void **state)
{
    static const char *const seeds[] = {"7", "7", "8"};
    int64_t bytes[3];

    (void)state;
    server s = server_start(NULL, NULL);
    for (size_t i = 0; i < 3; i++) {
        program *p = flood_start(NULL, s.port, "-T", "60s", "-s", "1-2000", "-n", "5000", "--seed",
                                 seeds[i], NULL);
        flood_run run = flood_end(p);
        flood_expect(&run, 0, NULL);
        bytes[i] = flood_count(&run, "counts/bytes_out");
        assert_int_equal(flood_count(&run, "counts/bytes_in"), bytes[i] + 5000 * 10);
        flood_run_free(&run);
    }
    server_stop(&s);
    assert_int_equal(bytes[0], bytes[1]);
    assert_int_not_equal(bytes[0], bytes[2]);
    assert_int_equal(server_counter(&s, "bytes_in"), bytes[0] + bytes[1] + bytes[2]);
}

static void test_churn(void **state)
{
    (void)state;
    check_each("1-2000", (const char *const[6]){"-n", "5000", "--churn", "7"}, NULL);
}

/* Opened and held; one line each shows that all of them still work. */
static void test_idle(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    program *p = flood_start(NULL, s.port, "-T", "60s", "-c", "200", "--idle", "-d", "1s", NULL);
    flood_run run = flood_end(p);

    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "counts/sent"), 200);
    assert_int_equal(flood_count(&run, "counts/connected"), 200);
    server_stop(&s);
    compare(&s, &run, false);
    flood_run_free(&run);
}

/* --- faults ------------------------------------------------------------------------------------*/

static void test_split(void **state)
{
    (void)state;
    check_each("1-200", (const char *const[6]){"-n", "1600", "--fault", "split"}, "faults/split");
}

static void test_drip(void **state)
{
    (void)state;
    check_each("1-20", (const char *const[6]){"-n", "320", "--fault", "drip"}, "faults/drip");
}

static void test_slow_read(void **state)
{
    (void)state;
    check_each("1-2000", (const char *const[6]){"-n", "1600", "--fault", "slow-read"},
               "faults/slow-read");
}

static void test_half_close(void **state)
{
    (void)state;
    check_each("1-2000", (const char *const[6]){"-n", "5000", "--fault", "half-close"},
               "faults/half-close");
}

static void test_reset(void **state)
{
    (void)state;
    check_each("1-2000", (const char *const[6]){"-n", "5000", "--fault", "reset"}, "faults/reset");
}

static void test_mix(void **state)
{
    (void)state;
    check_each("1-100",
               (const char *const[6]){"-d", "2s", "-w", "0", "--fault",
                                      "split:20,drip:10,slow-read:20,half-close:20,reset:20"},
               NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_sizes),     program_test(test_short_lines), program_test(test_threads),
        program_test(test_open_loop), program_test(test_fixed_line),  program_test(test_seed),
        program_test(test_churn),     program_test(test_idle),        program_test(test_split),
        program_test(test_drip),      program_test(test_slow_read),   program_test(test_half_close),
        program_test(test_reset),     program_test(test_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
