/* SIGTERM and SIGINT: the server stops taking clients, finishes with those it has, and exits. All
 * kinds of clients at once: e2e_faults_drain.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* A grace far above what a test waits for anything: a server that sits it out fails. */
#define LONG_GRACE "300"

enum { SOME = 8 };

static int connect_and_talk(const server *s)
{
    int fd = net_connect(s->port);
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    return fd;
}

static void idle_ones_close_at_once(server *s)
{
    int fds[SOME];
    for (int i = 0; i < SOME; i++) {
        fds[i] = connect_and_talk(s);
    }
    program_signal(s->program, SIGTERM);
    for (int i = 0; i < SOME; i++) {
        net_expect_eof(fds[i]);
        close(fds[i]);
    }
}

/* server_with_each_shape ends the server itself; here the body does. */
static void with_each_shape(void (*body)(server *s), const char *grace)
{
    static const char *const modes[] = {"handoff", "reuseport"};
    static const char *const threads[] = {"1", "2", "8"};
    for (int shape = 0; shape < 6; shape++) {
        server s = server_start(NULL, "--accept", modes[shape / 3], "-t", threads[shape % 3],
                                "--grace", grace, "--stats", "0.004", NULL);
        body(&s);
        server_wait_drained(&s);
    }
}

static void test_idle_clients_are_closed_at_once(void **state)
{
    (void)state;
    with_each_shape(idle_ones_close_at_once, LONG_GRACE);
}

static void test_nobody_is_there(void **state)
{
    (void)state;
    server s = server_start(NULL, "--grace", LONG_GRACE, NULL);
    program_signal(s.program, SIGTERM);
    server_wait_drained(&s);
}

static void test_sigint_does_the_same(void **state)
{
    (void)state;
    server s = server_start(NULL, "--grace", LONG_GRACE, NULL);
    int fd = connect_and_talk(&s);
    program_signal(s.program, SIGINT);
    net_expect_eof(fd);
    close(fd);
    server_wait_drained(&s);
    assert_int_equal(server_counter(&s, "closed_drain"), 1);
}

static void test_half_a_line_does_not_hold_the_drain(void **state)
{
    (void)state;
    server s = server_start(NULL, "--grace", LONG_GRACE, NULL);
    int fd = connect_and_talk(&s);
    net_send_text(fd, "a\r\nhalf");
    net_expect_text(fd, "You sent: a\r\n"); /* so it has the half, too */
    program_signal(s.program, SIGTERM);
    net_expect_eof(fd);
    close(fd);
    server_wait_drained(&s);
}

/* What a client has sent before the signal is answered, all of it, although it reads only after. */
static void busy_ones_get_their_answers(server *s)
{
    net_text sent = {0}, answers = {0};
    for (int i = 0; i < 2000; i++) {
        net_text_printf(&sent, "line %d\r\n", i);
        net_text_printf(&answers, "You sent: line %d\r\n", i);
    }
    int fds[SOME];
    for (int i = 0; i < SOME; i++) {
        fds[i] = connect_and_talk(s);
        net_send(fds[i], sent.data, sent.len);
        net_wait_delivered(fds[i]);
    }
    program_signal(s->program, SIGTERM);
    for (int i = 0; i < SOME; i++) {
        net_expect(fds[i], answers.data, answers.len);
        net_expect_eof(fds[i]);
        close(fds[i]);
    }
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_busy_clients_get_their_answers(void **state)
{
    (void)state;
    with_each_shape(busy_ones_get_their_answers, LONG_GRACE);
}

/* Sends the chunk until reading pauses and `more` times again, then SIGTERM, and only then reads.
 */
static void drain_while_paused(const net_text *chunk, const net_text *answer, int more)
{
    server s = server_start(NULL, "-t", "1", "--write-buffer", "4K:1K", "--stats", "0.004",
                            "--grace", LONG_GRACE, NULL);
    int fd = net_connect_with_buffer(s.port, 64 << 10);
    net_text answers = {0};
    server_send_until_paused(&s, fd, chunk, answer, &answers);
    for (int i = 0; i < more; i++) {
        net_send(fd, chunk->data, chunk->len);
        net_text_add(&answers, answer->data, answer->len);
    }
    net_wait_delivered(fd);
    program_signal(s.program, SIGTERM);
    net_expect(fd, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    server_wait_drained(&s);
    net_text_free(&answers);
}

static void test_paused_clients_get_their_answers(void **state)
{
    (void)state;
    net_text lines = {0}, answers = {0};
    for (int i = 0; i < 4000; i++) { /* the answers are six times as long as the lines */
        net_text_printf(&lines, "\r\n");
        net_text_printf(&answers, "You sent: \r\n");
    }
    drain_while_paused(&lines, &answers, 0); /* lines wait in the server */
    drain_while_paused(&lines, &answers, 1); /* and in its kernel */
    net_text_free(&lines);
    net_text_free(&answers);
}

static void test_a_paused_client_without_another_line(void **state)
{
    (void)state;
    net_text line = {0}, answer = {0};
    net_text_printf(&line, "%030000d\r\n", 0);
    net_text_printf(&answer, "You sent: %s", line.data);
    drain_while_paused(&line, &answer, 0); /* only its answer waits */
    net_text_free(&line);
    net_text_free(&answer);
}

/* Stopped, the server cannot accept: whoever connects is in the kernel's queue when the signal
 * arrives. Every other one is still silent then. */
static void queued_ones_are_served(server *s)
{
    int fds[SOME];
    program_stop(s->program);
    for (int i = 0; i < SOME; i++) {
        fds[i] = net_connect(s->port);
        if (i % 2) {
            net_send_text(fds[i], "am I late?\r\n");
        }
    }
    program_signal(s->program, SIGTERM);
    program_signal(s->program, SIGCONT);
    for (int i = 0; i < SOME; i++) {
        if (i % 2) {
            net_expect_text(fds[i], "You sent: am I late?\r\n");
        }
        net_expect_eof(fds[i]);
        close(fds[i]);
    }
}

static void test_who_is_in_the_queue_is_served(void **state)
{
    (void)state;
    with_each_shape(queued_ones_are_served, LONG_GRACE);
}

static void never_reader_is_aborted(server *s)
{
    int fd = server_connect_deaf(s);
    double start = program_now();
    program_signal(s->program, SIGTERM);
    program_wait_exit(s->program);
    assert_true(program_now() - start > 0.49);
    assert_int_equal(server_counter(s, "closed_drain_abort"), 1);
    program_wait_line(s->program, PROGRAM_STDERR, ": the grace is over; connections cut off: 1");
    close(fd);
}

static void test_who_never_reads_is_aborted_at_the_grace_time(void **state)
{
    (void)state;
    with_each_shape(never_reader_is_aborted, "500ms");
}

static void connecting_is_refused(server *s)
{
    int deaf = server_connect_deaf(s); /* holds the drain */
    program_signal(s->program, SIGTERM);
    double deadline = program_now() + PROGRAM_TIMEOUT;
    int fd;
    while ((fd = net_try_connect("127.0.0.1", s->port)) != -ECONNREFUSED) {
        assert_true(program_now() < deadline);
        if (fd >= 0) {
            /* In time, so it is served or told the end, not left hanging. One whose handshake ends
             * just as the listener closes is told nothing before it sends (core/listener.h). */
            net_send_until_blocked(fd, "hello\r\n", 7, 0);
            net_wait_end(fd);
            close(fd);
        }
    }
    assert_true(program_running(s->program));
    net_reset(deaf); /* the last one has gone: it need not wait for the grace time */
}

static void test_connecting_is_refused(void **state)
{
    (void)state;
    with_each_shape(connecting_is_refused, LONG_GRACE);
}

static void second_signal(int first, int second)
{
    /* Exiting at once leaves threads that nobody joins, which TSan would call leaks. */
    static const char *const env[] = {"TSAN_OPTIONS=report_thread_leaks=0", NULL};
    const program_options options = {.env = env};
    server s = server_start(&options, "--grace", LONG_GRACE, "--stats", "0.004", NULL);
    int deaf = server_connect_deaf(&s);
    int idle = connect_and_talk(&s);
    program_signal(s.program, first);
    net_expect_eof(idle); /* the drain has begun */
    program_wait_line(s.program, PROGRAM_STDERR, ": draining; connections open: 2, grace: 300 s");
    server_signal_again(s.program, second);
    program_expect_exit(s.program, 1);
    close(deaf);
    close(idle);
}

static void test_a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    second_signal(SIGTERM, SIGTERM);
    second_signal(SIGINT, SIGINT);
    second_signal(SIGTERM, SIGINT);
}

static void test_clients_come_all_the_time(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        server s = server_start(NULL, "--accept", round % 2 ? "handoff" : "reuseport", "-t", "2",
                                "--grace", LONG_GRACE, NULL);
        enum { CLIENTS = 100 };
        int fds[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            if (i == CLIENTS / 2) {
                for (int k = 0; k < i; k++) {
                    net_wait_delivered(fds[k]);
                }
                program_signal(s.program, SIGTERM);
            }
            fds[i] = net_try_connect("127.0.0.1", s.port);
            if (fds[i] >= 0) {
                net_send_until_blocked(fds[i], "hello\r\n", 7, 0);
            }
        }
        for (int i = 0; i < CLIENTS; i++) {
            if (i < CLIENTS / 2) { /* connected and sent before the signal */
                net_expect_text(fds[i], "You sent: hello\r\n");
                net_expect_eof(fds[i]);
            }
            if (fds[i] >= 0) {
                net_wait_end(fds[i]);
                close(fds[i]);
            }
        }
        server_wait_drained(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_idle_clients_are_closed_at_once),
        program_test(test_nobody_is_there),
        program_test(test_sigint_does_the_same),
        program_test(test_half_a_line_does_not_hold_the_drain),
        program_test(test_busy_clients_get_their_answers),
        program_test(test_paused_clients_get_their_answers),
        program_test(test_a_paused_client_without_another_line),
        program_test(test_who_is_in_the_queue_is_served),
        program_test(test_who_never_reads_is_aborted_at_the_grace_time),
        program_test(test_connecting_is_refused),
        program_test(test_a_second_signal_ends_it_at_once),
        program_test(test_clients_come_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
