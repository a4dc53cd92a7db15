/* Clients that vanish: resets at every moment. One connection ends, nothing else happens. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

enum { ROUNDS = 30 };

static void after_a_complete_line(server *s)
{
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(s->port);
        net_send_text(fd, "hello\r\nhalf");
        net_reset(fd); /* the server reads, or writes, into a connection that is no more */
    }
    server_check_serves(s);
}

static void test_reset_after_a_line(void **state)
{
    (void)state;
    server_with_each_shape(after_a_complete_line, NULL);
}

static void while_it_writes(server *s)
{
    static char lines[4 << 20];
    for (size_t i = 0; i < sizeof lines; i += 64) {
        memset(lines + i, 'x', 62);
        memcpy(lines + i + 62, "\r\n", 2);
    }
    for (int i = 0; i < 5; i++) {
        int fd = net_connect_tiny(s->port);
        net_send_until_blocked(fd, lines, sizeof lines, 20);
        net_reset(fd);
    }
    server_check_serves(s);
}

static void test_reset_while_the_server_writes(void **state)
{
    (void)state;
    server_with_each_shape(while_it_writes, NULL);
}

static void before_accept(server *s)
{
    program_signal(s->program, SIGSTOP); /* it cannot accept */
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(s->port);
        net_reset(fd);
    }
    program_signal(s->program, SIGCONT);
    server_check_serves(s);
}

static void test_gone_before_accept(void **state)
{
    (void)state;
    server_with_each_shape(before_accept, NULL);
}

static void test_a_full_close_with_unread_answers(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(s.port);
        net_send_text(fd, "hello\r\n");
        assert_true(net_wait_readable(fd, 20000));
        close(fd); /* with the answer unread: the kernel makes this a reset */
    }
    server_check_serves(&s);
    server_stop(&s);
}

static void test_sigpipe_is_nothing(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    int fd = net_connect(s.port);
    program_signal(s.program, SIGPIPE);
    net_send_text(fd, "alive?\r\n");
    net_expect_text(fd, "You sent: alive?\r\n");
    close(fd);
    server_stop(&s);
}

static void test_resets_are_counted_as_such(void **state)
{
    (void)state;
    server s = server_start(NULL, "-t", "2", NULL);
    for (int i = 0; i < ROUNDS; i++) {
        int fd = net_connect(s.port);
        net_send_text(fd, "hello\r\n");
        net_expect_text(fd, "You sent: hello\r\n"); /* accepted, and nothing is under way */
        net_reset(fd);
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "accepted"), ROUNDS);
    assert_int_equal(server_counter(&s, "closed_reset"), ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_reset_after_a_line), program_test(test_reset_while_the_server_writes),
        program_test(test_gone_before_accept), program_test(test_a_full_close_with_unread_answers),
        program_test(test_sigpipe_is_nothing), program_test(test_resets_are_counted_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
