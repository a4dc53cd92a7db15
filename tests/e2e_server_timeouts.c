/* yodel-server's patience: clients that say nothing, say it slowly, or do not listen. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* --- idle --------------------------------------------------------------------------------------*/

static void silence(server *s)
{
    double start = program_now();
    int fd = net_connect(s->port);
    net_expect_eof(fd);
    assert_true(program_now() - start > 0.29);
    close(fd);
    server_wait_counter(s, "closed_idle", 1);
}

static void test_a_silent_client_is_closed(void **state)
{
    (void)state;
    server_with_each_shape(silence, "--idle-timeout", "300ms", "--stats", "0.05", NULL);
}

static void test_bytes_without_a_complete_line_do_not_help(void **state)
{
    (void)state;
    server s = server_start(NULL, "--idle-timeout", "0.5", NULL);
    double start = program_now();
    int fd = net_connect(s.port);
    while (!net_wait_readable(fd, 20)) { /* a byte every 20 ms, for ever if it were to help */
        net_send_until_blocked(fd, "x", 1, 0);
        assert_true(program_now() - start < NET_TIMEOUT);
    }
    net_wait_end(fd);
    assert_true(program_now() - start > 0.49);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_idle"), 1);
}

/* Sends a line every 20 ms for ten idle timeouts. False when the machine was so busy that the
 * client itself paused for half the timeout, which says nothing about the server. */
static bool talk_for_ten_timeouts(const server *s, double timeout)
{
    int fd = net_connect(s->port);
    double start = program_now();
    for (double now = start, last = start; now - start < 10 * timeout; last = now) {
        program_pause_ms(20);
        if (program_now() - last > timeout / 2) {
            close(fd);
            return false;
        }
        now = program_now();
        net_send_text(fd, "x\r\n");
        net_expect_text(fd, "You sent: x\r\n");
    }
    close(fd);
    return true;
}

static void test_an_active_client_is_never_cut(void **state)
{
    (void)state;
    bool talked = false;
    for (int i = 0; i < 5 && !talked; i++) {
        server s = server_start(NULL, "--idle-timeout", "300ms", NULL);
        talked = talk_for_ten_timeouts(&s, 0.3);
        server_stop(&s);
        if (talked) {
            assert_int_equal(server_counter(&s, "closed_idle"), 0);
        } else {
            print_message("    this machine stalls, again\n");
        }
    }
}

static void test_zero_is_no_idle_timeout(void **state)
{
    (void)state;
    server s = server_start(NULL, "--idle-timeout", "0", NULL);
    int fd = net_connect(s.port);
    assert_false(net_wait_readable(fd, 600));
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    close(fd);
    server_stop(&s);
}

/* --- slow readers ------------------------------------------------------------------------------*/

/* Lines for `megabytes` to send, and their answers. */
static void make_lines(size_t megabytes, net_text *sent, net_text *answers)
{
    char line[1000];
    memset(line, 'x', sizeof line);
    for (int i = 0; sent->len < megabytes << 20; i++) {
        net_text_printf(sent, "%d %.*s\r\n", i, (int)sizeof line, line);
        net_text_printf(answers, "You sent: %d %.*s\r\n", i, (int)sizeof line, line);
    }
}

static void test_who_never_reads_is_aborted(void **state)
{
    (void)state;
    net_text sent = {0}, answers = {0};
    make_lines(32, &sent, &answers);
    server s = server_start(NULL, "-t", "1", "--write-timeout", "500ms", NULL);
    server_check_serves(&s);
    size_t before = program_rss(s.program), most = before;
    double start = program_now();

    int fd = net_connect_tiny(s.port);
    size_t offset = 0;
    /* After a while the server does not read any more: sending blocks long before 32 MiB. */
    offset += net_send_until_blocked(fd, sent.data, sent.len, 100);
    assert_true(offset < sent.len);
    while (program_open_fds(s.program) > s.fds) { /* then it gives up */
        size_t now = program_rss(s.program);
        most = now > most ? now : most;
        assert_true(program_now() - start < NET_TIMEOUT);
        program_pause_ms(5);
    }
    assert_true(program_now() - start > 0.49);
    if (!program_sanitized()) {
        assert_true(most < before + (2 << 20)); /* the hard cap is 1 MiB */
    }
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_stalled"), 1);
    assert_true(server_counter(&s, "paused") >= 1);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void stop_and_go(server *s)
{
    net_text sent = {0}, answers = {0};
    make_lines(16, &sent, &answers);
    int fd = net_connect_with_buffer(s->port, 64 << 10);
    size_t offset = net_send_until_blocked(fd, sent.data, sent.len, 100);
    assert_true(offset < sent.len); /* reading has paused */
    net_exchange(fd, sent.data + offset, sent.len - offset, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_who_stops_and_reads_on_gets_every_byte(void **state)
{
    (void)state;
    server_with_each_shape(stop_and_go, NULL);
}

/* Reading pauses amid the lines of one segment, and no other bytes follow that would wake it up. */
static void test_lines_behind_the_pause_are_answered(void **state)
{
    (void)state;
    net_text lines = {0}, answer = {0}, answers = {0};
    for (int i = 0; i < 4000; i++) {
        net_text_printf(&lines, "\r\n");
        net_text_printf(&answer, "You sent: \r\n");
    }
    server s = server_start(NULL, "--write-buffer", "4K:1K", "--stats", "0.004", NULL);
    int fd = net_connect_with_buffer(s.port, 64 << 10);
    server_send_until_paused(&s, fd, &lines, &answer, &answers);
    net_expect(fd, answers.data, answers.len);
    close(fd);
    server_stop(&s);
    net_text_free(&lines);
    net_text_free(&answer);
    net_text_free(&answers);
}

static void test_small_water_marks_lose_nothing(void **state)
{
    (void)state;
    /* Marks below the size of a line, of what one receive brings, and of one another's distance. */
    static const char *const marks[] = {"1:0:256K", "100:99:200K", "4K:1K:256K"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        server s = server_start(NULL, "-t", "1", "--write-buffer", marks[i], NULL);
        stop_and_go(&s);
        server_stop(&s);
    }
}

/* Takes 4 KiB every 20 ms for three write timeouts, then the rest. False when the client itself was
 * not let run for half a timeout. */
static bool read_slowly(const server *s, double timeout, const net_text *sent,
                        const net_text *answers)
{
    enum { PIECE = 4 << 10 };
    int fd = net_connect_with_buffer(s->port, 16 << 10);
    size_t offset = net_send_until_blocked(fd, sent->data, sent->len, 20), got = 0;
    double start = program_now(), last = start;
    while (last - start < 3 * timeout) {
        program_pause_ms(20);
        net_expect(fd, answers->data + got, PIECE);
        got += PIECE;
        if (program_now() - last > timeout / 2) {
            close(fd);
            return false;
        }
        last = program_now();
    }
    net_exchange(fd, sent->data + offset, sent->len - offset, true, answers->data + got,
                 answers->len - got);
    net_expect_eof(fd);
    close(fd);
    return true;
}

static void test_who_reads_slowly_is_not_aborted(void **state)
{
    (void)state;
    net_text sent = {0}, answers = {0};
    make_lines(16, &sent, &answers);
    bool read_all = false;
    for (int i = 0; i < 5 && !read_all; i++) {
        server s = server_start(NULL, "-t", "1", "--write-timeout", "0.5", NULL);
        read_all = read_slowly(&s, 0.5, &sent, &answers);
        server_stop(&s);
        if (read_all) {
            assert_int_equal(server_counter(&s, "closed_stalled"), 0);
        } else {
            print_message("    this machine stalls, again\n");
        }
    }
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_many_who_never_read_do_not_hurt_those_who_do(void **state)
{
    (void)state;
    enum { DEAF = 200 };
    net_text sent = {0}, answers = {0};
    make_lines(1, &sent, &answers);
    server s = server_start(NULL, "-t", "2", "--grace", "0.1", NULL);
    server_check_serves(&s);
    size_t before = program_rss(s.program);
    int deaf[DEAF];
    for (int i = 0; i < DEAF; i++) {
        deaf[i] = net_connect_tiny(s.port);
        net_send_until_blocked(deaf[i], sent.data, sent.len, 0);
    }
    for (int i = 0; i < 100; i++) {
        server_check_serves(&s);
    }
    if (!program_sanitized()) { /* the high mark and one turn each, far from the hard cap */
        assert_true(program_rss(s.program) < before + DEAF * (256 << 10));
    }
    for (int i = 0; i < DEAF; i++) {
        close(deaf[i]);
    }
    server_stop(&s);
    net_text_free(&sent);
    net_text_free(&answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_a_silent_client_is_closed),
        program_test(test_bytes_without_a_complete_line_do_not_help),
        program_test(test_an_active_client_is_never_cut),
        program_test(test_zero_is_no_idle_timeout),
        program_test(test_who_never_reads_is_aborted),
        program_test(test_who_stops_and_reads_on_gets_every_byte),
        program_test(test_lines_behind_the_pause_are_answered),
        program_test(test_small_water_marks_lose_nothing),
        program_test(test_who_reads_slowly_is_not_aborted),
        program_test(test_many_who_never_read_do_not_hurt_those_who_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
