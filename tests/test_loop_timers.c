/*
 * The loop's timers: order, moving, stopping, being late, never being early. In virtual time, so
 * that the instants at which things happen can be compared exactly.
 */
#include "core/loop.h"

#include "core/clock.h"
#include "tests/support/virtual_time.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

#define NS_PER_MS UINT64_C(1000000)

/* What happened, a letter each. */
static char events[256];

static void note(char event)
{
    size_t len = strlen(events);
    assert_true(len + 1 < sizeof events);
    events[len] = event;
    events[len + 1] = '\0';
}

static int setup(void **state)
{
    static yodel_loop *loop;
    events[0] = '\0';
    if (yodel_loop_new(&loop) != 0) {
        return -1;
    }
    virtual_time_begin();
    *state = loop;
    return 0;
}

static int teardown(void **state)
{
    virtual_time_end();
    yodel_loop_free(*state);
    return 0;
}

typedef struct alarm_clock {
    yodel_timer timer;
    yodel_loop *loop;
    char name;
    uint64_t fired_ns;      /* the clock at that time */
    uint64_t fired_loop_ns; /* what the loop said */
    unsigned fired;
    double again; /* start again, in so many seconds; 0: not */
    unsigned stop_after;
    struct alarm_clock *stops; /* another one to stop */
    ev_io *starts;             /* to watch from then on */
} alarm_clock;

static void ring(yodel_timer *timer)
{
    alarm_clock *a = yodel_container_of(timer, alarm_clock, timer);
    note(a->name);
    a->fired_ns = yodel_clock_now();
    a->fired_loop_ns = yodel_loop_now(a->loop);
    a->fired++;
    if (a->stops != NULL) {
        yodel_timer_stop(&a->stops->timer);
    }
    if (a->starts != NULL) {
        ev_io_start(yodel_loop_ev(a->loop), a->starts);
    }
    if (a->fired == a->stop_after) {
        yodel_loop_stop(a->loop);
    } else if (a->again > 0) {
        yodel_timer_start(&a->timer, a->again);
    }
}

static void alarm_init(alarm_clock *a, yodel_loop *loop, char name)
{
    *a = (alarm_clock){.loop = loop, .name = name};
    yodel_timer_init(&a->timer, loop, ring);
}

/* At the instant or after it, and no more than epoll's millisecond after it. */
static void check_rang(const alarm_clock *a, uint64_t at)
{
    assert_int_equal(a->fired, 1);
    assert_in_range(a->fired_ns, at, at + NS_PER_MS);
    assert_in_range(a->fired_loop_ns, at, at + NS_PER_MS);
}

static void test_timers_fire_in_order(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock a, b, c, d;
    alarm_init(&a, loop, 'a');
    alarm_init(&b, loop, 'b');
    alarm_init(&c, loop, 'c');
    alarm_init(&d, loop, 'd');
    d.stop_after = 1;
    uint64_t begin = yodel_loop_now(loop);
    yodel_timer_start(&b.timer, 2.0);
    yodel_timer_start(&c.timer, 3.0);
    yodel_timer_start_at(&a.timer, begin + 10 * NS_PER_MS);
    yodel_timer_start(&d.timer, 3600.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "abcd");
    check_rang(&a, begin + 10 * NS_PER_MS);
    check_rang(&b, begin + 2 * YODEL_NS_PER_SEC);
    check_rang(&c, begin + 3 * YODEL_NS_PER_SEC);
    check_rang(&d, begin + 3600 * YODEL_NS_PER_SEC);
}

static void test_timer_fires_once(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock a, end;
    alarm_init(&a, loop, 'a');
    alarm_init(&end, loop, 'e');
    end.stop_after = 1;
    yodel_timer_start(&a.timer, 0.5);
    yodel_timer_start(&end.timer, 5.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "ae");
}

static void test_timer_moved(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock later, earlier, end;
    uint64_t begin = yodel_loop_now(loop);
    alarm_init(&later, loop, 'l');
    alarm_init(&earlier, loop, 's');
    alarm_init(&end, loop, 'e');
    end.stop_after = 1;
    yodel_timer_start(&later.timer, 1.0);
    yodel_timer_start(&earlier.timer, 9.0);
    yodel_timer_start(&end.timer, 10.0);
    yodel_timer_start(&later.timer, 5.0);
    yodel_timer_start_at(&earlier.timer, begin + 3 * YODEL_NS_PER_SEC);
    yodel_loop_run(loop);
    assert_string_equal(events, "sle");
    check_rang(&earlier, begin + 3 * YODEL_NS_PER_SEC);
    check_rang(&later, begin + 5 * YODEL_NS_PER_SEC);
}

static void test_timer_stopped(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock never, a, b, end;
    alarm_init(&never, loop, 'n');
    alarm_init(&a, loop, 'a');
    alarm_init(&b, loop, 'b');
    alarm_init(&end, loop, 'e');
    end.stop_after = 1;
    yodel_timer_stop(&never.timer); /* not started: nothing happens */
    yodel_timer_start(&never.timer, 1.0);
    yodel_timer_start(&a.timer, 2.0);
    yodel_timer_start(&b.timer, 2.0); /* due in the same turn as a, which stops it */
    yodel_timer_start(&end.timer, 3.0);
    yodel_timer_stop(&never.timer);
    yodel_timer_stop(&never.timer);
    a.stops = &b;
    b.stops = &a; /* whichever comes first */
    yodel_loop_run(loop);
    assert_int_equal(a.fired + b.fired, 1);
    assert_int_equal(strlen(events), 2);
    assert_int_equal(never.fired, 0);
}

/* A timer that starts itself again keeps firing, without drift in virtual time. */
static void test_timer_restarts_itself(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock a;
    uint64_t begin = yodel_loop_now(loop);
    alarm_init(&a, loop, 'a');
    a.again = 0.25;
    a.stop_after = 4;
    yodel_timer_start(&a.timer, 0.25);
    yodel_loop_run(loop);
    assert_string_equal(events, "aaaa");
    assert_in_range(a.fired_ns, begin + YODEL_NS_PER_SEC, begin + YODEL_NS_PER_SEC + 4 * NS_PER_MS);
}

static void note_work(yodel_deferred *deferred)
{
    (void)deferred;
    note('d');
}

/* What lies in the past fires in the next turn, after the deferred work of this one. */
static void test_timer_in_the_past(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock past, now, end;
    yodel_deferred work;
    uint64_t begin = yodel_loop_now(loop);
    alarm_init(&past, loop, 'p');
    alarm_init(&now, loop, 'n');
    alarm_init(&end, loop, 'e');
    yodel_deferred_init(&work, note_work);
    end.stop_after = 1;
    yodel_timer_start(&end.timer, 0.1);
    yodel_timer_start_at(&past.timer, 1);
    yodel_loop_defer(loop, &work);
    yodel_loop_run(loop);
    assert_string_equal(events, "dpe");
    check_rang(&past, begin);

    events[0] = '\0';
    end.fired = 0;
    begin = yodel_loop_now(loop);
    yodel_timer_start(&end.timer, 0.1);
    yodel_timer_start(&now.timer, 0.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "ne");
    check_rang(&now, begin);
}

/* A busy callback: its timer is late, and everything that was due meanwhile comes, once, in order.
 */
static void on_busy(yodel_timer *timer)
{
    ring(timer);
    virtual_time_advance_ms(5000);
}

static void test_timers_after_a_busy_callback(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock busy, a, b;
    uint64_t begin = yodel_loop_now(loop);
    alarm_init(&busy, loop, 'x');
    busy.timer.fire = on_busy;
    alarm_init(&a, loop, 'a');
    alarm_init(&b, loop, 'b');
    b.stop_after = 1;
    yodel_timer_start(&busy.timer, 1.0);
    yodel_timer_start(&a.timer, 2.0);
    yodel_timer_start(&b.timer, 3.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "xab");
    assert_in_range(a.fired_ns, begin + 6 * YODEL_NS_PER_SEC, begin + 6001 * NS_PER_MS);
    assert_in_range(b.fired_ns, begin + 6 * YODEL_NS_PER_SEC, begin + 6001 * NS_PER_MS);
}

/* The same while input comes: what was sent in time is seen before the timers that wait for it. */
static void on_input(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)revents;
    note('i');
    ev_io_stop(ev, io);
}

static void on_slightly_busy(yodel_timer *timer)
{
    ring(timer);
    virtual_time_advance_ms(20);
}

static void input_before_late_timers(yodel_loop *loop, void (*on_busy_timer)(yodel_timer *))
{
    int ends[2];
    ev_io input;
    alarm_clock busy, late[4];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ev_io_init(&input, on_input, ends[0], EV_READ);
    alarm_init(&busy, loop, 'x');
    busy.timer.fire = on_busy_timer;
    yodel_timer_start(&busy.timer, 1.0);
    for (int i = 0; i < 4; i++) {
        alarm_init(&late[i], loop, (char)('a' + i));
        yodel_timer_start(&late[i].timer, 1.001 + i / 1000.0);
    }
    late[3].stop_after = 1;
    assert_int_equal(write(ends[1], "x", 1), 1);
    /* Not noticed before the busy callback: it is only watched from then on. */
    busy.starts = &input;
    yodel_loop_run(loop);
    assert_string_equal(events, "xiabcd");
    close(ends[0]);
    close(ends[1]);
}

static void test_input_before_late_timers(void **state)
{
    input_before_late_timers(*state, on_busy);
    events[0] = '\0';
    input_before_late_timers(*state, on_slightly_busy);
}

/* Seconds count from the call, not from the begin of a turn that has lasted long already. */
static void start_late(yodel_timer *timer)
{
    alarm_clock *first = yodel_container_of(timer, alarm_clock, timer);
    virtual_time_advance_ms(5000);
    yodel_timer_start(&first->stops->timer, 2.0);
    first->fired_ns = yodel_clock_now();
}

static void test_timer_started_late_in_a_turn(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock first, second;
    alarm_init(&first, loop, 'f');
    first.timer.fire = start_late;
    alarm_init(&second, loop, 's');
    second.stop_after = 1;
    first.stops = &second;
    yodel_timer_start(&first.timer, 1.0);
    yodel_loop_run(loop);
    check_rang(&second, first.fired_ns + 2 * YODEL_NS_PER_SEC);
}

/* Somebody sets the wall clock: no timer is the earlier or the later for it. */
static void on_wall_clock(yodel_timer *timer)
{
    ring(timer);
    virtual_time_set_wall_clock(events[1] == '\0' ? 86400 : -7 * 86400);
}

static void test_wall_clock_jumps(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock forward, back, a, b;
    uint64_t begin = yodel_loop_now(loop);
    alarm_init(&forward, loop, 'f');
    forward.timer.fire = on_wall_clock;
    alarm_init(&back, loop, 'g');
    back.timer.fire = on_wall_clock;
    alarm_init(&a, loop, 'a');
    alarm_init(&b, loop, 'b');
    b.stop_after = 1;
    yodel_timer_start(&forward.timer, 1.0);
    yodel_timer_start(&a.timer, 60.0);
    yodel_timer_start(&back.timer, 61.0);
    yodel_timer_start(&b.timer, 120.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "fagb");
    check_rang(&a, begin + 60 * YODEL_NS_PER_SEC);
    check_rang(&b, begin + 120 * YODEL_NS_PER_SEC);
}

/* Whenever in a turn the machine takes the core away, between libev's looks at the clock and the
 * loop's own: a timer that is started in that turn fires at its instant, neither early nor late. */
static unsigned held_up_at; /* the look */

static void hold_up_next_turn(yodel_timer *timer)
{
    alarm_clock *this = yodel_container_of(timer, alarm_clock, timer);
    yodel_timer_start(&this->stops->timer, 0);
    virtual_time_hold_up(held_up_at, 300);
}

static void start_another(yodel_timer *timer)
{
    alarm_clock *this = yodel_container_of(timer, alarm_clock, timer);
    virtual_time_hold_up(0, 0); /* what comes later is no look of this turn's begin */
    this->fired_loop_ns = yodel_loop_now(this->loop);
    yodel_timer_start_at(&this->stops->timer, this->fired_loop_ns + 400 * NS_PER_MS);
}

static void test_timer_exact_though_held_up(void **state)
{
    yodel_loop *loop = *state;
    for (held_up_at = 1; held_up_at <= 8; held_up_at++) {
        alarm_clock first, second, third;
        alarm_init(&first, loop, 'f');
        first.timer.fire = hold_up_next_turn;
        alarm_init(&second, loop, 's');
        second.timer.fire = start_another;
        alarm_init(&third, loop, 't');
        third.stop_after = 1;
        first.stops = &second;
        second.stops = &third;
        yodel_timer_start(&first.timer, 1.0);
        yodel_loop_run(loop);
        check_rang(&third, second.fired_loop_ns + 400 * NS_PER_MS);
    }
}

/* Stopped in a timer: what is due in the same turn still comes, what is due later does not, and the
 * loop can run again and goes on. */
static void test_stop_and_run_again(void **state)
{
    yodel_loop *loop = *state;
    alarm_clock a, b;
    alarm_init(&a, loop, 'a');
    alarm_init(&b, loop, 'b');
    a.stop_after = 1;
    b.stop_after = 1;
    yodel_timer_start(&a.timer, 1.0);
    yodel_timer_start(&b.timer, 2.0);
    yodel_loop_run(loop);
    assert_string_equal(events, "a");
    yodel_loop_run(loop);
    assert_string_equal(events, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_timers_fire_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_fires_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_restarts_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_in_the_past, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timers_after_a_busy_callback, setup, teardown),
        cmocka_unit_test_setup_teardown(test_input_before_late_timers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_started_late_in_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wall_clock_jumps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_timer_exact_though_held_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_and_run_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
