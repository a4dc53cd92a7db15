/* A loop that cannot be made, and descriptors that cannot be watched. */
#include "core/clock.h"
#include "core/loop.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/threads.h"

static yodel_loop *loop;
static size_t fds;

static int setup(void **state)
{
    (void)state;
    faults_reset();
    fds = count_fds();
    loop = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_reset();
    return count_fds() == fds ? 0 : -1;
}

/* --- making one --------------------------------------------------------------------------------*/

static void expect_no_loop(faults_call call, int error)
{
    faults_fail(call, 1, error);
    assert_int_equal(yodel_loop_new(&loop), -error);
    assert_true(faults_failed(call));
    assert_null(loop);
    assert_int_equal(count_fds(), fds);
}

static void test_no_loop(void **state)
{
    (void)state;
    static const int errors[] = {EMFILE, ENFILE, ENOMEM};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        expect_no_loop(FAULTS_EPOLL_CREATE, errors[i]);
        expect_no_loop(FAULTS_EVENTFD, errors[i]);
    }
    expect_no_loop(FAULTS_ALLOCATE, ENOMEM);
    expect_no_loop(FAULTS_EPOLL_CTL, ENOMEM);
    assert_int_equal(yodel_loop_new(&loop), 0);
    yodel_loop_free(loop);
}

/* libev takes a pipe then. */
static void test_the_second_eventfd(void **state)
{
    (void)state;
    faults_fail(FAULTS_EVENTFD, 2, EMFILE);
    assert_int_equal(yodel_loop_new(&loop), 0);
    assert_true(faults_failed(FAULTS_EVENTFD));
    yodel_loop_free(loop);
}

/* --- watching ----------------------------------------------------------------------------------*/

static int events;

static void on_event(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)io;
    events |= revents;
    yodel_loop_stop(loop);
}

static bool late;

static void on_deadline(yodel_timer *timer)
{
    late = true;
    yodel_loop_stop(timer->loop);
}

/* The callback comes at once, not when the loop happens to wake. */
static void watch_nothing(int error)
{
    ev_io io;
    yodel_timer deadline;
    int fd = eventfd(0, EFD_CLOEXEC);
    events = 0;
    late = false;
    yodel_timer_init(&deadline, loop, on_deadline);
    yodel_timer_start(&deadline, NET_TIMEOUT);
    ev_io_init(&io, on_event, fd, EV_READ);
    ev_io_start(yodel_loop_ev(loop), &io);
    faults_fail(FAULTS_EPOLL_CTL, 1, error);
    yodel_loop_run(loop);
    assert_true(faults_failed(FAULTS_EPOLL_CTL));
    assert_false(late);
    assert_true(events & EV_ERROR);
    assert_false(ev_is_active(&io));

    /* The next time it works. */
    events = 0;
    ev_io_set(&io, fd, EV_READ); /* or libev finds that nothing has changed */
    ev_io_start(yodel_loop_ev(loop), &io);
    assert_int_equal(eventfd_write(fd, 1), 0);
    yodel_loop_run(loop);
    assert_int_equal(events, EV_READ);
    ev_io_stop(yodel_loop_ev(loop), &io);
    yodel_timer_stop(&deadline);
    close(fd);
}

static void test_what_cannot_be_watched(void **state)
{
    (void)state;
    assert_int_equal(yodel_loop_new(&loop), 0);
    watch_nothing(ENOMEM);
    watch_nothing(ENOSPC);
    yodel_loop_free(loop);
}

#define faults_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        faults_test(test_no_loop),
        faults_test(test_the_second_eventfd),
        faults_test(test_what_cannot_be_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
