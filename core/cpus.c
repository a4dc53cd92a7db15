#include "core/cpus.h"

#include "core/cgroup.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

/* ---- affinity -------------------------------------------------------------------------------- */

enum {
    FIRST_TRY = 1024,   /* what cpu_set_t has room for */
    LAST_TRY = 1 << 20, /* far above the largest kernel configuration, 8192 */
};

/* The calling thread's set, with room for *size cores; CPU_FREE it. NULL with errno. */
static cpu_set_t *affinity(int *size)
{
    /* The kernel does not say how large its sets are: it refuses what is too small. */
    for (int n = FIRST_TRY; n <= LAST_TRY; n *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)n);

        if (set == NULL) {
            errno = ENOMEM;
            return NULL;
        }
        if (sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)n), set) == 0) {
            *size = n;
            return set;
        }
        CPU_FREE(set);
        if (errno != EINVAL) {
            return NULL;
        }
    }
    return NULL;
}

int yodel_cpus_allowed(int **cpus, size_t *count)
{
    int size;
    cpu_set_t *set = affinity(&size);
    size_t set_size;
    size_t n = 0;
    int *list;

    if (set == NULL) {
        return -errno;
    }
    set_size = CPU_ALLOC_SIZE((size_t)size);
    list = malloc((size_t)CPU_COUNT_S(set_size, set) * sizeof *list);
    if (list == NULL) {
        CPU_FREE(set);
        return -ENOMEM;
    }
    for (int cpu = 0; cpu < size; cpu++) {
        if (CPU_ISSET_S((size_t)cpu, set_size, set)) {
            list[n++] = cpu;
        }
    }
    CPU_FREE(set);
    *cpus = list;
    *count = n;
    return 0;
}

/* ---- quota ----------------------------------------------------------------------------------- */

static double own_quota(const char *directory, bool v2)
{
    double n[2]; /* microseconds of running time, in each period of so many microseconds */

    if (v2) {
        if (yodel_cgroup_numbers(directory, "cpu.max", n, 2) != 2) { /* "max 100000" */
            return 0.0;
        }
    } else if (yodel_cgroup_numbers(directory, "cpu.cfs_quota_us", &n[0], 1) != 1 ||
               yodel_cgroup_numbers(directory, "cpu.cfs_period_us", &n[1], 1) != 1) {
        return 0.0;
    }
    return n[0] > 0.0 && n[1] > 0.0 ? n[0] / n[1] : 0.0; /* v1 says -1 for none */
}

double yodel_cpus_quota(const char *membership, const char *mount)
{
    return yodel_cgroup_least(membership, mount, "cpu", own_quota);
}

unsigned yodel_cpus_usable(void)
{
    double quota = yodel_cpus_quota(YODEL_CGROUP_MEMBERSHIP, YODEL_CGROUP_MOUNT);
    size_t allowed = 1;
    int *cpus = NULL;

    (void)yodel_cpus_allowed(&cpus, &allowed); /* when it fails, allowed stays 1 */
    free(cpus);
    return (unsigned)(quota > 0.0 && quota < (double)allowed ? ceil(quota) : (double)allowed);
}
