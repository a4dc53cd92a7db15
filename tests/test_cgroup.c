/* The walk up the control groups, whatever the limit; cpus and memory have tests of their own
 * files. */
#include "core/cgroup.h"

#include <stdio.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

static double own(const char *directory, bool v2)
{
    double n;
    return yodel_cgroup_numbers(directory, v2 ? "limit.new" : "limit.old", &n, 1) == 1 ? n : 0.0;
}

static double least(const char *membership, const char *controller)
{
    char file[FILES_PATH];
    char mount[FILES_PATH];
    files_put("membership", membership);
    return yodel_cgroup_least(files_path("membership", file), files_path("mount", mount),
                              controller, own);
}

static void test_each_controller_has_its_hierarchy(void **state)
{
    (void)state;
    files_put("mount/io/app/limit.old", "7\n");
    files_put("mount/memory/app/limit.old", "5\n");
    files_put("mount/app/limit.new", "3\n");
    assert_true(least("1:io:/app\n2:memory:/app\n", "memory") == 5.0);
    assert_true(least("1:io:/app\n2:memory:/app\n", "io") == 7.0);
    assert_true(least("1:io:/app\n2:memory:/app\n", "cpu") == 0.0);
    assert_true(least("1:io:/app\n0::/app\n", "memory") == 3.0);
    assert_true(least("1:memory:/app\n0::/app\n", "memory") == 3.0);
}

static void test_the_least_on_the_way_up(void **state)
{
    (void)state;
    files_put("mount/a/b/limit.new", "9\n");
    files_put("mount/a/limit.new", "8\n");
    files_put("mount/limit.new", "10\n");
    assert_true(least("0::/a/b/c\n", "memory") == 8.0);
    assert_true(least("0::/\n", "memory") == 10.0);
    assert_true(yodel_cgroup_least("/nonexistent", "/nonexistent", "memory", own) == 0.0);
}

static void test_numbers(void **state)
{
    (void)state;
    char directory[FILES_PATH];
    double n[3] = {-1, -1, -1};
    files_put("mount/three", "1 -2 30000000000 4\n5\n");
    files_path("mount", directory);
    assert_int_equal(yodel_cgroup_numbers(directory, "three", n, 3), 3);
    assert_true(n[0] == 1 && n[1] == -2 && n[2] == 30000000000.0);
    files_put("mount/words", "max 100\n");
    assert_int_equal(yodel_cgroup_numbers(directory, "words", n, 3), 0);
    assert_int_equal(yodel_cgroup_numbers(directory, "nothing", n, 3), 0);
}

#define cgroup_test(function) cmocka_unit_test_setup_teardown(function, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cgroup_test(test_each_controller_has_its_hierarchy),
        cgroup_test(test_the_least_on_the_way_up),
        cgroup_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
