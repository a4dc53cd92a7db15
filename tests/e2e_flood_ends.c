/*
 * flood ends: whatever the server does, when the time is over, or when there is nobody left who
 * takes lines. What it could not finish it says.
 */
#include <signal.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/json_at.h"
#include "tests/support/liar.h"
#include "tests/support/server.h"

enum { MISSING = 4 };

/* A rate that nobody can keep up with: flood must not walk through all that is due. */
static void test_any_rate(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    flood_run run =
        flood_end(flood_start(NULL, liar_port(l), "-n", "1000", "-R", "1G", "-T", "60s", NULL));
    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "counts/sent"), 1000);
    flood_run_free(&run);
    liar_stop(l);
}

/* What our own faults make slow would take minutes to end: it is left behind. */
static void test_slow_faults(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    flood_run run = flood_end(flood_start(NULL, liar_port(l), "-c", "2", "-d", "100ms", "-w", "0",
                                          "-T", "500ms", "-s", "200k", "--fault", "drip", NULL));
    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "counts/sent"), 2);
    assert_int_equal(flood_count(&run, "counts/abandoned"), 2);
    flood_run_free(&run);
    run = flood_end(flood_start(NULL, liar_port(l), "-c", "1", "-P", "64", "-d", "100ms", "-w", "0",
                                "-T", "500ms", "-s", "64k", "--fault", "slow-read", NULL));
    flood_expect(&run, 0, NULL);
    assert_true(flood_count(&run, "counts/abandoned") > 0);
    flood_run_free(&run);
    liar_stop(l);
}

/* A piece of a line may be longer than what is sent at a time. */
static void test_long_lines_in_pieces(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    flood_run run = flood_end(flood_start(NULL, liar_port(l), "-c", "4", "-n", "16", "-s", "1M",
                                          "-T", "60s", "--fault", "split", NULL));
    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "counts/answered"), 16);
    flood_run_free(&run);
    liar_stop(l);
}

/* A number of lines, but nobody reads them. */
static void test_server_stops_reading(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_STOP_ALL, .line = 1}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    flood_run run = flood_end(flood_start(NULL, liar_port(l), "-c", "2", "-P", "20", "-n", "1000",
                                          "-s", "1M", "-T", "300ms", NULL));
    flood_expect(&run, MISSING, (const flood_error[]){{"timeout", -1}, {0}});
    assert_true(flood_count(&run, "counts/sent") < 1000);
    assert_true(json_is_string(json_at(run.report, "runs/0/note")));
    flood_run_free(&run);
    liar_stop(l);
}

/* Idle connections say their one line in the end, if anybody is left. */
static void test_server_dies_in_the_idle_time(void **state)
{
    (void)state;
    server dying = server_start(NULL, "--stats", "0.05", NULL);
    program *p =
        flood_start(NULL, dying.port, "-c", "20", "--idle", "-d", "3s", "-T", "500ms", NULL);
    server_wait_counter(&dying, "accepted", 20);
    program_signal(dying.program, SIGKILL);
    assert_int_equal(program_wait_exit(dying.program), 128 + SIGKILL);
    flood_run run = flood_end(p);
    flood_expect(&run, MISSING,
                 (const flood_error[]){{"connect", -1},
                                       {"reset", -1},
                                       {"closed early", -1},
                                       {"lost", -1},
                                       {"timeout", -1},
                                       {0}});
    flood_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_rate),
        cmocka_unit_test(test_slow_faults),
        cmocka_unit_test(test_long_lines_in_pieces),
        cmocka_unit_test(test_server_stops_reading),
        cmocka_unit_test(test_server_dies_in_the_idle_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
