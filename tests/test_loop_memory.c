/* libev gets its memory, whatever realloc says; who opens one file descriptor more may be told no.
 */
#include "core/loop_memory.h"

#include "core/fd_limit.h"
#include "core/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/threads.h"

#define MANY 2000

static yodel_loop *loop;
static ev_io io[MANY];
static yodel_timer timer[MANY];
static size_t fired;
static size_t fds;

static int setup(void **state)
{
    (void)state;
    faults_reset();
    fds = count_fds();
    fired = 0;
    return 0;
}

/* Also the reserve is gone. */
static int teardown(void **state)
{
    (void)state;
    bool unmapped = faults.maps == faults.unmaps;
    faults_reset();
    if (!unmapped || count_fds() != fds) {
        print_error("%s was left\n", unmapped ? "an fd" : "a mapping");
        return -1;
    }
    return 0;
}

static void on_readable(struct ev_loop *ev, ev_io *watcher, int revents)
{
    fired += (revents & EV_ERROR) == 0;
    ev_io_stop(ev, watcher);
}

static void on_timer(yodel_timer *one)
{
    (void)one;
    fired++;
}

static bool all_fired(void *arg)
{
    return fired == *(size_t *)arg;
}

/* Everything at once: all descriptors become readable, are fed events, and all timers fire. */
static void use_covered(size_t n, bool cover)
{
    for (size_t i = 0; i < n; i++) {
        int fd = eventfd(1, EFD_CLOEXEC);
        assert_true(fd >= 0);
        assert_true(!cover || yodel_loop_memory_cover(fd) == 0);
        ev_io_init(&io[i], on_readable, fd, EV_READ);
        ev_io_start(yodel_loop_ev(loop), &io[i]);
        yodel_timer_init(&timer[i], loop, on_timer);
        yodel_timer_start(&timer[i], 0);
    }
    size_t all = 2 * n;
    assert_true(fixture_run_loop(loop, all_fired, &all));
    for (size_t i = 0; i < n; i++) {
        close(io[i].fd);
    }
}

static void use(size_t n)
{
    use_covered(n, true);
}

static void test_with_memory(void **state)
{
    (void)state;
    assert_int_equal(yodel_loop_new(&loop), 0);
    use(100);
    yodel_loop_free(loop);
}

static void test_without_memory(void **state)
{
    (void)state;
    (void)yodel_fd_limit_raise();
    faults.no_libev_memory = true;
    assert_int_equal(yodel_loop_new(&loop), 0);
    use(yodel_fd_limit() > MANY + 100 ? MANY : 500);
    yodel_loop_free(loop);
}

/* All of the descriptors that the first reserve covers (1,024), without another one. */
static void test_the_reserve_is_enough(void **state)
{
    (void)state;
    (void)yodel_fd_limit_raise();
    assert_int_equal(yodel_loop_new(&loop), 0);
    assert_int_equal(yodel_loop_memory_cover(1023), 0);
    size_t maps = faults.maps;
    faults.no_libev_memory = true;
    use_covered(1000, false);
    assert_int_equal(faults.maps, maps);
    yodel_loop_free(loop);
}

/* It runs out and comes back, at every place in turn. */
static void test_the_nth_fails(void **state)
{
    (void)state;
    size_t n = 0;
    bool failed = true;
    while (failed) {
        fired = 0;
        faults_fail(FAULTS_LIBEV_MEMORY, ++n, ENOMEM);
        assert_int_equal(yodel_loop_new(&loop), 0);
        use(50);
        yodel_loop_free(loop);
        failed = faults_failed(FAULTS_LIBEV_MEMORY);
    }
    print_message("%zu allocations\n", n - 1);
    assert_true(n > 10);
}

static void test_several_loops(void **state)
{
    (void)state;
    yodel_loop *other;
    assert_int_equal(yodel_loop_new(&other), 0);
    faults.no_libev_memory = true;
    assert_int_equal(yodel_loop_new(&loop), 0);
    use(100);
    yodel_loop_free(other);
    faults.no_libev_memory = false;
    fired = 0;
    use(100);
    yodel_loop_free(loop);
}

static void test_no_reserve(void **state)
{
    (void)state;
    loop = NULL;
    faults_fail(FAULTS_MMAP, 1, ENOMEM);
    assert_int_equal(yodel_loop_new(&loop), -ENOMEM);
    assert_null(loop);
    assert_true(faults_failed(FAULTS_MMAP));
    faults.maps--;
    assert_int_equal(yodel_loop_new(&loop), 0);
    size_t maps = faults.maps;
    assert_int_equal(yodel_loop_memory_cover(10), 0);
    assert_int_equal(faults.maps, maps);

    /* A higher descriptor than all before. */
    faults_fail(FAULTS_MMAP, 1, ENOMEM);
    assert_int_equal(yodel_loop_memory_cover(1000000), -ENOMEM);
    assert_int_equal(yodel_loop_memory_cover(1000000), 0);
    assert_int_equal(yodel_loop_memory_cover(1000000), 0);
    assert_int_equal(faults.maps, maps + 2);
    faults.maps--;

    /* What was used of it has to be made good before anybody else comes. */
    faults.no_libev_memory = true;
    for (size_t i = 0; i < 100; i++) {
        yodel_timer_init(&timer[i], loop, on_timer);
        yodel_timer_start(&timer[i], 1000);
    }
    faults_fail(FAULTS_MMAP, 1, ENOMEM);
    assert_int_equal(yodel_loop_memory_cover(10), -ENOMEM);
    assert_int_equal(yodel_loop_memory_cover(10), 0);
    faults.maps--;
    maps = faults.maps;
    assert_int_equal(yodel_loop_memory_cover(10), 0);
    assert_int_equal(faults.maps, maps);
    yodel_loop_free(loop);
}

#define memory_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        memory_test(test_with_memory),           memory_test(test_without_memory),
        memory_test(test_the_reserve_is_enough), memory_test(test_the_nth_fails),
        memory_test(test_several_loops),         memory_test(test_no_reserve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
