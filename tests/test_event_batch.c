/*
 * event_batch: no more than 64 ready descriptors a call, everybody in turn, and epoll_wait as ever
 * otherwise. This program has it among its own sources, as yodel-server does.
 */
#include "server/event_batch.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/loop.h"
#include "tests/support/cmocka_all.h"

enum { CROWD = 5 * YODEL_EVENT_BATCH + 7, TURNS = 6 };

typedef struct crowd {
    int epoll;
    int fd[CROWD]; /* always readable */
} crowd;

static int setup(void **state)
{
    static crowd c;
    c.epoll = epoll_create1(EPOLL_CLOEXEC);
    assert_true(c.epoll >= 0);
    for (int i = 0; i < CROWD; i++) {
        c.fd[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_true(c.fd[i] >= 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
        assert_int_equal(epoll_ctl(c.epoll, EPOLL_CTL_ADD, c.fd[i], &event), 0);
    }
    *state = &c;
    return 0;
}

static int teardown(void **state)
{
    crowd *c = *state;
    for (int i = 0; i < CROWD; i++) {
        close(c->fd[i]);
    }
    close(c->epoll);
    return 0;
}

/* Those that are left out come first: nobody is told of twice before everybody was. */
static void test_a_crowd_goes_round(void **state)
{
    crowd *c = *state;
    static struct epoll_event events[2 * CROWD];
    bool told[CROWD] = {false};
    int count = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        int n = epoll_wait(c->epoll, events, 2 * CROWD, 0);
        assert_int_equal(n, YODEL_EVENT_BATCH);
        for (int i = 0; i < n && count < CROWD; i++, count++) {
            assert_false(told[events[i].data.fd]);
            told[events[i].data.fd] = true;
        }
    }
    assert_int_equal(count, CROWD);
}

static void test_what_the_caller_says_holds_below(void **state)
{
    crowd *c = *state;
    struct epoll_event events[YODEL_EVENT_BATCH];
    assert_int_equal(epoll_wait(c->epoll, events, YODEL_EVENT_BATCH, 0), YODEL_EVENT_BATCH);
    assert_int_equal(epoll_wait(c->epoll, events, YODEL_EVENT_BATCH - 1, 0), YODEL_EVENT_BATCH - 1);
    assert_int_equal(epoll_wait(c->epoll, events, 1, 0), 1);
}

static void test_errors_are_epoll_wait_s(void **state)
{
    crowd *c = *state;
    struct epoll_event event;
    assert_int_equal(epoll_wait(c->epoll, &event, 0, 0), -1);
    assert_int_equal(errno, EINVAL);
    volatile int fewer_than_none = -1; /* the compiler knows better otherwise */
    assert_int_equal(epoll_wait(c->epoll, &event, fewer_than_none, 0), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(epoll_wait(-1, &event, 1, 0), -1);
    assert_int_equal(errno, EBADF);
    int empty = epoll_create1(EPOLL_CLOEXEC);
    assert_int_equal(epoll_wait(empty, &event, 1, 0), 0);
    assert_int_equal(epoll_wait(empty, &event, 1, 1), 0);
    close(empty);
}

/* --- a loop, whose library makes the call ------------------------------------------------------*/

static struct {
    yodel_loop *loop;
    int callbacks;
    int most; /* in a turn */
    int turns;
    yodel_deferred turn;
} seen;

static void on_turn(yodel_deferred *deferred)
{
    seen.most = seen.callbacks > seen.most ? seen.callbacks : seen.most;
    seen.callbacks = 0;
    if (++seen.turns == TURNS) {
        yodel_loop_stop(seen.loop);
    }
    (void)deferred;
}

static void on_readable(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)io;
    assert_int_equal(revents, EV_READ);
    seen.callbacks++;
    yodel_loop_defer(seen.loop, &seen.turn);
}

static void test_no_turn_of_a_loop_has_more(void **state)
{
    crowd *c = *state;
    static ev_io watchers[CROWD];
    seen.most = 0;
    assert_int_equal(yodel_loop_new(&seen.loop), 0);
    yodel_deferred_init(&seen.turn, on_turn);
    for (int i = 0; i < CROWD; i++) {
        ev_io_init(&watchers[i], on_readable, c->fd[i], EV_READ);
        ev_io_start(yodel_loop_ev(seen.loop), &watchers[i]);
    }
    yodel_loop_run(seen.loop);
    assert_int_equal(seen.most, YODEL_EVENT_BATCH);
    yodel_loop_free(seen.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_crowd_goes_round, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_the_caller_says_holds_below, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors_are_epoll_wait_s, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_turn_of_a_loop_has_more, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
