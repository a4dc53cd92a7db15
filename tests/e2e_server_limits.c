/* yodel-server's limits: the longest line, the number of connections, no file descriptor left. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

#define MAX         100
#define MAX_TEXT    "100"
#define TOO_LONG    "Error: line longer than 100 bytes\r\n"
#define SERVER_FULL "Error: server is full\r\n"

static const char hundred_and_one[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

_Static_assert(sizeof hundred_and_one - 1 == MAX + 1, "one byte more than the limit");

/* --- the longest line --------------------------------------------------------------------------*/

/* Sends a line of `len` bytes in two parts. The line in front is answered before the second part
 * goes, so the server has seen the first part alone. */
static int send_cut_line(const server *s, int len, int cut)
{
    int fd = net_connect(s->port);
    net_text line = {0}, first = {0};
    net_text_printf(&line, "%.*s\r\n", len, hundred_and_one);
    net_text_printf(&first, "front\r\n%.*s", cut, line.data);
    net_send(fd, first.data, first.len);
    net_expect_text(fd, "You sent: front\r\n");
    net_send_until_blocked(fd, line.data + cut, line.len - (size_t)cut, 0); /* may be cut off */
    net_text_free(&line);
    net_text_free(&first);
    return fd;
}

static void test_the_longest_line_is_exact_wherever_it_is_cut(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-line", MAX_TEXT, "-t", "2", NULL);
    for (int len = MAX - 1; len <= MAX; len++) {
        net_text answer = {0};
        net_text_printf(&answer, "You sent: %.*s\r\n", len, hundred_and_one);
        for (int cut = 0; cut <= len + 2; cut++) {
            int fd = send_cut_line(&s, len, cut);
            net_expect_text(fd, answer.data);
            close(fd);
        }
        net_text_free(&answer);
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_line_too_long"), 0);
}

static void test_one_byte_more_is_an_error_wherever_it_is_cut(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-line", MAX_TEXT, "-t", "2", NULL);
    for (int cut = 0; cut <= MAX + 3; cut++) {
        int fd = send_cut_line(&s, MAX + 1, cut);
        net_expect_text(fd, TOO_LONG);
        net_expect_eof(fd);
        close(fd);
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_line_too_long"), MAX + 4);
}

static void test_lines_before_the_long_one_are_answered(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-line", MAX_TEXT, NULL);
    int fd = net_connect(s.port);
    net_text sent = {0};
    net_text_printf(&sent, "a\r\nb\r\n%s\r\nnever dispatched\r\n", hundred_and_one);
    net_send(fd, sent.data, sent.len);
    net_expect_text(fd, "You sent: a\r\nYou sent: b\r\n" TOO_LONG);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    server_stop(&s);
}

static void test_the_error_reaches_a_client_that_is_still_sending(void **state)
{
    (void)state;
    enum { PIECE = 4096, PIECES = 15 }; /* a little under the 64 KiB that are drained */
    static const char piece[PIECE] = "more of it";
    server s = server_start(NULL, "--max-line", MAX_TEXT, NULL);
    for (int round = 0; round < 20; round++) {
        int fd = net_connect(s.port);
        net_send_text(fd, hundred_and_one);
        for (int i = 0; i < PIECES; i++) {
            net_send(fd, piece, PIECE);
        }
        net_expect_text(fd, TOO_LONG);
        net_expect_eof(fd);
        close(fd);
    }
    server_stop(&s);
}

static void test_a_client_that_never_stops_sending_is_cut_off(void **state)
{
    (void)state;
    enum { MUCH = 64 << 20 };
    char *much = calloc(1, MUCH); /* 64 MiB without a delimiter */
    assert_non_null(much);
    server s = server_start(NULL, "-t", "1", NULL); /* with the default limit of a line */
    server_check_serves(&s);
    size_t before = program_rss(s.program);
    for (int round = 0; round < 5; round++) {
        int fd = net_connect(s.port);
        size_t sent = net_send_until_blocked(fd, much, MUCH, (unsigned)(NET_TIMEOUT * 1000));
        assert_true(sent < MUCH);
        net_wait_end(fd); /* it was told not to go on and did: a reset is fair */
        close(fd);
    }
    program_wait_open_fds(s.program, s.fds);
    if (!program_sanitized()) {
        assert_true(program_rss(s.program) < before + (1 << 20));
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_line_too_long"), 5);
    free(much);
}

static void test_a_client_that_does_not_close_after_the_error_is_closed(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-line", MAX_TEXT, NULL);
    int fd = net_connect(s.port);
    net_send_text(fd, hundred_and_one);
    net_send_text(fd, "\r\n");
    net_expect_text(fd, TOO_LONG);
    net_expect_eof(fd);
    server_stop(&s); /* waits for the server's descriptor to go, ours is open */
    close(fd);
}

/* --- the number of connections -----------------------------------------------------------------*/

static void ten_at_most(server *s)
{
    enum { LIMIT = 10, MORE = 15 };
    int fds[LIMIT];
    for (int i = 0; i < LIMIT; i++) {
        fds[i] = net_connect(s->port);
        net_send_text(fds[i], "hello\r\n");
        net_expect_text(fds[i], "You sent: hello\r\n");
    }
    for (int i = 0; i < MORE; i++) {
        int fd = net_connect(s->port);
        net_expect_text(fd, SERVER_FULL);
        net_expect_eof(fd);
        close(fd);
    }
    for (int i = 0; i < LIMIT; i++) { /* those inside have not felt anything */
        net_send_text(fds[i], "still here\r\n");
        net_expect_text(fds[i], "You sent: still here\r\n");
        close(fds[i]);
    }
    program_wait_open_fds(s->program, s->fds);
    server_check_serves(s); /* there is room again */
    server_wait_counter(s, "closed_full", MORE);
    server_wait_counter(s, "rejected", MORE);
}

static void test_the_server_is_full(void **state)
{
    (void)state;
    server_with_each_shape(ten_at_most, "--max-connections", "10", "--stats", "0.05", NULL);
}

static void test_a_full_server_tells_also_those_who_speak_first(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-connections", "1", NULL);
    int inside = net_connect(s.port);
    net_send_text(inside, "hello\r\n");
    net_expect_text(inside, "You sent: hello\r\n");
    for (int i = 0; i < 50; i++) {
        int fd = net_connect(s.port);
        net_send_until_blocked(fd, "hello\r\n", 7, 0);
        net_expect_text(fd, SERVER_FULL);
        net_expect_eof(fd);
        close(fd);
    }
    close(inside);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_full"), 50);
}

static void test_by_default_the_fd_limit_is_the_limit(void **state)
{
    (void)state;
    const program_options few = {.open_files = 100};
    server s = server_start(&few, "-t", "1", NULL);
    enum { CLIENTS = 120 };
    int fds[CLIENTS], served = 0, refused = 0;
    for (int i = 0; i < CLIENTS; i++) { /* everybody is told something, nobody is left hanging */
        char first;
        fds[i] = net_connect(s.port);
        net_send_until_blocked(fds[i], "hello\r\n", 7, 0);
        net_receive(fds[i], &first, 1);
        served += first == 'Y';
        refused += first == 'E';
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    server_stop(&s);
    assert_int_equal(served + refused, CLIENTS);
    assert_in_range(served, 20, 99);
    assert_int_equal(server_counter(&s, "closed_full"), refused);
}

/* --- no file descriptor left -------------------------------------------------------------------*/

static void run_out_of_descriptors(const char *accept_mode)
{
    enum { CLIENTS = 80 };
    const program_options few = {.open_files = 64};
    server s = server_start(&few, "--accept", accept_mode, "-t", "1", "--max-connections", "1000",
                            "--idle-timeout", "0", NULL);

    int fds[CLIENTS], served = 0;
    for (int i = 0; i < CLIENTS; i++) { /* the kernel connects them all, queued */
        fds[i] = net_connect(s.port);
        net_send_text(fds[i], "hello\r\n");
    }
    while (served < CLIENTS && net_wait_readable(fds[served], served < 20 ? 20000 : 300)) {
        net_expect_text(fds[served++], "You sent: hello\r\n"); /* in the order of their coming */
    }
    assert_in_range(served, 20, 63);

    double cpu = program_cpu_seconds(s.program), start = program_now();
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < served; i++) { /* those inside are served as before */
            net_send_text(fds[i], "again\r\n");
            net_expect_text(fds[i], "You sent: again\r\n");
        }
    }
    program_pause_ms(1000); /* nothing to do now but to try again now and then */
    cpu = program_cpu_seconds(s.program) - cpu;
    if (!program_sanitized()) {
        assert_true(cpu < 0.25 * (program_now() - start)); /* a busy loop would have taken it all */
    }

    close(fds[0]); /* makes room for the one who waits longest */
    net_expect_text(fds[served], "You sent: hello\r\n");
    for (int i = 1; i < CLIENTS - served; i++) {
        close(fds[i]);
    }
    for (int i = served + 1; i < CLIENTS; i++) {
        net_expect_text(fds[i], "You sent: hello\r\n");
    }
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, strerror(EMFILE)), 1);
    for (int i = CLIENTS - served; i < CLIENTS; i++) {
        close(fds[i]);
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "accepted"), CLIENTS);
}

static void test_no_descriptor_left_handoff(void **state)
{
    (void)state;
    run_out_of_descriptors("handoff");
}

static void test_no_descriptor_left_reuseport(void **state)
{
    (void)state;
    run_out_of_descriptors("reuseport");
}

static void test_no_descriptor_left_for_any_worker_is_one_line(void **state)
{
    (void)state;
    enum { CLIENTS = 80 };
    const program_options few = {.open_files = 64};
    server s =
        server_start(&few, "--accept", "reuseport", "-t", "8", "--max-connections", "1000", NULL);
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_connect(s.port);
    }
    program_wait_line(s.program, PROGRAM_STDERR, strerror(EMFILE));
    program_pause_ms(300); /* the others find it out, too */
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, strerror(EMFILE)), 1);
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_the_longest_line_is_exact_wherever_it_is_cut),
        program_test(test_one_byte_more_is_an_error_wherever_it_is_cut),
        program_test(test_lines_before_the_long_one_are_answered),
        program_test(test_the_error_reaches_a_client_that_is_still_sending),
        program_test(test_a_client_that_never_stops_sending_is_cut_off),
        program_test(test_a_client_that_does_not_close_after_the_error_is_closed),
        program_test(test_the_server_is_full),
        program_test(test_a_full_server_tells_also_those_who_speak_first),
        program_test(test_by_default_the_fd_limit_is_the_limit),
        program_test(test_no_descriptor_left_handoff),
        program_test(test_no_descriptor_left_reuseport),
        program_test(test_no_descriptor_left_for_any_worker_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
