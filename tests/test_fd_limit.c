/*
 * The limit of open descriptors: as it is, and raised as far as it goes.
 */
#include "core/fd_limit.h"

#include <sys/resource.h>

#include "tests/support/cmocka_all.h"

static struct rlimit original;

static int setup(void **state)
{
    (void)state;
    return getrlimit(RLIMIT_NOFILE, &original);
}

static int teardown(void **state)
{
    (void)state;
    return setrlimit(RLIMIT_NOFILE, &original);
}

static void set_soft(rlim_t soft)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = original.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void test_limit(void **state)
{
    (void)state;
    assert_int_equal(yodel_fd_limit(), original.rlim_cur);
    set_soft(77);
    assert_int_equal(yodel_fd_limit(), 77); /* looked at anew each time */
}

static void test_raise(void **state)
{
    (void)state;
    struct rlimit now;
    set_soft(77);
    assert_int_equal(yodel_fd_limit_raise(), original.rlim_max);
    assert_int_equal(yodel_fd_limit(), original.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    assert_int_equal(now.rlim_cur, original.rlim_max);
    assert_int_equal(now.rlim_max, original.rlim_max); /* the hard one stays */
    assert_int_equal(yodel_fd_limit_raise(), original.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_raise, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
