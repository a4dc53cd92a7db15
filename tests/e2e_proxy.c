/* yodel-server behind a proxy: --proxy-protocol and --trusted. The test is the proxy, on 127.0.0.1.
 * */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/admin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/net_from.h"
#include "tests/support/program.h"
#include "tests/support/proxy_headers.h"
#include "tests/support/server.h"

#define BEHIND_PROXY "--proxy-protocol", "--trusted", "127.0.0.1"
#define TOO_MANY     "Error: too many connections from your address\r\n"

typedef void header_fn(net_text *t, const char *client, uint16_t port);

/* The proxy's own connection, whoever. */
static void local(net_text *t, const char *client, uint16_t port)
{
    (void)client;
    (void)port;
    proxy_local(t);
}

/* --- what gets through -------------------------------------------------------------------------*/

/* A header and two lines, in two pieces, cut at every place; and byte by byte. */
static void check_cuts(const server *s, header_fn *header, const char *client, const char *prefix)
{
    net_text in = {0};
    net_text out = {0};
    header(&in, client, 1);
    net_text_printf(&in, "one\r\ntwo\r\n");
    net_text_printf(&out, "%sone\r\n%stwo\r\n", prefix, prefix);
    for (size_t cut = 0; cut <= in.len; cut++) {
        int fd = net_connect(s->port);
        if (cut == 0) {
            net_send_drop_by_drop(fd, in.data, in.len);
        } else {
            net_send(fd, in.data, cut);
            net_wait_delivered(fd);
            net_send(fd, in.data + cut, in.len - cut);
        }
        net_finish_sending(fd);
        net_expect(fd, out.data, out.len);
        net_expect_eof(fd);
        close(fd);
    }
    net_text_free(&in);
    net_text_free(&out);
}

static void every_cut_of_answered_lines(server *s)
{
    check_cuts(s, proxy_v1, "192.0.2.1", "You sent: ");
    check_cuts(s, proxy_v2, "2001:db8::1", "You sent: ");
    check_cuts(s, local, NULL, "You sent: ");
}

static void every_cut_of_echoed_lines(server *s)
{
    check_cuts(s, proxy_v1, "2001:db8::1", "");
    check_cuts(s, proxy_v2, "192.0.2.1", "");
}

static void test_chat_at_every_cut(void **state)
{
    (void)state;
    server_with_each_shape(every_cut_of_answered_lines, BEHIND_PROXY, NULL);
}

static void test_stream_at_every_cut(void **state)
{
    (void)state;
    server_with_each_shape(every_cut_of_echoed_lines, "-P", "stream", BEHIND_PROXY, NULL);
}

static void test_raw_at_every_cut(void **state)
{
    (void)state;
    server_with_each_shape(every_cut_of_echoed_lines, "-P", "raw", BEHIND_PROXY, NULL);
}

/* As much as one likes right behind the header, for each protocol. */
static void check_much(const char *protocol, const char *prefix)
{
    net_text in = {0};
    net_text out = {0};
    server s = server_start(NULL, "-P", protocol, BEHIND_PROXY, NULL);
    int fd = net_connect(s.port);
    proxy_v1(&in, "192.0.2.1", 1);
    for (int i = 0; i < 50000; i++) {
        net_text_printf(&in, "line %d\r\n", i);
        net_text_printf(&out, "%sline %d\r\n", prefix, i);
    }
    net_exchange(fd, in.data, in.len, true, out.data, out.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&in);
    net_text_free(&out);
    server_stop(&s);
}

static void test_much_behind_the_header(void **state)
{
    (void)state;
    check_much("chat", "You sent: ");
    check_much("stream", "");
    check_much("raw", "");
}

static void test_over_ipv6(void **state)
{
    (void)state;
    if (!net_has_ipv6()) {
        skip();
    }
    const char *const argv[] = {"yodel-server",     "-H",        "::1", "-p", "0",
                                "--proxy-protocol", "--trusted", "::1", NULL};
    server s = server_start_argv(NULL, argv);
    int fd = net_try_connect("::1", s.port);
    assert_true(fd >= 0);
    net_send_text(fd, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    close(fd);
    server_stop(&s);
}

/* --- what does not -----------------------------------------------------------------------------*/

static void garbage(server *s)
{
    static const char *const bad[] = {
        "hello\r\n",
        "GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nhello\r\n",
        "PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\nhello\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\nhello\r\n",
        "PROXY TCP9 1.2.3.4 5.6.7.8 1 2\r\nhello\r\n",
        "\r\n\r\n\001",
    };
    enum { KINDS = sizeof bad / sizeof *bad, ROUNDS = 5 };
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KINDS; i++) {
            int fd = net_connect(s->port);
            net_send_until_blocked(fd, bad[i], strlen(bad[i]), 0);
            (void)net_wait_end(fd);
            close(fd);
        }
    }
    server_wait_counter(s, "closed_proxy", (uint64_t)KINDS * ROUNDS);
    assert_int_equal(server_counter(s, "bytes_out"), 0); /* not a word to anybody */
    assert_in_range(program_count_lines(s->program, PROGRAM_STDERR, "no PROXY header"), 1,
                    (size_t)KINDS * ROUNDS - 1);
    program_wait_line(s->program, PROGRAM_STDERR, "closed: no PROXY header: \"hello\\r\\n\"");
}

static void test_garbage(void **state)
{
    (void)state;
    server_with_each_shape(garbage, "--stats", "0.02", BEHIND_PROXY, NULL);
}

static void test_no_header_in_time(void **state)
{
    (void)state;
    server s = server_start(NULL, "--idle-timeout", "0", BEHIND_PROXY, NULL);
    int silent = net_connect(s.port);
    int half = net_connect(s.port);
    net_send_text(half, "PROXY TCP4 192.0.2.1 ");
    assert_int_equal(net_wait_end(silent), 0);
    assert_int_equal(net_wait_end(half), 0);
    close(silent);
    close(half);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_proxy"), 2);
    program_wait_line(s.program, PROGRAM_STDERR, "closed: no PROXY header in time");
}

static void strangers(server *s)
{
    enum { STRANGERS = 20 };
    for (int i = 0; i < STRANGERS; i++) {
        int fd = net_connect_from("127.0.0.2", "127.0.0.1", s->port);
        assert_true(fd >= 0);
        net_text t = {0};
        proxy_v1(&t, "192.0.2.1", 1);
        net_text_printf(&t, "hello\r\n");
        net_send_until_blocked(fd, t.data, t.len, 0);
        net_text_free(&t);
        (void)net_wait_end(fd);
        close(fd);
    }
    int fd = net_connect(s->port); /* the proxy is served */
    net_send_text(fd, "PROXY UNKNOWN\r\nhello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    close(fd);
    server_wait_counter(s, "rejected_untrusted", STRANGERS);
    server_wait_counter(s, "closed_refused", STRANGERS);
    server_wait_counter(s, "lines_in", 1);
    assert_in_range(program_count_lines(s->program, PROGRAM_STDERR, "not a trusted proxy"), 1,
                    STRANGERS - 1);
    program_wait_line(s->program, PROGRAM_STDERR, "connection of 127.0.0.2:");
}

static void test_strangers(void **state)
{
    (void)state;
    server_with_each_shape(strangers, "--stats", "0.02", BEHIND_PROXY, NULL);
}

/* Health checks that connect and say nothing do not fill the log. */
static void test_silent_health_checks(void **state)
{
    (void)state;
    server s = server_start(NULL, "--stats", "0.02", BEHIND_PROXY, NULL);
    for (int i = 0; i < 20; i++) {
        int fd = net_connect(s.port);
        if (i % 2 == 0) {
            close(fd);
        } else {
            net_reset(fd);
        }
    }
    server_wait_counter(&s, "accepted", 20);
    server_wait_counter(&s, "active", 0);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_proxy"), 0);
    assert_int_equal(server_count_warnings(s.program), 0);
}

/* --- limits ------------------------------------------------------------------------------------*/

/* Connects for a client, its first line in the same segment as the header. */
static int connect_for(const server *s, header_fn *header, const char *client)
{
    net_text t = {0};
    int fd = net_connect(s->port);
    header(&t, client, 1);
    net_text_printf(&t, "hello\r\n");
    net_send(fd, t.data, t.len);
    net_text_free(&t);
    return fd;
}

static void check_refused(int fd)
{
    net_expect_text(fd, TOO_MANY);
    net_expect_eof(fd);
    close(fd);
}

static void limits_by_client(server *s)
{
    static const char *const clients[] = {"192.0.2.1", "192.0.2.2", "2001:db8:0:1::1",
                                          "2001:db8:0:2::1"};
    enum { CLIENTS = sizeof clients / sizeof *clients, EACH = 2, CHECKS = 5 };
    int fd[CLIENTS][EACH];
    int check[CHECKS];
    for (int c = 0; c < CLIENTS; c++) {
        for (int i = 0; i < EACH; i++) {
            fd[c][i] = connect_for(s, i == 0 ? proxy_v1 : proxy_v2, clients[c]);
            net_expect_text(fd[c][i], "You sent: hello\r\n");
        }
        check_refused(connect_for(s, proxy_v1, clients[c]));
        check_refused(connect_for(s, proxy_v2, clients[c]));
    }
    check_refused(connect_for(s, proxy_v1, "::ffff:192.0.2.1"));
    check_refused(connect_for(s, proxy_v2, "2001:db8:0:1:ffff::ffff"));
    for (int i = 0; i < CHECKS; i++) { /* the proxy itself is not limited */
        check[i] = connect_for(s, local, NULL);
        net_expect_text(check[i], "You sent: hello\r\n");
    }
    server_wait_counter(s, "rejected_per_ip", 2 * CLIENTS + 2);
    program_wait_line(s->program, PROGRAM_STDERR,
                      "connection of 192.0.2.1:1 refused: too many connections from this address");
    net_send_text(fd[0][0], ".\r\n");
    net_expect_eof(fd[0][0]);
    close(fd[0][0]);
    server_wait_counter(s, "active", CLIENTS * EACH + CHECKS - 1);
    fd[0][0] = connect_for(s, proxy_v1, clients[0]);
    net_expect_text(fd[0][0], "You sent: hello\r\n");
    for (int c = 0; c < CLIENTS; c++) {
        for (int i = 0; i < EACH; i++) {
            close(fd[c][i]);
        }
    }
    for (int i = 0; i < CHECKS; i++) {
        close(check[i]);
    }
}

static double refused_because(uint16_t admin, const char *reason)
{
    char sample[128];
    snprintf(sample, sizeof sample, "yodel_connections_rejected_total{reason=\"%s\"}", reason);
    exposition *e = admin_metrics(admin);
    double value = exposition_value(e, sample);
    exposition_free(e);
    return value;
}

/* What was refused, by why, is what the metrics say. A refusal is counted before it is told. */
static void test_metrics(void **state)
{
    (void)state;
    server s = server_start(NULL, "--max-per-ip", "1", "--connect-rate-per-ip", "2", "--admin",
                            "127.0.0.1:0", BEHIND_PROXY, NULL);
    uint16_t admin = admin_port(&s);
    int inside = connect_for(&s, proxy_v1, "192.0.2.1");
    net_expect_text(inside, "You sent: hello\r\n");
    check_refused(connect_for(&s, proxy_v1, "192.0.2.1"));
    int stranger = net_connect_from("127.0.0.2", "127.0.0.1", s.port);
    assert_true(stranger >= 0);
    (void)net_wait_end(stranger);
    close(stranger);
    assert_true(refused_because(admin, "per_ip") == 1);
    assert_true(refused_because(admin, "untrusted") == 1);
    assert_true(refused_because(admin, "rate") == 0);
    assert_true(refused_because(admin, "full") == 0);
    close(inside);
    for (int i = 0; i < 200 && refused_because(admin, "rate") == 0; i++) {
        int fd = connect_for(&s, proxy_v1, "192.0.2.3"); /* more than two a second, in the end */
        (void)net_wait_readable(fd, 20000);
        close(fd);
    }
    assert_true(refused_because(admin, "rate") >= 1);
    server_stop(&s);
}

static void test_limits_by_client(void **state)
{
    (void)state;
    server_with_each_shape(limits_by_client, "--max-per-ip", "2", "--stats", "0.02", BEHIND_PROXY,
                           NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_chat_at_every_cut),
        program_test(test_stream_at_every_cut),
        program_test(test_raw_at_every_cut),
        program_test(test_much_behind_the_header),
        program_test(test_over_ipv6),
        program_test(test_garbage),
        program_test(test_no_header_in_time),
        program_test(test_strangers),
        program_test(test_silent_health_checks),
        program_test(test_limits_by_client),
        program_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
