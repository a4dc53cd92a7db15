/* How much memory there is: the machine's, and limits in made-up cgroup file systems. */
#include "core/memory.h"

#include <sys/sysinfo.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

static uint64_t limit(const char *membership)
{
    char file[FILES_PATH];
    char mount[FILES_PATH];
    files_put("membership", membership);
    return yodel_memory_limit(files_path("membership", file), files_path("mount", mount));
}

static void test_no_limit(void **state)
{
    (void)state;
    assert_int_equal(yodel_memory_limit("/nonexistent", "/nonexistent"), 0);
    assert_int_equal(limit("0::/\n"), 0);
    files_put("mount/app/memory.max", "max\n");
    assert_int_equal(limit("0::/app\n"), 0);
}

static void test_version_2(void **state)
{
    (void)state;
    files_put("mount/slice/app/memory.max", "1073741824\n");
    assert_int_equal(limit("0::/slice/app\n"), 1 << 30);
    files_put("mount/slice/memory.max", "536870912\n");
    assert_int_equal(limit("0::/slice/app\n"), 1 << 29);
}

static void test_version_1(void **state)
{
    (void)state;
    files_put("mount/memory/app/memory.limit_in_bytes", "268435456\n");
    files_put("mount/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(limit("5:cpu:/app\n4:memory:/app\n"), 1 << 28);
    assert_true(limit("4:memory:/\n") > UINT64_C(1) << 60);
}

/* On this machine, whatever its cgroups say. */
static void test_usable(void **state)
{
    (void)state;
    struct sysinfo info;
    assert_int_equal(sysinfo(&info), 0);
    assert_in_range(yodel_memory_usable(), 1 << 20, (uint64_t)info.totalram * info.mem_unit);
}

#define memory_test(function) cmocka_unit_test_setup_teardown(function, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        memory_test(test_no_limit),
        memory_test(test_version_2),
        memory_test(test_version_1),
        memory_test(test_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
