/* How conversations of yodel-client end: closed, reset, silent; and that it says so. */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/peer.h"
#include "tests/support/program.h"

/* --- closed by the server ----------------------------------------------------------------------*/

static const program_options with_pipe = {.stdin_pipe = true};

/* A client on an idle pipe that has sent two lines and got `answers` back. */
static peer start_conversation(const char *answers)
{
    peer p = peer_start(&with_pipe, NULL);
    program_write_stdin(p.client, "one\ntwo\n", 8);
    net_expect_text(p.fd, "one\r\ntwo\r\n");
    net_send_text(p.fd, answers);
    program_wait_text(p.client, PROGRAM_STDOUT, answers);
    return p;
}

static void test_closed_with_all_answered(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

static void test_closed_with_lines_unanswered(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r"); /* that is one line */
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server: 1 of 2 lines unanswered");
}

static void test_closed_in_the_middle_of_a_line(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    program_write_stdin(p.client, "half", 4);
    net_expect_text(p.fd, "half");
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server: 1 of 3 lines unanswered");
}

/* Nobody can have answered a line that was not sent to its end. */
static void test_closed_with_an_error_in_the_middle_of_a_line(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    program_write_stdin(p.client, "too long", 8);
    net_expect_text(p.fd, "too long");
    net_send_text(p.fd, "Error: too long\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server");
}

/* The same with input that comes faster than the server takes it. */
static void test_closed_while_sending(void **state)
{
    (void)state;
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    peer p = peer_start_tiny(&(program_options){.stdin_fd = zeros});
    char data[1000];
    net_receive(p.fd, data, sizeof data);
    net_send_text(p.fd, "Error: too long\r\n");
    net_finish_sending(p.fd);
    peer_expect_exit(&p, 1, "connection closed by server");
    close(zeros);
}

static void test_closed_before_a_word(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, NULL);
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server");
}

/* While a half-closed server still reads, too: its end is ours. */
static void test_half_closed_by_the_server(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n");
    net_finish_sending(p.fd);
    peer_expect_exit(&p, 1, "connection closed by server: 1 of 2 lines unanswered");
}

static void test_goodbye(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n");
    program_write_stdin(p.client, ".\n", 2);
    net_expect_text(p.fd, ".\r\n");
    net_send_text(p.fd, "2\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

/* What follows "." is lost on a chat server that has closed. It may answer with a reset. */
static void test_reset_behind_goodbye(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    program_write_stdin(p.client, ".\nmore\n", 7);
    net_expect_text(p.fd, ".\r\nmore\r\n");
    net_reset(p.fd);
    p.fd = -1;
    peer_expect_exit(&p, 0, "");
}

/* Fewer answers than lines behind the end of input: somebody was cut off. */
static void test_cut_off_behind_the_end_of_input(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n");
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server: 1 of 2 lines unanswered");
}

static void test_server_that_only_listens(void **state)
{
    (void)state;
    peer p = start_conversation("");
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

static void test_answer_longer_than_any_buffer(void **state)
{
    (void)state;
    enum { LONG = 1000 * 1000 };
    net_text answer = {0};
    for (int i = 0; i < LONG / 10; i++) {
        net_text_printf(&answer, "%09d\r", i);
    }
    net_text_add(&answer, "\r\n", 2);
    peer p = start_conversation("1\r\n");
    net_send(p.fd, answer.data, answer.len);
    peer_close(&p);
    peer_expect_exit(&p, 0, ""); /* it was the second answer */
    size_t len;
    const char *printed = program_output(p.client, PROGRAM_STDOUT, &len);
    assert_int_equal(len, 3 + answer.len);
    assert_memory_equal(printed + 3, answer.data, answer.len);
    net_text_free(&answer);
}

/* Every CRLF is counted once, wherever TCP cuts. */
static void test_answers_in_single_bytes(void **state)
{
    (void)state;
    peer p = start_conversation("");
    net_send_drop_by_drop(p.fd, "\r1\r\n\n\r\r\n", 8);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");

    p = start_conversation("");
    net_send_drop_by_drop(p.fd, "\r1\r\n\n\r\r", 7);
    peer_close(&p);
    peer_expect_exit(&p, 1, "connection closed by server: 1 of 2 lines unanswered");
}

/* --- reset -------------------------------------------------------------------------------------*/

static void test_reset(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    net_reset(p.fd);
    p.fd = -1;
    peer_expect_exit(&p, 1, "connection reset by server");
}

static void test_reset_behind_the_end_of_input(void **state)
{
    (void)state;
    peer p = start_conversation("1\r\n2\r\n");
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    net_reset(p.fd);
    p.fd = -1;
    peer_expect_exit(&p, 1, "connection reset by server");
}

/* Whichever of the two threads meets the reset. */
static void test_reset_while_sending(void **state)
{
    (void)state;
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    for (int i = 0; i < 20; i++) {
        peer p = peer_start_tiny(&(program_options){.stdin_fd = zeros});
        char data[1000];
        net_receive(p.fd, data, sizeof data);
        net_reset(p.fd);
        p.fd = -1;
        peer_expect_exit(&p, 1, "connection reset by server");
    }
    close(zeros);
}

/* --- silence -----------------------------------------------------------------------------------*/

static void test_silence_behind_the_end_of_input(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, "--timeout", "300ms", NULL);
    program_write_stdin(p.client, "1\n2\n3", 5);
    net_expect_text(p.fd, "1\r\n2\r\n");
    net_send_text(p.fd, "1\r\n");
    program_wait_text(p.client, PROGRAM_STDOUT, "1\r\n");
    double start = program_now();
    program_close_stdin(p.client);
    net_expect_text(p.fd, "3\r\n");
    net_expect_eof(p.fd);
    peer_expect_exit(&p, 1, "no answer for 0.3 s: 2 of 3 lines unanswered");
    assert_true(program_now() - start >= 0.3);
}

/* Who was silent while the input went on has its whole time at the end of it. */
static void test_silence_is_counted_from_the_end_of_input(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, "--timeout", "2s", NULL);
    program_write_stdin(p.client, "1\n", 2);
    net_expect_text(p.fd, "1\r\n");
    program_pause_ms(2200);
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    program_pause_ms(300);
    net_send_text(p.fd, "1\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

/* A server that answers but does not close is forgiven. */
static void test_silence_when_all_was_answered(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, "--timeout", "100ms", NULL);
    program_write_stdin(p.client, "1\n", 2);
    net_expect_text(p.fd, "1\r\n");
    net_send_text(p.fd, "1\r\n");
    program_wait_text(p.client, PROGRAM_STDOUT, "1\r\n");
    program_close_stdin(p.client);
    peer_expect_exit(&p, 0, "");
}

/* As long as something comes it is not silence. */
static void test_slow_answers_are_no_silence(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, "--timeout", "3s", NULL);
    program_write_stdin(p.client, "1\n", 2);
    program_close_stdin(p.client);
    double start = program_now();
    while (program_now() - start < 3.5) {
        net_send_text(p.fd, ".");
        program_pause_ms(100);
    }
    net_send_text(p.fd, "\r\n");
    net_expect_text(p.fd, "1\r\n");
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

/* Who is at a keyboard may think as long as he likes. */
static void test_no_timeout_before_the_end_of_input(void **state)
{
    (void)state;
    peer p = peer_start(&with_pipe, "--timeout", "50ms", NULL);
    program_write_stdin(p.client, "1\n", 2);
    net_expect_text(p.fd, "1\r\n");
    program_pause_ms(500);
    net_send_text(p.fd, "1\r\n");
    program_wait_text(p.client, PROGRAM_STDOUT, "1\r\n");
    assert_true(program_running(p.client));
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_closed_with_all_answered),
        program_test(test_closed_with_lines_unanswered),
        program_test(test_closed_in_the_middle_of_a_line),
        program_test(test_closed_with_an_error_in_the_middle_of_a_line),
        program_test(test_closed_while_sending),
        program_test(test_closed_before_a_word),
        program_test(test_half_closed_by_the_server),
        program_test(test_goodbye),
        program_test(test_reset_behind_goodbye),
        program_test(test_cut_off_behind_the_end_of_input),
        program_test(test_server_that_only_listens),
        program_test(test_answer_longer_than_any_buffer),
        program_test(test_answers_in_single_bytes),
        program_test(test_reset),
        program_test(test_reset_behind_the_end_of_input),
        program_test(test_reset_while_sending),
        program_test(test_silence_behind_the_end_of_input),
        program_test(test_silence_is_counted_from_the_end_of_input),
        program_test(test_silence_when_all_was_answered),
        program_test(test_slow_answers_are_no_silence),
        program_test(test_no_timeout_before_the_end_of_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
