/* Writing: one send for each turn, gathering, much at once, whatever the kernel makes of it. */
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

/* --- one send for each turn --------------------------------------------------------------------*/

static ssize_t write_in_small_pieces(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    for (size_t i = 0; i < 1000; i += 10) {
        (void)yodel_transport_write(p->transport, bytes + i, 10);
    }
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
    for (size_t i = 0; i < 1000; i += 10) {
        assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes + i, 10), 0);
    }
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
    for (size_t i = 0; i < 3; i++) {
        client[i] = fixture_connect(f);
    }
    for (size_t i = 0; i < 300; i += 10) {
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(
                yodel_transport_write(plan->of[k]->transport, bytes + 1000 * k + i, 10), 0);
        }
    }
    for (size_t k = 0; k < 3; k++) {
        expect_bytes(f, client[k], 1000 * k, 300);
    }
}

/* --- what lies in the received bytes is gathered -----------------------------------------------*/

/* Answers with its input cut at every 5000th byte, with a mark between: pieces to gather from where
 * they lie and pieces to copy. */
static ssize_t answer_with_marks(probe *p, const uint8_t *data, size_t len)
{
    const probe *to = p->plan->arg != NULL && p->plan->of[1] != NULL ? p->plan->of[1] : p;
    for (size_t i = 0; i < len; i += 5000) {
        size_t n = len - i < 5000 ? len - i : 5000;
        if (yodel_transport_write(to->transport, data + i, n) < 0 ||
            yodel_transport_write(to->transport, "mark", 4) < 0) {
            return -EIO;
        }
    }
    return (ssize_t)len;
}

static void expect_marked(fixture *f, int client, size_t len)
{
    uint8_t *got = test_malloc(len + 4 * (len / 5000 + 1) + 4);
    uint8_t *wanted = test_malloc(len + 4 * (len / 5000 + 1) + 4);
    size_t n = 0;
    for (size_t i = 0; i < len; i += 5000) {
        size_t piece = len - i < 5000 ? len - i : 5000;
        memcpy(wanted + n, bytes + i, piece);
        memcpy(wanted + n + piece, "mark", 4);
        n += piece + 4;
    }
    fixture_receive(f, client, got, n);
    assert_memory_equal(got, wanted, n);
    test_free(got);
    test_free(wanted);
}

/* 60,000 bytes arrive in one turn: 12 pieces gathered, 12 copied, one sendmsg. */
static void test_gathering(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = answer_with_marks});
    int client = fixture_connect(f);
    fixture_feed(f, client, bytes, 60000);
    if (plan->data_count == 1) {
        assert_int_equal(faults.sends, 1);
    }
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
    if (len < 20000) {
        return 0;
    }
    /* Never two that lie side by side: each is a piece of its own. */
    for (size_t i = 0; i < 300; i++) {
        (void)yodel_transport_write(p->transport, data, i % 2 == 0 ? 4096 : 1);
    }
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
    for (size_t i = 0; i < 300; i++) {
        expect_bytes(f, client, 0, i % 2 == 0 ? 4096 : 1);
    }
}

/* --- much at once ------------------------------------------------------------------------------*/

static void write_and_expect(fixture *f, bool small, size_t len, size_t piece)
{
    const yodel_write_limits limits = {.high = 65536, .low = 16384, .hard = BYTES};
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = limits}, &(probe_plan){0});
    int client = small ? fixture_connect_small(f) : fixture_connect(f);
    for (size_t i = 0; i < len; i += piece) {
        assert_int_equal(yodel_transport_write(plan->of[0]->transport, bytes + i,
                                               len - i < piece ? len - i : piece),
                         0);
    }
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
        faults.send_max =
            test_random_below(&random, 3) == 0 ? 1 + test_random_below(&random, 3000) : 0;
        faults.disturb_every = test_random_below(&random, 2) == 0 ? 3 : 0;
        size_t n = test_random_below(&random, test_random_below(&random, 50) == 0 ? 200000 : 2000);
        if (written + n < BYTES && yodel_transport_unsent(t) < (1 << 20)) {
            assert_int_equal(yodel_transport_write(t, bytes + written, n), 0);
            written += n;
        }
        if (test_random_below(&random, 3) == 0) {
            fixture_settle(f);
        }
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
        write_test(test_a_send_that_fails),
        write_test(test_a_later_send_that_fails),
        write_test(test_writing_nothing),
        write_test(test_writing_at_random),
    };
    return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
