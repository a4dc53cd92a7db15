/*
 * What flood does when it cannot do what it is asked for, and how it ends.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/json_at.h"
#include "tests/support/liar.h"
#include "tests/support/server.h"
#include "tests/support/threads.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* It says this in one line on stderr, names itself, and prints nothing else. */
static void expect_line(program *p, int status, const char *text)
{
    program_expect_exit(p, status);
    if (program_count_lines(p, PROGRAM_STDERR, "") != 1 ||
        program_count_lines(p, PROGRAM_STDERR, "flood: ") != 1 ||
        program_count_lines(p, PROGRAM_STDERR, text) != 1) {
        program_fail(p, "wanted one line with \"%s\" on stderr", text);
    }
    assert_string_equal(program_output(p, PROGRAM_STDOUT, NULL), "");
}

/* --- no server ---------------------------------------------------------------------------------*/

/* At once: the run would be longer than the harness waits. */
static void test_no_server(void **state)
{
    static const char *const more[][2] = {
        {"-t", "1"}, {"-t", "3"}, {"-R", "1000"}, {"--churn", "5"}};
    char port[32];

    (void)state;
    liar *l = liar_start(&(liar_options){.refuses = true});
    snprintf(port, sizeof port, "127.0.0.1:%u", liar_port(l));
    for (size_t i = 0; i < COUNT(more); i++) {
        program *p = program_start(NULL, "flood", "-d", "10m", more[i][0], more[i][1], port, NULL);
        expect_line(p, 1, port);
        assert_non_null(strstr(program_output(p, PROGRAM_STDERR, NULL), "onnection refused"));
    }
    /* Of several it is named that refused. */
    char good_port[32];
    liar *good = liar_start(&(liar_options){0});
    snprintf(good_port, sizeof good_port, "127.0.0.1:%u", liar_port(good));
    program *p = program_start(NULL, "flood", "-t", "2", "-n", "9", good_port, port, NULL);
    expect_line(p, 1, port);
    liar_stop(good);
    liar_stop(l);
}

static void test_no_such_host(void **state)
{
    (void)state;
    expect_line(program_start(NULL, "flood", "no-such-host.invalid", NULL), 1,
                "no-such-host.invalid");
}

/* --- options -----------------------------------------------------------------------------------*/

static void test_wrong_options(void **state)
{
    static const struct {
        const char *argv[6];
        const char *named;
    } table[] = {
        {{"flood", "-c", "0"}, "--connections"},
        {{"flood", "-c", "many"}, "many"},
        {{"flood", "-t", "-1"}, "--threads"},
        {{"flood", "-R", "fast"}, "fast"},
        {{"flood", "-s", "100-10"}, "100-10"},
        {{"flood", "-d", "10 parsecs"}, "10 parsecs"},
        {{"flood", "--fault", "sabotage"}, "sabotage"},
        {{"flood", "--fault", "reset:101"}, "'101'"},
        {{"flood", "--slo", "p98<1ms"}, "p98"},
        {{"flood", "--expect", "miracles"}, "miracles"},
        {{"flood", "--json"}, "--json"},
        {{"flood", "--no-such-option"}, "no-such-option"},
        {{"flood", "localhost:99999"}, "99999"},
        {{"flood", "--json", "-", "--csv", "-"}, "-"},
        {{"flood", "compare", "a.json"}, "compare"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        program *p = program_start_argv(NULL, table[i].argv);
        program_expect_exit(p, 2);
        const char *text = program_wait_line(p, PROGRAM_STDERR, table[i].named);
        if (strncmp(text, "flood: ", 7) != 0) {
            program_fail(p, "it does not name itself");
        }
        assert_string_equal(program_output(p, PROGRAM_STDOUT, NULL), "");
    }
}

static void test_help_and_version(void **state)
{
    (void)state;
    program *help = program_start(NULL, "flood", "--help", NULL);
    program_expect_exit(help, 0);
    program_wait_line(help, PROGRAM_STDOUT, "--fault");
    assert_string_equal(program_output(help, PROGRAM_STDERR, NULL), "");

    program *version = program_start(NULL, "flood", "--version", NULL);
    program_expect_exit(version, 0);
    program_wait_line(version, PROGRAM_STDOUT, "flood ");
}

/* --- what does not suffice ---------------------------------------------------------------------*/

static void test_too_few_descriptors(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    program *p = flood_start(&(program_options){.open_files = 64}, liar_port(l), "-c", "100", NULL);

    expect_line(p, 1, "64");
    assert_int_equal(liar_stop(l).accepted, 0);

    l = liar_start(NULL);
    p = flood_start(&(program_options){.open_files = 64}, liar_port(l), "-c", "10", "-t", "1", "-n",
                    "100", NULL);
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    flood_run_free(&run);
    assert_int_equal(liar_stop(l).accepted, 10);
}

static void test_too_few_ports(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    program *p =
        flood_start(&(program_options){.open_files = 200000}, liar_port(l), "-c", "100000", NULL);

    /* Where the limit cannot be raised that far it is the descriptors that do not suffice. */
    expect_line(p, 1, "100000 connections need ");
    assert_int_equal(liar_stop(l).accepted, 0);
}

/* --- spreading ---------------------------------------------------------------------------------*/

/* Connections and lines that cannot be divided are not lost. */
static void test_remainders(void **state)
{
    static const char *const table[][3] = {
        {"7", "3", "100"}, {"5", "4", "7"}, {"1", "1", "1"}, {"3", "2", "1001"}, {"2", "8", "9"}};

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        liar *l = liar_start(NULL);
        program *p = flood_start(NULL, liar_port(l), "-c", table[i][0], "-t", table[i][1], "-n",
                                 table[i][2], "-T", "60s", NULL);
        flood_run run = flood_end(p);
        char count[24];

        flood_expect(&run, 0, NULL);
        snprintf(count, sizeof count, "%.0f", flood_number(&run, "counts/answered"));
        assert_string_equal(count, table[i][2]);
        liar_counts counts = liar_stop(l);
        snprintf(count, sizeof count, "%u", (unsigned)counts.accepted);
        assert_string_equal(count, table[i][0]);
        assert_int_equal(counts.lines, flood_count(&run, "counts/sent"));
        flood_run_free(&run);
    }
}

static void test_several_hosts(void **state)
{
    char other[32];

    (void)state;
    liar *first = liar_start(NULL);
    liar *second = liar_start(NULL);
    snprintf(other, sizeof other, "127.0.0.1:%u", liar_port(second));
    program *p = flood_start(NULL, liar_port(first), "-c", "5", "-n", "50", "-T", "60s", "--source",
                             "127.0.0.1,127.0.0.2", other, NULL);
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    flood_run_free(&run);
    uint64_t accepted[] = {liar_stop(first).accepted, liar_stop(second).accepted};
    assert_int_equal(accepted[0] + accepted[1], 5);
    assert_true(accepted[0] >= 2 && accepted[1] >= 2);
}

/* --- Ctrl-C ------------------------------------------------------------------------------------*/

static bool has_answered(void *arg)
{
    return liar_look(arg).answers >= 1000;
}

static void interrupt_by(int signal_number)
{
    liar *l = liar_start(NULL);
    program *p = flood_start(NULL, liar_port(l), "-d", "10m", "-w", "0", "-T", "60s", NULL);

    wait_until(has_answered, l, "flood floods");
    program_signal(p, signal_number);
    flood_run run = flood_end(p);
    flood_expect(&run, 130, NULL);
    assert_true(json_is_true(json_at(run.report, "runs/0/interrupted")));
    assert_true(flood_count(&run, "counts/answered") >= 1000);
    assert_int_equal(flood_count(&run, "counts/answered"), flood_count(&run, "counts/sent"));
    assert_true(flood_number(&run, "seconds") < 600);
    assert_true(flood_number(&run, "metrics/rate") > 0);
    assert_int_equal(liar_wait_closed(l).lines, flood_count(&run, "counts/sent"));
    /* The report for people is whole, too. */
    program_wait_line(p, PROGRAM_STDERR, "p99");
    flood_run_free(&run);
    liar_stop(l);
}

static void test_interrupt(void **state)
{
    (void)state;
    interrupt_by(SIGINT);
    interrupt_by(SIGTERM);
}

/* While connections are being opened, too. */
static void test_interrupt_while_opening(void **state)
{
    (void)state;
    liar *l = liar_start(NULL);
    program *p = flood_start(NULL, liar_port(l), "-c", "100", "--connect-rate", "1", NULL);

    while (liar_look(l).accepted == 0) {
        program_pause_ms(1);
    }
    program_signal(p, SIGINT);
    flood_run run = flood_end(p);
    flood_expect(&run, 130, NULL);
    flood_run_free(&run);
    liar_stop(l);
}

static bool has_a_line(void *arg)
{
    return liar_look(arg).lines > 0;
}

/* Lines that are not answered are timeouts; nobody waits for longer than for those. */
static void test_interrupt_silence(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_STOP_ALL}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    program *p = flood_start(NULL, liar_port(l), "-c", "3", "-t", "1", "-P", "4", "-T", "2s", "-d",
                             "10m", NULL);
    wait_until(has_a_line, l, "flood floods");
    program_signal(p, SIGINT);
    flood_run run = flood_end(p);
    flood_expect(&run, 130,
                 (const flood_error[]){{"timeout", flood_count(&run, "counts/sent")}, {0}});
    flood_run_free(&run);
    liar_stop(l);
}

/* --- a server that dies ------------------------------------------------------------------------*/

/* And comes back: flood goes on. */
static void test_server_dies(void **state)
{
    char port[8];

    (void)state;
    server dying = server_start(NULL, "--stats", "0.05", NULL);
    program *p = flood_start(NULL, dying.port, "-c", "20", "-d", "10m", "-T", "60s", NULL);
    server_wait_counter(&dying, "accepted", 20);
    program_signal(dying.program, SIGKILL);
    assert_int_equal(program_wait_exit(dying.program), 128 + SIGKILL);
    program_pause_ms(300); /* attempts fail */
    snprintf(port, sizeof port, "%u", dying.port);
    server next = server_start(NULL, "-p", port, "--stats", "0.05", NULL);
    server_wait_counter(&next, "accepted", 20);
    program_signal(p, SIGINT);
    flood_run run = flood_end(p);
    flood_expect(&run, 130,
                 (const flood_error[]){
                     {"connect", -1}, {"reset", -1}, {"closed early", -1}, {"lost", -1}, {0}});
    assert_true(flood_count(&run, "errors/connect") > 0);
    assert_true(flood_count(&run, "errors/reset") + flood_count(&run, "errors/closed early") >= 20);
    assert_true(flood_count(&run, "counts/connected") >= 40);
    json_is_text_at(run.report, "runs/0/connect_error", "Connection refused");
    flood_run_free(&run);
    server_stop(&next);
}

/* For good: a number of lines that can never be sent is no reason to run for ever. */
static void test_server_dies_for_good(void **state)
{
    (void)state;
    server dying = server_start(NULL, "--stats", "0.05", NULL);
    program *p = flood_start(NULL, dying.port, "-c", "20", "-n", "1G", "-T", "500ms", NULL);
    server_wait_counter(&dying, "accepted", 20);
    program_signal(dying.program, SIGKILL);
    assert_int_equal(program_wait_exit(dying.program), 128 + SIGKILL);
    flood_run run = flood_end(p);
    flood_expect(&run, 4,
                 (const flood_error[]){{"connect", -1},
                                       {"reset", -1},
                                       {"closed early", -1},
                                       {"lost", -1},
                                       {"timeout", -1},
                                       {0}});
    assert_true(flood_count(&run, "errors/connect") > 0);
    flood_run_free(&run);
}

/* --- promises ----------------------------------------------------------------------------------*/

static void test_slos(void **state)
{
    static const struct {
        const char *slos[2];
        int status;
        bool kept[2];
    } table[] = {
        {{"errors=0", "rate>=1"}, 0, {true, true}},
        {{"errors=0", "p99<1us"}, 99, {true, false}},
        {{"p50 >= 1s", "p99.9 < 60s"}, 99, {false, true}},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(table); i++) {
        liar *l = liar_start(NULL);
        program *p = flood_start(NULL, liar_port(l), "-n", "1000", "-T", "60s", "--slo",
                                 table[i].slos[0], "--slo", table[i].slos[1], NULL);
        flood_run run = flood_end(p);
        flood_expect(&run, table[i].status, NULL);
        for (size_t k = 0; k < 2; k++) {
            char path[32];
            snprintf(path, sizeof path, "runs/0/slos/%zu/kept", k);
            assert_int_equal(json_is_true(json_at(run.report, path)), table[i].kept[k]);
        }
        flood_run_free(&run);
        liar_stop(l);
    }
}

/* Errors are worse than a broken promise. */
static void test_slo_and_errors(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_CORRUPT, .line = 3, .times = 1}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    program *p =
        flood_start(NULL, liar_port(l), "-n", "1000", "-T", "60s", "--slo", "errors=0", NULL);
    flood_run run = flood_end(p);
    flood_expect(&run, 3, (const flood_error[]){{"corrupt", 1}, {0}});
    flood_run_free(&run);
    liar_stop(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_no_server),
        liar_test(test_no_such_host),
        liar_test(test_wrong_options),
        liar_test(test_help_and_version),
        liar_test(test_too_few_descriptors),
        liar_test(test_too_few_ports),
        liar_test(test_remainders),
        liar_test(test_several_hosts),
        liar_test(test_interrupt),
        liar_test(test_interrupt_while_opening),
        liar_test(test_interrupt_silence),
        liar_test(test_server_dies),
        liar_test(test_server_dies_for_good),
        liar_test(test_slos),
        liar_test(test_slo_and_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
