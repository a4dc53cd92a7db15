/*
 * Who does not get through to the protocol behind a PROXY header: strangers, those without a
 * header, and clients above their limits. In virtual time (see test_transport_timeouts.c).
 */
#include "proto/proxy_protocol.h"

#include "core/error.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/proxied.h"
#include "tests/support/proxy_headers.h"
#include "tests/support/virtual_time.h"

#define proxy_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int setup(void **state)
{
    int code = fixture_setup(state);
    virtual_time_begin();
    return code;
}

static int teardown(void **state)
{
    virtual_time_end();
    return fixture_teardown(state);
}

static void pass(fixture *f, double seconds)
{
    virtual_time_advance_ms((uint64_t)(seconds * 1000));
    fixture_settle(f);
}

/* --- what does not get through -----------------------------------------------------------------*/

static void check_ended(fixture *f, int client, yodel_counter counter, const char *logged)
{
    fixture_wait_active(f, 0);
    (void)net_wait_end(client);
    assert_int_equal(fixture_count(f, counter), 1);
    assert_true(logged == NULL ? f->log.lines == 0 : fixture_logged(f, logged));
}

static void test_no_header_at_all(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.1");
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello\x1b\r\n", 8);
    check_ended(f, client, YODEL_COUNT_CLOSED_PROXY, "no PROXY header: \"hello\\x1b\\r\\n\"");
    assert_int_equal(plan->made_count, 0);
}

static void test_nothing_in_time(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    int client = fixture_connect(f);
    pass(f, 2.9);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
    pass(f, 0.2);
    check_ended(f, client, YODEL_COUNT_CLOSED_PROXY, "closed: no PROXY header in time");
}

/* In time is what lies in the kernel by then, whether the loop was told of it or not. */
static void test_a_header_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    net_text t = {0};
    proxied_start_named(f, "chat", NULL, NULL);
    int late = fixture_connect(f);
    int client = fixture_connect(f);
    proxy_v1(&t, "192.0.2.1", 1);
    net_text_printf(&t, "hello\r\n");
    net_send(late, t.data, 10);
    net_send(client, t.data, t.len);
    net_text_free(&t);
    net_wait_delivered(late);
    net_wait_delivered(client);
    virtual_time.deaf = true;
    pass(f, 3.1);
    virtual_time.deaf = false;
    net_expect_text(client, "You sent: hello\r\n");
    (void)net_wait_end(late);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_PROXY), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
}

/* Whoever sends it byte by byte has no more time for it. */
static void test_not_all_of_it_in_time(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    int client = fixture_connect(f);
    for (int i = 0; i < 5; i++) {
        fixture_feed(f, client, &"PROXY"[i], 1);
        pass(f, 0.5);
    }
    pass(f, 0.6);
    check_ended(f, client, YODEL_COUNT_CLOSED_PROXY, "closed: no PROXY header in time");
}

static void test_ended_within_the_header(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    int client = fixture_connect(f);
    fixture_feed(f, client, "PROXY TCP4 ", 11);
    net_finish_sending(client);
    check_ended(f, client, YODEL_COUNT_CLOSED_PROXY, "it ends within the PROXY header");
}

/* Health checks that only connect: closed in either way, they are nobody's business. */
static void test_ended_without_a_byte(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    fixture_disconnect(f, fixture_connect(f), false);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
    fixture_disconnect(f, fixture_connect(f), true);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
    assert_int_equal(f->log.lines, 0);
}

static void test_from_somebody_else(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.2");
    int client = fixture_connect(f);
    net_text t = {0};
    proxy_v1(&t, "192.0.2.1", 1);
    net_send_until_blocked(client, t.data, t.len, 0);
    net_text_free(&t);
    check_ended(f, client, YODEL_COUNT_CLOSED_REFUSED, "refused: not a trusted proxy");
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED_UNTRUSTED), 1);
    assert_true(fixture_logged(f, "connection of 127.0.0.1:"));
    assert_int_equal(plan->made_count, 0);
}

/* Reset before it was adopted: nobody can say who it was, and what it sent is not looked at. */
static void test_gone_before_it_is_looked_at(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.2");
    int pair[2];
    fixture_pair(pair, false);
    net_send_text(pair[1], "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello\r\n");
    net_wait_delivered(pair[1]);
    net_reset(pair[1]);
    yodel_transport_group_adopt(f->group, pair[0]);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
    assert_int_equal(plan->made_count, 0);
}

/* Who comes through a unix-domain socket was let in by its file. */
static void test_unix_peers_are_trusted(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    yodel_transport_group_adopt(f->group, pair[0]);
    net_send_text(pair[1], "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello\r\n");
    fixture_settle(f);
    fixture_expect_text(f, pair[1], "You sent: hello\r\n");
    close(pair[1]);
    fixture_wait_active(f, 0);
}

static void test_logged_once_a_second(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    for (int i = 0; i < 50; i++) {
        int client = fixture_connect(f);
        fixture_feed(f, client, "hello\r\n", 7);
        fixture_disconnect(f, client, false);
    }
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_PROXY), 50);
    assert_int_equal(f->log.lines, 1); /* time stands still */
    virtual_time_advance_ms(1001);
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello\r\n", 7);
    fixture_wait_active(f, 0);
    assert_true(fixture_logged(f, "(49 more suppressed)"));
}

/* --- limits by address -------------------------------------------------------------------------*/

#define TOO_MANY "too many\r\n"

static void start_limited(fixture *f, size_t max, uint32_t rate)
{
    yodel_client_limit *clients;
    assert_int_equal(yodel_client_limit_new(max, rate, &clients), 0);
    proxied_start_named(f, "chat", clients, TOO_MANY);
}

/* The group goes before its limit does. */
static void end_limited(fixture *f)
{
    fixture_wait_active(f, 0);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    yodel_client_limit_free(f->settings.clients);
}

/* Connects, and says with one segment who it is and "x"; what comes back? */
static int visit(fixture *f, void (*header)(net_text *, const char *, uint16_t),
                 const char *address, const char *answer)
{
    net_text t = {0};
    int client = fixture_connect(f);
    header(&t, address, 1);
    net_text_printf(&t, "x\r\n");
    fixture_feed(f, client, t.data, t.len);
    net_text_free(&t);
    fixture_expect_text(f, client, answer);
    return client;
}

static void local(net_text *t, const char *address, uint16_t port)
{
    (void)address;
    (void)port;
    proxy_local(t);
}

static void test_limits_see_the_client(void **state)
{
    fixture *f = *state;
    start_limited(f, 2, 0);
    int first = visit(f, proxy_v1, "192.0.2.1", "You sent: x\r\n");
    int second = visit(f, proxy_v2, "192.0.2.1", "You sent: x\r\n");
    int third = visit(f, proxy_v1, "192.0.2.1", TOO_MANY);
    fixture_expect_eof(f, third);
    fixture_disconnect(f, third, false);
    int other = visit(f, proxy_v1, "192.0.2.2", "You sent: x\r\n");
    fixture_wait_active(f, 3);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED_PER_IP), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_REFUSED), 1);
    assert_true(fixture_logged(
        f, "connection of 192.0.2.1:1 refused: too many connections from this address"));
    fixture_disconnect(f, first, false);
    fixture_wait_active(f, 2);
    int again = visit(f, proxy_v1, "::ffff:192.0.2.1", "You sent: x\r\n");
    fixture_disconnect(f, visit(f, proxy_v1, "192.0.2.1", TOO_MANY), false);
    fixture_disconnect(f, second, false);
    fixture_disconnect(f, other, true);
    fixture_disconnect(f, again, false);
    fixture_wait_active(f, 0);
    assert_int_equal(yodel_client_limit_known(f->settings.clients), 0);
    end_limited(f);
}

/* Who was refused has had a header, and the time that it gets to read why it was. */
static void test_refused_at_the_last_moment(void **state)
{
    fixture *f = *state;
    start_limited(f, 1, 0);
    int first = visit(f, proxy_v1, "192.0.2.1", "You sent: x\r\n");
    net_text t = {0};
    int second = fixture_connect(f);
    pass(f, 2.5);
    proxy_v1(&t, "192.0.2.1", 1);
    fixture_feed(f, second, t.data, t.len);
    net_text_free(&t);
    fixture_expect_text(f, second, TOO_MANY);
    fixture_expect_eof(f, second);
    pass(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 2); /* it lingers */
    pass(f, 2);
    fixture_wait_active(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_REFUSED), 1);
    assert_false(fixture_logged(f, "no PROXY header in time"));
    close(second);
    fixture_disconnect(f, first, false);
    end_limited(f);
}

/* The header names nobody, or the connection's own end: the proxy's own connections, and those of
 * which it does not know whose they are, are as many as it likes. */
static void test_limits_and_the_proxy_itself(void **state)
{
    enum { EACH = 3 };
    fixture *f = *state;
    int client[3 * EACH];
    start_limited(f, 1, 1);
    for (int i = 0; i < 3 * EACH; i++) {
        if (i < EACH) {
            client[i] = visit(f, local, "", "You sent: x\r\n");
            continue;
        }
        client[i] = fixture_connect(f);
        if (i < 2 * EACH) {
            fixture_send_text(f, client[i], "PROXY UNKNOWN\r\nx\r\n");
        } else {
            net_text t = {0};
            yodel_address own;
            assert_int_equal(yodel_address_of_socket(client[i], &own), 0);
            proxy_v1(&t, "127.0.0.1", yodel_address_port(&own));
            net_text_printf(&t, "x\r\n");
            fixture_send(f, client[i], t.data, t.len);
            net_text_free(&t);
        }
        fixture_expect_text(f, client[i], "You sent: x\r\n");
    }
    assert_int_equal(yodel_client_limit_known(f->settings.clients), 0);
    /* But the proxy's machine may have clients, as every other. */
    int first = visit(f, proxy_v1, "127.0.0.1", "You sent: x\r\n");
    fixture_disconnect(f, visit(f, proxy_v1, "127.0.0.1", TOO_MANY), false);
    fixture_disconnect(f, first, false);
    for (int i = 0; i < 3 * EACH; i++) {
        fixture_disconnect(f, client[i], false);
    }
    end_limited(f);
}

static void test_rate_of_the_client(void **state)
{
    fixture *f = *state;
    start_limited(f, 0, 2);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            fixture_disconnect(f, visit(f, proxy_v1, "192.0.2.1", "You sent: x\r\n"), false);
        }
        fixture_disconnect(f, visit(f, proxy_v1, "192.0.2.1", TOO_MANY), false);
        fixture_disconnect(f, visit(f, proxy_v1, "192.0.2.2", "You sent: x\r\n"), false);
        fixture_wait_active(f, 0);
        pass(f, 1.1);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED_RATE), 3);
    assert_true(fixture_logged(f, "too frequent connections from this address"));
    end_limited(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        proxy_test(test_no_header_at_all),
        proxy_test(test_nothing_in_time),
        proxy_test(test_a_header_that_the_loop_was_not_told_of),
        proxy_test(test_not_all_of_it_in_time),
        proxy_test(test_ended_within_the_header),
        proxy_test(test_ended_without_a_byte),
        proxy_test(test_from_somebody_else),
        proxy_test(test_gone_before_it_is_looked_at),
        proxy_test(test_unix_peers_are_trusted),
        proxy_test(test_logged_once_a_second),
        proxy_test(test_limits_see_the_client),
        proxy_test(test_refused_at_the_last_moment),
        proxy_test(test_limits_and_the_proxy_itself),
        proxy_test(test_rate_of_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
