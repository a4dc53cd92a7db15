/* The drain: everything that has arrived is answered, then it is over; in every corner of a
 * connection's state. */
#include "core/error.h"
#include "core/transport_group.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/chat.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

typedef struct drain {
    size_t calls;
    const probe_plan *plan; /* whose callbacks may not be running */
    bool nested;
} drain;

static void on_drained(void *arg)
{
    drain *d = arg;
    d->calls++;
    d->nested = d->nested || (d->plan != NULL && d->plan->in != NULL);
}

static void begin(fixture *f, drain *d, const probe_plan *plan)
{
    *d = (drain){.plan = plan};
    yodel_transport_group_drain(f->group, on_drained, d);
    assert_int_equal(d->calls, 0); /* never from inside */
}

static void wait_drained(fixture *f, drain *d)
{
    fixture_run_until_count(f, &d->calls, 1, "it has drained");
    fixture_settle(f);
    assert_int_equal(d->calls, 1);
    assert_false(d->nested);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 0);
}

/* Sends and waits until it lies in the server's kernel; the loop does not see it yet. */
static void send_unseen(int client, const void *data, size_t len)
{
    net_send(client, data, len);
    net_wait_delivered(client);
}

static char much[1000000];

/* --- when they have ended by themselves --------------------------------------------------------*/

static void test_when_empty(void **state)
{
    fixture *f = *state;
    drain d = {.plan = probe_start(f, NULL, &(probe_plan){0})};
    int client[2] = {fixture_connect(f), fixture_connect(f)};
    yodel_transport_group_when_empty(f->group, on_drained, &d);
    fixture_send_text(f, client[0], "hello");
    fixture_expect_text(f, client[0], "hello"); /* nobody is told to end */
    fixture_disconnect(f, client[0], false);
    fixture_wait_active(f, 1);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    fixture_disconnect(f, client[1], false);
    wait_drained(f, &d);
}

static void test_when_empty_and_nobody_there(void **state)
{
    fixture *f = *state;
    drain d = {.plan = probe_start(f, NULL, &(probe_plan){0})};
    yodel_transport_group_when_empty(f->group, on_drained, &d);
    assert_int_equal(d.calls, 0); /* never from inside */
    wait_drained(f, &d);
}

/* A drain after it is the one that calls back. */
static void test_when_empty_and_drained(void **state)
{
    fixture *f = *state;
    drain first = {0};
    drain d;
    const probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport_group_when_empty(f->group, on_drained, &first);
    fixture_settle(f);
    begin(f, &d, plan);
    fixture_expect_eof(f, client);
    wait_drained(f, &d);
    assert_int_equal(first.calls, 0);
}

/* --- nobody, idle, busy ------------------------------------------------------------------------*/

static void test_nobody_there(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 1);
}

static void test_idle_ones_close_at_once(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client[10];
    for (int i = 0; i < 10; i++) {
        client[i] = fixture_connect(f);
        fixture_send_text(f, client[i], "hello");
        fixture_expect_text(f, client[i], "hello");
    }
    begin(f, &d, plan);
    fixture_settle(f); /* nobody waits for the clients to close */
    assert_int_equal(d.calls, 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(plan->reason[i], YODEL_EDRAIN);
        fixture_expect_eof(f, client[i]);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN), 10);
}

/* FAULTS 17: what had been sent when the drain began is answered, all of it. */
static void test_what_has_arrived_is_answered(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    fixture_settle(f);
    uint8_t *bytes = probe_pattern(50000);
    send_unseen(client, bytes, 50000);
    begin(f, &d, plan);
    fixture_expect(f, client, bytes, 50000);
    fixture_expect_eof(f, client);
    net_finish_sending(client);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
    test_free(bytes);
}

typedef struct feeder {
    const probe_plan *plan;
    int client;
} feeder;

static bool feed_until_ended(void *arg)
{
    const feeder *feeding = arg;
    if (feeding->plan->lost_count > 0) {
        return true;
    }
    (void)net_send_until_blocked(feeding->client, much, 10000, 0);
    return false;
}

/* A client who never stops sending does not hold the drain up. */
static void test_one_who_never_stops_sending(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    int client = fixture_connect(f);
    fixture_settle(f);
    send_unseen(client, "hello", 5);
    begin(f, &d, plan);
    feeder feeding = {plan, client};
    fixture_run_until(f, feed_until_ended, &feeding, "it has ended");
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
}

/* --- lines -------------------------------------------------------------------------------------*/

static void test_lines_and_a_partial_one(void **state)
{
    fixture *f = *state;
    drain d;
    static const yodel_line_config config = {.ops = &yodel_chat_ops, .max_line = 100};
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&config)});
    int busy = fixture_connect(f);
    int partial = fixture_connect(f);
    int both = fixture_connect(f);
    fixture_feed(f, partial, "hal", 3);
    fixture_feed(f, both, "hel", 3);
    send_unseen(busy, "a\r\nb\r\n", 6);
    send_unseen(both, "lo\r\nwor", 7);
    begin(f, &d, NULL);
    fixture_expect_text(f, busy, "You sent: a\r\nYou sent: b\r\n");
    fixture_expect_eof(f, busy);
    fixture_expect_eof(f, partial);
    fixture_expect_text(f, both, "You sent: hello\r\n");
    fixture_expect_eof(f, both);
    net_finish_sending(busy);
    net_finish_sending(both);
    wait_drained(f, &d);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 3);
}

/* --- paused, in every way ----------------------------------------------------------------------*/

static ssize_t pause_first(probe *p, const uint8_t *data, size_t len)
{
    if (p->plan->data_count == 1) {
        yodel_transport_pause_reading(p->transport);
        return 0;
    }
    (void)yodel_transport_write(p->transport, data, len);
    return (ssize_t)len;
}

static void test_paused_with_input_kept_and_input_queued(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_first});
    int client = fixture_connect(f);
    fixture_feed(f, client, "kept", 4);
    send_unseen(client, "queued", 6);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0); /* it waits for the protocol */
    send_unseen(client, "late", 4);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_expect_text(f, client, "keptqueued");
    net_finish_sending(client);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
}

static void test_paused_with_nothing(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport_pause_reading(plan->of[0]->transport);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_expect_eof(f, client);
    net_finish_sending(client);
    wait_drained(f, &d);
    assert_string_equal(plan->trace, "made drain lost");
}

static void test_resumed_just_before(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_first});
    int client = fixture_connect(f);
    fixture_feed(f, client, "kept", 4);
    yodel_transport_resume_reading(plan->of[0]->transport);
    begin(f, &d, plan);
    fixture_expect_text(f, client, "kept");
    fixture_expect_eof(f, client);
    net_finish_sending(client);
    wait_drained(f, &d);
}

/* Reading is paused because the client does not read: when it reads on, it gets every answer. */
static void test_choked(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start_plain(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    size_t sent = 0;
    uint8_t *bytes = probe_pattern(400000);
    while (fixture_count(f, YODEL_COUNT_PAUSED) == 0) {
        sent += net_send_until_blocked(client, bytes + sent, 10000, 20);
        fixture_settle(f);
    }
    sent += net_send_until_blocked(client, bytes + sent, 10000, 20);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    fixture_expect(f, client, bytes, sent);
    fixture_expect_eof(f, client);
    net_finish_sending(client);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
    test_free(bytes);
}

/* ... and if it never does, the grace is what ends it. */
static void test_one_who_never_reads(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    (void)fixture_connect_small(f);
    (void)yodel_transport_write(plan->of[0]->transport, much, 100000);
    fixture_settle(f);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], YODEL_EDRAINABORT);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN_ABORT), 1);
}

/* --- at its end already ------------------------------------------------------------------------*/

static void test_end_of_file_pending(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int with_line = fixture_connect(f);
    int without = fixture_connect(f);
    fixture_settle(f);
    send_unseen(with_line, "bye", 3);
    net_finish_sending(with_line);
    net_finish_sending(without);
    begin(f, &d, plan);
    fixture_expect_text(f, with_line, "bye");
    fixture_expect_eof(f, with_line);
    fixture_expect_eof(f, without);
    wait_drained(f, &d);
}

static int stay(probe *p)
{
    (void)p;
    return 1;
}

/* Open for writing only: the protocol still has something to say. */
static void test_half_open(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.eof = stay});
    int client = fixture_connect(f);
    net_finish_sending(client);
    fixture_settle(f);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, "at last", 7), 0);
    yodel_transport_close(plan->of[0]->transport, 0);
    fixture_expect_text(f, client, "at last");
    fixture_expect_eof(f, client);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], 0);
}

static void test_closing_and_lingering(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int closing = fixture_connect_small(f);
    int lingering = fixture_connect(f);
    (void)yodel_transport_write(plan->of[0]->transport, much, 100000);
    yodel_transport_close(plan->of[0]->transport, -EDQUOT);
    yodel_transport_close(plan->of[1]->transport, -EDQUOT);
    fixture_settle(f);
    begin(f, &d, plan);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    net_finish_sending(lingering);
    fixture_expect(f, closing, much, 100000);
    net_finish_sending(closing);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], -EDQUOT);
    assert_int_equal(plan->reason[1], -EDQUOT);
}

static void test_reset_during_the_drain(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    (void)yodel_transport_write(plan->of[0]->transport, much, 100000);
    fixture_settle(f);
    begin(f, &d, plan);
    fixture_disconnect(f, client, true);
    wait_drained(f, &d);
    assert_int_equal(plan->lost_count, 1);
}

/* --- late ones, refused ones -------------------------------------------------------------------*/

/* What had queued at the listener is adopted while it drains. */
static void test_adopted_later(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    (void)fixture_connect_small(f);
    (void)yodel_transport_write(plan->of[0]->transport, much, 100000);
    begin(f, &d, plan);
    fixture_settle(f);
    int pair[2];
    fixture_pair(pair, false);
    send_unseen(pair[1], "hello", 5);
    yodel_transport_group_adopt(f->group, pair[0]);
    fixture_expect_text(f, pair[1], "hello");
    fixture_expect_eof(f, pair[1]);
    close(pair[1]);
    int silent = fixture_connect(f);
    fixture_expect_eof(f, silent);
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[1], YODEL_EDRAIN);
    assert_int_equal(plan->reason[2], YODEL_EDRAIN);
}

static void test_with_refused_ones(void **state)
{
    fixture *f = *state;
    drain d;
    f->limit.max = 1;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.full_message = "full"}, &(probe_plan){0});
    (void)fixture_connect(f);
    int refused = fixture_connect(f);
    begin(f, &d, plan);
    int later = fixture_connect(f); /* no place becomes free before the reaper */
    fixture_expect_text(f, refused, "full");
    fixture_expect_text(f, later, "full");
    assert_int_equal(d.calls, 0);
    net_finish_sending(refused);
    net_finish_sending(later);
    wait_drained(f, &d);
}

/* --- the protocol's word -----------------------------------------------------------------------*/

static void test_a_protocol_that_goes_on(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.drain = stay});
    int idle = fixture_connect(f);
    int busy = fixture_connect(f);
    fixture_settle(f);
    send_unseen(busy, "hello", 5);
    begin(f, &d, plan);
    fixture_expect_text(f, busy, "hello");
    fixture_settle(f);
    assert_int_equal(d.calls, 0);
    assert_string_equal(plan->trace, "made made drain data drain");
    for (size_t i = 0; i < 2; i++) {
        yodel_transport *t = plan->of[i]->transport;
        assert_false(yodel_transport_is_closing(t));
        assert_false(yodel_transport_is_reading(t));
        assert_int_equal(yodel_transport_write(t, "done", 4), 0);
    }
    send_unseen(busy, "late", 4); /* not read any more */
    fixture_expect_text(f, idle, "done");
    fixture_expect_text(f, busy, "done");
    fixture_settle(f);
    assert_string_equal(plan->trace, "made made drain data drain");
    yodel_transport_close(plan->of[0]->transport, 0);
    yodel_transport_close(plan->of[1]->transport, -EDQUOT);
    net_finish_sending(idle);
    net_finish_sending(busy);
    wait_drained(f, &d);
    assert_int_equal(plan->reason[0], 0);
    assert_int_equal(plan->reason[1], -EDQUOT);
}

/* A drain callback may end connections that the drain has not come to yet, and those that it has.
 */
static int abort_all_others(probe *p)
{
    for (size_t i = 0; i < p->plan->made_count; i++) {
        if (i != p->index && p->plan->of[i] != NULL) {
            yodel_transport_abort(p->plan->of[i]->transport, -ECANCELED);
        }
    }
    return 0;
}

static void test_a_callback_that_aborts_the_others(void **state)
{
    fixture *f = *state;
    drain d;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.drain = abort_all_others});
    for (int i = 0; i < 5; i++) {
        (void)fixture_connect(f);
    }
    begin(f, &d, plan);
    wait_drained(f, &d);
    assert_int_equal(plan->lost_count, 5);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
    assert_int_equal(plan->reason[4], -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_when_empty),
        fixture_test(test_when_empty_and_nobody_there),
        fixture_test(test_when_empty_and_drained),
        fixture_test(test_nobody_there),
        fixture_test(test_idle_ones_close_at_once),
        fixture_test(test_what_has_arrived_is_answered),
        fixture_test(test_one_who_never_stops_sending),
        fixture_test(test_lines_and_a_partial_one),
        fixture_test(test_paused_with_input_kept_and_input_queued),
        fixture_test(test_paused_with_nothing),
        fixture_test(test_resumed_just_before),
        fixture_test(test_choked),
        fixture_test(test_one_who_never_reads),
        fixture_test(test_end_of_file_pending),
        fixture_test(test_half_open),
        fixture_test(test_closing_and_lingering),
        fixture_test(test_reset_during_the_drain),
        fixture_test(test_adopted_later),
        fixture_test(test_with_refused_ones),
        fixture_test(test_a_protocol_that_goes_on),
        fixture_test(test_a_callback_that_aborts_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
