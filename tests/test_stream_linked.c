/* A handler's client and the connections that it opened: how the end of one is felt by the other.
 */
#include "core/error.h"
#include "proto/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/threads.h"
#include "tests/support/trace.h"

static int listener = -1; /* the server that handlers connect to: the test itself */
static uint16_t port;

/* More than the kernels take for a connection whose receiver has a small buffer and does not read.
 */
static char much[8 << 20];

/* --- a handler that waits for another server
 * ----------------------------------------------------*/

/* Connects, runs a script on that connection, and after a ';' another one on its client's. A '!'
 * first: it has written more than the other side takes. */
static void talk_to_another(yodel_stream *s, void *arg)
{
    const char *words = arg;
    const char *rest = strchr(words, ';');
    char first[200];
    yodel_stream *up;
    if (traced_connect(s, "127.0.0.1", port, 0, &up) != 0) {
        return;
    }
    if (*words == '!') {
        (void)yodel_stream_write(up, much, sizeof much);
        words++;
    }
    (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(words, ";"), words);
    traced_script(up, first);
    if (rest != NULL) {
        traced_script(s, (void *)(uintptr_t)(rest + 1));
    }
}

typedef struct linked {
    int client;
    int up;
} linked;

/* A client whose handler waits for the other server, that is for us at linked.up. */
static linked serve(fixture *f, const char *words)
{
    linked l;
    trace_again(talk_to_another, (void *)(uintptr_t)words);
    l.client = fixture_connect(f);
    trace_wait_text(f, "connect=ok");
    l.up = net_accept(listener);
    fixture_settle(f);
    return l;
}

/* The handler has returned: its connections end, too. */
static void expect_the_end(fixture *f, linked l, const char *words)
{
    size_t len = 0;
    char *sent = fixture_receive_all(f, l.up, &len);
    free(sent);
    assert_int_equal(len, *words == '!' ? sizeof much : 0);
    close(l.up);
}

static void start(fixture *f)
{
    trace_serve_with(f, talk_to_another, NULL,
                     &(yodel_transport_settings){
                         .write_limits = {.high = 65536, .low = 16384, .hard = 2 * sizeof much}},
                     TRACE_LIMIT);
}

static int setup(void **state)
{
    int size = 65536;
    listener = net_listen(&port);
    if (setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) < 0) {
        return -1;
    }
    return fixture_setup(state);
}

static int teardown(void **state)
{
    close(listener);
    return trace_teardown(state);
}

#define linked_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* --- the client goes away ----------------------------------------------------------------------*/

static const char *const waits[][2] = {
    {"u u z1;u z1", "connect=ok until=CANCELED until=CANCELED sleep=CANCELED until=CANCELED "
                    "sleep=CANCELED"},
    {"u@60000 x1 s1;x1 s1", "connect=ok until=CANCELED exactly=CANCELED some=CANCELED "
                            "exactly=CANCELED some=CANCELED"},
    {"x9 u", "connect=ok exactly=CANCELED until=CANCELED"},
    {"s9 u", "connect=ok some=CANCELED until=CANCELED"},
    {"z60000 u", "connect=ok sleep=CANCELED until=CANCELED"},
    {"!d u C", "connect=ok drain=CANCELED until=CANCELED closed=CANCELED"},
    {"!C C@10 z1", "connect=ok closed=CANCELED closed=CANCELED sleep=CANCELED"},
    {"!c z60000 u C", "connect=ok sleep=CANCELED until=EOF closed=CANCELED"},
};

enum { WAITS = sizeof waits / sizeof waits[0] };

static void test_a_clients_reset_ends_the_wait_for_another(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < WAITS; i++) {
        linked l = serve(f, waits[i][0]);
        fixture_disconnect(f, l.client, true);
        trace_wait_returned(f, 1);
        trace_expect(waits[i][1]);
        fixture_wait_active(f, 0);
        expect_the_end(f, l, waits[i][0]);
    }
}

static void test_an_abort_ends_it(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < WAITS; i++) {
        linked l = serve(f, waits[i][0]);
        yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
        trace_wait_returned(f, 1);
        trace_expect(waits[i][1]);
        fixture_wait_active(f, 0);
        (void)net_wait_end(l.up);
        close(l.up);
    }
}

static void test_freeing_the_group_ends_it(void **state)
{
    fixture *f = *state;
    net_text expected = {NULL, 0, 0};
    linked all[WAITS];
    start(f);
    for (size_t i = 0; i < WAITS; i++) {
        all[i] = serve(f, waits[i][0]);
        net_text_printf(&expected, "%s%s", i > 0 ? " " : "", strchr(waits[i][1], ' ') + 1);
    }
    trace_again(talk_to_another, NULL);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    assert_int_equal(trace.returned, WAITS);
    trace_expect(expected.data);
    for (size_t i = 0; i < WAITS; i++) {
        (void)net_wait_end(all[i].up);
        close(all[i].up);
    }
    net_text_free(&expected);
}

/* An end of file is no reason: the client may still wait for its answer. */
static void test_a_clients_half_close_does_not(void **state)
{
    fixture *f = *state;
    start(f);
    linked l = serve(f, "n;wanswer u");
    net_finish_sending(l.client);
    net_wait_delivered(l.client);
    fixture_settle(f);
    trace_expect("connect=ok");
    fixture_send_text(f, l.up, "go\n");
    fixture_expect_text(f, l.client, "answer\r\n");
    fixture_expect_eof(f, l.client);
    trace_expect("connect=ok until=go write=ok until=EOF");
    expect_the_end(f, l, "");
}

/* The group's idle timeout is not for what a handler opened either. */
static void test_the_idle_timeout_is_the_handlers(void **state)
{
    fixture *f = *state;
    trace_serve_with(f, talk_to_another, NULL, &(yodel_transport_settings){.idle_timeout = 0.02},
                     TRACE_LIMIT);
    linked l = serve(f, "n@100 n@100 n");
    trace_wait_text(f, "until=TIMEDOUT until=TIMEDOUT");
    fixture_send_text(f, l.up, "there\n");
    trace_wait_returned(f, 1);
    trace_expect("connect=ok until=TIMEDOUT until=TIMEDOUT until=there");
    expect_the_end(f, l, "");
}

/* --- while it connects -------------------------------------------------------------------------*/

static void connect_to(yodel_stream *s, void *arg)
{
    yodel_stream *up;
    if (traced_connect(s, "127.0.0.1", *(const uint16_t *)arg, 0, &up) == 0) {
        traced_until(up, "\n", 0);
    }
    traced_sleep(s, 1);
    traced_connect(s, "127.0.0.1", *(const uint16_t *)arg, 0, &up);
}

static void test_the_client_goes_away_during_a_connect(void **state)
{
    static const char cancelled[] = "connect=CANCELED sleep=CANCELED connect=CANCELED";
    fixture *f = *state;
    uint16_t full = 0;
    int inside;
    int busy = net_listen_full("127.0.0.1", &full, &inside);
    trace_serve(f, connect_to, &full);
    (void)fixture_connect(f); /* the resolver may need descriptors: it has them from here on */
    fixture_settle(f);
    size_t fds = count_fds();

    trace_again(connect_to, &full);
    int client = fixture_connect(f);
    fixture_settle(f);
    assert_true(count_fds() > fds + 2); /* the attempt's, too */
    fixture_disconnect(f, client, true);
    trace_wait_returned(f, 1);
    trace_expect(cancelled);
    fixture_wait_active(f, 1);
    assert_int_equal(count_fds(), fds);

    trace_again(connect_to, &full);
    yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
    trace_wait_returned(f, 1);
    trace_expect(cancelled);

    trace_again(connect_to, &full);
    (void)fixture_connect(f);
    fixture_settle(f);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    trace_expect(cancelled);
    close(inside);
    close(busy);
}

/* Before the name is resolved. */
static void test_the_client_goes_away_during_the_lookup(void **state)
{
    fixture *f = *state;
    trace_serve(f, connect_to, &port);
    (void)fixture_connect(f); /* and the loop does not run */
    yodel_transport_group_abort(f->group, -ECONNRESET);
    trace_wait_returned(f, 1);
    trace_expect("connect=CANCELED sleep=CANCELED connect=CANCELED");

    trace_again(connect_to, &port);
    (void)fixture_connect(f);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    trace_expect("connect=CANCELED sleep=CANCELED connect=CANCELED");
}

/* At the very moment in which it succeeds: either may come first. */
static void test_the_client_goes_away_as_it_connects(void **state)
{
    fixture *f = *state;
    trace_serve(f, connect_to, &port);
    for (int i = 0; i < 60; i++) {
        trace_again(connect_to, &port);
        int client = fixture_connect(f);
        if (i % 2 == 0) {
            trace_wait_text(f, "");
        }
        fixture_disconnect(f, client, true);
        trace_wait_returned(f, 1);
        fixture_wait_active(f, 0);
        const char *at = strstr(trace.text.data, "connect=CANCELED");
        assert_non_null(at);
    }
}

/* --- returning from within any callback --------------------------------------------------------*/

typedef enum cause { DATA, FIN, RESET, READ, TIME } cause;

static void test_returning_wherever_it_was_woken(void **state)
{
    static const struct {
        const char *script; /* of the handler's other connection, whose last wait ends by: */
        cause cause;
        const char *expected;
    } cases[] = {
        {"u", DATA, "connect=ok until=a"},           {"s9", DATA, "connect=ok some=a\\r\\nb\\r\\n"},
        {"u", FIN, "connect=ok until=EOF"},          {"u", RESET, "connect=ok until=CONNRESET"},
        {"!d", RESET, "connect=ok drain=CONNRESET"}, {"!C", RESET, "connect=ok closed=CONNRESET"},
        {"!d", READ, "connect=ok drain=ok"},         {"!C", READ, "connect=ok closed=ok"},
        {"u@1", TIME, "connect=ok until=TIMEDOUT"},  {"z1", TIME, "connect=ok sleep=ok"},
        {"!d@1", TIME, "connect=ok drain=TIMEDOUT"}, {"!C@1", TIME, "connect=ok closed=TIMEDOUT"},
    };
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        linked l = serve(f, cases[i].script);
        if (cases[i].cause == DATA) {
            fixture_send_text(f, l.up, "a\r\nb\r\n");
        } else if (cases[i].cause == FIN) {
            net_finish_sending(l.up);
        } else if (cases[i].cause == RESET) {
            net_reset(l.up);
        }
        if (cases[i].cause != RESET) {
            expect_the_end(f, l, cases[i].script);
        }
        fixture_expect_eof(f, l.client);
        assert_int_equal(trace.returned, 1);
        trace_expect(cases[i].expected);
        fixture_disconnect(f, l.client, false);
        fixture_wait_active(f, 0);
    }
}

/* --- drain -------------------------------------------------------------------------------------*/

static bool drained; /* also set when the fixture is freed, after the test */

static void note_drained(void *arg)
{
    (void)arg;
    drained = true;
}

static void drain(fixture *f)
{
    drained = false;
    yodel_transport_group_drain(f->group, note_drained, NULL);
}

/* Who waits for another server is busy with its client's wish, and finishes. */
static void test_a_drain_lets_it_finish(void **state)
{
    fixture *f = *state;
    start(f);
    linked l = serve(f, "n n;wanswer u u");
    drain(f);
    fixture_settle(f);
    trace_expect("connect=ok");
    fixture_send_text(f, l.up, "1\n");
    trace_wait_text(f, "until=1");
    fixture_send_text(f, l.up, "2\n");
    fixture_expect_text(f, l.client, "answer\r\n");
    fixture_expect_eof(f, l.client);
    trace_expect("connect=ok until=1 until=2 write=ok until=CANCELED until=CANCELED");
    expect_the_end(f, l, "");
    fixture_disconnect(f, l.client, false);
    fixture_run_until_true(f, &drained, "the group has drained");
}

/* One may still be opened. */
static void wait_and_connect(yodel_stream *s, void *arg)
{
    yodel_stream *up;
    (void)arg;
    traced_sleep(s, 0.01);
    if (traced_connect(s, "127.0.0.1", port, 0, &up) == 0) {
        traced_until(up, "\n", 0);
        traced_until(s, "\n", 0);
        traced_until(up, "\n", 0);
    }
}

static void test_connecting_during_a_drain(void **state)
{
    fixture *f = *state;
    trace_serve(f, wait_and_connect, NULL);
    int client = fixture_connect(f);
    drain(f);
    trace_wait_text(f, "connect=ok");
    int up = net_accept(listener);
    fixture_send_text(f, up, "a\n");
    fixture_expect_eof(f, up);
    close(up);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    trace_expect("sleep=ok connect=ok until=a until=CANCELED until=CANCELED");
    fixture_run_until_true(f, &drained, "the group has drained");
}

/* Handlers that a drain ends close their other connections, which end at once where the other side
 * has closed: in the middle of the group's walk over its connections. */
static void test_a_drain_of_many_pairs(void **state)
{
    enum { PAIRS = 20 };
    fixture *f = *state;
    int up[PAIRS];
    start(f);
    for (int i = 0; i < PAIRS; i++) {
        linked l = serve(f, "u;u");
        net_finish_sending(l.up);
        trace_wait_text(f, "until=EOF"); /* now it waits for its client */
        up[i] = l.up;
    }
    trace_again(talk_to_another, NULL);
    drain(f);
    trace_wait_returned(f, PAIRS);
    for (int i = 0; i < PAIRS; i++) {
        fixture_expect_eof(f, up[i]);
        close(up[i]);
    }
    fixture_run_until_true(f, &drained, "the group has drained");
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), PAIRS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        linked_test(test_a_clients_reset_ends_the_wait_for_another),
        linked_test(test_an_abort_ends_it),
        linked_test(test_freeing_the_group_ends_it),
        linked_test(test_a_clients_half_close_does_not),
        linked_test(test_the_idle_timeout_is_the_handlers),
        linked_test(test_the_client_goes_away_during_a_connect),
        linked_test(test_the_client_goes_away_during_the_lookup),
        linked_test(test_the_client_goes_away_as_it_connects),
        linked_test(test_returning_wherever_it_was_woken),
        linked_test(test_a_drain_lets_it_finish),
        linked_test(test_connecting_during_a_drain),
        linked_test(test_a_drain_of_many_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
