/* yodel-server --protocol stream: the echo server as thousands of straight-line handlers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* A grace far above what a test waits for anything: a server that sits it out fails. */
#define LONG_GRACE "300"

#define FULL "Error: server is full\r\n"

static void talk(int fd)
{
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "hello\r\n");
}

static int connect_and_talk(const server *s)
{
    int fd = net_connect(s->port);
    talk(fd);
    return fd;
}

/* --- what a client sees ------------------------------------------------------------------------*/

static void every_line_comes_back(server *s)
{
    enum { LINES = 20000 };
    net_text text = {NULL, 0, 0};
    for (int i = 0; i < LINES; i++) {
        net_text_printf(&text, "%0*d\r\n", i % 700, i);
    }
    int fd = net_connect(s->port);
    net_exchange(fd, text.data, text.len, false, text.data, text.len);
    net_send_drop_by_drop(fd, "drop by drop\r\n\r\n", 16);
    net_expect_text(fd, "drop by drop\r\n\r\n");
    net_send_text(fd, "last\r\n.\r\nnot any more\r\n");
    net_expect_text(fd, "last\r\n");
    net_expect_eof(fd);
    close(fd);

    fd = net_connect(s->port); /* a half-close: what is complete is answered */
    net_exchange(fd, text.data, text.len, true, text.data, text.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&text);
}

static void test_every_line_comes_back(void **state)
{
    (void)state;
    server_with_each_shape(every_line_comes_back, "-P", "stream", NULL);
}

static void test_the_ways_to_end(void **state)
{
    (void)state;
    server s = server_start(NULL, "-P", "stream", "--max-line", "10", NULL);
    int fd = net_connect(s.port);
    net_send_text(fd, "0123456789\r\n0123456789xy");
    net_expect_text(fd, "0123456789\r\nError: line longer than 10 bytes\r\n");
    net_expect_eof(fd);
    close(fd);
    fd = net_connect(s.port);
    net_send_text(fd, "a\r\nhalf");
    net_finish_sending(fd);
    net_expect_text(fd, "a\r\n");
    net_expect_eof(fd);
    close(fd);
    fd = net_connect(s.port);
    net_send_text(fd, ".\r\n");
    net_expect_eof(fd);
    close(fd);
    fd = connect_and_talk(&s);
    net_reset(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_line_too_long"), 1);
    assert_int_equal(server_counter(&s, "closed_eof"), 1);
    assert_int_equal(server_counter(&s, "closed_quit"), 1);
    assert_int_equal(server_counter(&s, "closed_reset"), 1);
    assert_int_equal(server_counter(&s, "partial"), 1);
}

static void test_a_line_has_its_time(void **state)
{
    (void)state;
    server s = server_start(NULL, "-P", "stream", "--idle-timeout", "100ms", NULL);
    double begin = program_now();
    int fd = net_connect(s.port);
    net_send_text(fd, "half a li");
    net_expect_eof(fd);
    assert_true(program_now() - begin > 0.099);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_idle"), 1);
}

/* The client of the chat works against it unchanged. */
static void test_yodel_client(void **state)
{
    (void)state;
    char port[8];
    server s = server_start(NULL, "-P", "stream", NULL);
    (void)snprintf(port, sizeof port, "%u", (unsigned)s.port);
    const program_options with_pipe = {.stdin_pipe = true};
    program *client = program_start(&with_pipe, "yodel-client", "127.0.0.1", port, NULL);
    program_write_stdin(client, "hello\n\nthere\n", 13);
    program_wait_text(client, PROGRAM_STDOUT, "hello\r\n\r\nthere\r\n");
    program_write_stdin(client, ".\n", 2);
    program_expect_exit(client, 0);
    assert_string_equal(program_output(client, PROGRAM_STDOUT, NULL), "hello\r\n\r\nthere\r\n");
    assert_string_equal(program_output(client, PROGRAM_STDERR, NULL), "");

    client = program_start(&with_pipe, "yodel-client", "127.0.0.1", port, NULL);
    program_write_stdin(client, "one\ntwo", 7);
    program_close_stdin(client);
    program_expect_exit(client, 0);
    assert_string_equal(program_output(client, PROGRAM_STDOUT, NULL), "one\r\ntwo\r\n");
    server_stop(&s);
}

/* --- draining ----------------------------------------------------------------------------------*/

enum { SOME = 20 };

static void test_a_drain(void **state)
{
    static const char *const threads[] = {"1", "4"};
    (void)state;
    for (size_t t = 0; t < 2; t++) {
        server s =
            server_start(NULL, "-P", "stream", "-t", threads[t], "--grace", LONG_GRACE, NULL);
        int idle[SOME];
        int busy[SOME];
        for (int i = 0; i < SOME; i++) {
            idle[i] = connect_and_talk(&s);
            busy[i] = connect_and_talk(&s);
        }
        for (int i = 0; i < SOME; i++) {
            net_send_text(busy[i], "one\r\ntwo\r\nand a ha");
            net_wait_delivered(busy[i]);
        }
        program_signal(s.program, SIGTERM);
        for (int i = 0; i < SOME; i++) {
            net_expect_eof(idle[i]);
            net_expect_text(busy[i], "one\r\ntwo\r\n");
            net_expect_eof(busy[i]);
            close(idle[i]);
            close(busy[i]);
        }
        server_wait_drained(&s);
        assert_int_equal(server_counter(&s, "closed_drain"), 2 * SOME);
    }
}

/* What is on its way to a slow reader is sent, with what it had still sent itself. */
static void test_a_drain_with_a_slow_reader(void **state)
{
    (void)state;
    net_text lines = {NULL, 0, 0};
    net_text answers = {NULL, 0, 0};
    for (int i = 0; i < 50; i++) {
        net_text_printf(&lines, "%0600d\r\n", i);
    }
    server s = server_start(NULL, "-P", "stream", "-t", "1", "--write-buffer", "4K:1K", "--stats",
                            "0.004", "--grace", LONG_GRACE, NULL);
    int fd = net_connect_with_buffer(s.port, 64 << 10);
    server_send_until_paused(&s, fd, &lines, &lines, &answers);
    net_send(fd, lines.data, lines.len); /* and what the server has not read */
    net_text_add(&answers, lines.data, lines.len);
    net_wait_delivered(fd);
    program_signal(s.program, SIGTERM);
    net_expect(fd, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    server_wait_drained(&s);
    assert_int_equal(server_counter(&s, "closed_drain"), 1);
    net_text_free(&lines);
    net_text_free(&answers);
}

static void test_the_grace_ends_who_never_reads(void **state)
{
    (void)state;
    server s =
        server_start(NULL, "-P", "stream", "-t", "1", "--grace", "300ms", "--stats", "0.004", NULL);
    int fd = server_connect_deaf(&s);
    double begin = program_now();
    program_signal(s.program, SIGTERM);
    server_wait_drained(&s);
    assert_true(program_now() - begin > 0.29);
    assert_int_equal(server_counter(&s, "closed_drain_abort"), 1);
    close(fd);
}

/* --- many --------------------------------------------------------------------------------------*/

/* 10,000 are promised; the descriptors of this machine's tests are 20,000 for both ends. */
enum { MOST = 8500, PER_HANDLER = 8 * 1024 };

static int fds[MOST];

static size_t how_many(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur < MOST + 500 ? (size_t)limit.rlim_cur - 500 : MOST;
}

static void connect_many(const server *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fds[i] = net_connect(s->port);
    }
    for (size_t i = 0; i < n; i++) {
        talk(fds[i]);
    }
}

static void close_many(const server *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close(fds[i]);
    }
    program_wait_open_fds(s->program, s->fds);
}

static void test_thousands_on_one_worker(void **state)
{
    (void)state;
    if (program_sanitized()) {
        skip(); /* their shadow is far larger than what is measured */
    }
    size_t n = how_many();
    server s = server_start(NULL, "-P", "stream", "-t", "1", "--idle-timeout", "0", NULL);
    connect_many(&s, 1); /* what a worker needs once */
    close_many(&s, 1);
    size_t before = program_rss(s.program);
    connect_many(&s, n);
    size_t with_all = program_rss(s.program);
    print_message("%zu handlers: %zu bytes each\n", n, (with_all - before) / n);
    assert_true(with_all - before < n * PER_HANDLER);
    /* Once more: stacks and memory are used again, nothing is added. */
    close_many(&s, n);
    size_t rest = program_rss(s.program);
    print_message("%zu bytes remain\n", rest > before ? rest - before : 0);
    connect_many(&s, n);
    assert_true(program_rss(s.program) < with_all + n * 256);
    close_many(&s, n);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "accepted"), 1 + 2 * n);
    assert_int_equal(server_counter(&s, "rejected"), 0);
}

/* The address space is nearly full: some find room, the others are told, nobody is disturbed. */
static void test_no_more_stacks(void **state)
{
    enum { ATTEMPTS = 2000, ROOM = 32 << 20 };
    (void)state;
    if (program_sanitized()) {
        skip(); /* their address space is larger than any limit */
    }
    (void)how_many();
    server s = server_start(NULL, "-P", "stream", "-t", "1", NULL);
    connect_many(&s, 1);
    struct rlimit limit = {.rlim_cur = program_address_space(s.program) + ROOM,
                           .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(program_pid(s.program), RLIMIT_AS, &limit, NULL), 0);
    size_t live = 1;
    size_t refused = 0;
    for (size_t i = 1; i < ATTEMPTS && refused < 50; i++) {
        char got[sizeof FULL] = "";
        int fd = net_connect(s.port);
        net_send_text(fd, "hello\r\n");
        net_receive(fd, got, 7);
        if (strcmp(got, "hello\r\n") == 0) {
            fds[live++] = fd;
            continue;
        }
        net_receive(fd, got + 7, sizeof FULL - 1 - 7);
        assert_string_equal(got, FULL);
        net_expect_eof(fd);
        close(fd);
        refused++;
    }
    print_message("%zu found room\n", live);
    assert_true(live > 100);
    assert_int_equal(refused, 50);
    for (size_t i = 0; i < live; i++) {
        talk(fds[i]);
    }
    /* One place is free again, and then it is not. */
    close(fds[0]);
    program_wait_open_fds(s.program, s.fds + live - 1);
    fds[0] = connect_and_talk(&s);
    int fd = net_connect(s.port);
    net_expect_text(fd, FULL);
    net_expect_eof(fd);
    close(fd);
    close_many(&s, live);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "rejected"), 51);
    assert_int_equal(server_counter(&s, "closed_full"), 51);
    program_wait_text(s.program, PROGRAM_STDERR, "connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_every_line_comes_back),
        program_test(test_the_ways_to_end),
        program_test(test_a_line_has_its_time),
        program_test(test_yodel_client),
        program_test(test_a_drain),
        program_test(test_a_drain_with_a_slow_reader),
        program_test(test_the_grace_ends_who_never_reads),
        program_test(test_thousands_on_one_worker),
        program_test(test_no_more_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
