/* FAULTS.md row 16: SIGTERM with idle, busy and never-reading clients at the same time. Each kind
 * alone, and many shapes of busy ones, are in e2e_server_drain.c. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

enum { SOME = 8 };

static void all_kinds(echo *e)
{
    net_text sent = {0}, answers = {0};
    echo_make_lines(e, 60 << 10, &sent, &answers);
    int deaf[2], idle[SOME], busy[SOME];
    for (int i = 0; i < 2; i++) {
        deaf[i] = server_connect_deaf(&e->server);
    }
    for (int i = 0; i < SOME; i++) {
        idle[i] = echo_connect(e);
        busy[i] = echo_connect(e);
    }
    for (int i = 0; i < SOME; i++) {
        net_send(busy[i], sent.data, sent.len);
        net_send_text(busy[i], "and half a li");
        net_wait_delivered(busy[i]);
    }
    double start = program_now();
    program_signal(e->server.program, SIGTERM);
    for (int i = 0; i < SOME; i++) {
        net_expect_eof(idle[i]);
        close(idle[i]);
    }
    for (int i = 0; i < SOME; i++) {
        net_expect(busy[i], answers.data, answers.len);
        net_expect_eof(busy[i]);
        close(busy[i]);
    }
    /* Those who do not read hold it until the grace is over (but this client may have been slow).
     */
    assert_true(program_now() - start > 0.9 || program_running(e->server.program));
    server_wait_drained(&e->server);
    assert_true(program_now() - start > 0.99);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(net_wait_end(deaf[i]), ECONNRESET);
        close(deaf[i]);
    }
    e->drained = true;
    assert_int_equal(server_counter(&e->server, "closed_drain"), 2 * SOME);
    assert_int_equal(server_counter(&e->server, "closed_drain_abort"), 2);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_row_16_idle_busy_and_never_reading_clients(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, all_kinds, "--grace", "1", "--stats", "0.004", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_16_idle_busy_and_never_reading_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
