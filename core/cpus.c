#include "core/cpus.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* The numbers at the beginning of a file, up to `count`; returns how many there were. */
static int read_numbers(const char *directory, const char *name, double *numbers, int count)
{
    char path[PATH_MAX];
    char text[128] = "";
    char *at = text;
    FILE *file;
    int n = 0;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) {
        return 0;
    }
    file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    if (fgets(text, sizeof text, file) != NULL) {
        for (; n < count; n++) {
            char *end;
            long long number = strtoll(at, &end, 10);

            if (end == at) {
                break;
            }
            numbers[n] = (double)number;
            at = end;
        }
    }
    fclose(file);
    return n;
}

/* The quota set on one cgroup. A cgroup that is not there has none: in a container the path may
 * name one of the host's, of which only the part from the container's own on can be seen. */
static double own_quota(const char *directory, bool v2)
{
    double n[2]; /* microseconds of running time, in each period of so many microseconds */

    if (v2) {
        if (read_numbers(directory, "cpu.max", n, 2) != 2) { /* "max 100000" */
            return 0.0;
        }
    } else if (read_numbers(directory, "cpu.cfs_quota_us", &n[0], 1) != 1 ||
               read_numbers(directory, "cpu.cfs_period_us", &n[1], 1) != 1) {
        return 0.0;
    }
    return n[0] > 0.0 && n[1] > 0.0 ? n[0] / n[1] : 0.0; /* v1 says -1 for none */
}

/* The lesser quota, where 0 is no quota. */
static double lesser(double a, double b)
{
    if (a <= 0.0) {
        return b;
    }
    return b <= 0.0 || a < b ? a : b;
}

/* The least quota of a cgroup and of all those above it, up to the mounted root. */
static double quota_up_from(const char *mount, const char *hierarchy, const char *cgroup, bool v2)
{
    char path[PATH_MAX];
    size_t root = strlen(mount) + strlen(hierarchy);
    double quota;

    if (snprintf(path, sizeof path, "%s%s%s", mount, hierarchy, cgroup) >= (int)sizeof path) {
        return 0.0;
    }
    quota = own_quota(path, v2);
    while (strlen(path) > root) {
        *strrchr(path, '/') = '\0';
        quota = lesser(quota, own_quota(path, v2));
    }
    return quota;
}

/* Is `name` in a comma-separated list? */
static bool list_has(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* One line of the membership file: "NUMBER:CONTROLLERS:CGROUP", for v2 "0::CGROUP". */
static double quota_of_line(char *line, const char *mount)
{
    char *controllers = strchr(line, ':');
    char *cgroup = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (cgroup == NULL || cgroup[1] != '/') {
        return 0.0;
    }
    *controllers++ = '\0';
    *cgroup++ = '\0';
    cgroup[strcspn(cgroup, "\n")] = '\0';
    if (list_has(controllers, "cpu")) {
        return quota_up_from(mount, "/cpu", cgroup, false);
    }
    if (controllers[0] == '\0') {
        return lesser(quota_up_from(mount, "", cgroup, true),
                      quota_up_from(mount, "/unified", cgroup, true));
    }
    return 0.0;
}

double yodel_cpus_quota(const char *membership, const char *mount)
{
    FILE *file = fopen(membership, "re");
    char *line = NULL;
    size_t size = 0;
    double quota = 0.0;

    if (file == NULL) {
        return 0.0;
    }
    while (getline(&line, &size, file) > 0) {
        quota = lesser(quota, quota_of_line(line, mount));
    }
    free(line);
    fclose(file);
    return quota;
}

unsigned yodel_cpus_usable(void)
{
    double quota = yodel_cpus_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    size_t allowed = 1;
    int *cpus = NULL;

    (void)yodel_cpus_allowed(&cpus, &allowed); /* when it fails, allowed stays 1 */
    free(cpus);
    return (unsigned)(quota > 0.0 && quota < (double)allowed ? ceil(quota) : (double)allowed);
}
