/* FAULTS.md rows 8 and 9: who dribbles is cut at the idle timeout, who talks never is. */
#include <signal.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

enum { CROWD = 400 };

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

/* On a machine so busy that a client itself is silent for half the timeout it says nothing about
 * the server, and is tried again. Of so many clients `stalled` may have been cut, by their own
 * fault, and the others were not. */
static void check_cut(const echo *e, uint64_t clients, uint64_t stalled)
{
    server_wait_counter(&e->server, "closed", clients);
    uint64_t idle = server_counter(&e->server, "closed_idle");
    assert_in_range(idle, 0, stalled);
    assert_int_equal(server_counter(&e->server, "closed_eof"), clients - idle);
}

/* Sends a line ever so often for ten idle timeouts. False when the client stalled. */
static bool talk_for_ten_timeouts(const echo *e, double timeout)
{
    double start = program_now();
    int fd = echo_connect(e);
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
    for (uint64_t stalled = 0; stalled < 5; stalled++) {
        if (talk_for_ten_timeouts(e, timeout)) {
            check_cut(e, stalled + 1, stalled);
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

/* The server does not run for longer than the timeout (the machine was suspended, say): what so
 * many clients sent in time lies in the kernel and counts. False when the machine stalled: some may
 * have been cut. */
static bool hold_up(const echo *e, double timeout, size_t clients)
{
    int fds[CROWD];
    net_text answer = {0};
    echo_answer(e, &answer, "in time", 7);
    double start = program_now();
    for (size_t i = 0; i < clients; i++) {
        fds[i] = echo_connect(e);
    }
    program_stop(e->server.program);
    bool in_time = program_now() - start < timeout / 2;
    for (size_t i = 0; i < clients && in_time; i++) {
        net_send_text(fds[i], "in time\r\n");
    }
    if (in_time) {
        program_pause_ms((unsigned)(timeout * 4000 / 3));
    }
    start = program_now();
    program_signal(e->server.program, SIGCONT);
    for (size_t i = 0; i < clients && in_time; i++) {
        net_expect(fds[i], answer.data, answer.len);
    }
    in_time = in_time && program_now() - start < timeout / 2;
    for (size_t i = 0; i < clients; i++) {
        close(fds[i]);
    }
    net_text_free(&answer);
    return in_time;
}

static void held_up(echo *e)
{
    const uint64_t rounds = 5;
    uint64_t stalled = 0;
    for (uint64_t done = 0; done < rounds;) {
        if (hold_up(e, 0.3, 1)) {
            done++;
        } else {
            stalled++;
        }
    }
    check_cut(e, rounds + stalled, stalled);
}

static void test_row_09_a_server_that_was_held_up_cuts_nobody(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, held_up, "--idle-timeout", "300ms", NULL);
}

/* More than the kernel tells of in one turn. */
static void crowd_held_up(echo *e)
{
    uint64_t stalled = 0;
    while (stalled < 5 * CROWD && !hold_up(e, 1.5, CROWD)) {
        stalled += CROWD;
    }
    check_cut(e, CROWD + stalled, stalled);
}

static void test_row_09_nor_anybody_of_a_crowd(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, crowd_held_up, "-t", "1", "--idle-timeout", "1500ms", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_08_bytes_without_a_delimiter_do_not_help),
        program_test(test_row_09_an_active_client_is_never_cut),
        program_test(test_row_09_a_server_that_was_held_up_cuts_nobody),
        program_test(test_row_09_nor_anybody_of_a_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
