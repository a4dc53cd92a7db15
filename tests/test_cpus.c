/*
 * Cores: the affinity of this very process, and CPU quotas in made-up cgroup file systems.
 */
#include "core/cpus.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

/* ---- affinity -------------------------------------------------------------------------------- */

static void allowed_cores_are_those_of_the_affinity(void **state)
{
    cpu_set_t before;
    size_t count = 0;
    int *cpus = NULL;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(yodel_cpus_allowed(&cpus, &count), 0);
    assert_int_equal(count, CPU_COUNT(&before));
    for (size_t i = 0; i < count; i++) {
        assert_true(CPU_ISSET((size_t)cpus[i], &before));
        assert_true(i == 0 || cpus[i] > cpus[i - 1]);
    }
    assert_in_range(yodel_cpus_usable(), 1, count);
    free(cpus);
}

static void a_pinned_thread_has_one(void **state)
{
    cpu_set_t before;
    cpu_set_t one;
    size_t count = 0;
    int *cpus = NULL;
    int last = 0;

    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        last = CPU_ISSET((size_t)cpu, &before) ? cpu : last;
    }
    CPU_ZERO(&one);
    CPU_SET((size_t)last, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(yodel_cpus_allowed(&cpus, &count), 0);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(count, 1);
    assert_int_equal(cpus[0], last);
    free(cpus);
}

/* ---- quota ----------------------------------------------------------------------------------- */

static double quota(const char *membership)
{
    char file[FILES_PATH];
    char mount[FILES_PATH];

    files_put("membership", membership);
    return yodel_cpus_quota(files_path("membership", file), files_path("mount", mount));
}

static void no_quota(void **state)
{
    (void)state;
    assert_true(yodel_cpus_quota("/nonexistent", "/nonexistent") == 0.0);
    assert_true(quota("") == 0.0);
    assert_true(quota("0::/\n") == 0.0);
    files_put("mount/app/cpu.max", "max 100000\n");
    assert_true(quota("0::/app\n") == 0.0);
    files_put("mount/cpu/app/cpu.cfs_quota_us", "-1\n");
    files_put("mount/cpu/app/cpu.cfs_period_us", "100000\n");
    assert_true(quota("4:cpu,cpuacct:/app\n") == 0.0);
}

static void quota_of_version_2(void **state)
{
    (void)state;
    files_put("mount/slice/app/cpu.max", "150000 100000\n");
    assert_true(quota("0::/slice/app\n") == 1.5);
    assert_true(quota("0::/slice\n") == 0.0);
    assert_true(quota("0::/slice/application\n") == 0.0);
}

static void the_least_on_the_way_up_counts(void **state)
{
    (void)state;
    files_put("mount/slice/app/part/cpu.max", "400000 100000\n");
    files_put("mount/slice/app/cpu.max", "max 100000\n");
    files_put("mount/slice/cpu.max", "50000 100000\n");
    files_put("mount/cpu.max", "300000 100000\n");
    assert_true(quota("0::/slice/app/part\n") == 0.5);
    assert_true(quota("0::/elsewhere/not/there\n") == 3.0);
    assert_true(quota("0::/\n") == 3.0);
}

static void quota_of_version_1(void **state)
{
    (void)state;
    files_put("mount/cpu/docker/abc/cpu.cfs_quota_us", "250000\n");
    files_put("mount/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    assert_true(quota("9:name=systemd:/x\n4:cpu,cpuacct:/docker/abc\n2:cpuset:/y\n") == 2.5);
    assert_true(quota("4:cpuacct,cpu:/docker/abc\n") == 2.5);
    assert_true(quota("4:cpuset:/docker/abc\n") == 0.0);
    assert_true(quota("4:cpuacct:/docker/abc\n") == 0.0);
}

/* The process sees the host's path, but the container's own cgroup is what is mounted. */
static void a_container_of_version_1(void **state)
{
    (void)state;
    files_put("mount/cpu/cpu.cfs_quota_us", "200000\n");
    files_put("mount/cpu/cpu.cfs_period_us", "100000\n");
    assert_true(quota("4:cpu,cpuacct:/docker/0123456789abcdef\n") == 2.0);
}

static void both_versions_at_once(void **state)
{
    (void)state;
    files_put("mount/cpu/app/cpu.cfs_quota_us", "300000\n");
    files_put("mount/cpu/app/cpu.cfs_period_us", "100000\n");
    assert_true(quota("4:cpu,cpuacct:/app\n0::/app\n") == 3.0);
    files_put("mount/unified/app/cpu.max", "100000 100000\n");
    assert_true(quota("4:cpu,cpuacct:/app\n0::/app\n") == 1.0);
}

static void nonsense_is_no_quota(void **state)
{
    (void)state;
    files_put("mount/app/cpu.max", "100000\n");
    assert_true(quota("0::/app\n") == 0.0);
    files_put("mount/app/cpu.max", "100000 0\n");
    assert_true(quota("0::/app\n") == 0.0);
    files_put("mount/app/cpu.max", "\n");
    assert_true(quota("0::/app\n") == 0.0);
    assert_true(quota("nonsense\n0\n0:\n0::\n:::\n\n0::app\n") == 0.0);
}

static void a_path_of_any_length(void **state)
{
    char membership[2 * PATH_MAX] = "0::";

    (void)state;
    memset(membership + 3, '/', sizeof membership - 4);
    files_put("mount/cpu.max", "300000 100000\n");
    assert_true(quota(membership) == 0.0);
}

#define quota_test(name) cmocka_unit_test_setup_teardown(name, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allowed_cores_are_those_of_the_affinity),
        cmocka_unit_test(a_pinned_thread_has_one),
        quota_test(no_quota),
        quota_test(quota_of_version_2),
        quota_test(the_least_on_the_way_up_counts),
        quota_test(quota_of_version_1),
        quota_test(a_container_of_version_1),
        quota_test(both_versions_at_once),
        quota_test(nonsense_is_no_quota),
        quota_test(a_path_of_any_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
