/*
 * Protocols behind a PROXY header: at every cut, with what follows in the same segment; whom they
 * see; and that they are on their own from then on. In virtual time (see
 * test_transport_timeouts.c). Who is not let in: test_proxy_refused.c.
 */
#include "proto/proxy_protocol.h"

#include "core/error.h"

#include <errno.h>
#include <string.h>

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

/* --- what gets through -------------------------------------------------------------------------*/

/* The header and two lines, cut in two at every place, for each protocol. */
static void check_cuts(fixture *f, void (*header)(net_text *, const char *, uint16_t),
                       const char *address, const char *prefix)
{
    net_text in = {0};
    net_text out = {0};
    header(&in, address, 1);
    net_text_printf(&in, "one\r\ntwo\r\n");
    net_text_printf(&out, "%sone\r\n%stwo\r\n", prefix, prefix);
    for (size_t cut = 0; cut <= in.len; cut++) {
        int client = fixture_connect(f);
        fixture_feed(f, client, in.data, cut);
        fixture_feed(f, client, in.data + cut, in.len - cut);
        fixture_expect(f, client, out.data, out.len);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), in.len + 1);
    net_text_free(&in);
    net_text_free(&out);
}

static void test_v1_before_chat(void **state)
{
    proxied_start_named(*state, "chat", NULL, NULL);
    check_cuts(*state, proxy_v1, "192.0.2.1", "You sent: ");
}

static void test_v2_before_chat(void **state)
{
    proxied_start_named(*state, "chat", NULL, NULL);
    check_cuts(*state, proxy_v2, "2001:db8::1", "You sent: ");
}

static void test_v1_before_stream(void **state)
{
    proxied_start_named(*state, "stream", NULL, NULL);
    check_cuts(*state, proxy_v1, "2001:db8::1", "");
}

static void test_v2_before_stream(void **state)
{
    proxied_start_named(*state, "stream", NULL, NULL);
    check_cuts(*state, proxy_v2, "192.0.2.1", "");
}

static void test_v1_before_raw(void **state)
{
    proxied_start_named(*state, "raw", NULL, NULL);
    check_cuts(*state, proxy_v1, "192.0.2.1", "");
}

static void test_byte_by_byte(void **state)
{
    fixture *f = *state;
    net_text in = {0};
    proxied_start_named(f, "chat", NULL, NULL);
    int client = fixture_connect(f);
    proxy_v2(&in, "2001:db8::1", 7);
    net_text_printf(&in, "one\r\n");
    for (size_t i = 0; i < in.len; i++) {
        fixture_feed(f, client, in.data + i, 1);
    }
    fixture_expect_text(f, client, "You sent: one\r\n");
    net_text_free(&in);
}

/* More than one turn takes, right behind the header; answered from where it lies. */
static void test_much_behind_the_header(void **state)
{
    fixture *f = *state;
    net_text in = {0};
    net_text out = {0};
    proxied_start_named(f, "chat", NULL, NULL);
    int client = fixture_connect(f);
    proxy_v1(&in, "192.0.2.1", 1);
    for (int i = 0; i < 20000; i++) {
        net_text_printf(&in, "line %d\r\n", i);
        net_text_printf(&out, "You sent: line %d\r\n", i);
    }
    fixture_exchange(f, client, in.data, in.len, out.data, out.len);
    net_text_free(&in);
    net_text_free(&out);
}

/* --- who it is ---------------------------------------------------------------------------------*/

static void check_peer(fixture *f, const probe_plan *plan, const net_text *header,
                       const char *expected)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_address peer;
    int client = fixture_connect(f);
    fixture_feed(f, client, header->data, header->len);
    assert_non_null(plan->of[plan->made_count - 1]);
    assert_int_equal(yodel_transport_peer(plan->of[plan->made_count - 1]->transport, &peer), 0);
    if (expected != NULL) {
        assert_string_equal(yodel_address_format(&peer, text), expected);
    } else { /* the socket's own */
        yodel_address own;
        assert_int_equal(yodel_address_of_socket(client, &own), 0);
        assert_int_equal(peer.len, own.len);
        assert_memory_equal(&peer.storage, &own.storage, own.len);
    }
}

#define CHECK_PEER(f, plan, expected, add, ...)                                                    \
    do {                                                                                           \
        net_text t = {0};                                                                          \
        add(&t, ##__VA_ARGS__);                                                                    \
        check_peer(f, plan, &t, expected);                                                         \
        net_text_free(&t);                                                                         \
    } while (0)

static void unknown(net_text *t)
{
    net_text_printf(t, "PROXY UNKNOWN\r\n");
}

static void test_the_peer_is_the_client(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.0/8");
    CHECK_PEER(f, plan, "192.0.2.1:4711", proxy_v1, "192.0.2.1", 4711);
    CHECK_PEER(f, plan, "192.0.2.1:65535", proxy_v2, "192.0.2.1", 65535);
    CHECK_PEER(f, plan, "[2001:db8::1]:1", proxy_v1, "2001:db8::1", 1);
    CHECK_PEER(f, plan, "[2001:db8::1]:0", proxy_v2, "2001:db8::1", 0);
    CHECK_PEER(f, plan, NULL, proxy_local);
    CHECK_PEER(f, plan, NULL, unknown);
}

static void test_a_client_of_a_unix_socket(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.1");
    net_text t = {0};
    yodel_address peer;
    int client = fixture_connect(f);
    proxy_unix(&t);
    fixture_feed(f, client, t.data, t.len);
    assert_int_equal(yodel_transport_peer(plan->of[0]->transport, &peer), 0);
    assert_int_equal(peer.storage.ss_family, AF_UNIX);
    assert_int_equal(peer.len, sizeof(sa_family_t));
    net_text_free(&t);
}

static int fail_made(probe *p)
{
    (void)p;
    return -EIO;
}

static ssize_t fail_data(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    (void)data;
    (void)len;
    return -EIO;
}

/* What the real protocol does wrong is logged with the client's address. */
static void test_failures_name_the_client(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){.made = fail_made}, "127.0.0.1");
    proxied_feed_header(f, fixture_connect(f), "192.0.2.1");
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made lost");
    assert_int_equal(plan->reason[0], YODEL_EHANDLER);
    assert_true(fixture_logged(f, "connection of 192.0.2.1:1234 aborted: connection_made failed"));

    plan->made = NULL;
    plan->data = fail_data;
    virtual_time_advance_ms(1001);
    int client = fixture_connect(f);
    net_text t = {0};
    proxy_v1(&t, "192.0.2.2", 99);
    net_text_printf(&t, "x");
    fixture_feed(f, client, t.data, t.len);
    net_text_free(&t);
    fixture_wait_active(f, 0);
    assert_true(fixture_logged(f, "connection of 192.0.2.2:99 aborted: data_received failed"));
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 2);
}

/* --- the real protocol's own ways --------------------------------------------------------------*/

static int close_it(probe *p)
{
    yodel_transport_close(p->transport, 0);
    return 0;
}

static int abort_it(probe *p)
{
    yodel_transport_abort(p->transport, -ECANCELED);
    return 0;
}

static int pause_it(probe *p)
{
    yodel_transport_pause_reading(p->transport);
    return 0;
}

static int full(probe *p)
{
    (void)p;
    return YODEL_EFULL;
}

static void check_made(fixture *f, int (*made)(probe *p), const char *trace, int reason)
{
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){.made = made}, "127.0.0.1");
    net_text t = {0};
    int client = fixture_connect(f);
    proxy_v1(&t, "192.0.2.1", 1);
    net_text_printf(&t, "what follows");
    fixture_feed(f, client, t.data, t.len);
    net_text_free(&t);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, trace);
    assert_int_equal(plan->reason[0], reason);
}

static void test_it_closes_at_once(void **state)
{
    check_made(*state, close_it, "made lost", 0);
}

static void test_it_aborts_at_once(void **state)
{
    check_made(*state, abort_it, "made lost", -ECANCELED);
}

static void test_it_has_no_room(void **state)
{
    check_made(*state, full, "made lost", YODEL_EFULL);
    assert_int_equal(fixture_count(*state, YODEL_COUNT_REJECTED), 1);
}

static void test_it_pauses_at_once(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){.made = pause_it}, "127.0.0.1");
    net_text t = {0};
    int client = fixture_connect(f);
    proxy_v1(&t, "192.0.2.1", 1);
    net_text_printf(&t, "kept");
    fixture_feed(f, client, t.data, t.len);
    net_text_free(&t);
    fixture_expect_nothing(f, client);
    assert_string_equal(plan->trace, "made");
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_expect_text(f, client, "kept");
    fixture_feed(f, client, "more", 4);
    fixture_expect_text(f, client, "more");
    assert_false(plan->nested);
}

static void test_its_idle_timeout_begins_with_it(void **state)
{
    fixture *f = *state;
    probe_plan *plan = proxied_start_probe(f, &(probe_plan){0}, "127.0.0.1");
    int client = fixture_connect(f);
    pass(f, 2.5);
    proxied_feed_header(f, client, "192.0.2.1");
    pass(f, 29.5);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
    pass(f, 1.5);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
}

/* A stream says itself how long it waits: the server's timeout is not for it. */
static void test_its_own_timeouts(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "stream", NULL, NULL);
    int client = fixture_connect(f);
    proxied_feed_header(f, client, "192.0.2.1");
    pass(f, 29);
    fixture_feed(f, client, "line\r\n", 6);
    fixture_expect_text(f, client, "line\r\n");
    pass(f, 29);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
    pass(f, 2);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_IDLE), 1);
}

/* --- draining ----------------------------------------------------------------------------------*/

/* What was on its way when the drain began is answered, the header no hindrance. */
static void test_drain(void **state)
{
    fixture *f = *state;
    proxied_start_named(f, "chat", NULL, NULL);
    int waiting = fixture_connect(f);
    int half = fixture_connect(f);
    int sent = fixture_connect(f);
    fixture_feed(f, half, "PROXY TCP4 1", 12);
    net_send_text(sent, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\none\r\ntwo\r\n");
    net_wait_delivered(sent);
    yodel_transport_group_drain(f->group, NULL, NULL);
    fixture_expect_text(f, sent, "You sent: one\r\nYou sent: two\r\n");
    fixture_expect_eof(f, sent);
    fixture_disconnect(f, sent, false);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), 3);
    (void)net_wait_end(waiting);
    (void)net_wait_end(half);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        proxy_test(test_v1_before_chat),
        proxy_test(test_v2_before_chat),
        proxy_test(test_v1_before_stream),
        proxy_test(test_v2_before_stream),
        proxy_test(test_v1_before_raw),
        proxy_test(test_byte_by_byte),
        proxy_test(test_much_behind_the_header),
        proxy_test(test_the_peer_is_the_client),
        proxy_test(test_a_client_of_a_unix_socket),
        proxy_test(test_failures_name_the_client),
        proxy_test(test_it_closes_at_once),
        proxy_test(test_it_aborts_at_once),
        proxy_test(test_it_has_no_room),
        proxy_test(test_it_pauses_at_once),
        proxy_test(test_its_idle_timeout_begins_with_it),
        proxy_test(test_its_own_timeouts),
        proxy_test(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
