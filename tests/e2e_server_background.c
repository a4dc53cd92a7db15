/* yodel-server --stats: a background task that logs the counters while connections are served. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

static void test_lines_of_counters_come_by_themselves(void **state)
{
    (void)state;
    server s = server_start(NULL, "--stats", "50ms", NULL);
    program_wait_lines(s.program, PROGRAM_STDERR, "stats accepted=", 5); /* nobody is connected */
    server_stop(&s);
}

static void they_count(server *s)
{
    int fd = net_connect(s->port);
    net_send_text(fd, "a\r\nbc\r\n\r\npart");
    net_expect_text(fd, "You sent: a\r\nYou sent: bc\r\nYou sent: \r\n");
    server_wait_counter(s, "accepted", 1);
    server_wait_counter(s, "active", 1);
    server_wait_counter(s, "closed", 0);
    server_wait_counter(s, "lines_in", 3);
    server_wait_counter(s, "lines_out", 3);
    server_wait_counter(s, "bytes_in", 13);
    server_wait_counter(s, "bytes_out", 39);
    net_finish_sending(fd);
    net_expect_eof(fd);
    close(fd);
    server_wait_counter(s, "active", 0);
    server_wait_counter(s, "closed", 1);
    server_wait_counter(s, "closed_eof", 1);
    server_wait_counter(s, "partial", 1);
}

static void test_they_count_what_happens(void **state)
{
    (void)state;
    server_with_each_shape(they_count, "--stats", "0.05", NULL);
}

static void test_without_it_there_is_only_the_last_line(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    server_check_serves(&s);
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, "stats "), 0);
    server_stop(&s);
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, "stats accepted="), 1);
}

static void test_a_late_one_does_not_catch_up(void **state)
{
    (void)state;
    server s = server_start(NULL, "--stats", "0.2", NULL);
    program_wait_line(s.program, PROGRAM_STDERR, "stats accepted=");
    program_signal(s.program, SIGSTOP);
    program_pause_ms(1500); /* seven lines would be due */
    size_t before = program_count_lines(s.program, PROGRAM_STDERR, "stats accepted=");
    double start = program_now();
    program_signal(s.program, SIGCONT);
    program_wait_lines(s.program, PROGRAM_STDERR, "stats accepted=", before + 4);
    assert_true(program_now() - start > 0.35); /* one at once, then at their pace */
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_lines_of_counters_come_by_themselves),
        program_test(test_they_count_what_happens),
        program_test(test_without_it_there_is_only_the_last_line),
        program_test(test_a_late_one_does_not_catch_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
