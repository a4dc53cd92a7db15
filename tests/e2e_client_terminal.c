/* yodel-client at a terminal: what it shows of hostile bytes, and how it ends under the fingers of
 * somebody who is typing. */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/peer.h"
#include "tests/support/program.h"

/* --- a terminal --------------------------------------------------------------------------------*/

typedef struct terminal {
    int keyboard;   /* the master: what is typed goes in, what is shown comes out */
    int line;       /* the slave: the program's end */
    net_text shown; /* so far */
} terminal;

static terminal open_terminal(void)
{
    terminal t = {0};
    assert_int_equal(openpty(&t.keyboard, &t.line, NULL, NULL, NULL), 0);
    net_text_add(&t.shown, "", 0);
    return t;
}

/* One that shows exactly what is written to it: no CR before LF. */
static terminal open_raw_terminal(void)
{
    terminal t = open_terminal();
    struct termios modes;
    assert_int_equal(tcgetattr(t.line, &modes), 0);
    cfmakeraw(&modes);
    assert_int_equal(tcsetattr(t.line, TCSANOW, &modes), 0);
    return t;
}

static void close_terminal(terminal *t)
{
    close(t->keyboard);
    close(t->line);
    net_text_free(&t->shown);
}

static void type(terminal *t, const char *keys)
{
    assert_int_equal(write(t->keyboard, keys, strlen(keys)), strlen(keys));
}

/* Waits until the text is on the screen. */
static void wait_shown(terminal *t, const char *text)
{
    while (memmem(t->shown.data, t->shown.len, text, strlen(text)) == NULL) {
        struct pollfd p = {.fd = t->keyboard, .events = POLLIN};
        char more[1000];
        if (poll(&p, 1, (int)(PROGRAM_TIMEOUT * 1000)) <= 0) {
            fail_msg("the terminal shows \"%s\", but no \"%s\"", t->shown.data, text);
        }
        ssize_t n = read(t->keyboard, more, sizeof more);
        assert_true(n > 0);
        net_text_add(&t->shown, more, (size_t)n);
    }
}

/* --- what is shown -----------------------------------------------------------------------------*/

static const char hostile[] = "plain\r\n"
                              "\x1b[2J\x1b]0;title\x07\r\n"
                              "lone\rCR\r\n"
                              "\x9b"
                              "31m \xc2\x9b"
                              "31m \x7f\x08\r\n"
                              "gr\xc3\xbc\xc3\x9f"
                              "e \xf0\x9f\x98\x80\tx\r\n"
                              "\xc0\xaf \xed\xa0\x80 \xf5 \xe2\x82\r\n"
                              "\xe2\x80\xae"
                              "gpj.exe\r\n"
                              "bare\nLF\r\n"
                              "rest\xe2\x82";

static const char shown[] = "plain\n"
                            "^[[2J^[]0;title^G\n"
                            "lone^MCR\n"
                            "\\x9b31m <U+009B>31m ^?^H\n"
                            "gr\xc3\xbc\xc3\x9f"
                            "e \xf0\x9f\x98\x80\tx\n"
                            "\\xc0\\xaf \\xed\\xa0\\x80 \\xf5 \\xe2\\x82\n"
                            "<U+202E>gpj.exe\n"
                            "bare^J\nLF\n"
                            "rest\\xe2\\x82";

/* Sends `hostile` and expects exactly this on the terminal that is the client's stdout. */
static void check_shown(const char *option, bool drop_by_drop, const char *expected)
{
    terminal t = open_raw_terminal();
    peer p = peer_start(&(program_options){.stdout_fd = t.line}, option, NULL);
    if (drop_by_drop) {
        net_send_drop_by_drop(p.fd, hostile, sizeof hostile - 1);
    } else {
        net_send(p.fd, hostile, sizeof hostile - 1);
    }
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    wait_shown(&t, expected);
    assert_int_equal(t.shown.len, strlen(expected));
    close_terminal(&t);
}

static void test_hostile_bytes_are_visible(void **state)
{
    (void)state;
    check_shown(NULL, false, shown);
}

static void test_hostile_bytes_cut_anywhere(void **state)
{
    (void)state;
    check_shown(NULL, true, shown);
}

/* More than is translated, received or written at a time. */
static void test_much_on_a_terminal(void **state)
{
    (void)state;
    terminal t = open_raw_terminal();
    peer p = peer_start(&(program_options){.stdout_fd = t.line}, NULL);
    net_text sent = {0}, expected = {0};
    for (int i = 0; i < 9999; i++) {
        net_text_printf(&sent, "%d \xe2\x82\xac\x1b\r\n", i);
        net_text_printf(&expected, "%d \xe2\x82\xac^[\n", i);
    }
    net_send(p.fd, sent.data, sent.len);
    wait_shown(&t, "9998 \xe2\x82\xac^[\n");
    assert_string_equal(t.shown.data, expected.data);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    net_text_free(&sent);
    net_text_free(&expected);
    close_terminal(&t);
}

static void test_raw(void **state)
{
    (void)state;
    check_shown("--raw", false, hostile);
}

static void test_no_terminal_gets_the_bytes(void **state)
{
    (void)state;
    terminal t = open_terminal(); /* as stdin: only stdout counts */
    peer p = peer_start(&(program_options){.stdin_fd = t.line}, NULL);
    net_send(p.fd, hostile, sizeof hostile - 1);
    program_wait_text(p.client, PROGRAM_STDOUT, "rest\xe2\x82");
    assert_string_equal(program_output(p.client, PROGRAM_STDOUT, NULL), hostile);
    type(&t, "\x04");
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close_terminal(&t);
}

/* Each answer appears when it comes, up to the last byte that can be shown. */
static void test_shown_at_once(void **state)
{
    (void)state;
    terminal t = open_raw_terminal();
    peer p = peer_start(&(program_options){.stdin_pipe = true, .stdout_fd = t.line}, NULL);
    net_send_text(p.fd, "login: ");
    wait_shown(&t, "login: ");
    net_send_text(p.fd, "\xe2\x82");
    net_send_text(p.fd, "\xac");
    wait_shown(&t, "login: \xe2\x82\xac");
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close_terminal(&t);
}

/* --- typing ------------------------------------------------------------------------------------*/

static void same_modes(terminal *t, const struct termios *before)
{
    struct termios after;
    assert_int_equal(tcgetattr(t->line, &after), 0);
    assert_int_equal(after.c_iflag, before->c_iflag);
    assert_int_equal(after.c_oflag, before->c_oflag);
    assert_int_equal(after.c_cflag, before->c_cflag);
    assert_int_equal(after.c_lflag, before->c_lflag);
    assert_memory_equal(after.c_cc, before->c_cc, sizeof after.c_cc);
}

/* A client whose stdin, stdout and stderr are the terminal, after one line was answered. */
static peer start_typing(terminal *t, struct termios *modes)
{
    *t = open_terminal();
    assert_int_equal(tcgetattr(t->line, modes), 0);
    program_options options = {.stdin_fd = t->line, .stdout_fd = t->line, .stderr_fd = t->line};
    peer p = peer_start(&options, NULL);
    type(t, "hello\n");
    net_expect_text(p.fd, "hello\r\n");
    net_send_text(p.fd, "You sent: hello\r\n");
    wait_shown(t, "hello\r\nYou sent: hello\r\n");
    return p;
}

/* The end of a test: nothing on the harness's stderr, since that was the terminal. */
static void expect_end(peer *p, terminal *t, const struct termios *modes, int status)
{
    peer_expect_exit(p, status, "");
    same_modes(t, modes);
    close_terminal(t);
}

static void test_end_of_input(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    type(&t, "again\n\x04");
    net_expect_text(p.fd, "again\r\n");
    net_expect_eof(p.fd);
    net_send_text(p.fd, "You sent: again\r\n");
    wait_shown(&t, "You sent: again\r\n");
    peer_close(&p);
    expect_end(&p, &t, &modes, 0);
}

static void test_goodbye(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    type(&t, ".\n");
    net_expect_text(p.fd, ".\r\n");
    peer_close(&p);
    expect_end(&p, &t, &modes, 0);
}

/* The message stands on a line of its own, not behind what was being typed. */
static void test_server_dies_while_the_user_types(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    type(&t, "half a li");
    wait_shown(&t, "half a li"); /* the terminal's echo */
    peer_close(&p);
    wait_shown(&t, "half a li\r\nyodel-client: connection closed by server\r\n");
    expect_end(&p, &t, &modes, 1);
}

static void test_reset_while_the_user_types(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    net_reset(p.fd);
    p.fd = -1;
    wait_shown(&t, "yodel-client: connection reset by server\r\n");
    expect_end(&p, &t, &modes, 1);
}

static void test_interrupt(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    type(&t, "half a li\x03");
    expect_end(&p, &t, &modes, 128 + SIGINT);
}

/* Ctrl-Z and fg. */
static void test_stopped_and_continued(void **state)
{
    (void)state;
    terminal t;
    struct termios modes;
    peer p = start_typing(&t, &modes);
    program_signal(p.client, SIGSTOP);
    type(&t, "while stopped\n");
    net_send_text(p.fd, "an answer\r\n");
    program_pause_ms(50);
    program_signal(p.client, SIGCONT);
    net_expect_text(p.fd, "while stopped\r\n");
    wait_shown(&t, "an answer\r\n");
    type(&t, "\x04");
    net_expect_eof(p.fd);
    peer_close(&p);
    expect_end(&p, &t, &modes, 0);
}

/* How long after the server's end the client exits, in seconds. */
static double time_to_exit(int stdin_fd)
{
    peer p =
        peer_start(&(program_options){.stdin_fd = stdin_fd, .stdin_pipe = stdin_fd == 0}, NULL);
    /* It is known to wait for input: what it was sent has been printed, and it uses no time. */
    net_send_text(p.fd, "ready\r\n");
    program_wait_text(p.client, PROGRAM_STDOUT, "ready\r\n");
    double start = program_now();
    peer_close(&p);
    program_wait_exit(p.client);
    double took = program_now() - start;
    program_kill(p.client);
    close(p.listener);
    return took;
}

/* Within 100 ms; the best of some attempts, since the machine may be busy in any one of them. */
static void check_ends_quickly(int stdin_fd)
{
    double best = 1e9;
    for (int attempt = 0; attempt < 10 && best > 0.1; attempt++) {
        double took = time_to_exit(stdin_fd);
        best = took < best ? took : best;
    }
    if (best > 0.1) {
        fail_msg("%.0f ms", best * 1000);
    }
}

static void test_ends_quickly(void **state)
{
    (void)state;
    terminal t = open_terminal();
    check_ends_quickly(t.line);
    check_ends_quickly(0); /* a pipe */
    close_terminal(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_hostile_bytes_are_visible),
        program_test(test_hostile_bytes_cut_anywhere),
        program_test(test_much_on_a_terminal),
        program_test(test_raw),
        program_test(test_no_terminal_gets_the_bytes),
        program_test(test_shown_at_once),
        program_test(test_end_of_input),
        program_test(test_goodbye),
        program_test(test_server_dies_while_the_user_types),
        program_test(test_reset_while_the_user_types),
        program_test(test_interrupt),
        program_test(test_stopped_and_continued),
        program_test(test_ends_quickly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
