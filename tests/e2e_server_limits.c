/* yodel-server's limits: the longest line and the number of connections. More of both (and no file
 * descriptor left): e2e_faults_long_lines.c, e2e_faults_full.c, e2e_faults_no_descriptors.c. */
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
    for (int rounds = 0; rounds < 20;) {
        int fd = net_connect(s.port);
        double start = program_now();
        net_send_text(fd, hundred_and_one);
        for (int i = 0; i < PIECES; i++) {
            net_send_until_blocked(fd, piece, PIECE, 1000);
        }
        if (program_now() - start > 1) { /* too slow to be waited for: a busy machine */
            close(fd);
            continue;
        }
        net_expect_text(fd, TOO_LONG);
        net_expect_eof(fd);
        close(fd);
        rounds++;
    }
    server_stop(&s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_lines_before_the_long_one_are_answered),
        program_test(test_the_error_reaches_a_client_that_is_still_sending),
        program_test(test_a_client_that_does_not_close_after_the_error_is_closed),
        program_test(test_a_full_server_tells_also_those_who_speak_first),
        program_test(test_by_default_the_fd_limit_is_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
