/* The read turn: what data_received gets, what is kept, pausing, the end of input. */
#include "core/error.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/random.h"

#define read_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

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

/* --- what is consumed and what is kept ---------------------------------------------------------*/

/* A hook that consumes as many bytes as `take` says, and checks that what it is given is always the
 * rest of the stream, in one piece. */
typedef struct consumer {
    const uint8_t *stream;
    size_t done;     /* consumed so far */
    size_t seen;     /* bytes of the stream that were shown already */
    size_t (*take)(size_t len);
    bool wrong;
    test_random random;
} consumer;

static consumer consumers;

static size_t take_nothing(size_t len)
{
    (void)len;
    return 0;
}

static size_t take_one(size_t len)
{
    (void)len;
    return 1;
}

static size_t take_all_but_one(size_t len)
{
    return len - 1;
}

static size_t take_all(size_t len)
{
    return len;
}

static size_t take_at_random(size_t len)
{
    switch (test_random_below(&consumers.random, 4)) {
    case 0:
        return 0;
    case 1:
        return len;
    case 2:
        return len < 3 ? len : len - test_random_below(&consumers.random, 3);
    default:
        return test_random_below(&consumers.random, len + 1);
    }
}

static ssize_t consume(probe *p, const uint8_t *data, size_t len)
{
    consumer *c = &consumers;
    (void)p;
    /* Everything not consumed, and at least one new byte behind it. */
    if (len == 0 || c->done + len <= c->seen || memcmp(data, c->stream + c->done, len) != 0) {
        c->wrong = true;
    }
    c->seen = c->done + len;
    size_t n = c->take(len);
    c->done += n;
    return (ssize_t)n;
}

/* Feeds a stream in pieces to a protocol that consumes it in some way. */
static probe_plan *feed_a_consumer(fixture *f, size_t (*take)(size_t len), size_t len,
                                   size_t (*piece)(size_t rest))
{
    uint8_t *stream = probe_pattern(len);
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = consume});
    int client = fixture_connect(f);
    test_random random = consumers.random;
    consumers = (consumer){.stream = stream, .take = take, .random = random};
    for (size_t sent = 0; sent < len;) {
        size_t n = piece(len - sent);
        fixture_feed(f, client, stream + sent, n);
        sent += n;
        assert_false(consumers.wrong);
        assert_int_equal(consumers.seen, sent);
        assert_int_equal(yodel_transport_unread(plan->of[0]->transport), sent - consumers.done);
    }
    test_free(stream);
    return plan;
}

static size_t pieces_of_100(size_t rest)
{
    return rest < 100 ? rest : 100;
}

static size_t pieces_of_20000(size_t rest)
{
    return rest < 20000 ? rest : 20000;
}

static size_t whole(size_t rest)
{
    return rest;
}

static size_t random_pieces(size_t rest)
{
    size_t most = test_random_below(&consumers.random, 3) == 0 ? 100000 : 100;
    size_t n = 1 + test_random_below(&consumers.random, most);
    return n < rest ? n : rest;
}

static void test_never_consuming(void **state)
{
    (void)feed_a_consumer(*state, take_nothing, 3000, pieces_of_100);
    assert_int_equal(consumers.done, 0);
}

/* Past the room in front of the shared buffer the rest stays where it is. */
static void test_never_consuming_much(void **state)
{
    (void)feed_a_consumer(*state, take_nothing, 1000000, pieces_of_20000);
}

static void test_consuming_one_byte_at_a_time(void **state)
{
    (void)feed_a_consumer(*state, take_one, 3000, pieces_of_100);
    assert_int_equal(consumers.done, 30);
}

static void test_consuming_all_but_one(void **state)
{
    (void)feed_a_consumer(*state, take_all_but_one, 200000, pieces_of_20000);
}

static void test_consuming_everything_keeps_nothing(void **state)
{
    fixture *f = *state;
    probe_plan *plan = feed_a_consumer(f, take_all, 200000, pieces_of_20000);
    assert_null(plan->of[0]->transport->in.memory);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), 200000);
}

/* An incomplete line of hundreds of KiB becomes complete, and a little of the next one has come: no
 * more memory is held than for that. */
static void test_little_is_not_kept_in_much(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = consume});
    int client = fixture_connect(f);
    uint8_t *stream = probe_pattern(200000);
    consumers = (consumer){.stream = stream, .take = take_nothing};
    fixture_feed(f, client, stream, 150000);
    consumers.take = take_all_but_one;
    fixture_feed(f, client, stream + 150000, 50000);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_unread(t), 1);
    assert_in_range(t->in.capacity, 1, 4096);
    test_free(stream);
}

static void test_consuming_at_random(void **state)
{
    fixture *f = *state;
    test_random_init(&consumers.random, "test_consuming_at_random");
    (void)feed_a_consumer(f, take_at_random, 3000000, random_pieces);
}

/* --- a protocol that is wrong about it ---------------------------------------------------------*/

static size_t take_too_much(size_t len)
{
    return len + 1;
}

static void test_consuming_more_than_there_is(void **state)
{
    fixture *f = *state;
    uint8_t *stream = probe_pattern(10);
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = consume});
    consumers = (consumer){.stream = stream, .take = take_too_much};
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, 10);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EHANDLER);
    assert_true(fixture_logged(f, "data_received failed"));
    test_free(stream);
}

/* --- one receive for each turn -----------------------------------------------------------------*/

static ssize_t note_who(probe *p, const uint8_t *data, size_t len)
{
    char *order = p->plan->arg;
    (void)data;
    if (strlen(order) < 40) {
        order[strlen(order)] = (char)('a' + p->index);
    }
    return (ssize_t)len;
}

/* A connection that has megabytes waiting does not keep another one from its few bytes: each gets
 * one receive a turn. */
static void test_connections_take_turns(void **state)
{
    fixture *f = *state;
    char order[64] = "";
    probe_start(f, NULL, &(probe_plan){.data = note_who, .arg = order});
    int busy = fixture_connect(f);
    int quiet = fixture_connect(f);
    static char much[1000000];
    size_t sent = net_send_until_blocked(busy, much, sizeof much, 100);
    assert_true(sent > 3 * YODEL_RECEIVE_SIZE);
    net_send(quiet, "x", 1);
    net_wait_delivered(quiet);
    fixture_settle(f);
    const char *when = strchr(order, 'b');
    assert_non_null(when);
    assert_true(when - order <= 1);
    assert_true(faults.receives >= strlen(order));
}

/* --- pausing -----------------------------------------------------------------------------------*/

static void test_paused_nothing_is_delivered(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_true(yodel_transport_is_reading(t));
    yodel_transport_pause_reading(t);
    yodel_transport_pause_reading(t); /* no effect */
    assert_false(yodel_transport_is_reading(t));
    fixture_feed(f, client, "hello", 5);
    assert_string_equal(plan->trace, "made");
    yodel_transport_resume_reading(t);
    assert_true(yodel_transport_is_reading(t));
    assert_string_equal(plan->trace, "made"); /* not from inside the call */
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    yodel_transport_resume_reading(t); /* no effect */
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    assert_int_equal(plan->bytes, 5);
}

/* The peer of a paused connection has to wait; nothing is read ahead. */
static void test_paused_the_peer_waits(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    int client = fixture_connect(f);
    size_t len = 20U << 20;
    char *much = test_calloc(1, len);
    yodel_transport_pause_reading(plan->of[0]->transport);
    size_t sent = net_send_until_blocked(client, much, len, 100);
    fixture_settle(f);
    assert_true(sent < len);
    assert_int_equal(faults.receives, 0);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_send(f, client, much, len - sent);
    fixture_run_until_count(f, &plan->bytes, len, "all bytes are consumed");
    test_free(much);
}

static ssize_t pause_and_keep(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->plan->data_count == 1) {
        yodel_transport_pause_reading(p->transport);
        return 1;
    }
    return (ssize_t)len;
}

/* What was kept comes first, without a byte from the network, then what waits there. */
static void test_resume_delivers_what_was_kept(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    assert_int_equal(plan->bytes, 1);
    assert_int_equal(yodel_transport_unread(plan->of[0]->transport), 4);
    size_t receives = faults.receives;
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->bytes, 5);
    assert_int_equal(plan->data_count, 2);
    assert_int_equal(faults.receives, receives);
}

static ssize_t pause_and_resume(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    yodel_transport_pause_reading(p->transport);
    yodel_transport_resume_reading(p->transport);
    return 1;
}

/* The rest that this very call leaves is kept, too. */
static void test_resume_from_inside_data_received(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_resume});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    assert_int_equal(plan->bytes, 5);
    assert_int_equal(plan->data_count, 5);
    assert_false(plan->nested);
}

/* The last word counts. */
static void test_resume_and_pause_again(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    yodel_transport_resume_reading(plan->of[0]->transport);
    yodel_transport_pause_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 1);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->bytes, 5);
}

/* Closed with output waiting and input kept that was about to be handed in: never any more. */
static void test_closed_with_input_kept(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect_small(f);
    fixture_feed(f, client, "hello", 5);
    yodel_transport *t = plan->of[0]->transport;
    static char much[300000];
    assert_int_equal(yodel_transport_write(t, much, sizeof much), 0);
    fixture_settle(f);
    yodel_transport_resume_reading(t);
    yodel_transport_close(t, 0);
    fixture_expect(f, client, much, sizeof much);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->data_count, 1);
}

/* --- redelivery --------------------------------------------------------------------------------*/

static void test_redeliver(void **state)
{
    fixture *f = *state;
    uint8_t *stream = probe_pattern(10);
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    yodel_transport_redeliver(t); /* nothing there: no effect */
    fixture_settle(f);
    assert_int_equal(plan->data_count, 0);
    fixture_feed(f, client, stream, 10);
    yodel_transport_redeliver(t); /* while paused */
    assert_int_equal(plan->data_count, 1);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 2);
    assert_int_equal(plan->bytes, 10);
    test_free(stream);
}

static int stay(probe *p)
{
    (void)p;
    return 1;
}

static void test_redeliver_after_the_end_of_file(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = consume, .eof = stay});
    uint8_t *stream = probe_pattern(10);
    consumers = (consumer){.stream = stream, .take = take_nothing};
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, 10);
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof");
    consumers.take = take_all;
    yodel_transport_redeliver(plan->of[0]->transport);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof data");
    assert_int_equal(plan->bytes, 10);
    test_free(stream);
}

/* --- the end of input --------------------------------------------------------------------------*/

/* 1: open for writing; the protocol closes. */
static void test_half_open(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow, .eof = stay});
    int client = fixture_connect(f);
    fixture_send_text(f, client, "hello");
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof");
    yodel_transport *t = plan->of[0]->transport;
    assert_false(yodel_transport_is_closing(t));
    assert_false(yodel_transport_is_reading(t));
    yodel_transport_pause_reading(t);
    yodel_transport_resume_reading(t);
    assert_int_equal(yodel_transport_write(t, "later", 5), 0);
    fixture_expect_text(f, client, "later");
    yodel_transport_close(t, 0);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data eof lost");
    assert_int_equal(plan->reason[0], 0);
}

/* 0: everything written is sent first. */
static int write_and_close(probe *p)
{
    return yodel_transport_write(p->transport, p->plan->arg, 500000) < 0 ? -1 : 0;
}

static void test_end_of_file_sends_everything_first(void **state)
{
    fixture *f = *state;
    uint8_t *bytes = probe_pattern(500000);
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.eof = write_and_close, .arg = bytes});
    int client = fixture_connect_small(f);
    net_finish_sending(client);
    fixture_expect(f, client, bytes, 500000);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EOF);
    test_free(bytes);
}

/* The end comes after all bytes, also for one who was paused when both had arrived. */
static void test_end_of_file_waits_for_resume(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    fixture_send_text(f, client, "world");
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data data data eof lost");
    assert_int_equal(plan->bytes, 10);
}

static int write_much_and_stay(probe *p)
{
    static char much[300000];
    (void)yodel_transport_write(p->transport, much, sizeof much);
    return 1;
}

/* The transport's own pausing and resuming (no pause_writing) ends with the input: what was offered
 * and not consumed is not offered again. */
static void test_nothing_comes_after_the_end_of_file(void **state)
{
    fixture *f = *state;
    uint8_t *stream = probe_pattern(10);
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = consume, .eof = write_much_and_stay});
    yodel_protocol_ops ops = *f->settings.factory.ops;
    ops.pause_writing = NULL;
    ops.resume_writing = NULL;
    f->settings.factory.ops = &ops;
    consumers = (consumer){.stream = stream, .take = take_nothing};
    int client = fixture_connect_small(f);
    fixture_feed(f, client, stream, 10);
    net_finish_sending(client);
    char *got = test_malloc(300000);
    fixture_receive(f, client, got, 300000);
    fixture_settle(f);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PAUSED), 1);
    assert_string_equal(plan->trace, "made data eof");
    yodel_transport_close(plan->of[0]->transport, 0);
    fixture_wait_active(f, 0); /* ops ends here */
    test_free(got);
    test_free(stream);
}

/* --- the kernel's moods ------------------------------------------------------------------------*/

/* FAULTS 22: one byte a call, interrupted, ready for nothing. */
static void test_one_byte_at_a_time_and_disturbed(void **state)
{
    fixture *f = *state;
    faults.receive_max = 1;
    faults.disturb_every = 5;
    test_random_init(&consumers.random, "test_one_byte_at_a_time_and_disturbed");
    (void)feed_a_consumer(f, take_at_random, 3000, whole);
    assert_true(faults.receives > 3000);
}

static void test_a_receive_that_fails(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    int other = fixture_connect(f);
    faults.receive_error = EHOSTUNREACH;
    fixture_feed(f, client, "x", 1);
    faults.receive_error = 0;
    assert_string_equal(plan->trace, "made made lost");
    assert_int_equal(plan->reason[0], -EHOSTUNREACH);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
    fixture_send_text(f, other, "y");
    fixture_expect_text(f, other, "y");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        read_test(test_never_consuming),
        read_test(test_never_consuming_much),
        read_test(test_consuming_one_byte_at_a_time),
        read_test(test_consuming_all_but_one),
        read_test(test_consuming_everything_keeps_nothing),
        read_test(test_little_is_not_kept_in_much),
        read_test(test_consuming_at_random),
        read_test(test_consuming_more_than_there_is),
        read_test(test_connections_take_turns),
        read_test(test_paused_nothing_is_delivered),
        read_test(test_paused_the_peer_waits),
        read_test(test_resume_delivers_what_was_kept),
        read_test(test_resume_from_inside_data_received),
        read_test(test_resume_and_pause_again),
        read_test(test_closed_with_input_kept),
        read_test(test_redeliver),
        read_test(test_redeliver_after_the_end_of_file),
        read_test(test_half_open),
        read_test(test_end_of_file_sends_everything_first),
        read_test(test_end_of_file_waits_for_resume),
        read_test(test_nothing_comes_after_the_end_of_file),
        read_test(test_one_byte_at_a_time_and_disturbed),
        read_test(test_a_receive_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
