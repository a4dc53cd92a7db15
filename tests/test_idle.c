/*
 * The idle list against a clock that the test turns: expiry to the millisecond, few moves, the
 * wrap-around of its 32-bit milliseconds, and random use against a list that is looked through as a
 * whole.
 */
#include "core/idle.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

#define NS_PER_MS  UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)

/* Some instant, not on a millisecond, and not near anything special. */
#define BEGIN (UINT64_C(123456789) * NS_PER_SEC + 789123)

enum { MOST = 64 };

/* What expired, in order. */
typedef struct expired_nodes {
    yodel_idle_node *node[MOST];
    size_t count;
} expired_nodes;

static void note(yodel_idle_node *node, void *arg)
{
    expired_nodes *e = arg;
    assert_true(e->count < MOST);
    assert_false(yodel_list_linked(&node->link)); /* it has been taken out */
    e->node[e->count++] = node;
}

/* Expires at this instant and returns how many did; *next is when to come again. */
static size_t expire(yodel_idle *idle, uint64_t now, uint64_t *next)
{
    expired_nodes e = {.count = 0};
    *next = yodel_idle_expire(idle, now, note, &e);
    return e.count;
}

static void test_exact_expiry(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node node;
    uint64_t next;
    yodel_idle_init(&idle, 30.0);
    yodel_idle_node_init(&node);
    assert_true(yodel_idle_add(&idle, &node, BEGIN));

    assert_int_equal(expire(&idle, BEGIN, &next), 0);
    assert_int_equal(next, BEGIN + 30 * NS_PER_SEC);
    assert_int_equal(expire(&idle, BEGIN + 30 * NS_PER_SEC - NS_PER_MS, &next), 0);
    assert_int_equal(next, BEGIN + 30 * NS_PER_SEC);
    assert_int_equal(expire(&idle, BEGIN + 30 * NS_PER_SEC, &next), 1);
    assert_int_equal(next, YODEL_IDLE_NEVER);
    assert_int_equal(expire(&idle, BEGIN + 60 * NS_PER_SEC, &next), 0); /* once */
}

/* Whoever comes at the instant that was named finds something, whoever comes a millisecond earlier
 * does not, wherever in a millisecond the clock stands. */
static void test_within_a_millisecond(void **state)
{
    (void)state;
    for (uint64_t offset = 0; offset < NS_PER_MS; offset += 99999) {
        yodel_idle idle;
        yodel_idle_node node;
        uint64_t next, again;
        yodel_idle_init(&idle, 0.005);
        yodel_idle_node_init(&node);
        yodel_idle_add(&idle, &node, BEGIN + offset);
        assert_int_equal(expire(&idle, BEGIN + offset + NS_PER_MS / 2, &next), 0);
        assert_in_range(next, BEGIN + offset + 4 * NS_PER_MS, BEGIN + offset + 6 * NS_PER_MS);
        assert_int_equal(expire(&idle, next - NS_PER_MS, &again), 0);
        assert_int_equal(expire(&idle, next, &again), 1);
    }
}

static void test_order_and_next(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node node[3];
    expired_nodes e = {.count = 0};
    yodel_idle_init(&idle, 10.0);
    for (size_t i = 0; i < 3; i++) {
        yodel_idle_node_init(&node[i]);
        /* Only the first one needs somebody who waits for it. */
        assert_int_equal(yodel_idle_add(&idle, &node[i], BEGIN + i * NS_PER_SEC), i == 0);
    }
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 10 * NS_PER_SEC, note, &e),
                     BEGIN + 11 * NS_PER_SEC);
    assert_int_equal(e.count, 1);
    assert_ptr_equal(e.node[0], &node[0]);
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 12 * NS_PER_SEC, note, &e), YODEL_IDLE_NEVER);
    assert_int_equal(e.count, 3);
    assert_ptr_equal(e.node[1], &node[1]);
    assert_ptr_equal(e.node[2], &node[2]);
}

static void test_touch(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node quiet, busy;
    expired_nodes e = {.count = 0};
    yodel_idle_init(&idle, 10.0);
    yodel_idle_node_init(&quiet);
    yodel_idle_node_init(&busy);
    yodel_idle_add(&idle, &busy, BEGIN);
    yodel_idle_add(&idle, &quiet, BEGIN);
    yodel_idle_touch(&idle, &busy, BEGIN + 7 * NS_PER_SEC);
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 10 * NS_PER_SEC, note, &e),
                     BEGIN + 17 * NS_PER_SEC);
    assert_int_equal(e.count, 1);
    assert_ptr_equal(e.node[0], &quiet);
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 17 * NS_PER_SEC - NS_PER_MS, note, &e),
                     BEGIN + 17 * NS_PER_SEC);
    assert_int_equal(e.count, 1);
    yodel_idle_expire(&idle, BEGIN + 17 * NS_PER_SEC, note, &e);
    assert_int_equal(e.count, 2);
    assert_ptr_equal(e.node[1], &busy);
}

/* A touch that is too soon for a move counts all the same. */
static void test_touch_without_a_move(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node a, b;
    expired_nodes e = {.count = 0};
    yodel_idle_init(&idle, 10.0);
    yodel_idle_node_init(&a);
    yodel_idle_node_init(&b);
    yodel_idle_add(&idle, &a, BEGIN);
    yodel_idle_add(&idle, &b, BEGIN + 100 * NS_PER_MS);
    yodel_idle_touch(&idle, &a, BEGIN + 500 * NS_PER_MS);
    assert_ptr_equal(yodel_list_first(&idle.order), &a.link); /* it has not moved */

    /* b, behind it, is first to expire. */
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 10100 * NS_PER_MS, note, &e),
                     BEGIN + 10500 * NS_PER_MS);
    assert_int_equal(e.count, 1);
    assert_ptr_equal(e.node[0], &b);
    yodel_idle_expire(&idle, BEGIN + 10500 * NS_PER_MS, note, &e);
    assert_int_equal(e.count, 2);
    assert_ptr_equal(e.node[1], &a);
}

/* Counts the moves of a node that is touched every 10 ms for ten seconds, in the company of one
 * that is not. */
static size_t count_moves(double timeout)
{
    yodel_idle idle;
    yodel_idle_node busy, quiet;
    size_t moves = 0;
    yodel_idle_init(&idle, timeout);
    yodel_idle_node_init(&busy);
    yodel_idle_node_init(&quiet);
    yodel_idle_add(&idle, &busy, BEGIN);
    yodel_idle_add(&idle, &quiet, BEGIN);
    for (uint64_t ms = 10; ms <= 10000; ms += 10) {
        yodel_list *behind = busy.link.next;
        yodel_idle_touch(&idle, &busy, BEGIN + ms * NS_PER_MS);
        if (busy.link.next != behind) {
            moves++;
            yodel_idle_remove(&quiet); /* back behind it, so that the next move shows */
            yodel_idle_add(&idle, &quiet, BEGIN + ms * NS_PER_MS);
        }
    }
    yodel_idle_remove(&busy);
    yodel_idle_remove(&quiet);
    return moves;
}

static void test_moves_at_most_once_a_second(void **state)
{
    (void)state;
    assert_in_range(count_moves(30.0), 5, 10);
    assert_in_range(count_moves(86400.0), 5, 10);
    /* With a short timeout more often, or busy ones would stand among those that expire. */
    assert_in_range(count_moves(0.8), 20, 110);
}

static void test_remove(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node a, b;
    uint64_t next;
    yodel_idle_init(&idle, 1.0);
    yodel_idle_node_init(&a);
    yodel_idle_node_init(&b);
    yodel_idle_remove(&a); /* in no list: no effect */
    yodel_idle_touch(&idle, &a, BEGIN);
    assert_false(yodel_list_linked(&a.link));

    assert_true(yodel_idle_add(&idle, &a, BEGIN));
    assert_false(yodel_idle_add(&idle, &b, BEGIN));
    yodel_idle_remove(&a);
    yodel_idle_remove(&a);
    assert_int_equal(expire(&idle, BEGIN + 2 * NS_PER_SEC, &next), 1);
    assert_int_equal(next, YODEL_IDLE_NEVER);

    /* Empty again: the next one needs somebody who waits. */
    assert_true(yodel_idle_add(&idle, &a, BEGIN));
    yodel_idle_remove(&a);
    assert_int_equal(expire(&idle, BEGIN + 2 * NS_PER_SEC, &next), 0);
    assert_int_equal(next, YODEL_IDLE_NEVER);
}

static void test_timeout_never(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node node;
    uint64_t next;
    yodel_idle_init(&idle, 0.0);
    yodel_idle_node_init(&node);
    assert_false(yodel_idle_add(&idle, &node, BEGIN));
    yodel_idle_touch(&idle, &node, BEGIN + NS_PER_SEC);
    assert_int_equal(expire(&idle, BEGIN + 10000000 * NS_PER_SEC, &next), 0);
    assert_int_equal(next, YODEL_IDLE_NEVER);
    yodel_idle_remove(&node);
}

/* When a node that was added alone at 0 expires. */
static uint64_t expiry_of(double timeout)
{
    yodel_idle idle;
    yodel_idle_node node;
    uint64_t next;
    yodel_idle_init(&idle, timeout);
    yodel_idle_node_init(&node);
    assert_true(yodel_idle_add(&idle, &node, 0));
    assert_int_equal(expire(&idle, 0, &next), 0);
    yodel_idle_remove(&node);
    return next;
}

static void test_extreme_timeouts(void **state)
{
    (void)state;
    assert_int_equal(expiry_of(0.0000001), NS_PER_MS);
    assert_int_equal(expiry_of(0.001), NS_PER_MS);
    assert_int_equal(expiry_of(1.5), 1500 * NS_PER_MS);
    assert_int_equal(expiry_of(YODEL_IDLE_MAX_SECONDS), 24 * 86400 * NS_PER_SEC);
    assert_int_equal(expiry_of(1e18), 24 * 86400 * NS_PER_SEC);
}

/* The 32 bits of milliseconds end in the middle of a wait. */
static void test_wrap_around(void **state)
{
    (void)state;
    const double timeouts[] = {0.010, 5.0, YODEL_IDLE_MAX_SECONDS};
    const uint64_t wrap = (UINT64_C(1) << 32) * NS_PER_MS;
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        uint64_t timeout = (uint64_t)(timeouts[i] * 1000) * NS_PER_MS;
        for (uint64_t part = 0; part <= 4; part++) {
            yodel_idle idle;
            yodel_idle_node first, touched;
            uint64_t next;
            uint64_t begin = 3 * wrap - timeout / 4 * part;
            yodel_idle_init(&idle, timeouts[i]);
            yodel_idle_node_init(&first);
            yodel_idle_node_init(&touched);
            yodel_idle_add(&idle, &touched, begin);
            yodel_idle_add(&idle, &first, begin);
            yodel_idle_touch(&idle, &touched, begin + timeout / 2);
            assert_int_equal(expire(&idle, begin + timeout - NS_PER_MS, &next), 0);
            assert_in_range(next, begin + timeout, begin + timeout + NS_PER_MS);
            assert_int_equal(expire(&idle, begin + timeout, &next), 1);
            assert_false(yodel_list_linked(&first.link));
            assert_int_equal(expire(&idle, begin + timeout / 2 + timeout, &next), 1);
        }
    }
}

/* Only the front is looked at: with a million connections the rest must not cost anything. Behind a
 * front that is fresh stands one that, if somebody looked, would seem to have expired. */
static void test_only_the_front_is_looked_at(void **state)
{
    (void)state;
    yodel_idle idle;
    yodel_idle_node front, behind;
    uint64_t next;
    yodel_idle_init(&idle, 30.0);
    yodel_idle_node_init(&front);
    yodel_idle_node_init(&behind);
    yodel_idle_add(&idle, &front, BEGIN);
    yodel_idle_add(&idle, &behind, BEGIN);
    behind.last_ms -= 100000;
    behind.filed_ms -= 100000;
    assert_int_equal(expire(&idle, BEGIN + NS_PER_SEC, &next), 0);
    assert_int_equal(next, BEGIN + 30 * NS_PER_SEC);
}

/* An expired node may go into a list again, this one or another, from inside the callback. */
static void add_again(yodel_idle_node *node, void *arg)
{
    yodel_idle_add(arg, node, BEGIN + 10 * NS_PER_SEC);
}

static void test_add_from_expired(void **state)
{
    (void)state;
    yodel_idle idle, other;
    yodel_idle_node a, b;
    uint64_t next;
    yodel_idle_init(&idle, 10.0);
    yodel_idle_init(&other, 2.0);
    yodel_idle_node_init(&a);
    yodel_idle_node_init(&b);
    yodel_idle_add(&idle, &a, BEGIN);
    yodel_idle_add(&idle, &b, BEGIN);
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 10 * NS_PER_SEC, add_again, &idle),
                     BEGIN + 20 * NS_PER_SEC);
    assert_int_equal(yodel_idle_expire(&idle, BEGIN + 20 * NS_PER_SEC, add_again, &other),
                     YODEL_IDLE_NEVER);
    assert_int_equal(expire(&other, BEGIN + 12 * NS_PER_SEC, &next), 2);
}

typedef struct group {
    yodel_idle idle;
    yodel_idle_node node[4];
    yodel_idle_node *expired[4];
    size_t count;
} group;

/* The first one's end is another one's, and a third one's activity. */
static void end_others(yodel_idle_node *node, void *arg)
{
    group *g = arg;
    g->expired[g->count++] = node;
    if (node == &g->node[0]) {
        yodel_idle_remove(&g->node[1]);
        yodel_idle_touch(&g->idle, &g->node[2], BEGIN + 10 * NS_PER_SEC);
    }
}

/* Who is touched or taken out while others expire is spared, also if its time was over. */
static void test_others_from_expired(void **state)
{
    (void)state;
    group g = {.count = 0};
    yodel_idle_init(&g.idle, 10.0);
    for (size_t i = 0; i < 4; i++) {
        yodel_idle_node_init(&g.node[i]);
        yodel_idle_add(&g.idle, &g.node[i], BEGIN);
    }
    assert_int_equal(yodel_idle_expire(&g.idle, BEGIN + 10 * NS_PER_SEC, end_others, &g),
                     BEGIN + 20 * NS_PER_SEC);
    assert_int_equal(g.count, 2);
    assert_ptr_equal(g.expired[1], &g.node[3]);
    assert_true(yodel_idle_is_over(&g.idle, &g.node[1], BEGIN + 10 * NS_PER_SEC));
    assert_false(yodel_idle_is_over(&g.idle, &g.node[2], BEGIN + 20 * NS_PER_SEC - NS_PER_MS));
    assert_int_equal(yodel_idle_expire(&g.idle, BEGIN + 20 * NS_PER_SEC, end_others, &g),
                     YODEL_IDLE_NEVER);
    assert_int_equal(g.count, 3);
    assert_ptr_equal(g.expired[2], &g.node[2]);
}

/* --- against an oracle -------------------------------------------------------------------------*/

/* The list without the ideas: an array that is looked through. Milliseconds of 64 bits. */
typedef struct oracle {
    uint64_t timeout_ms;
    bool in[MOST];
    uint64_t last_ms[MOST];
} oracle;

static void oracle_expire(oracle *o, uint64_t now_ms, bool gone[MOST])
{
    for (size_t i = 0; i < MOST; i++) {
        gone[i] = o->in[i] && now_ms - o->last_ms[i] >= o->timeout_ms;
        o->in[i] = o->in[i] && !gone[i];
    }
}

/* The soonest expiry; UINT64_MAX when there is nothing. */
static uint64_t oracle_soonest(const oracle *o)
{
    uint64_t soonest = UINT64_MAX;
    for (size_t i = 0; i < MOST; i++) {
        if (o->in[i] && o->last_ms[i] + o->timeout_ms < soonest) {
            soonest = o->last_ms[i] + o->timeout_ms;
        }
    }
    return soonest;
}

static size_t oracle_count(const oracle *o)
{
    size_t n = 0;
    for (size_t i = 0; i < MOST; i++) {
        n += o->in[i];
    }
    return n;
}

static void compare_expiry(yodel_idle *idle, yodel_idle_node *node, oracle *o, uint64_t now)
{
    expired_nodes e = {.count = 0};
    bool gone[MOST];
    uint64_t next = yodel_idle_expire(idle, now, note, &e);
    oracle_expire(o, now / NS_PER_MS, gone);
    size_t expected = 0;
    for (size_t i = 0; i < MOST; i++) {
        expected += gone[i];
        assert_int_equal(yodel_list_linked(&node[i].link), o->in[i]);
    }
    assert_int_equal(e.count, expected);
    for (size_t i = 0; i < e.count; i++) {
        assert_true(gone[e.node[i] - node]);
    }
    /* Called again too late it would be wrong, too soon only a little work for nothing; but never
     * in this very millisecond, which would be a busy loop. */
    uint64_t soonest = oracle_soonest(o);
    if (soonest == UINT64_MAX) {
        assert_int_equal(next, YODEL_IDLE_NEVER);
    } else {
        assert_in_range(next / NS_PER_MS, now / NS_PER_MS + 1, soonest);
    }
}

static void test_against_oracle(void **state)
{
    (void)state;
    test_random r;
    test_random_init(&r, "test_idle");
    for (int round = 0; round < 300; round++) {
        const double timeouts[] = {0.001, 0.02, 0.3, 4.0, 30.0, 3600.0};
        double timeout = timeouts[test_random_below(&r, 6)];
        /* Every other round begins shortly before the 32 bits are full. */
        uint64_t now = round % 2 == 0
                           ? test_random_next(&r) % (UINT64_C(1) << 60)
                           : (UINT64_C(1) << 32) * NS_PER_MS - (uint64_t)(timeout * 2e9) - 1;
        yodel_idle idle;
        yodel_idle_node node[MOST];
        oracle o = {.timeout_ms = (uint64_t)(timeout * 1000)};
        yodel_idle_init(&idle, timeout);
        for (size_t i = 0; i < MOST; i++) {
            yodel_idle_node_init(&node[i]);
        }
        for (int step = 0; step < 1000; step++) {
            size_t i = test_random_below(&r, MOST);
            now += test_random_next(&r) % (uint64_t)(timeout * 1e9 / 20);
            if (step % 50 == 0) { /* sometimes nobody comes for a long time */
                now += test_random_next(&r) % (uint64_t)(timeout * 2e9);
            }
            switch (test_random_below(&r, 8)) {
            case 0:
            case 1:
                if (!o.in[i]) {
                    assert_int_equal(yodel_idle_add(&idle, &node[i], now), oracle_count(&o) == 0);
                    o.in[i] = true;
                    o.last_ms[i] = now / NS_PER_MS;
                }
                break;
            case 2:
                yodel_idle_remove(&node[i]);
                o.in[i] = false;
                break;
            case 3:
                compare_expiry(&idle, node, &o, now);
                break;
            default:
                yodel_idle_touch(&idle, &node[i], now);
                o.last_ms[i] = now / NS_PER_MS;
                break;
            }
        }
        compare_expiry(&idle, node, &o, now + (uint64_t)(timeout * 3e9));
        assert_int_equal(oracle_count(&o), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_expiry),
        cmocka_unit_test(test_within_a_millisecond),
        cmocka_unit_test(test_order_and_next),
        cmocka_unit_test(test_touch),
        cmocka_unit_test(test_touch_without_a_move),
        cmocka_unit_test(test_moves_at_most_once_a_second),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_timeout_never),
        cmocka_unit_test(test_extreme_timeouts),
        cmocka_unit_test(test_wrap_around),
        cmocka_unit_test(test_only_the_front_is_looked_at),
        cmocka_unit_test(test_add_from_expired),
        cmocka_unit_test(test_others_from_expired),
        cmocka_unit_test(test_against_oracle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
