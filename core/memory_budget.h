/*
 * memory_budget: how much memory the buffers of all connections may take together.
 *
 * Each group of transports counts its own bytes (the gauge "buffered" of its counters) and writes
 * nothing that others write, too. A budget reads all the gauges, and is asked only when a buffer
 * grows in a group that has more than its share, one part of as many as there are groups. So one
 * group may use what the others leave, and those that have more than their share make room:
 *
 *   - above max, each of them aborts its largest connections, in proportion to what it has too
 * much, until the sum is an eighth below max. It does so at the end of the turn in which it grew,
 * or when the monitor, which looks ten times a second, asks it to;
 *   - an eighth above max, none of their buffers may grow above 4 KiB: a connection that needs more
 *     is aborted at once.
 *
 * The slack, therefore: max may be exceeded by that eighth, and, while a group with too much is
 * stuck in a callback or has not been asked yet, by what the others need to get to their own
 * shares: less than max again. Memory of aborted connections is free a turn later.
 */
#ifndef YODEL_CORE_MEMORY_BUDGET_H
#define YODEL_CORE_MEMORY_BUDGET_H

#include "counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who fills it in sees to it that it does not change and outlives the groups. */
typedef struct yodel_memory_budget {
    uint64_t max;                    /* bytes; 0: no limit */
    const yodel_counters **counters; /* of every group */
    unsigned groups;
} yodel_memory_budget;

/* The bytes in use by all groups. Any thread, as the others. */
uint64_t yodel_memory_budget_used(const yodel_memory_budget *budget);

/* Does a group that has so many bytes have more than its share? budget may be NULL: no limit. */
static inline bool yodel_memory_budget_above_share(const yodel_memory_budget *budget, uint64_t own)
{
    return budget != NULL && budget->max > 0 && own > budget->max / budget->groups;
}

/* Is the sum above max? */
bool yodel_memory_budget_exceeded(const yodel_memory_budget *budget);

/* Is it so far above that nothing may grow? */
bool yodel_memory_budget_exhausted(const yodel_memory_budget *budget);

/* How many of its bytes a group has to give up; 0 when the sum is not above max. */
uint64_t yodel_memory_budget_excess(const yodel_memory_budget *budget, uint64_t own);

#endif
