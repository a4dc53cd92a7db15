#include "core/memory_budget.h"

static uint64_t used_by(const yodel_memory_budget *budget, unsigned group)
{
    return yodel_counters_get(budget->counters[group], YODEL_COUNT_BUFFERED);
}

uint64_t yodel_memory_budget_used(const yodel_memory_budget *budget)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < budget->groups; i++) {
        sum += used_by(budget, i);
    }
    return sum;
}

bool yodel_memory_budget_exceeded(const yodel_memory_budget *budget)
{
    return yodel_memory_budget_used(budget) > budget->max;
}

bool yodel_memory_budget_exhausted(const yodel_memory_budget *budget)
{
    return yodel_memory_budget_used(budget) > budget->max + budget->max / 8;
}

uint64_t yodel_memory_budget_excess(const yodel_memory_budget *budget, uint64_t own)
{
    uint64_t goal = budget->max - budget->max / 8;
    uint64_t share = goal / budget->groups;
    uint64_t sum = 0;
    uint64_t above = 0; /* what those above their share of the goal have too much, together */
    for (unsigned i = 0; i < budget->groups; i++) {
        uint64_t used = used_by(budget, i);
        sum += used;
        above += used > share ? used - share : 0;
    }
    if (sum <= budget->max || own <= share) {
        return 0;
    }
    /* In doubles: the product of two numbers of bytes leaves 64 bits. */
    return (uint64_t)((double)(sum - goal) * ((double)(own - share) / (double)above)) + 1;
}
