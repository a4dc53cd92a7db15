/*
 * The loop: order and end of deferred work, the time of a turn; timers have test_loop_timers. In
 * virtual time, so that the instants at which things happen can be compared exactly.
 */
#include "core/loop.h"

#include "core/clock.h"
#include "tests/support/virtual_time.h"

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

/* --- deferred work -----------------------------------------------------------------------------*/

typedef struct work {
    yodel_deferred deferred;
    yodel_loop *loop;
    char name;
    unsigned runs;
    unsigned again;     /* defer itself so often */
    struct work *other; /* defer or cancel this one */
    bool cancel;
    bool stop;
} work;

static void run_work(yodel_deferred *deferred)
{
    work *w = yodel_container_of(deferred, work, deferred);
    note(w->name);
    w->runs++;
    if (w->again > 0) {
        w->again--;
        yodel_loop_defer(w->loop, &w->deferred);
    }
    if (w->other != NULL && w->cancel) {
        yodel_deferred_cancel(&w->other->deferred);
    } else if (w->other != NULL) {
        yodel_loop_defer(w->loop, &w->other->deferred);
    }
    if (w->stop) {
        yodel_loop_stop(w->loop);
    }
}

static void work_init(work *w, yodel_loop *loop, char name)
{
    *w = (work){.loop = loop, .name = name};
    yodel_deferred_init(&w->deferred, run_work);
}

static void test_deferred_order(void **state)
{
    yodel_loop *loop = *state;
    work a, b, c;
    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    work_init(&c, loop, 'c');
    c.stop = true;
    yodel_loop_defer(loop, &b.deferred);
    yodel_loop_defer(loop, &a.deferred);
    yodel_loop_defer(loop, &c.deferred);
    yodel_loop_defer(loop, &b.deferred); /* is scheduled: stays where it is, runs once */
    yodel_loop_run(loop);
    assert_string_equal(events, "bac");
}

static void test_deferred_runs_once(void **state)
{
    yodel_loop *loop = *state;
    work a, b;
    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    b.stop = true;
    yodel_loop_defer(loop, &a.deferred);
    yodel_loop_defer(loop, &b.deferred);
    yodel_loop_run(loop);
    yodel_loop_defer(loop, &b.deferred);
    yodel_loop_run(loop);
    assert_string_equal(events, "abb");
}

static void test_deferred_cancel(void **state)
{
    yodel_loop *loop = *state;
    work a, b, c;
    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    work_init(&c, loop, 'c');
    c.stop = true;
    yodel_deferred_cancel(&a.deferred); /* not scheduled: nothing to take back */
    yodel_loop_defer(loop, &a.deferred);
    yodel_loop_defer(loop, &b.deferred);
    yodel_loop_defer(loop, &c.deferred);
    yodel_deferred_cancel(&a.deferred);
    yodel_deferred_cancel(&a.deferred);
    yodel_loop_run(loop);
    assert_string_equal(events, "bc");

    yodel_loop_defer(loop, &a.deferred); /* and can be scheduled again */
    yodel_loop_defer(loop, &c.deferred);
    yodel_loop_run(loop);
    assert_string_equal(events, "bcac");
}

static void test_deferred_cancels_another(void **state)
{
    yodel_loop *loop = *state;
    work a, b, c;
    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    work_init(&c, loop, 'c');
    a.other = &b;
    a.cancel = true;
    c.stop = true;
    yodel_loop_defer(loop, &a.deferred);
    yodel_loop_defer(loop, &b.deferred);
    yodel_loop_defer(loop, &c.deferred);
    yodel_loop_run(loop);
    assert_string_equal(events, "ac");
}

static void note_turn(struct ev_loop *ev, ev_check *check, int revents)
{
    (void)ev;
    (void)check;
    (void)revents;
    note('|');
}

static void stop_loop(struct ev_loop *ev, ev_timer *timer, int revents)
{
    (void)ev;
    (void)revents;
    yodel_loop_stop(timer->data);
}

/* What deferred work defers, itself or another, runs in the next turn, which comes at once: nothing
 * else would ever wake this loop. */
static void test_deferred_from_deferred(void **state)
{
    yodel_loop *loop = *state;
    work a, b, c;
    ev_check check;
    ev_check_init(&check, note_turn);
    ev_check_start(yodel_loop_ev(loop), &check);

    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    work_init(&c, loop, 'c');
    a.again = 2;
    a.other = &b;
    b.other = &c;
    yodel_loop_defer(loop, &a.deferred);
    uint64_t begin = yodel_clock_now();
    c.stop = true;
    yodel_loop_run(loop);
    assert_string_equal(events, "a|ab|ac"); /* b waits for a turn that does not come */
    assert_in_range(yodel_clock_now() - begin, 0, NS_PER_MS);
    ev_check_stop(yodel_loop_ev(loop), &check);
}

static void on_readable(struct ev_loop *ev, ev_io *io, int revents)
{
    work *w = io->data;
    char byte;
    (void)ev;
    (void)revents;
    note('r');
    assert_int_equal(read(io->fd, &byte, 1), 1);
    yodel_loop_defer(w->loop, &w->deferred);
}

/* Two descriptors are ready in one turn: what the first one's callback defers comes after the
 * second one's callback. */
static void test_deferred_after_all_callbacks(void **state)
{
    yodel_loop *loop = *state;
    work w;
    int pipes[2][2];
    ev_io io[2];
    work_init(&w, loop, 'd');
    w.stop = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pipe(pipes[i]), 0);
        assert_int_equal(write(pipes[i][1], "x", 1), 1);
        ev_io_init(&io[i], on_readable, pipes[i][0], EV_READ);
        io[i].data = &w;
        ev_io_start(yodel_loop_ev(loop), &io[i]);
    }
    yodel_loop_run(loop);
    assert_string_equal(events, "rrd");
    for (int i = 0; i < 2; i++) {
        ev_io_stop(yodel_loop_ev(loop), &io[i]);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
}

/* What another room's ev_prepare defers runs in the next turn, which comes at once. */
static void defer_before_wait(struct ev_loop *ev, ev_prepare *prepare, int revents)
{
    work *w = prepare->data;
    (void)revents;
    note('p');
    yodel_loop_defer(w->loop, &w->deferred);
    ev_prepare_stop(ev, prepare);
}

static void test_deferred_by_a_prepare_watcher(void **state)
{
    yodel_loop *loop = *state;
    work w;
    ev_prepare prepare;
    ev_check check;
    work_init(&w, loop, 'd');
    w.stop = true;
    ev_prepare_init(&prepare, defer_before_wait);
    prepare.data = &w;
    ev_prepare_start(yodel_loop_ev(loop), &prepare);
    ev_check_init(&check, note_turn);
    ev_check_start(yodel_loop_ev(loop), &check);
    yodel_loop_run(loop);
    assert_string_equal(events, "p|d");
    ev_check_stop(yodel_loop_ev(loop), &check);
}

/* Work that defers itself for ever does not keep the loop from its descriptors. */
static void test_deferred_is_fair(void **state)
{
    yodel_loop *loop = *state;
    work forever, end;
    int fds[2];
    ev_io io;
    work_init(&forever, loop, '.');
    forever.again = 100;
    work_init(&end, loop, 'e');
    end.stop = true;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    ev_io_init(&io, on_readable, fds[0], EV_READ);
    io.data = &end;
    ev_io_start(yodel_loop_ev(loop), &io);
    yodel_loop_defer(loop, &forever.deferred);
    yodel_loop_run(loop);
    assert_string_equal(events, ".r.e");
    yodel_deferred_cancel(&forever.deferred);
    ev_io_stop(yodel_loop_ev(loop), &io);
    close(fds[0]);
    close(fds[1]);
}

/* A cancelled item leaves a loop that sleeps: the next event is the timer's, not an empty turn. */
static void test_deferred_cancelled_loop_sleeps(void **state)
{
    yodel_loop *loop = *state;
    work a, b;
    ev_check check;
    ev_timer timer;
    ev_check_init(&check, note_turn);
    ev_check_start(yodel_loop_ev(loop), &check);
    work_init(&a, loop, 'a');
    work_init(&b, loop, 'b');
    a.other = &b;
    yodel_loop_defer(loop, &a.deferred);
    yodel_loop_defer(loop, &b.deferred);
    yodel_deferred_cancel(&b.deferred);
    ev_timer_init(&timer, stop_loop, 1.0, 0.0);
    timer.data = loop;
    ev_timer_start(yodel_loop_ev(loop), &timer);
    yodel_loop_run(loop);
    assert_in_range(strlen(events), 3, 10);
    assert_memory_equal(events, "a|b|", 4);
    ev_check_stop(yodel_loop_ev(loop), &check);
}

/* --- time --------------------------------------------------------------------------------------*/

typedef struct times {
    yodel_timer timer;
    yodel_loop *loop;
    uint64_t before, after, clock;
} times;

static void look_twice(yodel_timer *timer)
{
    times *t = yodel_container_of(timer, times, timer);
    t->before = yodel_loop_now(t->loop);
    virtual_time_advance_ms(70);
    t->after = yodel_loop_now(t->loop);
    t->clock = yodel_clock_now();
    yodel_loop_stop(t->loop);
}

/* A monitor looks at loops that do not run yet, too. */
static void test_busy_only_while_it_runs(void **state)
{
    yodel_loop *loop = *state;
    work w;
    assert_int_equal(yodel_loop_busy_since(loop), 0);
    work_init(&w, loop, 'w');
    w.stop = true;
    yodel_loop_defer(loop, &w.deferred);
    yodel_loop_run(loop);
    assert_int_equal(yodel_loop_busy_since(loop), 0);
}

/* One and the same instant through a turn, the clock's while the loop does not run. */
static void test_now(void **state)
{
    yodel_loop *loop = *state;
    times t = {.loop = loop};
    assert_int_equal(yodel_loop_now(loop), yodel_clock_now());
    virtual_time_advance_ms(1234);
    assert_int_equal(yodel_loop_now(loop), yodel_clock_now());

    yodel_timer_init(&t.timer, loop, look_twice);
    uint64_t begin = yodel_clock_now();
    yodel_timer_start(&t.timer, 1.0);
    yodel_loop_run(loop);
    assert_in_range(t.before, begin + YODEL_NS_PER_SEC, begin + YODEL_NS_PER_SEC + NS_PER_MS);
    assert_int_equal(t.after, t.before);
    assert_int_equal(t.clock, t.before + 70 * NS_PER_MS);
    assert_int_equal(yodel_loop_now(loop), yodel_clock_now());
}

/* Work that was deferred before the loop runs sees the time at which it began to run. */
static void look_once(yodel_deferred *deferred)
{
    work *w = yodel_container_of(deferred, work, deferred);
    *(uint64_t *)(void *)w->other = yodel_loop_now(w->loop);
    yodel_loop_stop(w->loop);
}

static void test_now_in_the_first_turn(void **state)
{
    yodel_loop *loop = *state;
    work w;
    uint64_t seen = 0;
    work_init(&w, loop, 'w');
    w.deferred.run = look_once;
    w.other = (work *)(void *)&seen;
    yodel_loop_defer(loop, &w.deferred);
    virtual_time_advance_ms(1000);
    uint64_t begin = yodel_clock_now();
    yodel_loop_run(loop);
    assert_int_equal(seen, begin);
}

static void test_free_null(void **state)
{
    (void)state;
    yodel_loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deferred_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_runs_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_cancels_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_from_deferred, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_after_all_callbacks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_by_a_prepare_watcher, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_is_fair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_cancelled_loop_sleeps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_busy_only_while_it_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_now, setup, teardown),
        cmocka_unit_test_setup_teardown(test_now_in_the_first_turn, setup, teardown),
        cmocka_unit_test(test_free_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
