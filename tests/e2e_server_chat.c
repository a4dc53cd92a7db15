/* yodel-server -P chat: what is a line, what comes back, and when the connection ends. However the
 * stream is cut, and every byte value: e2e_faults_cuts.c. */
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* A conversation with all that is special about lines, ended by ".". */
#define TALK "one\r\n\r\na\rb\nc\r\r\n..\r\n. \r\n.\r\n"
#define ANSWERS                                                                                    \
    "You sent: one\r\nYou sent: \r\nYou sent: a\rb\nc\r\r\nYou sent: ..\r\nYou sent: . \r\n"

static void talk(server *s)
{
    int fd = net_connect(s->port);
    net_send_text(fd, TALK);
    net_expect_text(fd, ANSWERS);
    net_expect_eof(fd);
    close(fd);
}

static void test_answers_in_every_shape(void **state)
{
    (void)state;
    server_with_each_shape(talk, NULL);
}

/* Starts the server, sends one text and expects one answer on a connection that stays open. */
static void check_answer(const char *sent, const char *answer)
{
    server s = server_start(NULL, "-t", "1", NULL);
    int fd = net_connect(s.port);
    net_send_text(fd, sent);
    net_expect_text(fd, answer);
    net_send_text(fd, "next\r\n");
    net_expect_text(fd, "You sent: next\r\n");
    close(fd);
    server_stop(&s);
}

static void test_an_empty_line_is_a_line(void **state)
{
    (void)state;
    check_answer("\r\n\r\n", "You sent: \r\nYou sent: \r\n");
}

static void test_lookalikes_of_the_dot_do_not_close(void **state)
{
    (void)state;
    check_answer("..\r\n. \r\n .\r\n.\n\r\n.\r\r\n",
                 "You sent: ..\r\nYou sent: . \r\nYou sent:  .\r\nYou sent: .\n\r\n"
                 "You sent: .\r\r\n");
}

static void test_the_dot_closes_after_the_answers(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    int fd = net_connect(s.port);
    net_send_text(fd, "a\r\nb\r\n.\r\nnever dispatched\r\n");
    net_expect_text(fd, "You sent: a\r\nYou sent: b\r\n");
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_quit"), 1);
    assert_int_equal(server_counter(&s, "lines_out"), 2);
}

static void test_lines_of_all_sizes_in_one_stream(void **state)
{
    (void)state;
    char line[65536];
    memset(line, 'x', sizeof line);
    net_text sent = {0}, answers = {0};
    for (int len = 1; len <= 65536; len = len * 5 / 4 + 1) {
        net_text_printf(&sent, "%.*s\r\n", len, line);
        net_text_printf(&answers, "You sent: %.*s\r\n", len, line);
    }
    server s = server_start(NULL, NULL);
    int fd = net_connect(s.port);
    net_exchange(fd, sent.data, sent.len, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_fin_without_a_byte(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    int fd = net_connect(s.port);
    net_finish_sending(fd);
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "partial"), 0);
    assert_int_equal(server_counter(&s, "closed_eof"), 1);
}

static void test_clients_do_not_get_each_others_bytes(void **state)
{
    (void)state;
    enum { CLIENTS = 20 };
    server s = server_start(NULL, "-t", "2", NULL);
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_connect(s.port);
    }
    for (int i = 0; i < CLIENTS; i++) { /* all of them have half a line in the server now */
        net_text half = {0};
        net_text_printf(&half, "I am %d", i);
        net_send(fds[i], half.data, half.len);
        net_text_free(&half);
    }
    for (int i = 0; i < CLIENTS; i++) {
        net_text answer = {0};
        net_text_printf(&answer, "You sent: I am %d, indeed\r\n", i);
        net_send_text(fds[i], ", indeed\r\n");
        net_expect_text(fds[i], answer.data);
        close(fds[i]);
        net_text_free(&answer);
    }
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_answers_in_every_shape),
        program_test(test_an_empty_line_is_a_line),
        program_test(test_lookalikes_of_the_dot_do_not_close),
        program_test(test_the_dot_closes_after_the_answers),
        program_test(test_lines_of_all_sizes_in_one_stream),
        program_test(test_fin_without_a_byte),
        program_test(test_clients_do_not_get_each_others_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
