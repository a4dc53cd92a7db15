/* What a drain means for handlers: what had come is served, and then they are told to end. */
#include "core/error.h"
#include "proto/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/trace.h"

static void *script(const char *words)
{
    return (void *)(uintptr_t)words;
}

/* Writes more than the kernel takes from it, so that drain and wait_closed have to wait, if its
 * script begins with '!'. */
static void run_script(yodel_stream *s, void *arg)
{
    static const char much[150000] = "...";
    const char *words = arg;
    if (*words == '!') {
        (void)yodel_stream_write(s, much, sizeof much);
        words++;
    }
    traced_script(s, script(words));
}

static int serve(fixture *f, const char *words)
{
    trace_again(run_script, script(words));
    int client = fixture_connect_small(f);
    fixture_settle(f);
    return client;
}

static void start(fixture *f)
{
    trace_serve(f, run_script, script(""));
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

static void test_a_drain_cancels_who_waits_for_the_client(void **state)
{
    static const char *const scripts[][3] = {
        {"u z5 u", "", "until=CANCELED sleep=CANCELED until=CANCELED"},
        {"x9 x1", "ab", "exactly=CANCELED exactly=CANCELED"},
        {"s9 s9", "", "some=CANCELED some=CANCELED"},
        {"u u", "half", "until=CANCELED until=CANCELED"},
        {"u u", "a\r\nhalf", "until=a until=CANCELED"},
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        void *own;
        assert_int_equal(fixture_setup(&own), 0);
        fixture *f = own;
        start(f);
        int client = serve(f, scripts[i][0]);
        fixture_feed(f, client, scripts[i][1], strlen(scripts[i][1]));
        drain(f);
        trace_wait_returned(f, 1);
        trace_expect(scripts[i][2]);
        fixture_expect_eof(f, client);
        fixture_disconnect(f, client, false);
        fixture_run_until_true(f, &drained, "the group has drained");
        assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), 1);
        assert_int_equal(trace_teardown(&own), 0);
    }
    (void)state;
}

/* A client that never closes does not hold a drain up when nothing is on its way to it. */
static void test_idle_clients_are_gone_at_once(void **state)
{
    fixture *f = *state;
    start(f);
    for (int i = 0; i < 5; i++) {
        (void)serve(f, "u");
    }
    drain(f);
    fixture_settle(f);
    assert_true(drained);
}

/* What the client had sent is served first, however the handler spends its time. */
static void test_what_had_come_is_served(void **state)
{
    fixture *f = *state;
    start(f);
    int client = serve(f, "u z30 u wanswer d z1 x4 u z1");
    fixture_feed(f, client, "a\r\nb\r\n1234rest", 14);
    drain(f);
    fixture_expect_text(f, client, "answer\r\n");
    trace_wait_returned(f, 1);
    trace_expect("until=a sleep=ok until=b write=ok drain=ok sleep=ok exactly=1234 until=CANCELED "
                 "sleep=CANCELED");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_run_until_true(f, &drained, "the group has drained");
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), 1);
}

/* In the kernel, not yet received when the drain begins. */
static void test_what_is_on_its_way_is_served(void **state)
{
    fixture *f = *state;
    start(f);
    int client = serve(f, "u wgot u u");
    net_send_text(client, "a\r\nb\r\nc");
    net_wait_delivered(client);
    drain(f);
    fixture_expect_text(f, client, "got\r\n");
    fixture_expect_eof(f, client);
    trace_expect("until=a write=ok until=b until=CANCELED");
    fixture_disconnect(f, client, false);
    fixture_run_until_true(f, &drained, "the group has drained");
}

/* More than what may pile up, so that reading is paused: what the server's kernel has is served,
 * too. */
typedef struct pile {
    bool go_on;
    size_t total;
} pile;

static void read_all_later(yodel_stream *s, void *arg)
{
    pile *p = arg;
    yodel_span bytes;
    int code = 0;
    while (!p->go_on && code == 0) {
        code = yodel_stream_sleep(s, 0.001);
    }
    while ((code = yodel_stream_read_some(s, 10000, 0, &bytes)) == 0) {
        p->total += bytes.len;
    }
    trace_code("end", code);
}

static void test_a_pile_is_served(void **state)
{
    static const char bytes[600 * 1024];
    static pile p;
    fixture *f = *state;
    int on_its_way = 0;
    p = (pile){.total = 0};
    trace_serve(f, read_all_later, &p);
    int client = fixture_connect(f);
    fixture_send(f, client, bytes, sizeof bytes);
    fixture_settle(f); /* paused: what the client's kernel still has cannot move */
    drain(f);
    assert_int_equal(ioctl(client, TIOCOUTQ, &on_its_way), 0);
    fixture_settle(f);
    assert_int_equal(trace.returned, 0);
    p.go_on = true;
    trace_wait_returned(f, 1);
    trace_expect("end=CANCELED");
    assert_true(p.total >= sizeof bytes - (size_t)on_its_way);
    assert_true(p.total > 200 * 1024);
    fixture_disconnect(f, client, true);
    fixture_run_until_true(f, &drained, "the group has drained");
}

/* Handlers that do not read are not cancelled: they may finish; the end of the grace ends them. */
static void test_who_does_something_else_may_finish(void **state)
{
    fixture *f = *state;
    start(f);
    int client = serve(f, "z20 z20 wdone");
    drain(f);
    fixture_expect_text(f, client, "done\r\n");
    fixture_expect_eof(f, client);
    trace_expect("sleep=ok sleep=ok write=ok");
    fixture_disconnect(f, client, false);
    fixture_run_until_true(f, &drained, "the group has drained");
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), 1);
}

static void test_a_slow_reader_gets_the_rest(void **state)
{
    static const char *const scripts[][2] = {
        {"!d u", "drain=ok until=CANCELED"},
        {"!C", "closed=ok"},
        {"!", ""},
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        void *own;
        size_t len;
        assert_int_equal(fixture_setup(&own), 0);
        fixture *f = own;
        start(f);
        int client = serve(f, scripts[i][0]);
        drain(f);
        fixture_settle(f);
        char *got = fixture_receive_all(f, client, &len);
        assert_int_equal(len, 150000);
        free(got);
        fixture_disconnect(f, client, false);
        trace_wait_returned(f, 1);
        trace_expect(scripts[i][1]);
        fixture_run_until_true(f, &drained, "the group has drained");
        assert_int_equal(trace_teardown(&own), 0);
    }
    (void)state;
}

/* Who comes while the group drains is served what it had sent, and sent away. */
static void test_a_client_that_comes_during_the_drain(void **state)
{
    fixture *f = *state;
    int pair[2];
    start(f);
    (void)serve(f, "z60000"); /* keeps the group from having drained */
    drain(f);
    trace_again(run_script, script("u whello u"));
    fixture_pair(pair, false);
    net_send_text(pair[1], "a\r\n");
    net_wait_delivered(pair[1]);
    yodel_transport_group_adopt(f->group, pair[0]);
    fixture_expect_text(f, pair[1], "hello\r\n");
    fixture_expect_eof(f, pair[1]);
    close(pair[1]);
    trace_expect("until=a write=ok until=CANCELED");
    assert_false(drained);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_drain_cancels_who_waits_for_the_client),
        trace_test(test_idle_clients_are_gone_at_once),
        trace_test(test_what_had_come_is_served),
        trace_test(test_what_is_on_its_way_is_served),
        trace_test(test_a_pile_is_served),
        trace_test(test_who_does_something_else_may_finish),
        cmocka_unit_test(test_a_slow_reader_gets_the_rest),
        trace_test(test_a_client_that_comes_during_the_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
