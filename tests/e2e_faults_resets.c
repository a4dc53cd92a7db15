/* FAULTS.md row 13: clients that vanish, resets at every moment. One connection ends, once, and
 * nothing else happens. That connection_lost comes once is what accepted = active + closed (and the
 * sum of the reasons) says at the end of each test here, and test_transport_callbacks.c of each
 * call. */
#include <signal.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

enum { ROUNDS = 30 };

static void after_a_complete_line(echo *e)
{
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(e->server.port);
        net_send_text(fd, "hello\r\nhalf");
        net_reset(fd); /* the server reads, or writes, into a connection that is no more */
    }
    close(echo_connect(e));
    server_wait_counter(&e->server, "active", 0);
}

static void test_row_13_reset_after_a_line(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, after_a_complete_line, NULL);
}

static void nothing_under_way(echo *e)
{
    for (int i = 0; i < ROUNDS; i++) {
        net_reset(echo_connect(e));
    }
    server_wait_counter(&e->server, "closed_reset", ROUNDS);
    server_wait_counter(&e->server, "closed", ROUNDS);
    server_wait_counter(&e->server, "accepted", ROUNDS);
}

static void test_row_13_resets_are_counted_as_such(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, nothing_under_way, NULL);
}

static void while_it_writes(echo *e)
{
    enum { VANISHING = 5 };
    net_text lines = {0};
    echo_make_lines(e, 4 << 20, &lines, NULL);
    for (int i = 0; i < VANISHING; i++) {
        int fd = net_connect_tiny(e->server.port);
        echo_talk(e, fd, "first");
        net_send_until_blocked(fd, lines.data, lines.len, 20);
        net_reset(fd);
    }
    server_wait_counter(&e->server, "closed_reset", VANISHING);
    server_wait_counter(&e->server, "buffered", 0);
    net_text_free(&lines);
}

static void test_row_13_reset_while_the_server_writes(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, while_it_writes, NULL);
}

/* A close with answers unread: the kernel makes it a reset. */
static void unread_answers(echo *e)
{
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(e->server.port);
        net_send_text(fd, "hello\r\n");
        assert_true(net_wait_readable(fd, 20000));
        close(fd);
    }
    server_wait_counter(&e->server, "closed_reset", ROUNDS);
}

static void test_row_13_a_full_close_with_unread_answers(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, unread_answers, NULL);
}

static void before_accept(echo *e)
{
    program_stop(e->server.program); /* it cannot accept */
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(e->server.port);
        if (i % 2 == 0) {
            net_send_text(fd, "hello\r\n");
        }
        net_reset(fd);
    }
    int after_them = net_connect(e->server.port);
    program_signal(e->server.program, SIGCONT);
    echo_talk(e, after_them, "is it still accepting?");
    close(after_them);
}

static void test_row_13_gone_before_accept(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, before_accept, NULL);
}

static void sigpipe(echo *e)
{
    int fd = echo_connect(e);
    program_signal(e->server.program, SIGPIPE);
    echo_talk(e, fd, "alive?");
    close(fd);
}

static void test_row_13_sigpipe_is_nothing(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, sigpipe, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_13_reset_after_a_line),
        program_test(test_row_13_resets_are_counted_as_such),
        program_test(test_row_13_reset_while_the_server_writes),
        program_test(test_row_13_a_full_close_with_unread_answers),
        program_test(test_row_13_gone_before_accept),
        program_test(test_row_13_sigpipe_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
