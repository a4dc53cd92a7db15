/*
 * Cores: how many worker threads make sense here, and which cores they may be pinned to.
 *
 * The number of cores in the machine is the wrong answer in two places: under taskset or a cpuset
 * (affinity), and in a container with a CPU quota, where more threads than the quota has cores only
 * get throttled together. Read once at the start; Linux only.
 */
#ifndef YODEL_CORE_CPUS_H
#define YODEL_CORE_CPUS_H

#include <stddef.h>

/* The numbers of the cores that the calling thread may run on, ascending, on machines of any size.
 * The caller frees *cpus; *count is at least 1. 0, -ENOMEM, or what sched_getaffinity(2) fails
 * with. */
int yodel_cpus_allowed(int **cpus, size_t *count);

/* How many threads can really run at the same time: the cores allowed, or the CPU quota rounded up
 * if that is less. At least 1, whatever goes wrong. */
unsigned yodel_cpus_usable(void);

/*
 * The CPU quota in cores (1.5 is one core and a half), 0 when there is none. `membership` is a file
 * like /proc/self/cgroup, `mount` the directory with the cgroup file systems: yodel_cpus_usable
 * gives those of the system, tests their own. The quota of a cgroup also binds all those below it,
 * so the least one on the way up to the root counts. Understands cgroup v2 (cpu.max), v1
 * (cpu.cfs_quota_us) and both at once (systemd's hybrid layout); see cgroups(7).
 */
double yodel_cpus_quota(const char *membership, const char *mount);

#endif
