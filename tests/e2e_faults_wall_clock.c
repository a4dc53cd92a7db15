/*
 * FAULTS 25: the wall clock jumps, by a day and by years, ahead and back (shims/wall_clock.c).
 * Nothing times out, neither in the server nor in flood nor in yodel-client; and what is to time
 * out does, also while the clock goes back again and again.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/peer.h"
#include "tests/support/server.h"

enum { DAY = 86400, TEN_YEARS = 3650 * DAY };

static const int64_t jumps[] = {DAY, -DAY, TEN_YEARS, -DAY, 0, 3600, -3600, 0};
enum { JUMPS = sizeof jumps / sizeof jumps[0] };

/* The clock of the programs that are started with its environment. */
typedef struct wall_clock {
    volatile int64_t *ahead;
    int fd;
    char file[64];
    const char *env[4];
} wall_clock;

static void open_clock(wall_clock *c)
{
    int64_t zero = 0;
    c->fd = memfd_create("wall clock", MFD_CLOEXEC);
    assert_true(c->fd >= 0);
    assert_int_equal(write(c->fd, &zero, sizeof zero), sizeof zero);
    c->ahead = mmap(NULL, sizeof zero, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    assert_true(c->ahead != MAP_FAILED);
    snprintf(c->file, sizeof c->file, "YODEL_WALL_CLOCK=/proc/%d/fd/%d", (int)getpid(), c->fd);
    c->env[0] = c->file;
    c->env[1] = "LD_PRELOAD=" YODEL_WALL_CLOCK_SHIM;
    /* It comes before the sanitizer's own library, which is no harm. */
    c->env[2] = "ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0";
}

static void close_clock(wall_clock *c)
{
    munmap((void *)(uintptr_t)c->ahead, sizeof *c->ahead);
    close(c->fd);
}

/* The year in the time of its last line of log. */
static long year_of_log(program *p)
{
    size_t lines = program_count_lines(p, PROGRAM_STDERR, "");
    return strtol(program_wait_lines(p, PROGRAM_STDERR, "", lines), NULL, 10);
}

static void test_row_25_the_server_times_nothing_out(void **state)
{
    (void)state;
    wall_clock c = {0};
    open_clock(&c);
    const program_options options = {.env = c.env};
    server s = server_start(&options, "-t", "2", "--idle-timeout", "300", "--write-timeout", "300",
                            "--stats", "0.05", NULL);
    long year = year_of_log(s.program);
    int idle = net_connect(s.port), half = net_connect(s.port);
    net_send_text(half, "half a li");
    net_wait_delivered(half);
    for (int i = 0; i < JUMPS; i++) {
        *c.ahead = jumps[i];
        server_check_serves(&s);
        size_t lines = program_count_lines(s.program, PROGRAM_STDERR, "stats acc");
        program_wait_lines(s.program, PROGRAM_STDERR, "stats acc", lines + 3); /* its tasks run */
        if (jumps[i] == TEN_YEARS) { /* or else no clock has jumped */
            assert_in_range(year_of_log(s.program), year + 9, year + 11);
        }
    }
    net_send_text(half, "ne\r\n");
    net_expect_text(half, "You sent: half a line\r\n");
    net_send_text(idle, "hello\r\n");
    net_expect_text(idle, "You sent: hello\r\n");
    close(idle);
    close(half);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_idle"), 0);
    assert_int_equal(server_counter(&s, "closed_eof"), 2 + JUMPS);
    close_clock(&c);
}

/* Back by another hour again and again: still cut, and not before its time. */
static void test_row_25_what_is_idle_still_ends(void **state)
{
    (void)state;
    wall_clock c = {0};
    open_clock(&c);
    const program_options options = {.env = c.env};
    server s = server_start(&options, "-t", "1", "--idle-timeout", "1", NULL);
    double start = program_now();
    int fd = net_connect(s.port);
    for (int i = 0; !net_wait_readable(fd, 20); i++) {
        assert_true(program_now() < start + PROGRAM_TIMEOUT);
        *c.ahead -= 3600;
    }
    net_expect_eof(fd);
    assert_true(program_now() - start >= 0.9);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_idle"), 1);
    close_clock(&c);
}

static void test_row_25_a_drain_keeps_its_grace(void **state)
{
    (void)state;
    wall_clock c = {0};
    open_clock(&c);
    const program_options options = {.env = c.env};
    server s = server_start(&options, "-t", "1", "--grace", "1", "--stats", "0.004", NULL);
    int fd = server_connect_deaf(&s);
    double start = program_now();
    program_signal(s.program, SIGTERM);
    *c.ahead = DAY;
    program_pause_ms(100);
    *c.ahead = -DAY;
    server_wait_drained(&s);
    assert_true(program_now() - start > 0.9);
    assert_int_equal(server_counter(&s, "closed_drain_abort"), 1);
    close(fd);
    close_clock(&c);
}

static void test_row_25_flood_times_nothing_out(void **state)
{
    (void)state;
    wall_clock c = {0};
    open_clock(&c);
    const program_options options = {.env = c.env};
    server s = server_start(&options, NULL);
    program *p = flood_start(&options, s.port, "-c", "20", "-R", "500", "-d", "2s", "-w", "0", "-T",
                             "60s", NULL);
    for (int i = 0; program_running(p); i++) {
        *c.ahead = jumps[i % JUMPS];
        program_pause_ms(50);
    }
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    double seconds = flood_number(&run, "seconds");
    assert_true(seconds > 1.5 && seconds < 60); /* of the clock that does not jump */
    flood_run_free(&run);
    server_stop(&s);
    close_clock(&c);
}

static void test_row_25_the_client_times_nothing_out(void **state)
{
    (void)state;
    wall_clock c = {0};
    open_clock(&c);
    const program_options options = {.env = c.env, .stdin_pipe = true};
    peer p = peer_start(&options, "--timeout", "300", NULL);
    program_write_stdin(p.client, "hello\n", 6);
    program_close_stdin(p.client);
    net_expect_text(p.fd, "hello\r\n");
    net_expect_eof(p.fd);
    for (int i = 0; i < JUMPS; i++) { /* it waits for the answer */
        *c.ahead = jumps[i];
        program_pause_ms(20);
        assert_true(program_running(p.client));
    }
    net_send_text(p.fd, "You sent: hello\r\n");
    peer_close(&p);
    peer_expect_exit(&p, 0, "");
    close_clock(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_25_the_server_times_nothing_out),
        program_test(test_row_25_what_is_idle_still_ends),
        program_test(test_row_25_a_drain_keeps_its_grace),
        program_test(test_row_25_flood_times_nothing_out),
        program_test(test_row_25_the_client_times_nothing_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
