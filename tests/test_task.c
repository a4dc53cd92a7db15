/*
 * Background tasks, in virtual time: each instant at which one runs is known beforehand.
 */
#include "core/task.h"

#include "core/clock.h"
#include "tests/support/virtual_time.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define NS_PER_MS UINT64_C(1000000)

typedef struct world {
    yodel_loop *loop;
    uint64_t begin;
    char events[512]; /* " 200f": the task whose name begins with f ran 200 ms after the begin */
} world;

static world *w; /* this test's */

static int setup(void **state)
{
    static world the_world;
    w = &the_world;
    memset(w, 0, sizeof *w);
    if (yodel_loop_new(&w->loop) != 0) {
        return -1;
    }
    virtual_time_begin();
    w->begin = yodel_clock_now();
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    virtual_time_end();
    yodel_loop_free(w->loop);
    return 0;
}

static uint64_t ms_since_begin(void)
{
    return (yodel_clock_now() - w->begin) / NS_PER_MS;
}

/* Notes the time in milliseconds. A timer may be late by the millisecond that epoll counts in. */
static void note(const yodel_task *task)
{
    size_t len = strlen(w->events);
    uint64_t ms = ms_since_begin();
    ms -= ms % 10 == 1;
    (void)snprintf(w->events + len, sizeof w->events - len, " %llu%c", (unsigned long long)ms,
                   yodel_task_name(task)[0]);
}

static void stop_loop(yodel_timer *timer)
{
    yodel_loop_stop(timer->loop);
}

/* Runs the loop for so long. */
static void run_for(double seconds)
{
    yodel_timer end;
    yodel_timer_init(&end, w->loop, stop_loop);
    yodel_timer_start(&end, seconds);
    yodel_loop_run(w->loop);
}

static void just_note(yodel_task *task, void *arg)
{
    (void)arg;
    note(task);
}

/* The articles' example. */
static void test_two_tasks(void **state)
{
    (void)state;
    yodel_task *first;
    yodel_task *second;
    assert_int_equal(yodel_task_start(w->loop, "first", 0.2, just_note, NULL, &first), 0);
    assert_int_equal(yodel_task_start(w->loop, "second", 0.3, just_note, NULL, &second), 0);
    run_for(1.1);
    yodel_task_stop(first);
    yodel_task_stop(second);
    /* What is due at one and the same time comes in either order. */
    char *both = strstr(w->events, " 600s 600f");
    if (both != NULL) {
        memcpy(both, " 600f 600s", 10);
    }
    assert_string_equal(w->events, " 200f 300s 400f 600f 600s 800f 900s 1000f");
}

static void test_name(void **state)
{
    (void)state;
    yodel_task *task;
    char name[] = "a long name, which is copied as it is";
    assert_int_equal(yodel_task_start(w->loop, name, 1.0, just_note, NULL, &task), 0);
    memset(name, 'x', sizeof name - 1);
    assert_string_equal(yodel_task_name(task), "a long name, which is copied as it is");
    yodel_task_stop(task);
}

/* Busy for so long in its n-th run. */
typedef struct busy {
    unsigned runs;
    unsigned in_run;
    uint64_t ms;
} busy;

static void be_busy(yodel_task *task, void *arg)
{
    busy *b = arg;
    note(task);
    if (++b->runs == b->in_run) {
        virtual_time_advance_ms(b->ms);
    }
}

/* A task that takes longer than its period misses those instants, and keeps its rhythm. */
static void test_late_by_itself(void **state)
{
    (void)state;
    yodel_task *task;
    busy b = {.in_run = 2, .ms = 350};
    assert_int_equal(yodel_task_start(w->loop, "late", 0.1, be_busy, &b, &task), 0);
    run_for(0.85);
    yodel_task_stop(task);
    assert_string_equal(w->events, " 100l 200l 600l 700l 800l");
}

/* Exactly on a later instant of its own: that one is missed, too, not run at once. */
static void test_late_by_whole_periods(void **state)
{
    (void)state;
    yodel_task *task;
    busy b = {.in_run = 1, .ms = 200};
    assert_int_equal(yodel_task_start(w->loop, "late", 0.1, be_busy, &b, &task), 0);
    run_for(0.55);
    yodel_task_stop(task);
    assert_string_equal(w->events, " 100l 400l 500l");
}

/* Somebody else keeps the loop busy: the late one fires once, at once, and then in its rhythm. */
static void test_late_by_another(void **state)
{
    (void)state;
    yodel_task *victim;
    yodel_task *hog;
    busy b = {.in_run = 1, .ms = 400};
    assert_int_equal(yodel_task_start(w->loop, "victim", 0.1, just_note, NULL, &victim), 0);
    assert_int_equal(yodel_task_start(w->loop, "hog", 0.15, be_busy, &b, &hog), 0);
    run_for(0.72);
    yodel_task_stop(victim);
    yodel_task_stop(hog);
    /* The hog's own rhythm is 150, 300, 450, 600. */
    char *both = strstr(w->events, " 600h 600v");
    if (both != NULL) {
        memcpy(both, " 600v 600h", 10);
    }
    assert_string_equal(w->events, " 100v 150h 550v 600v 600h 700v");
}

/* No drift: after a thousand runs it is still on time. */
static void count_runs(yodel_task *task, void *arg)
{
    unsigned *runs = arg;
    (void)task;
    if (++*runs == 1000) {
        yodel_loop_stop(w->loop);
    }
}

static void test_no_drift(void **state)
{
    (void)state;
    yodel_task *task;
    unsigned runs = 0;
    assert_int_equal(yodel_task_start(w->loop, "steady", 0.0333, count_runs, &runs, &task), 0);
    yodel_loop_run(w->loop);
    assert_int_equal(runs, 1000);
    assert_in_range(ms_since_begin(), 33300, 33301);
    yodel_task_stop(task);
}

static void stop_yourself(yodel_task *task, void *arg)
{
    unsigned *left = arg;
    note(task);
    if (--*left == 0) {
        yodel_task_stop(task);
    }
}

static void test_stop_from_inside(void **state)
{
    (void)state;
    yodel_task *task;
    unsigned left = 3;
    assert_int_equal(yodel_task_start(w->loop, "brief", 0.1, stop_yourself, &left, &task), 0);
    run_for(1.0);
    assert_string_equal(w->events, " 100b 200b 300b");
}

static void stop_another(yodel_task *task, void *arg)
{
    yodel_task **other = arg;
    note(task);
    yodel_task_stop(*other);
    *other = NULL;
}

static void test_stop_another(void **state)
{
    (void)state;
    yodel_task *victim;
    yodel_task *killer;
    assert_int_equal(yodel_task_start(w->loop, "victim", 0.1, just_note, NULL, &victim), 0);
    assert_int_equal(yodel_task_start(w->loop, "killer", 0.25, stop_another, &victim, &killer), 0);
    run_for(1.1);
    yodel_task_stop(killer);
    assert_string_equal(w->events, " 100v 200v 250k 500k 750k 1000k");
}

/* Started by a task, in the middle of a turn. */
static void start_another(yodel_task *task, void *arg)
{
    yodel_task **other = arg;
    note(task);
    if (*other == NULL) {
        (void)yodel_task_start(w->loop, "child", 0.1, just_note, NULL, other);
    }
}

static void test_start_from_inside(void **state)
{
    (void)state;
    yodel_task *parent;
    yodel_task *child = NULL;
    assert_int_equal(yodel_task_start(w->loop, "parent", 0.25, start_another, &child, &parent), 0);
    run_for(0.48);
    yodel_task_stop(parent);
    yodel_task_stop(child);
    assert_string_equal(w->events, " 250p 350c 450c");
}

static void test_bad_period(void **state)
{
    (void)state;
    const double bad[] = {0.0, -1.0, -0.0, (double)NAN, -(double)INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yodel_task *task = (yodel_task *)(void *)w;
        assert_int_equal(yodel_task_start(w->loop, "bad", bad[i], just_note, NULL, &task), -EINVAL);
        assert_ptr_equal(task, w);
    }
    yodel_task_stop(NULL);
}

/* A period that the clock cannot hold is a long time, not none at all. */
static void test_endless_period(void **state)
{
    (void)state;
    const double periods[] = {1e9, 1e10, 1e12, 1e300, (double)INFINITY};
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        yodel_task *task;
        assert_int_equal(yodel_task_start(w->loop, "never", periods[i], just_note, NULL, &task), 0);
        run_for(100.0);
        yodel_task_stop(task);
        if (w->events[0] != '\0') {
            fail_msg("a period of %g s:%.100s", periods[i], w->events);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_tasks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_by_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_by_whole_periods, setup, teardown),
        cmocka_unit_test_setup_teardown(test_late_by_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_drift, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_from_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_another, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_from_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_period, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_period, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
