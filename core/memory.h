/*
 * Memory: how much there is for this process. Read once at the start; Linux only.
 *
 * In a container the machine's memory is the wrong answer: whoever takes more than the container's
 * limit is killed.
 */
#ifndef YODEL_CORE_MEMORY_H
#define YODEL_CORE_MEMORY_H

#include <stdint.h>

/* The bytes that this process may use at the most: the machine's memory, or the limit of its cgroup
 * if that is less. */
uint64_t yodel_memory_usable(void);

/* The cgroup's limit in bytes (v2 memory.max, v1 memory.limit_in_bytes), 0 when there is none; the
 * arguments are those of yodel_cgroup_least (cgroup.h). */
uint64_t yodel_memory_limit(const char *membership, const char *mount);

#endif
