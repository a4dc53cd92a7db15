#include "core/memory.h"

#include "core/cgroup.h"

#include <unistd.h>

static double own_limit(const char *directory, bool v2)
{
    double bytes;
    /* v2 says "max" for none, v1 a number that no machine has. */
    return yodel_cgroup_numbers(directory, v2 ? "memory.max" : "memory.limit_in_bytes", &bytes,
                                1) == 1
               ? bytes
               : 0.0;
}

uint64_t yodel_memory_limit(const char *membership, const char *mount)
{
    return (uint64_t)yodel_cgroup_least(membership, mount, "memory", own_limit);
}

uint64_t yodel_memory_usable(void)
{
    uint64_t limit = yodel_memory_limit(YODEL_CGROUP_MEMBERSHIP, YODEL_CGROUP_MOUNT);
    uint64_t machine = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return limit > 0 && limit < machine ? limit : machine;
}
