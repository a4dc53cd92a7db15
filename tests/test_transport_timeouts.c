/*
 * What ends a connection that does nothing: idle, stalled, lingering; in virtual time.
 *
 * The network lives in real time. So whoever waits for it here does so without running the loop,
 * while virtual time stands still, and the loop is only let settle in between.
 */
#include "core/error.h"
#include "core/transport_group.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/virtual_time.h"

#define timeout_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

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

static char much[1000000];

static bool time_is_over(void *arg)
{
    return virtual_time.now_ns >= *(const uint64_t *)arg;
}

/* Lets time pass on the loop. */
static void pass(fixture *f, double seconds)
{
    uint64_t end = virtual_time.now_ns + (uint64_t)(seconds * 1e9);
    /* In steps below fixture_run_until's own patience. */
    while (virtual_time.now_ns < end) {
        uint64_t step = virtual_time.now_ns + 10000000000U;
        step = step < end ? step : end;
        fixture_run_until(f, time_is_over, &step, "time passes");
    }
}

static void feed(fixture *f, int client, const char *bytes, size_t len)
{
    net_send(client, bytes, len);
    net_wait_delivered(client);
    fixture_settle(f);
}

/* Receives what has come, but `most` bytes; at least one. */
static size_t take_some(fixture *f, int client, void *bytes, size_t most)
{
    assert_true(net_wait_readable(client, 20000));
    ssize_t n = recv(client, bytes, most, MSG_DONTWAIT);
    assert_true(n > 0);
    fixture_settle(f);
    return (size_t)n;
}

/* Lets the loop settle until everything is the kernel's. */
static void settle_until_sent(fixture *f, const probe_plan *plan)
{
    for (int i = 0; i < 20000 && yodel_transport_unsent(plan->of[0]->transport) > 0; i++) {
        usleep(1000);
        fixture_settle(f);
    }
    assert_int_equal(yodel_transport_unsent(plan->of[0]->transport), 0);
}

/* Lets the loop settle until n connections have been lost: no virtual time passes. */
static void settle_until_lost(fixture *f, const probe_plan *plan, size_t n)
{
    for (int i = 0; i < 20000 && plan->lost_count < n; i++) {
        usleep(1000); /* for the network */
        fixture_settle(f);
    }
    assert_int_equal(plan->lost_count, n);
}

/* Waits until n connections have been lost; returns after how many seconds. */
static double wait_lost(fixture *f, const probe_plan *plan, size_t n, double at_most)
{
    uint64_t begin = virtual_time.now_ns;
    while (plan->lost_count < n && virtual_time.now_ns - begin < (uint64_t)(at_most * 1e9)) {
        pass(f, 0.001);
    }
    assert_true(plan->lost_count >= n);
    return (double)(virtual_time.now_ns - begin) / 1e9;
}

/* A timeout comes when it is due, and not much later: the group looks every 10 ms. */
static void assert_about(double got, double wanted)
{
    if (got < wanted - 0.002 || got > wanted + 0.03) {
        fail_msg("after %.3f s, not %.3f s", got, wanted);
    }
}

/* What the kernel still had for the peer when the output began to wait counts as progress when the
 * peer's kernel takes it, which is real time's business: so not before, but some timeouts later. */
static void wait_stalled(fixture *f, const probe_plan *plan, double timeout)
{
    assert_true(wait_lost(f, plan, 1, 20 * timeout) > timeout - 0.002);
    assert_int_equal(plan->reason[0], YODEL_ESTALLED);
}

/* --- idle --------------------------------------------------------------------------------------*/

static size_t to_consume;

static ssize_t consume(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    (void)data;
    return (ssize_t)(to_consume < len ? to_consume : len);
}

static void test_idle_from_the_beginning(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 30.0}, &(probe_plan){0});
    int client = fixture_connect(f);
    assert_about(wait_lost(f, plan, 1, 31), 30);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_IDLE), 1);
    assert_int_equal(net_wait_end(client), 0);
}

/* FAULTS 8: what is not consumed, part of a line for instance, does not count. */
static void test_bytes_that_are_not_consumed(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0},
                                   &(probe_plan){.data = consume});
    to_consume = 0;
    int client = fixture_connect(f);
    for (int i = 0; i < 9; i++) {
        pass(f, 1);
        feed(f, client, "x", 1);
    }
    assert_int_equal(plan->data_count, 9);
    assert_int_equal(plan->lost_count, 0);
    assert_about(wait_lost(f, plan, 1, 2), 1);
}

/* FAULTS 9: one who is active is never cut, and the time begins with the last activity. */
static void test_an_active_one_stays(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 3.0},
                                   &(probe_plan){.data = consume});
    to_consume = 1;
    int client = fixture_connect(f);
    for (int i = 0; i < 50; i++) {
        pass(f, 0.7);
        feed(f, client, "x", 1);
        assert_int_equal(plan->lost_count, 0);
    }
    assert_about(wait_lost(f, plan, 1, 4), 3);
}

/* --- a last look at what came in time ----------------------------------------------------------*/

/* The loop is told of nothing while the timeout passes. */
static void pass_deaf(fixture *f, double seconds)
{
    virtual_time.deaf = true;
    pass(f, seconds);
    virtual_time.deaf = false;
}

static void test_input_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0}, &(probe_plan){0});
    int silent = fixture_connect(f);
    pass(f, 1);
    int client = fixture_connect(f);
    net_send_text(client, "in time");
    net_wait_delivered(client);
    pass_deaf(f, 11.5);
    net_expect_text(client, "in time");
    net_expect_eof(silent);
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    pass_deaf(f, 10); /* and its time begins anew */
    net_expect_eof(client);
    assert_int_equal(plan->reason[1], YODEL_EIDLE);
}

static size_t whole;

static ssize_t consume_whole(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    (void)data;
    return len < whole ? 0 : (ssize_t)whole;
}

/* More than one receive takes. */
static void test_much_input_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0},
                                   &(probe_plan){.data = consume_whole});
    int client[2] = {fixture_connect(f), fixture_connect(f)};
    whole = 66000;
    for (size_t i = 0; i < 2; i++) { /* the second one lacks a byte */
        net_send(client[i], much, whole - i);
        net_wait_delivered(client[i]);
    }
    pass_deaf(f, 10.5);
    assert_int_equal(plan->bytes, whole);
    assert_int_equal(plan->reason[0], PROBE_ALIVE);
    assert_int_equal(plan->reason[1], YODEL_EIDLE);
    net_send(client[0], "x", 1);
}

static int busy_client;

static ssize_t have_more_sent(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    (void)data;
    (void)len;
    (void)send(busy_client, much, 100000, MSG_DONTWAIT);
    return 0;
}

/* What a peer adds while it is looked at is not in time, and would never end. */
static void test_a_look_at_one_who_never_stops(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0},
                                   &(probe_plan){.data = have_more_sent});
    busy_client = fixture_connect(f);
    net_send_text(busy_client, "x");
    net_wait_delivered(busy_client);
    pass_deaf(f, 10.5);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    assert_in_range(plan->data_count, 1, 10);
}

/* An end counts as one. */
static void test_an_end_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0}, &(probe_plan){0});
    int client = fixture_connect(f);
    net_finish_sending(client);
    net_wait_delivered(client);
    pass_deaf(f, 10.5);
    net_expect_eof(client);
    assert_int_equal(plan->reason[0], YODEL_EOF);
}

static ssize_t end_all_others(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    for (size_t i = 0; i < p->plan->made_count; i++) {
        if (i != p->index && p->plan->of[i] != NULL) {
            yodel_transport_abort(p->plan->of[i]->transport, YODEL_EHANDLER);
        }
    }
    return (ssize_t)len;
}

/* What it brings may end others whose time is over, too. */
static void test_a_look_that_ends_others(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0},
                                   &(probe_plan){.data = end_all_others});
    int client[5];
    for (size_t i = 0; i < 5; i++) {
        client[i] = fixture_connect(f);
    }
    net_send_text(client[1], "x");
    net_wait_delivered(client[1]);
    pass_deaf(f, 10.5);
    assert_int_equal(plan->lost_count, 4);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    assert_int_equal(plan->reason[1], PROBE_ALIVE);
    for (size_t i = 2; i < 5; i++) {
        assert_int_equal(plan->reason[i], YODEL_EHANDLER);
    }
}

/* Reading is paused: what waits in the kernel is no activity. */
static int pause_at_once(probe *p)
{
    yodel_transport_pause_reading(p->transport);
    return 0;
}

static void test_a_look_while_paused(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 10.0},
                                   &(probe_plan){.made = pause_at_once});
    int client = fixture_connect(f);
    net_send_text(client, "x");
    net_wait_delivered(client);
    assert_about(wait_lost(f, plan, 1, 11), 10);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    assert_int_equal(plan->data_count, 0);
}

static void test_never_idle(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_timeout = 1.0}, &(probe_plan){0});
    (void)fixture_connect(f);
    pass(f, 200);
    assert_int_equal(plan->lost_count, 0);
}

static void test_a_protocol_with_its_own_timeouts(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0, .write_timeout = 2.0},
                    &(probe_plan){0});
    f->settings.factory.own_timeouts = true;
    (void)fixture_connect_small(f);
    pass(f, 100);
    assert_int_equal(plan->lost_count, 0);
    /* Only the idle timeout is its own. */
    (void)yodel_transport_write(plan->of[0]->transport, much, 100000);
    wait_stalled(f, plan, 2);
}

/* Each at its own time, with one timer. */
static void test_many_at_their_own_times(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.idle_timeout = 5.0},
                                   &(probe_plan){.data = consume});
    int client[10];
    to_consume = 1;
    for (size_t i = 0; i < 10; i++) {
        client[i] = fixture_connect(f);
        pass(f, 0.1);
    }
    for (size_t i = 0; i < 10; i += 2) { /* every other one is active once more, 2 s later */
        pass(f, 2 - (i == 0 ? 1 : 1.9));
        feed(f, client[i], "x", 1);
    }
    pass(f, 3.55); /* 5.0 to 5.05 s after the begin */
    for (size_t i = 0; i < 10; i++) {
        bool gone = plan->reason[i] != PROBE_ALIVE;
        assert_true(!gone || i % 2 == 1);
    }
    pass(f, 1);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(plan->reason[i], i % 2 == 1 ? YODEL_EIDLE : PROBE_ALIVE);
    }
    (void)wait_lost(f, plan, 10, 5.1);
}

/* --- stalled -----------------------------------------------------------------------------------*/

static void test_stalled(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0, .write_timeout = 30.0},
                    &(probe_plan){0});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 100000), 0);
    wait_stalled(f, plan, 30);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_STALLED), 1);
    assert_int_equal(net_wait_end(client), ECONNRESET);
}

/* FAULTS 11: a peer that takes a little now and then is not stalled; when it has everything, idling
 * begins. */
static void test_progress_is_not_stalled(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 2.0, .write_timeout = 1.0},
                    &(probe_plan){0});
    int client = fixture_connect_small(f);
    size_t len = 200000;
    char *got = test_malloc(len);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, len), 0);
    for (size_t n = 0; n < len;) {
        n += take_some(f, client, got, len - n);
        /* More has come before time passes: that is the progress. */
        assert_true(n == len || net_wait_readable(client, 20000));
        fixture_settle(f);
        pass(f, 0.7);
        assert_int_equal(plan->lost_count, 0);
    }
    (void)wait_lost(f, plan, 1, 3);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
    test_free(got);
}

/* A peer that goes on sending complete lines, and reads nothing, makes no progress in reading. */
static void test_input_does_not_help_a_stalled_one(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 4.0, .write_timeout = 10.0},
                    &(probe_plan){.data = consume});
    to_consume = 1;
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 60000), 0);
    fixture_settle(f);
    assert_true(yodel_transport_unsent(plan->of[0]->transport) > 0);
    double after = 0;
    while (plan->lost_count == 0 && after < 200) {
        pass(f, 2);
        after += 2;
        fixture_settle(f);
        if (plan->lost_count == 0) {
            feed(f, client, "x", 1);
        }
    }
    assert_true(plan->data_count >= 4);
    assert_true(after >= 10);
    assert_int_equal(plan->reason[0], YODEL_ESTALLED);
}

static void test_closing_and_stalled(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0, .write_timeout = 5.0},
                    &(probe_plan){0});
    (void)fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 60000), 0);
    fixture_settle(f);
    pass(f, 3);
    yodel_transport_close(plan->of[0]->transport, 0);
    wait_stalled(f, plan, 2); /* 3 s have passed already */
}

/* Written and closed in the same turn. */
static void test_written_closed_and_stalled(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0, .write_timeout = 5.0},
                    &(probe_plan){0});
    (void)fixture_connect_small(f);
    yodel_transport_set_limits(plan->of[0]->transport, (yodel_write_limits){65536, 100, 100000});
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 60000), 0);
    yodel_transport_close(plan->of[0]->transport, 0);
    wait_stalled(f, plan, 5);
}

static void test_never_stalled(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0}, &(probe_plan){0});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 100000), 0);
    pass(f, 100);
    assert_int_equal(plan->lost_count, 0);
    for (size_t n = 0; n < 100000;) {
        n += take_some(f, client, much, 100000 - n);
    }
    settle_until_sent(f, plan);
    assert_about(wait_lost(f, plan, 1, 2), 1);
    assert_int_equal(plan->reason[0], YODEL_EIDLE);
}

/* --- lingering ---------------------------------------------------------------------------------*/

static void test_lingering_ends_after_2_s(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.idle_timeout = 1.0, .write_timeout = 1.0},
                    &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport_close(plan->of[0]->transport, -EDQUOT);
    fixture_settle(f);
    net_expect_eof(client);
    pass(f, 1);
    feed(f, client, "x", 1); /* prolongs nothing */
    assert_about(wait_lost(f, plan, 1, 3), 1);
    assert_int_equal(plan->reason[0], -EDQUOT);
}

/* An answer that is on its way to a slow reader is not destroyed by the reset that closing with
 * unread input would be: lingering goes on as long as the peer gets on, though it sends far more
 * than is thrown away. */
static void test_lingering_while_the_peer_gets_on(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int pair[2];
    fixture_pair(pair, true); /* the client's end is small; ours holds the whole answer */
    int size = 400000;
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    yodel_transport_group_adopt(f->group, pair[0]);
    size_t len = 100000;
    uint8_t *bytes = probe_pattern(len);
    uint8_t *answer = test_malloc(len);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, len), 0);
    fixture_settle(f);
    assert_int_equal(yodel_transport_unsent(plan->of[0]->transport), 0);
    yodel_transport_close(plan->of[0]->transport, 0);
    for (size_t sent = 0; sent < 200000; sent += 20000) {
        (void)net_send_until_blocked(pair[1], much, 20000, 0);
        fixture_settle(f);
    }
    for (size_t got = 0; got < len;) {
        got += take_some(f, pair[1], answer + got, len - got);
        assert_true(got == len || net_wait_readable(pair[1], 20000)); /* it got on */
        pass(f, 0.9);
    }
    assert_memory_equal(answer, bytes, len);
    (void)wait_lost(f, plan, 1, 5);
    assert_int_equal(plan->reason[0], 0);
    close(pair[1]);
    test_free(answer);
    test_free(bytes);
}

/* But a peer that takes nothing is not waited for. */
static void test_lingering_without_getting_on(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int pair[2];
    fixture_pair(pair, true);
    int size = 400000;
    assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    yodel_transport_group_adopt(f->group, pair[0]);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, 100000), 0);
    fixture_settle(f);
    assert_int_equal(yodel_transport_unsent(plan->of[0]->transport), 0);
    yodel_transport_close(plan->of[0]->transport, 0);
    assert_true(wait_lost(f, plan, 1, 40) > 1.99);
    close(pair[1]);
}

static void test_lingering_ends_with_the_peer(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    int other = fixture_connect(f);
    uint64_t begin = virtual_time.now_ns;
    yodel_transport_close(plan->of[0]->transport, 0);
    yodel_transport_close(plan->of[1]->transport, 0);
    fixture_settle(f);
    net_expect_eof(client);
    net_finish_sending(client);
    fixture_disconnect(f, other, true);
    settle_until_lost(f, plan, 2);
    assert_true(virtual_time.now_ns - begin < 500000000);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_QUIT), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        timeout_test(test_idle_from_the_beginning),
        timeout_test(test_bytes_that_are_not_consumed),
        timeout_test(test_an_active_one_stays),
        timeout_test(test_input_that_the_loop_was_not_told_of),
        timeout_test(test_much_input_that_the_loop_was_not_told_of),
        timeout_test(test_a_look_at_one_who_never_stops),
        timeout_test(test_an_end_that_the_loop_was_not_told_of),
        timeout_test(test_a_look_that_ends_others),
        timeout_test(test_a_look_while_paused),
        timeout_test(test_never_idle),
        timeout_test(test_a_protocol_with_its_own_timeouts),
        timeout_test(test_many_at_their_own_times),
        timeout_test(test_stalled),
        timeout_test(test_progress_is_not_stalled),
        timeout_test(test_input_does_not_help_a_stalled_one),
        timeout_test(test_closing_and_stalled),
        timeout_test(test_written_closed_and_stalled),
        timeout_test(test_never_stalled),
        timeout_test(test_lingering_ends_after_2_s),
        timeout_test(test_lingering_while_the_peer_gets_on),
        timeout_test(test_lingering_without_getting_on),
        timeout_test(test_lingering_ends_with_the_peer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
