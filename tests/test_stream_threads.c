/*
 * Handlers by the thousand on several workers at once, and a server whose handlers are the clients
 * of another one.
 */
#include "core/fd_limit.h"
#include "core/server.h"
#include "proto/stream.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/random.h"
#include "tests/support/threads.h"

enum { WORKERS = 4, MANY = 2500, PROXIED = 150, LINES = 30 };

/* --- servers -----------------------------------------------------------------------------------*/

typedef struct running {
    yodel_server *server;
    uint16_t port;
    yodel_stream_config stream; /* lives as long as the server */
} running;

static void begin(running *r, yodel_stream_handler *handler, void *arg)
{
    static const char *const host[] = {"127.0.0.1"};
    size_t count;
    yodel_server_config config;
    r->stream = (yodel_stream_config){.handler = handler, .arg = arg, .limit = 1000};
    yodel_server_config_init(&config);
    config.hosts = host;
    config.host_count = 1;
    config.port = "0";
    config.threads = WORKERS;
    config.factory = yodel_stream_factory(&r->stream);
    assert_int_equal(yodel_server_new(&config, &r->server), 0);
    assert_int_equal(yodel_server_start(r->server), 0);
    r->port = yodel_address_port(yodel_server_addresses(r->server, &count));
}

static uint64_t total(const running *r, yodel_counter counter)
{
    yodel_counters sum;
    yodel_server_totals(r->server, &sum);
    return yodel_counters_get(&sum, counter);
}

typedef struct wanted {
    const running *r;
    yodel_counter counter;
    uint64_t value;
} wanted;

static bool has_total(void *arg)
{
    const wanted *w = arg;
    return total(w->r, w->counter) == w->value;
}

static void wait_total(const running *r, yodel_counter counter, uint64_t value, const char *what)
{
    wanted w = {r, counter, value};
    wait_until(has_total, &w, what);
}

/* Drains it; every connection has to be accounted for then. */
static void end(running *r, uint64_t accepted)
{
    yodel_counters sum;
    yodel_server_drain(r->server, 60.0); /* longer than any test waits */
    wait_readable(yodel_server_stopped_fd(r->server), "the server has stopped");
    yodel_server_wait(r->server);
    yodel_server_totals(r->server, &sum);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACTIVE), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED), accepted);
    assert_int_equal(yodel_counters_closed(&sum), accepted);
    yodel_server_free(r->server);
}

static atomic_size_t handlers; /* that have begun and not returned */

static void echo(yodel_stream *s, void *arg)
{
    yodel_span line;
    (void)arg;
    handlers++;
    while (yodel_stream_read_until(s, "\r\n", 2, 0, &line) == 0 && !yodel_span_equals(line, ".")) {
        (void)yodel_stream_write(s, line.data, line.len);
        (void)yodel_stream_write(s, "\r\n", 2);
        if (line.len % 7 == 0 && yodel_stream_sleep(s, 0) < 0) {
            break; /* the span is gone now, which does not matter any more */
        }
        if (yodel_stream_drain(s, 0) < 0) {
            break;
        }
    }
    handlers--;
}

/* --- thousands ---------------------------------------------------------------------------------*/

static int clients[MANY];

static void shuffle(test_random *r, int *values, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t other = test_random_below(r, i);
        int value = values[i - 1];
        values[i - 1] = values[other];
        values[other] = value;
    }
}

static void test_thousands_of_handlers(void **state)
{
    running r;
    test_random random;
    char text[32];
    (void)state;
    size_t n = yodel_fd_limit() < 2 * MANY + 500 ? (yodel_fd_limit() - 500) / 2 : MANY;
    test_random_init(&random, "thousands");
    begin(&r, echo, NULL);
    for (size_t i = 0; i < n; i++) {
        clients[i] = net_connect(r.port);
    }
    wait_total(&r, YODEL_COUNT_ACTIVE, n, "all are connected");
    for (int round = 0; round < 3; round++) {
        shuffle(&random, clients, n);
        for (size_t i = 0; i < n; i++) {
            (void)snprintf(text, sizeof text, "%0*d\r\n", 1 + (clients[i] + round) % 20,
                           clients[i]);
            net_send_text(clients[i], text);
        }
        shuffle(&random, clients, n);
        for (size_t i = 0; i < n; i++) {
            (void)snprintf(text, sizeof text, "%0*d\r\n", 1 + (clients[i] + round) % 20,
                           clients[i]);
            net_expect_text(clients[i], text);
        }
    }
    assert_int_equal(handlers, n);
    /* A quarter each ends by a dot, a FIN and a reset, in any order; the rest by the drain. */
    for (size_t i = 0; i < n; i++) {
        if (i % 4 == 0) {
            net_send_text(clients[i], ".\r\n");
            net_expect_eof(clients[i]);
            close(clients[i]);
        } else if (i % 4 == 1) {
            close(clients[i]);
        } else if (i % 4 == 2) {
            net_reset(clients[i]);
        }
    }
    wait_total(&r, YODEL_COUNT_ACTIVE, n / 4, "three quarters have ended");
    end(&r, n);
    assert_int_equal(handlers, 0);
    for (size_t i = 3; i < n; i += 4) {
        net_expect_eof(clients[i]);
        close(clients[i]);
    }
}

/* --- a proxy -----------------------------------------------------------------------------------*/

/* Every line of the client's goes to the other server, whose answer goes to the client. */
static void proxy(yodel_stream *s, void *arg)
{
    const running *other = arg;
    char port[8];
    yodel_stream *up;
    yodel_span line;
    handlers++;
    (void)snprintf(port, sizeof port, "%u", (unsigned)other->port);
    if (yodel_stream_connect(s, "127.0.0.1", port, 0, &up) == 0) {
        while (yodel_stream_read_until(s, "\r\n", 2, 0, &line) == 0 &&
               !yodel_span_equals(line, ".") && yodel_stream_write(up, line.data, line.len) == 0 &&
               yodel_stream_write(up, "\r\n", 2) == 0 &&
               yodel_stream_read_until(up, "\r\n", 2, 0, &line) == 0 &&
               yodel_stream_write(s, line.data, line.len) == 0 &&
               yodel_stream_write(s, "\r\n", 2) == 0 && yodel_stream_drain(s, 0) == 0) {
        }
    }
    handlers--;
}

/* Lines of 0 to 900 bytes; none is a lone dot. */
static void make_lines(test_random *r, net_text *lines)
{
    *lines = (net_text){NULL, 0, 0};
    for (int i = 0; i < LINES; i++) {
        size_t len = test_random_below(r, 900);
        for (size_t j = 0; j < len; j++) {
            net_text_add(lines, &"abc\r\n\0xyz"[test_random_below(r, 9)], 1);
            if (lines->data[lines->len - 1] == '\n') {
                lines->data[lines->len - 1] = '?';
            }
        }
        net_text_add(lines, "\r\n", 2);
    }
}

static void test_lines_go_through_another_server(void **state)
{
    running last;
    running first;
    test_random random;
    net_text lines;
    (void)state;
    test_random_init(&random, "proxy");
    begin(&last, echo, NULL);
    begin(&first, proxy, &last);
    for (size_t i = 0; i < PROXIED; i++) {
        clients[i] = net_connect(first.port);
    }
    for (size_t i = 0; i < PROXIED; i++) {
        make_lines(&random, &lines);
        size_t first_piece = test_random_below(&random, lines.len);
        net_send(clients[i], lines.data, first_piece);
        net_exchange(clients[i], lines.data + first_piece, lines.len - first_piece, false,
                     lines.data, lines.len);
        net_text_free(&lines);
    }
    assert_int_equal(total(&first, YODEL_COUNT_OPENED), PROXIED);
    assert_int_equal(handlers, 2 * PROXIED);
    for (size_t i = 0; i < PROXIED; i++) {
        if (i % 3 == 0) { /* with lines on their way there and back */
            make_lines(&random, &lines);
            net_send(clients[i], lines.data, lines.len);
            net_text_free(&lines);
            net_reset(clients[i]);
        } else if (i % 3 == 1) {
            net_finish_sending(clients[i]);
            net_expect_eof(clients[i]);
            close(clients[i]);
        }
    }
    wait_total(&first, YODEL_COUNT_ACTIVE, PROXIED / 3, "two thirds have ended");
    wait_total(&last, YODEL_COUNT_ACTIVE, PROXIED / 3, "their other connections have ended");
    end(&first, PROXIED);
    wait_total(&last, YODEL_COUNT_ACTIVE, 0, "the other server has nobody left");
    end(&last, PROXIED);
    assert_int_equal(handlers, 0);
    for (size_t i = 2; i < PROXIED; i += 3) {
        net_expect_eof(clients[i]);
        close(clients[i]);
    }
}

/* An answer that never comes: when the client goes away, so does the connection to the other
 * server. */
static void say_nothing(yodel_stream *s, void *arg)
{
    yodel_span line;
    (void)arg;
    handlers++;
    while (yodel_stream_read_until(s, "\n", 1, 0, &line) == 0) {
    }
    handlers--;
}

static void test_a_client_that_goes_away_ends_both(void **state)
{
    running last;
    running first;
    (void)state;
    begin(&last, say_nothing, NULL);
    begin(&first, proxy, &last);
    for (size_t i = 0; i < PROXIED; i++) {
        clients[i] = net_connect(first.port);
        net_send_text(clients[i], "are you there?\r\n");
    }
    wait_total(&last, YODEL_COUNT_LINES_IN, PROXIED, "all lines have reached the other server");
    assert_int_equal(handlers, 2 * PROXIED);
    for (size_t i = 0; i < PROXIED; i++) {
        net_reset(clients[i]);
    }
    wait_total(&first, YODEL_COUNT_ACTIVE, 0, "their handlers have ended");
    wait_total(&last, YODEL_COUNT_ACTIVE, 0, "and their other connections");
    end(&first, PROXIED);
    end(&last, PROXIED);
    assert_int_equal(handlers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousands_of_handlers),
        cmocka_unit_test(test_lines_go_through_another_server),
        cmocka_unit_test(test_a_client_that_goes_away_ends_both),
    };
    (void)yodel_fd_limit_raise();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
