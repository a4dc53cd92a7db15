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
    size_t done; /* consumed so far */
    size_t seen; /* bytes of the stream that were shown already */
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
        read_test(test_one_byte_at_a_time_and_disturbed),
        read_test(test_a_receive_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
