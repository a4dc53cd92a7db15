/* FAULTS.md rows 6 and 7: a client that has said all and sends its FIN, with whole lines under way
 * or in the middle of one. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

/* --- row 6 -------------------------------------------------------------------------------------*/

static void pipelined(echo *e)
{
    enum { LINES = 10000 };
    net_text sent = {0}, answers = {0};
    for (int i = 0; i < LINES; i++) {
        char line[32];
        int len = snprintf(line, sizeof line, "line %d", i);
        net_text_printf(&sent, "%s\r\n", line);
        echo_answer(e, &answers, line, (size_t)len);
    }
    int fd = net_connect(e->server.port);
    net_exchange(fd, sent.data, sent.len, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
    server_wait_counter(&e->server, "closed_eof", 1);
    server_wait_counter(&e->server, "lines_out", LINES);
    server_wait_counter(&e->server, "partial", 0);
}

static void test_row_06_ten_thousand_lines_then_fin(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, pipelined, NULL);
}

/* The FIN is there before the server can answer anything. */
static void fin_before_the_first_answer(echo *e)
{
    net_text sent = {0}, answers = {0};
    echo_make_lines(e, 32 << 10, &sent, &answers); /* as much as a socket takes at once */
    int fd = net_connect(e->server.port);
    echo_talk(e, fd, "are you there?");
    program_stop(e->server.program);
    net_send(fd, sent.data, sent.len);
    net_finish_sending(fd);
    program_signal(e->server.program, SIGCONT);
    net_expect(fd, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_row_06_fin_before_the_first_answer(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, fin_before_the_first_answer, NULL);
}

/* --- row 7 -------------------------------------------------------------------------------------*/

static void partial_then_fin(echo *e)
{
    static const char *const rests[] = {"p", "part", "part\r", "\r", "\n", "."};
    enum { RESTS = sizeof rests / sizeof rests[0] };
    for (size_t i = 0; i < RESTS; i++) {
        int fd = net_connect(e->server.port); /* nothing but the rest */
        net_send_text(fd, rests[i]);
        net_finish_sending(fd);
        net_expect_eof(fd);
        close(fd);
        fd = echo_connect(e); /* a line and the rest in one segment */
        net_text sent = {0}, answer = {0};
        net_text_printf(&sent, "whole\r\n%s", rests[i]);
        echo_answer(e, &answer, "whole", 5);
        net_send(fd, sent.data, sent.len);
        net_finish_sending(fd);
        net_expect(fd, answer.data, answer.len);
        net_expect_eof(fd);
        close(fd);
        net_text_free(&sent);
        net_text_free(&answer);
    }
    server_wait_counter(&e->server, "closed_eof", 2 * RESTS);
    server_wait_counter(&e->server, "partial", 2 * RESTS);
    server_wait_counter(&e->server, "lines_in", 2 * RESTS);
}

static void test_row_07_a_partial_line_then_fin_is_dropped_and_counted(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, partial_then_fin, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_06_ten_thousand_lines_then_fin),
        program_test(test_row_06_fin_before_the_first_answer),
        program_test(test_row_07_a_partial_line_then_fin_is_dropped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
