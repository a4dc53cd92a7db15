/* FAULTS.md row 14: no file descriptor left to accept with. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

enum { FEW = 64, CLIENTS = 80 };

static const program_options few_descriptors = {.open_files = FEW};

/* Connects and sends a line, which may wait for long. */
static int connect_and_ask(const echo *e)
{
    int fd = net_connect(e->server.port);
    net_send_text(fd, "hello\r\n");
    return fd;
}

static void expect_answer(const echo *e, int fd)
{
    net_text answer = {0};
    echo_answer(e, &answer, "hello", 5);
    net_expect(fd, answer.data, answer.len);
    net_text_free(&answer);
}

/* One worker, so that clients are accepted in the order of their coming. */
static void no_descriptor_left(echo *e)
{
    program *p = e->server.program;
    int fds[CLIENTS];
    close(echo_connect(e)); /* all threads have what they need */
    program_wait_open_fds(p, e->server.fds);
    size_t without_clients = program_open_fds(p);
    for (int i = 0; i < CLIENTS; i++) { /* the kernel connects them all, queued */
        fds[i] = connect_and_ask(e);
    }
    program_wait_line(p, PROGRAM_STDERR, strerror(EMFILE));
    int served = (int)(program_open_fds(p) - without_clients);
    assert_in_range(served, 20, FEW - 1);
    for (int i = 0; i < served; i++) {
        expect_answer(e, fds[i]);
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < served; i++) { /* those inside are served as before */
            echo_talk(e, fds[i], "again");
        }
    }
    double cpu = program_cpu_seconds(p), start = program_now();
    program_pause_ms(1000); /* nothing to do now but to try again now and then */
    cpu = (program_cpu_seconds(p) - cpu) / (program_now() - start);
    assert_false(net_wait_readable(fds[served], 0));

    start = program_now();
    close(fds[0]); /* makes room for the one who waits longest */
    expect_answer(e, fds[served]);
    double waited = program_now() - start;
    print_message("    %.1f %% CPU without a descriptor; accepting %.3f s after one was free\n",
                  100 * cpu, waited);
    if (!program_sanitized()) {
        assert_true(cpu < 0.05);
    }
    if (echo_soak()) {
        assert_true(waited < 1.1);
    }
    for (int i = 1; i < CLIENTS - served; i++) {
        close(fds[i]);
    }
    for (int i = served + 1; i < CLIENTS; i++) {
        expect_answer(e, fds[i]);
    }
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, strerror(EMFILE)), 1);
    for (int i = CLIENTS - served; i < CLIENTS; i++) {
        close(fds[i]);
    }
    program_wait_open_fds(p, e->server.fds);
}

static void test_row_14_no_descriptor_left(void **state)
{
    (void)state;
    echo_with_each_accept(&few_descriptors, no_descriptor_left, "-t", "1", "--max-connections",
                          "1000", "--idle-timeout", "0", "--stats", "10", NULL);
}

static void no_descriptor_for_any_worker(echo *e)
{
    program *p = e->server.program;
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_connect(e->server.port);
    }
    program_wait_line(p, PROGRAM_STDERR, strerror(EMFILE));
    program_pause_ms(300); /* the others find it out, too */
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, strerror(EMFILE)), 1);
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    program_wait_open_fds(p, e->server.fds);
}

static void test_row_14_no_descriptor_left_for_any_worker_is_one_line(void **state)
{
    (void)state;
    echo_with_each_accept(&few_descriptors, no_descriptor_for_any_worker, "--max-connections",
                          "1000", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_14_no_descriptor_left),
        program_test(test_row_14_no_descriptor_left_for_any_worker_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
