/* yodel-server's patience: clients that say nothing or listen slowly. Those that dribble or do not
 * listen at all: e2e_faults_idle.c, e2e_faults_slow_readers.c. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_a_silent_client_is_closed),
        program_test(test_zero_is_no_idle_timeout),
        program_test(test_lines_behind_the_pause_are_answered),
        program_test(test_who_reads_slowly_is_not_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
