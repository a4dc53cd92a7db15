/*
 * cgroup: the limits that this process's control groups set.
 *
 * A limit of a cgroup also binds all those below it, so what counts is the least one on the way up
 * to the root. Understands cgroup v2, v1 and both at once (systemd's hybrid layout); see
 * cgroups(7). Linux only; any thread.
 */
#ifndef YODEL_CORE_CGROUP_H
#define YODEL_CORE_CGROUP_H

#include <stdbool.h>

/* Where the system has the two things that yodel_cgroup_least asks for. */
#define YODEL_CGROUP_MEMBERSHIP "/proc/self/cgroup"
#define YODEL_CGROUP_MOUNT      "/sys/fs/cgroup"

/* The limit that is set on one cgroup, whose files are in the directory and have the names and
 * contents of v2 or of v1. 0: none. */
typedef double yodel_cgroup_own_fn(const char *directory, bool v2);

/*
 * The least limit of a controller ("cpu", "memory") on the cgroups that a process is in and all
 * those above them; 0 when there is none. `membership` is a file like /proc/self/cgroup, `mount`
 * the directory with the cgroup file systems: those of the system, or a test's own.
 */
double yodel_cgroup_least(const char *membership, const char *mount, const char *controller,
                          yodel_cgroup_own_fn *own);

/* For a yodel_cgroup_own_fn: the whole numbers at the beginning of a cgroup's file, up to count;
 * returns how many there were (0 also when there is no such file). */
int yodel_cgroup_numbers(const char *directory, const char *name, double *numbers, int count);

#endif
