/*
 * Who becomes ready first is called back first: yodel_loop_in_order. The watchers are told of by
 * ev_feed_event, one after another, as libev does with what the kernel tells.
 */
#include "core/loop.h"

#include <stdbool.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST = 2500, TIMER = -1, DEFERRED = -2 };

typedef struct one {
    ev_io io;
    int number;
} one;

typedef struct many {
    yodel_loop *loop;
    one ones[MOST];
    yodel_timer timer;
    yodel_deferred deferred;
    int events[MOST + 2]; /* their numbers, TIMER, DEFERRED */
    int count;
    bool stops_timer;
} many;

static many m;

static void note(int event)
{
    assert_true(m.count < MOST + 2);
    m.events[m.count++] = event;
}

static void on_place(ev_io *io, int revents)
{
    assert_int_equal(revents, EV_READ);
    if (m.stops_timer) {
        yodel_timer_stop(&m.timer);
        memset(&m.timer, 0x5a, sizeof m.timer); /* it is gone */
        m.stops_timer = false;
    }
    note(yodel_container_of(io, one, io)->number);
    yodel_loop_defer(m.loop, &m.deferred);
}

static void on_io(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    yodel_loop_in_order(m.loop, io, revents, on_place);
}

static void on_timer(yodel_timer *timer)
{
    yodel_timer_stop(timer);
    note(TIMER);
}

static void on_deferred(yodel_deferred *deferred)
{
    (void)deferred;
    note(DEFERRED);
    yodel_loop_stop(m.loop);
}

/* A turn in which so many are ready, and a timer is due; the first of them may stop it. */
static void run_turn(int n, bool stops_timer)
{
    struct ev_loop *ev = yodel_loop_ev(m.loop);
    m.count = 0;
    m.stops_timer = stops_timer;
    for (int i = 0; i < n; i++) {
        m.ones[i] = (one){.number = i};
        ev_io_init(&m.ones[i].io, on_io, 0, EV_READ);
        ev_feed_event(ev, &m.ones[i].io, EV_READ);
    }
    yodel_timer_init(&m.timer, m.loop, on_timer);
    yodel_timer_start(&m.timer, 0);
    ev_feed_event(ev, &m.timer.watcher, EV_TIMER);
    yodel_deferred_init(&m.deferred, on_deferred);
    yodel_loop_run(m.loop);
}

/* The timer comes after all of them, what they deferred after the timer. */
static void run_whole_turn(int n)
{
    run_turn(n, false);
    assert_int_equal(m.count, n + 2);
    assert_int_equal(m.events[n], TIMER);
    assert_int_equal(m.events[n + 1], DEFERRED);
}

static int setup(void **state)
{
    (void)state;
    return yodel_loop_new(&m.loop);
}

static int teardown(void **state)
{
    (void)state;
    yodel_loop_free(m.loop);
    return 0;
}

static void test_in_order(void **state)
{
    (void)state;
    for (int n = 1; n <= 1000; n += 111) {
        run_whole_turn(n);
        for (int i = 0; i < n; i++) {
            assert_int_equal(m.events[i], i);
        }
    }
}

/* More than are put in order at a time: each is called back, once, and most of them in order. */
static void test_very_many(void **state)
{
    static bool seen[MOST];
    int breaks = 0;
    (void)state;
    run_whole_turn(MOST);
    for (int i = 0; i < MOST; i++) {
        assert_false(seen[m.events[i]]);
        seen[m.events[i]] = true;
        breaks += i > 0 && m.events[i] != m.events[i - 1] + 1;
    }
    assert_in_range(breaks, 0, 2);
}

/* A timer that is due in the same turn, and what it belongs to, may end by what was ready: a
 * connection's deadline, with the connection. */
static void test_a_timer_that_is_stopped_in_time(void **state)
{
    (void)state;
    enum { SOME = 5 };
    for (int n = 1; n <= SOME; n++) {
        run_turn(n, true);
        assert_int_equal(m.count, n + 1);
        assert_int_equal(m.events[n], DEFERRED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_very_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_timer_that_is_stopped_in_time, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
