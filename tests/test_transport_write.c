/* Writing: one send for each turn, what waits when the kernel takes no more, the water marks. */
#include "core/error.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/random.h"

#define write_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The bytes that a test writes and expects. */
static uint8_t *bytes;
#define BYTES ((size_t)12 << 20)

static int setup(void **state)
{
    faults_reset();
    return fixture_setup(state);
}

static int teardown(void **state)
{
    faults_reset();
    return fixture_teardown(state);
}

static int make_bytes(void **state)
{
    (void)state;
    bytes = malloc(BYTES);
    if (bytes == NULL)
        return -1;
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

/* --- one send for each turn --------------------------------------------------------------------*/

static ssize_t write_in_small_pieces(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    for (size_t i = 0; i < 1000; i += 10)
        (void)yodel_transport_write(p->transport, bytes + i, 10);
    return (ssize_t)len;
}

static void test_a_turn_is_one_send(void **state)
{
    fixture *f = *state;
    probe_start(f, NULL, &(probe_plan){.data = write_in_small_pieces});
    int client = fixture_connect(f);
    fixture_feed(f, client, "x", 1);
    assert_int_equal(faults.sends, 1);
    expect_bytes(f, client, 0, 1000);
}

static void test_outside_a_turn_it_is_one_send_too(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    for (size_t i = 0; i < 1000; i += 10)
        assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes + i, 10), 0);
    assert_int_equal(faults.sends, 0);
    expect_bytes(f, client, 0, 1000);
    assert_int_equal(faults.sends, 1);
}

/* The cork is one for all connections: who writes next sends what the one before has written. */
static void test_writers_in_turns(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client[3];
    for (size_t i = 0; i < 3; i++)
        client[i] = fixture_connect(f);
    for (size_t i = 0; i < 300; i += 10)
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(
                yodel_transport_write(plan->of[k]->transport, bytes + 1000 * k + i, 10), 0);
    for (size_t k = 0; k < 3; k++)
        expect_bytes(f, client[k], 1000 * k, 300);
}

/* --- what lies in the received bytes is gathered -----------------------------------------------*/

/* Answers with its input cut at every 600th byte, with a mark between: pieces to gather from where
 * they lie and pieces to copy, more of them than one call takes. */
static ssize_t answer_with_marks(probe *p, const uint8_t *data, size_t len)
{
    const probe *to = p->plan->arg != NULL && p->plan->of[1] != NULL ? p->plan->of[1] : p;
    for (size_t i = 0; i < len; i += 600) {
        size_t n = len - i < 600 ? len - i : 600;
        if (yodel_transport_write(to->transport, data + i, n) < 0 ||
            yodel_transport_write(to->transport, "mark", 4) < 0)
            return -EIO;
    }
    return (ssize_t)len;
}

static void expect_marked(fixture *f, int client, size_t len)
{
    uint8_t *got = test_malloc(len + 4 * (len / 600 + 1) + 4);
    uint8_t *wanted = test_malloc(len + 4 * (len / 600 + 1) + 4);
    size_t n = 0;
    for (size_t i = 0; i < len; i += 600) {
        size_t piece = len - i < 600 ? len - i : 600;
        memcpy(wanted + n, bytes + i, piece);
        memcpy(wanted + n + piece, "mark", 4);
        n += piece + 4;
    }
    fixture_receive(f, client, got, n);
    assert_memory_equal(got, wanted, n);
    test_free(got);
    test_free(wanted);
}

/* 60,000 bytes arrive in one turn: 100 pieces gathered, 100 copied, one sendmsg. */
static void test_gathering(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = answer_with_marks});
    int client = fixture_connect(f);
    fixture_feed(f, client, bytes, 60000);
    if (plan->data_count == 1)
        assert_int_equal(faults.sends, 1);
    expect_marked(f, client, plan->data_count == 1 ? 60000 : 0);
}

/* The same to another connection: its pieces lie in what this one was given. */
static void test_gathering_for_a_neighbour(void **state)
{
    fixture *f = *state;
    int there = 1;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = answer_with_marks, .arg = &there});
    int client = fixture_connect(f);
    int other = fixture_connect(f);
    fixture_feed(f, client, bytes, 30000);
    assert_int_equal(plan->data_count, 1);
    expect_marked(f, other, 30000);
}

/* What the kernel refuses of gathered pieces is copied before data_received's bytes go. */
static void test_gathering_with_short_writes(void **state)
{
    fixture *f = *state;
    faults.send_max = 7;
    faults.disturb_every = 9;
    probe_start(f, NULL, &(probe_plan){.data = answer_with_marks});
    int client = fixture_connect(f);
    fixture_feed(f, client, bytes, 6000);
    expect_marked(f, client, 6000);
    assert_true(faults.sends > 6000 / 7);
}

static ssize_t write_many_pieces(probe *p, const uint8_t *data, size_t len)
{
    if (len < 20000)
        return 0;
    /* Never two that lie side by side: each is a piece of its own. */
    for (size_t i = 0; i < 300; i++)
        (void)yodel_transport_write(p->transport, data + (i % 2 == 0 ? 0 : 10000), 512);
    return (ssize_t)len;
}

static void test_more_pieces_than_one_call_takes(void **state)
{
    fixture *f = *state;
    const yodel_write_limits limits = {.high = 1 << 20, .low = 0, .hard = 1 << 20};
    probe_start(f, &(yodel_transport_settings){.write_limits = limits},
                &(probe_plan){.data = write_many_pieces});
    int client = fixture_connect(f);
    fixture_feed(f, client, bytes, 20000);
    assert_int_equal(faults.sends, 2);
    for (size_t i = 0; i < 300; i++)
        expect_bytes(f, client, i % 2 == 0 ? 0 : 10000, 512);
}

/* --- much at once ------------------------------------------------------------------------------*/

static void write_and_expect(fixture *f, bool small, size_t len, size_t piece)
{
    const yodel_write_limits limits = {.high = 65536, .low = 16384, .hard = BYTES};
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = limits}, &(probe_plan){0});
    int client = small ? fixture_connect_small(f) : fixture_connect(f);
    for (size_t i = 0; i < len; i += piece)
        assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes + i,
                                               len - i < piece ? len - i : piece),
                         0);
    expect_bytes(f, client, 0, len);
    fixture_settle(f);
    assert_int_equal(yodel_transport_unsent(plan->of[0]->transport), 0);
    assert_null(plan->of[0]->transport->out.memory);
    assert_string_equal(plan->trace, "made pause resume");
}

static void test_10_mib_in_one_write(void **state)
{
    write_and_expect(*state, false, (size_t)10 << 20, (size_t)10 << 20);
}

static void test_much_in_many_writes(void **state)
{
    write_and_expect(*state, true, (size_t)1 << 20, 777);
}

static void test_one_byte_a_send_and_disturbed(void **state)
{
    fixture *f = *state;
    const yodel_write_limits limits = {.high = 4096, .low = 1024, .hard = 65536};
    faults.send_max = 1;
    faults.disturb_every = 4;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = limits}, &(probe_plan){0});
    int client = fixture_connect(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 10000), 0);
    expect_bytes(f, client, 0, 10000);
    assert_string_equal(plan->trace, "made pause resume");
    assert_true(faults.sends > 10000);
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
    yodel_transport_set_limits(
        t, (yodel_write_limits){.high = 50000, .low = 10000, .hard = 1000000});
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
        if (plan->resume_count == 0)
            assert_true(yodel_transport_unsent(t) > 10000);
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
        if (p->plan->of[2] != NULL)
            (void)yodel_transport_write(p->plan->of[2]->transport, "third", 5);
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
    if (net_wait_readable(second, 0))
        net_receive(second, got, 4);
    assert_true(got[0] == '\0' || memcmp(got, "slow", 4) == 0);
}

/* --- failures ----------------------------------------------------------------------------------*/

static void test_a_send_that_fails(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    int other = fixture_connect(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 100), 0);
    faults.send_error = ENOBUFS;
    fixture_settle(f);
    faults.send_error = 0;
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], -ENOBUFS);
    assert_int_equal(net_wait_end(client), ECONNRESET);
    fixture_send_text(f, other, "y");
    fixture_expect_text(f, other, "y");
}

static void test_a_later_send_that_fails(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes, 100000), 0);
    fixture_settle(f);
    faults.send_error = ENOBUFS;
    char got[2000];
    fixture_receive(f, client, got, sizeof got);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], -ENOBUFS);
    assert_int_equal(net_wait_end(client), ECONNRESET);
}

static void test_writing_nothing(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    (void)fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, NULL, 0), 0);
    fixture_settle(f);
    assert_int_equal(faults.sends, 0);
    yodel_transport_close(t, 0);
    assert_int_equal(yodel_transport_write(t, NULL, 0), -EPIPE);
}

/* --- anything ----------------------------------------------------------------------------------*/

/* Writes of every length, in and out of turns, to a peer that reads when it likes, with a kernel
 * that takes what it likes. */
static void test_writing_at_random(void **state)
{
    fixture *f = *state;
    test_random random;
    test_random_init(&random, "test_writing_at_random");
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = {65536, 16384, 4 << 20}},
                    &(probe_plan){.data = probe_swallow});
    int client = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    size_t written = 0;
    size_t got = 0;
    for (int round = 0; round < 800; round++) {
        faults.send_max = test_random_below(&random, 3) == 0 ? 1 + test_random_below(&random, 3000) : 0;
        faults.disturb_every = test_random_below(&random, 2) == 0 ? 3 : 0;
        size_t n = test_random_below(&random, test_random_below(&random, 50) == 0 ? 200000 : 2000);
        if (written + n < BYTES && yodel_transport_unsent(t) < (1 << 20)) {
            assert_int_equal(yodel_transport_write(t, bytes + written, n), 0);
            written += n;
        }
        if (test_random_below(&random, 3) == 0)
            fixture_settle(f);
        if (test_random_below(&random, 4) == 0) {
            n = test_random_below(&random, written - got + 1);
            n = n < 30000 ? n : 30000;
            expect_bytes(f, client, got, n);
            got += n;
        }
    }
    faults_reset();
    expect_bytes(f, client, got, written - got);
    assert_int_equal(plan->pause_count, plan->resume_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        write_test(test_a_turn_is_one_send),
        write_test(test_outside_a_turn_it_is_one_send_too),
        write_test(test_writers_in_turns),
        write_test(test_gathering),
        write_test(test_gathering_for_a_neighbour),
        write_test(test_gathering_with_short_writes),
        write_test(test_more_pieces_than_one_call_takes),
        write_test(test_10_mib_in_one_write),
        write_test(test_much_in_many_writes),
        write_test(test_one_byte_a_send_and_disturbed),
        write_test(test_10_mib_above_the_hard_cap),
        write_test(test_the_first_refusal_above_the_hard_cap),
        write_test(test_exactly_the_hard_cap),
        write_test(test_a_hard_cap_lowered_below_what_waits),
        write_test(test_paused_above_high_and_resumed_at_low),
        write_test(test_reading_is_paused),
        write_test(test_the_protocols_own_pause_stays),
        write_test(test_the_transports_own_pause_stays),
        write_test(test_closed_from_pause_writing),
        write_test(test_written_from_pause_writing),
        write_test(test_a_neighbour_is_told_at_the_turns_end),
        write_test(test_nobody_gets_another_ones_bytes),
        write_test(test_a_send_that_fails),
        write_test(test_a_later_send_that_fails),
        write_test(test_writing_nothing),
        write_test(test_writing_at_random),
    };
    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
