/* The hard cap and the water marks: what waits, and who has to wait for it. */
#include "core/error.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

/* The bytes that a test writes and expects. */
static uint8_t *bytes;
#define BYTES ((size_t)10 << 20)

static int make_bytes(void **state)
{
    (void)state;
    bytes = malloc(BYTES);
    if (bytes == NULL) {
        return -1;
    }
    uint8_t *pattern = probe_pattern(BYTES);
    memcpy(bytes, pattern, BYTES);
    test_free(pattern);
    return 0;
}

static int free_bytes(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

/* Receives so many of the bytes, from an offset, and they are right. */
static void expect_bytes(fixture *f, int client, size_t from, size_t len)
{
    fixture_expect(f, client, bytes + from, len);
}

/* --- the hard cap ------------------------------------------------------------------------------*/

static void test_10_mib_above_the_hard_cap(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, bytes, (size_t)10 << 20), YODEL_EOVERRUN);
    assert_int_equal(yodel_transport_write(t, bytes, 1), -EPIPE);
    assert_int_equal(plan->lost_count, 0);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EOVERRUN);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_OVERRUN), 1);
    assert_int_equal(net_wait_end(client), ECONNRESET); /* nothing that looks complete */
}

/* Also when it is the first refusal that goes above it. */
static void test_the_first_refusal_above_the_hard_cap(void **state)
{
    fixture *f = *state;
    const yodel_write_limits limits = {.high = 4096, .low = 1024, .hard = 8192};
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = limits}, &(probe_plan){0});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 60000), YODEL_EOVERRUN);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EOVERRUN);
    assert_int_equal(net_wait_end(client), ECONNRESET);
}

static void test_exactly_the_hard_cap(void **state)
{
    fixture *f = *state;
    const yodel_write_limits limits = {.high = 65536, .low = 1024, .hard = 100000};
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = limits}, &(probe_plan){0});
    (void)fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, bytes, 70000), 0);
    size_t room = 100000 - yodel_transport_unsent(t);
    assert_int_equal(yodel_transport_write(t, bytes, room), 0);
    assert_int_equal(yodel_transport_unsent(t), 100000);
    assert_in_range(t->out.capacity, 100000, 100000);
    assert_int_equal(yodel_transport_write(t, bytes, 1), YODEL_EOVERRUN);
}

static void test_a_hard_cap_lowered_below_what_waits(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, bytes, 200000), 0);
    yodel_transport_set_limits(t, (yodel_write_limits){.high = 100, .low = 0, .hard = 1000});
    expect_bytes(f, client, 0, 1000);
    assert_false(yodel_transport_is_closing(t)); /* what waits already stays */
    assert_int_equal(yodel_transport_write(t, bytes, 1), YODEL_EOVERRUN);
}

/* --- the water marks ---------------------------------------------------------------------------*/

static void test_paused_above_high_and_resumed_at_low(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    yodel_transport_set_limits(t,
                               (yodel_write_limits){.high = 50000, .low = 10000, .hard = 1000000});
    assert_int_equal(yodel_transport_write(t, bytes, 50000), 0); /* some of it is taken */
    size_t unsent = yodel_transport_unsent(t);
    assert_true(unsent < 50000);
    assert_int_equal(yodel_transport_write(t, bytes + 50000, 50000 - unsent), 0);
    assert_int_equal(yodel_transport_unsent(t), 50000);
    assert_int_equal(plan->pause_count, 0); /* at it is not above it */
    size_t written = 100000 - unsent;
    assert_int_equal(yodel_transport_write(t, bytes + written, 1), 0);
    assert_int_equal(plan->pause_count, 1);
    assert_int_equal(yodel_transport_write(t, bytes + written + 1, 1000), 0);
    assert_int_equal(plan->pause_count, 1); /* once */
    assert_int_equal(fixture_count(f, YODEL_COUNT_PAUSED), 1);

    written += 1001;
    for (size_t got = 0; got < written;) {
        size_t n = written - got < 500 ? written - got : 500;
        expect_bytes(f, client, got, n);
        got += n;
        if (plan->resume_count == 0) {
            assert_true(yodel_transport_unsent(t) > 10000);
        }
    }
    fixture_settle(f);
    assert_string_equal(plan->trace, "made pause resume");
}

/* Without pause_writing the connection's own reading stops instead, and no line is lost. */
static void test_reading_is_paused(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start_plain(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    net_send_until_blocked(client, "", 0, 0);
    size_t sent = 0;
    while (fixture_count(f, YODEL_COUNT_PAUSED) == 0) {
        size_t n = net_send_until_blocked(client, bytes + sent, 10000, 50);
        sent += n;
        fixture_settle(f);
    }
    yodel_transport *t = plan->of[0]->transport;
    assert_false(yodel_transport_is_reading(t));
    size_t unsent = yodel_transport_unsent(t);
    assert_in_range(unsent, 65537, 65536 + YODEL_RECEIVE_SIZE);
    sent += net_send_until_blocked(client, bytes + sent, 10000, 50);
    fixture_settle(f);
    assert_int_equal(yodel_transport_unsent(t), unsent);
    expect_bytes(f, client, 0, sent);
    fixture_settle(f);
    assert_true(yodel_transport_is_reading(t));
}

static ssize_t pause_reading_and_write(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->plan->data_count == 1) {
        yodel_transport_pause_reading(p->transport);
        (void)yodel_transport_write(p->transport, bytes, 300000);
    }
    return (ssize_t)len;
}

/* What the transport pauses and what the protocol pauses are two things. */
static void test_the_protocols_own_pause_stays(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start_plain(f, NULL, &(probe_plan){.data = pause_reading_and_write});
    int client = fixture_connect_small(f);
    fixture_feed(f, client, "x", 1);
    fixture_send(f, client, "y", 1);
    expect_bytes(f, client, 0, 300000);
    fixture_settle(f);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PAUSED), 1);
    assert_int_equal(plan->data_count, 1);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 2);
}

static void test_the_transports_own_pause_stays(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start_plain(f, NULL, &(probe_plan){.data = pause_reading_and_write});
    int client = fixture_connect_small(f);
    fixture_feed(f, client, "x", 1);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_feed(f, client, "y", 1);
    assert_int_equal(plan->data_count, 1);
    assert_false(yodel_transport_is_reading(plan->of[0]->transport));
    expect_bytes(f, client, 0, 300000);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 2);
}

/* --- pause_writing comes when nothing is half done ---------------------------------------------*/

static const yodel_write_limits low_marks = {.high = 16384, .low = 4096, .hard = 1 << 20};

static int close_when_paused(probe *p)
{
    yodel_transport_close(p->transport, 0);
    return 0;
}

/* The write during which it closes is whole. */
static void test_closed_from_pause_writing(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.write_limits = low_marks},
                                   &(probe_plan){.pause = close_when_paused});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 500000), 0);
    expect_bytes(f, client, 0, 500000);
    fixture_expect_eof(f, client);
}

static int write_when_paused(probe *p)
{
    (void)yodel_transport_write(p->transport, bytes + 500000, 100);
    return 0;
}

static void test_written_from_pause_writing(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.write_limits = low_marks},
                                   &(probe_plan){.pause = write_when_paused});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 500000), 0);
    expect_bytes(f, client, 0, 500100);
}

/* Limits that are tightened after a write make the turn's end the moment of the pause, and then
 * the callback may write to somebody else, who must not be forgotten; nor may the bytes of one
 * connection ever go to another one. */
static int tell_the_second(probe *p)
{
    return p->index == 0 ? yodel_transport_write(p->plan->of[1]->transport, "slow", 4) : 0;
}

static ssize_t write_and_tighten(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->index == 0) {
        (void)yodel_transport_write(p->transport, bytes, 60000);
        yodel_transport_set_limits(p->transport,
                                   (yodel_write_limits){.high = 100, .low = 0, .hard = 100000});
        if (p->plan->of[2] != NULL) {
            (void)yodel_transport_write(p->plan->of[2]->transport, "third", 5);
        }
    }
    return (ssize_t)len;
}

static void test_a_neighbour_is_told_at_the_turns_end(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = write_and_tighten, .pause = tell_the_second});
    int first = fixture_connect_small(f);
    int second = fixture_connect(f);
    fixture_feed(f, first, "x", 1);
    assert_int_equal(plan->pause_count, 1);
    fixture_expect_text(f, second, "slow");
}

static void test_nobody_gets_another_ones_bytes(void **state)
{
    fixture *f = *state;
    probe_start(f, NULL, &(probe_plan){.data = write_and_tighten, .pause = tell_the_second});
    int first = fixture_connect_small(f);
    int second = fixture_connect(f);
    int third = fixture_connect(f);
    fixture_feed(f, first, "x", 1);
    fixture_expect_text(f, third, "third");
    fixture_expect_nothing(f, third);
    char got[4] = "";
    if (net_wait_readable(second, 0)) {
        net_receive(second, got, 4);
    }
    assert_true(got[0] == '\0' || memcmp(got, "slow", 4) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_10_mib_above_the_hard_cap),
        fixture_test(test_the_first_refusal_above_the_hard_cap),
        fixture_test(test_exactly_the_hard_cap),
        fixture_test(test_a_hard_cap_lowered_below_what_waits),
        fixture_test(test_paused_above_high_and_resumed_at_low),
        fixture_test(test_reading_is_paused),
        fixture_test(test_the_protocols_own_pause_stays),
        fixture_test(test_the_transports_own_pause_stays),
        fixture_test(test_closed_from_pause_writing),
        fixture_test(test_written_from_pause_writing),
        fixture_test(test_a_neighbour_is_told_at_the_turns_end),
        fixture_test(test_nobody_gets_another_ones_bytes),
    };
    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
