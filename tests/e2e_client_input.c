/* What yodel-client makes of its input: files, pipes, nothing at all; lines and their ends. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/peer.h"
#include "tests/support/program.h"

/* A file with this content, to be read from its beginning. */
static int make_file(const void *data, size_t len)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* A client whose stdin is this file sends exactly this and then half-closes. */
static void check_file(const void *input, size_t input_len, const void *sent, size_t sent_len)
{
    program_options options = {.stdin_fd = make_file(input, input_len)};
    peer p = peer_start(&options, NULL);
    net_expect(p.fd, sent, sent_len);
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close(options.stdin_fd);
}

static void check_text(const char *input, const char *sent)
{
    check_file(input, strlen(input), sent, strlen(sent));
}

static void test_lines_get_crlf(void **state)
{
    (void)state;
    check_text("one\ntwo\n\n three \n", "one\r\ntwo\r\n\r\n three \r\n");
}

static void test_last_line_without_newline(void **state)
{
    (void)state;
    check_text("one\ntwo", "one\r\ntwo\r\n");
    check_text("two", "two\r\n");
}

static void test_dos_file(void **state)
{
    (void)state;
    check_text("one\r\ntwo\r\n", "one\r\ntwo\r\n");
}

static void test_empty_file(void **state)
{
    (void)state;
    check_text("", "");
}

static void test_any_byte_passes(void **state)
{
    (void)state;
    char input[257], sent[258];
    for (int i = 0; i < 256; i++) {
        input[i] = (char)i;
    }
    input['\n'] = 'x';
    memcpy(sent, input, 256);
    input[256] = '\n';
    memcpy(sent + 256, "\r\n", 2);
    check_file(input, sizeof input, sent, sizeof sent);
}

static void test_dev_null(void **state)
{
    (void)state;
    peer p = peer_start(NULL, NULL); /* the harness's stdin is /dev/null */
    net_expect_eof(p.fd);
    net_send_text(p.fd, "welcome and goodbye\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    assert_string_equal(program_output(p.client, PROGRAM_STDOUT, NULL), "welcome and goodbye\r\n");
}

/* Starts the client through a shell that redirects. */
static peer start_by_shell(const char *redirection)
{
    uint16_t port;
    peer p = {.listener = net_listen(&port)};
    char command[200];
    snprintf(command, sizeof command, "exec \"$0\" 127.0.0.1 %u %s", port, redirection);
    p.client = program_start(NULL, "/bin/sh", "-c", command, peer_client_path(), NULL);
    p.fd = net_accept(p.listener);
    return p;
}

static void test_closed_stdin(void **state)
{
    (void)state;
    peer p = start_by_shell("<&-");
    net_expect_eof(p.fd); /* and the socket has not become stdin */
    net_send_text(p.fd, "hello\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    assert_string_equal(program_output(p.client, PROGRAM_STDOUT, NULL), "hello\r\n");
}

static void test_directory_as_stdin(void **state)
{
    (void)state;
    peer p = start_by_shell("</tmp");
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 1, "cannot read standard input: Is a directory");
}

/* A pipe: each line is sent when it comes, also what is no line yet. */
static void test_pipe(void **state)
{
    (void)state;
    peer p = peer_start(&(program_options){.stdin_pipe = true}, NULL);
    program_write_stdin(p.client, "one\n", 4);
    net_expect_text(p.fd, "one\r\n");
    net_send_text(p.fd, "answer 1\r\n");
    program_wait_text(p.client, PROGRAM_STDOUT, "answer 1\r\n");
    program_write_stdin(p.client, "tw", 2);
    net_expect_text(p.fd, "tw");
    program_write_stdin(p.client, "o\n", 2);
    net_expect_text(p.fd, "o\r\n");
    net_send_text(p.fd, "answer"); /* an incomplete one is printed, too */
    program_wait_text(p.client, PROGRAM_STDOUT, "answer 1\r\nanswer");
    net_send_text(p.fd, " 2\r\n");
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    assert_string_equal(program_output(p.client, PROGRAM_STDOUT, NULL), "answer 1\r\nanswer 2\r\n");
}

static void test_answers_after_the_end_of_input(void **state)
{
    (void)state;
    program_options options = {.stdin_fd = make_file("a\nb\nc", 5)};
    peer p = peer_start(&options, NULL);
    net_expect_text(p.fd, "a\r\nb\r\nc\r\n");
    net_expect_eof(p.fd);
    for (int i = 1; i <= 3; i++) {
        char answer[32];
        snprintf(answer, sizeof answer, "answer %d\r\n", i);
        net_send_text(p.fd, answer);
        program_wait_text(p.client, PROGRAM_STDOUT, answer);
        assert_true(program_running(p.client));
    }
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close(options.stdin_fd);
}

/* One line, far longer than any buffer, arrives as it is. */
static void test_long_line(void **state)
{
    (void)state;
    enum { LONG = 3 * 1000 * 1000 };
    net_text line = {0}, sent = {0}, received = {0};
    for (int i = 0; i < LONG / 10; i++) {
        net_text_printf(&line, "%09d\r", i); /* CRs that end no line are text */
    }
    net_text_add(&sent, line.data, line.len - 1);
    net_text_add(&sent, "x\r\n", 3);
    line.data[line.len - 1] = 'x';
    program_options options = {.stdin_fd = make_file(line.data, line.len)};
    peer p = peer_start(&options, NULL);
    received.data = net_receive_all(p.fd, &received.len);
    assert_int_equal(received.len, sent.len);
    assert_memory_equal(received.data, sent.data, sent.len);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close(options.stdin_fd);
    net_text_free(&line);
    net_text_free(&sent);
    net_text_free(&received);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_lines_get_crlf),
        program_test(test_last_line_without_newline),
        program_test(test_dos_file),
        program_test(test_empty_file),
        program_test(test_any_byte_passes),
        program_test(test_dev_null),
        program_test(test_closed_stdin),
        program_test(test_directory_as_stdin),
        program_test(test_pipe),
        program_test(test_answers_after_the_end_of_input),
        program_test(test_long_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
