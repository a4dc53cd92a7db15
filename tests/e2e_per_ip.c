/* yodel-server's limits by address: --max-per-ip and --connect-rate-per-ip. 127.0.0.0/8 gives as
 * many clients as one wants. Behind a proxy: e2e_proxy.c. */
#include <stdio.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/net_from.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

#define TOO_MANY "Error: too many connections from your address\r\n"

static int connect_from(const server *s, const char *source)
{
    int fd = net_connect_from(source, "127.0.0.1", s->port);
    if (fd < 0) {
        fail_msg("cannot connect from %s: %d", source, fd);
    }
    return fd;
}

/* It has been let in: a line is answered. */
static void check_served(int fd)
{
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
}

static void check_refused(int fd)
{
    net_send_until_blocked(fd, "hello\r\n", 7, 0); /* who speaks first is told, too */
    net_expect_text(fd, TOO_MANY);
    net_expect_eof(fd);
    close(fd);
}

/* --- how many ----------------------------------------------------------------------------------*/

enum { CLIENTS = 8, EACH = 3 };

static void fill_and_refill(server *s)
{
    int fd[CLIENTS][EACH];
    char source[32];
    for (int c = 0; c < CLIENTS; c++) {
        snprintf(source, sizeof source, "127.0.0.%d", c + 2);
        for (int i = 0; i < EACH; i++) {
            fd[c][i] = connect_from(s, source);
            check_served(fd[c][i]);
        }
        check_refused(connect_from(s, source));
        check_refused(connect_from(s, source));
    }
    server_wait_counter(s, "rejected_per_ip", 2 * CLIENTS);
    for (int c = 0; c < CLIENTS; c++) {
        /* One ends, however it does: one finds room. Not at once, the server has to see it first.
         * */
        if (c % 2 == 0) {
            net_reset(fd[c][0]);
        } else {
            close(fd[c][0]);
        }
    }
    server_wait_counter(s, "active", CLIENTS * (EACH - 1));
    for (int c = 0; c < CLIENTS; c++) {
        snprintf(source, sizeof source, "127.0.0.%d", c + 2);
        fd[c][0] = connect_from(s, source);
        check_served(fd[c][0]);
        check_refused(connect_from(s, source));
        for (int i = 0; i < EACH; i++) {
            close(fd[c][i]);
        }
    }
    server_wait_counter(s, "rejected_per_ip", 3 * CLIENTS);
    server_wait_counter(s, "closed_refused", 3 * CLIENTS);
    assert_int_equal(server_counter(s, "rejected"), 0); /* the server was not full */
    /* At most one line a second: far fewer than were refused. */
    assert_in_range(program_count_lines(s->program, PROGRAM_STDERR, "too many connections"), 1,
                    3 * CLIENTS - 1);
    program_wait_line(s->program, PROGRAM_STDERR, "connection of 127.0.0.");
}

static void test_so_many_of_each_address(void **state)
{
    (void)state;
    server_with_each_shape(fill_and_refill, "--max-per-ip", "3", "--stats", "0.02", NULL);
}

static void test_as_many_as_come_by_default(void **state)
{
    (void)state;
    enum { MANY = 200 };
    int fd[MANY];
    server s = server_start(NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        fd[i] = net_connect(s.port);
        check_served(fd[i]);
    }
    for (int i = 0; i < MANY; i++) {
        close(fd[i]);
    }
    server_stop(&s);
}

/* One client that tries all the time does not keep another one out, nor what it has already. */
static void test_others_are_not_touched(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-per-ip", "1", "-t", "2", NULL);
    int inside = connect_from(&s, "127.0.0.2");
    check_served(inside);
    for (int i = 0; i < 200; i++) {
        check_refused(connect_from(&s, "127.0.0.2"));
        if (i % 10 == 0) {
            int other = connect_from(&s, "127.0.0.3");
            check_served(other);
            net_finish_sending(other);
            net_expect_eof(other);
            close(other);
        }
        check_served(inside);
        if (i % 10 == 0) { /* the one before has left the table when the next one comes */
            program_wait_open_fds(s.program, s.fds + 1);
        }
    }
    close(inside);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "rejected_per_ip"), 200);
}

/* --- how often ---------------------------------------------------------------------------------*/

/* Connects once: was it let in? */
static bool knock(const server *s, const char *source)
{
    char first;
    int fd = connect_from(s, source);
    net_send_until_blocked(fd, "hello\r\n", 7, 0);
    net_receive(fd, &first, 1);
    close(fd);
    return first == 'Y';
}

static void knock_as_fast_as_possible(server *s)
{
    enum { RATE = 5, KNOCKS = 100 };
    double began = program_now();
    int let_in = 0;
    for (int i = 0; i < KNOCKS; i++) {
        let_in += knock(s, "127.0.0.2");
    }
    double took = program_now() - began;
    print_message("      %d of %d in %.2f s\n", let_in, KNOCKS, took);
    assert_true(let_in >= RATE);                   /* what one second brings, at once */
    assert_true(let_in <= RATE + RATE * took + 1); /* and then so many a second */
    assert_true(knock(s, "127.0.0.3"));            /* each address has its own */
    server_wait_counter(s, "rejected_rate", (uint64_t)(KNOCKS - let_in));
    while (!knock(s, "127.0.0.2")) { /* in the end it is let in again */
        if (program_now() - began > took + PROGRAM_TIMEOUT) {
            program_fail(s->program, "never let in again");
        }
        program_pause_ms(10);
    }
}

static void test_so_often_from_each_address(void **state)
{
    (void)state;
    server_with_each_shape(knock_as_fast_as_possible, "--connect-rate-per-ip", "5/s", "--stats",
                           "0.02", NULL);
}

/* An address that has never been seen is let in, however many there are. */
static void test_many_addresses(void **state)
{
    (void)state;
    server s =
        server_start(NULL, "--connect-rate-per-ip", "1", "--max-per-ip", "1", "-t", "2", NULL);
    for (int i = 0; i < 2000; i++) {
        char source[32];
        snprintf(source, sizeof source, "127.%d.%d.1", 1 + i / 250, i % 250);
        if (!knock(&s, source)) {
            program_fail(s.program, "%s was refused", source);
        }
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_refused"), 0);
}

/* --- IPv6; the last ones, in a network of their own --------------------------------------------*/

static void test_an_ipv6_client_is_its_64_bits(void **state)
{
    (void)state;
    static const char *const addresses[] = {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2",
                                            "2001:db8:0:2::1", NULL};
    if (!net_own_namespace(addresses)) {
        skip();
    }
    const char *const argv[] = {"yodel-server", "-H", "::1", "-p", "0", "--max-per-ip", "2", NULL};
    server s = server_start_argv(NULL, argv);
    int fd[3];
    for (int i = 0; i < 2; i++) {
        fd[i] = net_connect_from(addresses[i], "::1", s.port);
        assert_true(fd[i] >= 0);
        check_served(fd[i]);
    }
    int refused = net_connect_from(addresses[0], "::1", s.port);
    assert_true(refused >= 0);
    check_refused(refused);
    fd[2] = net_connect_from(addresses[2], "::1", s.port);
    assert_true(fd[2] >= 0);
    check_served(fd[2]);
    for (int i = 0; i < 3; i++) {
        close(fd[i]);
    }
    server_stop(&s);
    assert_int_equal(server_counter(&s, "rejected_per_ip"), 1);
    program_wait_line(s.program, PROGRAM_STDERR, "connection of [2001:db8:0:1::1]:");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_so_many_of_each_address),
        program_test(test_as_many_as_come_by_default),
        program_test(test_others_are_not_touched),
        program_test(test_so_often_from_each_address),
        program_test(test_many_addresses),
        program_test(test_an_ipv6_client_is_its_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
