/* How long a loop's turns take, exactly: in virtual time. */
#include "core/loop.h"

#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/virtual_time.h"

static yodel_durations turns;

static int setup(void **state)
{
    static yodel_loop *loop;
    if (yodel_loop_new(&loop) != 0) {
        return -1;
    }
    turns = (yodel_durations){.sum = 0};
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

/* A timer that is busy for so many milliseconds each time, and has deferred work that is, too. */
typedef struct work {
    yodel_timer timer;
    yodel_deferred deferred;
    const unsigned *ms;
    unsigned times;
    unsigned done;
} work;

static void on_deferred(yodel_deferred *deferred)
{
    (void)deferred;
    virtual_time_advance_ms(1);
}

static void on_time(yodel_timer *timer)
{
    work *w = (work *)(void *)timer;
    if (w->done == w->times) {
        yodel_loop_stop(timer->loop);
        return;
    }
    virtual_time_advance_ms(w->ms[w->done++]);
    yodel_loop_defer(timer->loop, &w->deferred);
    yodel_timer_start(timer, 5.0);
}

static void run(yodel_loop *loop, const unsigned *ms, unsigned times)
{
    work w = {.ms = ms, .times = times};
    yodel_timer_init(&w.timer, loop, on_time);
    yodel_deferred_init(&w.deferred, on_deferred);
    yodel_timer_start(&w.timer, 5.0);
    yodel_loop_run(loop);
    yodel_timer_stop(&w.timer);
}

/* Callbacks and deferred work count, the five seconds in between do not. */
static void test_turns(void **state)
{
    static const unsigned ms[] = {1, 30, 300};
    yodel_durations_seen seen;
    yodel_loop_measure(*state, &turns);
    run(*state, ms, 3);
    yodel_durations_look(&turns, &seen);
    assert_int_equal(seen.count[yodel_duration_bucket(2000000)], 1);
    assert_int_equal(seen.count[yodel_duration_bucket(31000000)], 1);
    assert_int_equal(seen.count[yodel_duration_bucket(301000000)], 1);
    assert_int_equal(seen.total - seen.count[0], 3); /* others had nothing to do */
    assert_int_equal(seen.sum, 334000000);
}

/* Unless somebody asks. */
static void test_not_measured(void **state)
{
    static const unsigned ms[] = {1, 30};
    yodel_durations_seen seen;
    run(*state, ms, 2);
    yodel_durations_look(&turns, &seen);
    assert_int_equal(seen.total, 0);
}

/* What happened before the loop ran, and between two runs, is no turn. */
static void test_before_it_runs(void **state)
{
    static const unsigned ms[] = {1};
    yodel_durations_seen seen;
    yodel_loop_measure(*state, &turns);
    virtual_time_advance_ms(5000);
    run(*state, ms, 1);
    virtual_time_advance_ms(5000);
    run(*state, ms, 1);
    yodel_durations_look(&turns, &seen);
    assert_int_equal(seen.sum, 4000000);
}

#define loop_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_test(test_turns),
        loop_test(test_not_measured),
        loop_test(test_before_it_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
