/* FAULTS.md rows 8 and 9: who dribbles is cut at the idle timeout, who talks never is. */
#include <signal.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

/* --- row 8 -------------------------------------------------------------------------------------*/

/* One client sends a byte now and then, another one that came later sends nothing. If bytes helped,
 * the first would outlive the second. */
static void dribble(const echo *e, double timeout, unsigned pause_ms)
{
    double start = program_now();
    int dribbling = echo_connect(e);
    int silent = echo_connect(e);
    double cut = 0;
    while (!net_wait_readable(silent, pause_ms)) {
        if (cut == 0 && net_wait_readable(dribbling, 0)) {
            cut = program_now() - start;
        } else if (cut == 0) {
            net_send_until_blocked(dribbling, "x", 1, 0);
        }
        assert_true(program_now() - start < timeout + NET_TIMEOUT);
    }
    if (cut ==
        0) { /* their ends were sent in one turn of the worker; a byte would have given more */
        assert_true(net_wait_readable(dribbling, (unsigned)(timeout * 500)));
        cut = program_now() - start;
    }
    print_message("    cut after %.3f s, the timeout is %.3f s\n", cut, timeout);
    assert_true(cut > 0.98 * timeout);
    if (echo_soak()) {
        assert_true(cut < timeout + 1.5);
    }
    net_wait_end(dribbling);
    net_expect_eof(silent);
    close(dribbling);
    close(silent);
    server_wait_counter(&e->server, "closed_idle", 2);
}

static void dribble_shortly(echo *e)
{
    dribble(e, 1, 20);
}

static void dribble_long(echo *e)
{
    dribble(e, 30, 1000);
}

static void test_row_08_bytes_without_a_delimiter_do_not_help(void **state)
{
    (void)state;
    if (echo_soak()) {
        echo_with_each_protocol(NULL, dribble_long, "-t", "1", NULL);
    } else {
        echo_with_each_protocol(NULL, dribble_shortly, "-t", "1", "--idle-timeout", "1", NULL);
    }
}

/* --- row 9 -------------------------------------------------------------------------------------*/

/* Sends a line ever so often for ten idle timeouts. False when the machine was so busy that the
 * client itself paused for half the timeout, which says nothing about the server. */
static bool talk_for_ten_timeouts(const echo *e, double timeout)
{
    int fd = echo_connect(e);
    double start = program_now();
    for (double now = start, last = start; now - start < 10 * timeout; last = now) {
        program_pause_ms((unsigned)(timeout * 1000 / 8));
        if (program_now() - last > timeout / 2) {
            close(fd);
            return false;
        }
        now = program_now();
        echo_talk(e, fd, "x");
    }
    close(fd);
    return true;
}

static void talk(const echo *e, double timeout)
{
    for (int i = 0; i < 5; i++) {
        if (talk_for_ten_timeouts(e, timeout)) {
            server_wait_counter(&e->server, "closed_eof", (uint64_t)i + 1);
            server_wait_counter(&e->server, "closed_idle", 0);
            return;
        }
        print_message("    this machine stalls, again\n");
    }
}

static void talk_shortly(echo *e)
{
    talk(e, 0.5);
}

static void talk_long(echo *e)
{
    talk(e, 8);
}

static void test_row_09_an_active_client_is_never_cut(void **state)
{
    (void)state;
    if (echo_soak()) {
        echo_with_each_protocol(NULL, talk_long, "--idle-timeout", "8", NULL);
    } else {
        echo_with_each_protocol(NULL, talk_shortly, "--idle-timeout", "500ms", NULL);
    }
}

/* The server does not run for longer than the timeout (the machine was suspended, say): what a
 * client sent in time lies in the kernel and counts. */
static void held_up(echo *e)
{
    for (int i = 0; i < 5; i++) {
        int fd = echo_connect(e);
        program_stop(e->server.program);
        net_send_text(fd, "in time\r\n");
        program_pause_ms(400);
        program_signal(e->server.program, SIGCONT);
        net_text answer = {0};
        echo_answer(e, &answer, "in time", 7);
        net_expect(fd, answer.data, answer.len);
        net_text_free(&answer);
        close(fd);
    }
    server_wait_counter(&e->server, "closed_idle", 0);
}

static void test_row_09_a_server_that_was_held_up_cuts_nobody(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, held_up, "--idle-timeout", "300ms", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_08_bytes_without_a_delimiter_do_not_help),
        program_test(test_row_09_an_active_client_is_never_cut),
        program_test(test_row_09_a_server_that_was_held_up_cuts_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
