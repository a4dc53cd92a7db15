/* yodel-server --admin: what it says agrees with what flood did, load balancers hear of a drain in
 * time, and scrapers, however many and however rude, are not felt by the service. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/admin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/http.h"
#include "tests/support/json_at.h"
#include "tests/support/net.h"

static server start(const char *threads)
{
    return server_start(NULL, "-t", threads, "--admin", "127.0.0.1:0", "--idle-timeout", "0",
                        "--grace", "60", NULL);
}

/* --- figures -----------------------------------------------------------------------------------*/

/* Every line and byte that flood sent is there, and what came back. */
static void test_metrics_agree_with_flood(void **state)
{
    (void)state;
    enum { CONNECTIONS = 20 };
    server s = start("2");
    uint16_t port = admin_port(&s);
    program *p = flood_start(NULL, s.port, "-c", "20", "-n", "20000", "-P", "4", "-t", "1", "-T",
                             "60s", NULL);
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    double sent = (double)flood_count(&run, "counts/sent");
    admin_wait_metric(port, "yodel_connections_active", 0);

    exposition *e = admin_metrics(port);
    assert_true(sent >= 20000);
    assert_true(exposition_sum(e, "yodel_lines_received_total") == sent);
    assert_true(exposition_sum(e, "yodel_lines_sent_total") == sent);
    assert_true(exposition_sum(e, "yodel_sent_bytes_total") ==
                exposition_sum(e, "yodel_received_bytes_total") +
                    sent * (double)strlen("You sent: "));
    assert_true(exposition_sum(e, "yodel_connections_accepted_total") == CONNECTIONS);
    assert_true(exposition_value(e, "yodel_connections_accepted_total{worker=\"0\"}") == 10);
    assert_true(exposition_sum(e, "yodel_connections_closed_total") == CONNECTIONS);
    assert_true(exposition_sum(e, "yodel_accept_errors_total") == 0);
    assert_true(exposition_value(e, "yodel_ready") == 1);
    assert_true(exposition_value(e, "yodel_log_lines_lost_total") == 0);
    assert_true(exposition_value(e, "process_open_fds") > 5);
    for (int i = 0; i < 2; i++) { /* there were turns, and the clock ran in them */
        char name[80];
        (void)snprintf(name, sizeof name, "yodel_loop_iteration_seconds_count{worker=\"%d\"}", i);
        assert_true(exposition_value(e, name) > 10);
        (void)snprintf(name, sizeof name, "yodel_loop_iteration_seconds_sum{worker=\"%d\"}", i);
        assert_true(exposition_value(e, name) > 0);
    }
    exposition_free(e);
    server_stop(&s);
    assert_true((double)server_counter(&s, "lines_in") == sent);
    flood_run_free(&run);
}

/* Counts what it says, and says it in Prometheus's own opinion well. */
static void test_promtool(void **state)
{
    (void)state;
    char *promtool = admin_find_program("promtool");
    if (promtool == NULL) {
        skip();
    }
    server s = start("3");
    http_answer answer = http_get(admin_port(&s), "/metrics");
    const program_options piped = {.stdin_pipe = true};
    program *p = program_start(&piped, promtool, "check", "metrics", NULL);
    program_write_stdin(p, answer.body, answer.len);
    program_close_stdin(p);
    program_expect_exit(p, 0);
    size_t len;
    program_output(p, PROGRAM_STDERR, &len);
    if (len > 0) {
        program_fail(p, "it has something to say");
    }
    http_free(&answer);
    server_stop(&s);
    free(promtool);
}

/* A client that sends and does not read, until the server does not read either. */
static int connect_paused(const server *s, uint16_t admin)
{
    static char lines[1 << 20];
    for (size_t i = 0; i < sizeof lines; i += 2) {
        memcpy(lines + i, "\r\n", 2);
    }
    int fd = net_connect_tiny(s->port);
    net_fill(fd, lines, sizeof lines, 20);
    admin_wait_metric(admin, "yodel_connections_paused", 1);
    return fd;
}

/* A client that does not read shows as one that is not read, and its memory. */
static void test_a_slow_reader_is_seen(void **state)
{
    (void)state;
    server s = start("1");
    uint16_t port = admin_port(&s);
    int fd = connect_paused(&s, port);
    exposition *e = admin_metrics(port);
    assert_true(exposition_sum(e, "yodel_buffered_bytes") > 65536);
    assert_true(exposition_sum(e, "yodel_pauses_total") >= 1);
    exposition_free(e);
    net_reset(fd);
    admin_wait_metric(port, "yodel_connections_paused", 0);
    admin_wait_metric(port, "yodel_buffered_bytes", 0);
    server_stop(&s);
}

/* --- ready and not -----------------------------------------------------------------------------*/

static void test_a_drain_is_told_until_its_end(void **state)
{
    (void)state;
    server s = start("2");
    uint16_t port = admin_port(&s);
    assert_int_equal(http_status(port, "/readyz"), 200);
    assert_int_equal(http_status(port, "/healthz"), 200);
    int deaf = connect_paused(&s, port); /* holds the drain up */
    program_signal(s.program, SIGTERM);
    http_wait_status(port, "/readyz", 503);
    assert_int_equal(http_status(port, "/healthz"), 200);
    exposition *e = admin_metrics(port);
    assert_true(exposition_value(e, "yodel_draining") == 1);
    assert_true(exposition_value(e, "yodel_ready") == 0);
    assert_true(exposition_sum(e, "yodel_connections_active") == 1);
    exposition_free(e);
    assert_true(program_running(s.program));
    net_reset(deaf);
    server_wait_drained(&s);
    assert_true(net_try_connect("127.0.0.1", port) < 0);
}

/* --- scrapers ----------------------------------------------------------------------------------*/

enum { SCRAPERS = 100 };

static void test_stalled_scrapers_are_not_felt(void **state)
{
    (void)state;
    server s = start("2");
    uint16_t port = admin_port(&s);
    int stalled[SCRAPERS];
    program *p =
        flood_start(NULL, s.port, "-c", "10", "-R", "2k", "-d", "4s", "-t", "1", "-T", "60s", NULL);
    for (int i = 0; i < SCRAPERS; i++) {
        stalled[i] = i % 2 ? net_connect(port) : net_connect_tiny(port);
        if (i % 2) {
            net_send_text(stalled[i], "GET /metrics HTTP/1.1\r\nHo"); /* and no more of it */
        } else {
            for (int j = 0; j < 10; j++) { /* much, and none of it will be read */
                net_send_text(stalled[i], "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
            }
        }
    }
    server_check_serves(&s);
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    flood_run_free(&run);
    for (int i = 0; i < SCRAPERS; i++) {
        close(stalled[i]);
    }
    assert_int_equal(http_status(port, "/readyz"), 200);
    server_stop(&s);
}

/* Who stalls makes room by itself, so that the one who comes after is answered. */
static void test_stalled_scrapers_are_closed(void **state)
{
    (void)state;
    enum { AS_MANY_AS_THERE_MAY_BE = 32 };
    server s = start("1");
    uint16_t port = admin_port(&s);
    int stalled[AS_MANY_AS_THERE_MAY_BE];
    for (int i = 0; i < AS_MANY_AS_THERE_MAY_BE; i++) {
        stalled[i] = net_connect(port);
        net_send_text(stalled[i], "GET /");
    }
    assert_int_equal(http_status(port, "/readyz"), 200);
    for (int i = 0; i < AS_MANY_AS_THERE_MAY_BE; i++) {
        (void)net_wait_end(stalled[i]);
        close(stalled[i]);
    }
    server_stop(&s);
}

static void test_a_hundred_scrapers_at_once(void **state)
{
    (void)state;
    server s = start("2");
    uint16_t port = admin_port(&s);
    int scrapers[SCRAPERS];
    program *p =
        flood_start(NULL, s.port, "-c", "10", "-R", "2k", "-d", "2s", "-t", "1", "-T", "60s", NULL);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SCRAPERS; i++) {
            scrapers[i] = net_connect(port);
            net_send_text(scrapers[i],
                          "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        }
        server_check_serves(&s);
        for (int i = 0; i < SCRAPERS; i++) {
            size_t len;
            char *text = net_receive_all(scrapers[i], &len);
            assert_true(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
            char *body = strstr(text, "\r\n\r\n");
            assert_non_null(body);
            exposition_free(exposition_read(body + 4));
            free(text);
            close(scrapers[i]);
        }
    }
    flood_run run = flood_end(p);
    flood_expect(&run, 0, NULL);
    flood_run_free(&run);
    server_stop(&s);
}

/* Its descriptors are reserved: a server that is full can still be asked. */
static void test_a_full_server_can_be_asked(void **state)
{
    (void)state;
    enum { CLIENTS = 60 };
    const program_options few = {.open_files = 110};
    server s = server_start(&few, "-t", "1", "--admin", "127.0.0.1:0", NULL);
    uint16_t port = admin_port(&s);
    int clients[CLIENTS];
    exposition *e = admin_metrics(port);
    double limit = exposition_value(e, "yodel_connections_limit");
    exposition_free(e);
    assert_true(limit >= 5 && limit < CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        char first;
        clients[i] = net_connect(s.port);
        net_send_until_blocked(clients[i], "hello\r\n", 7, 0);
        net_receive(clients[i], &first, 1);
    }
    int scrapers[32];
    for (int i = 0; i < 32; i++) { /* all at a time that there can be, no descriptor is missing */
        scrapers[i] = net_connect(port);
        http_answer answer = http_get_on(scrapers[i], "/metrics");
        assert_int_equal(answer.status, 200);
        http_free(&answer);
    }
    for (int i = 0; i < 32; i++) {
        close(scrapers[i]);
    }
    e = admin_metrics(port);
    assert_true(exposition_sum(e, "yodel_connections_active") >= limit);
    assert_true(exposition_value(e, "yodel_connections_rejected_total{reason=\"full\"}") ==
                CLIENTS - limit);
    assert_true(exposition_sum(e, "yodel_accept_errors_total") == 0);
    exposition_free(e);
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    server_stop(&s);
}

/* --- starting ----------------------------------------------------------------------------------*/

static void test_port_taken(void **state)
{
    (void)state;
    uint16_t port;
    int listener = net_listen(&port);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port);
    program *p = program_start(NULL, "yodel-server", "-H", "127.0.0.1", "-p", "0", "--admin",
                               endpoint, NULL);
    program_expect_exit(p, 1);
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 1);
    char expected[80];
    (void)snprintf(expected, sizeof expected, "--admin %s: cannot listen: ", endpoint);
    program_wait_line(p, PROGRAM_STDERR, expected);
    close(listener);
}

static void test_ipv6(void **state)
{
    (void)state;
    int probe = net_try_connect("::1", 9);
    if (probe >= 0) {
        close(probe);
    } else if (probe != -ECONNREFUSED) {
        skip(); /* a machine without IPv6 */
    }
    server s = server_start(NULL, "-t", "1", "--admin", "[::1]:0", NULL);
    uint16_t port = admin_port(&s);
    program_wait_line(s.program, PROGRAM_STDERR, "admin on http://[::1]:");
    int fd = net_try_connect("::1", port);
    assert_true(fd >= 0);
    http_answer answer = http_get_on(fd, "/readyz");
    assert_int_equal(answer.status, 200);
    http_free(&answer);
    close(fd);
    server_stop(&s);
}

static void test_warned_of_everybody(void **state)
{
    (void)state;
    server s = server_start(NULL, "-t", "1", "--admin", "0.0.0.0:0", NULL);
    program_wait_line(s.program, PROGRAM_STDERR, "WARNING --admin: whoever can reach 0.0.0.0:");
    server_stop(&s);
    s = server_start(NULL, "-t", "1", "--admin", ":0", NULL); /* not everybody */
    program_wait_line(s.program, PROGRAM_STDERR, "admin on http://127.0.0.1:");
    server_stop(&s);
    assert_int_equal(server_count_warnings(s.program), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_metrics_agree_with_flood),
        program_test(test_promtool),
        program_test(test_a_slow_reader_is_seen),
        program_test(test_a_drain_is_told_until_its_end),
        program_test(test_stalled_scrapers_are_not_felt),
        program_test(test_stalled_scrapers_are_closed),
        program_test(test_a_hundred_scrapers_at_once),
        program_test(test_a_full_server_can_be_asked),
        program_test(test_port_taken),
        program_test(test_ipv6),
        program_test(test_warned_of_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
