#include "core/durations.h"

void yodel_durations_look(const yodel_durations *durations, yodel_durations_seen *seen)
{
    seen->total = 0;
    for (unsigned i = 0; i < YODEL_DURATION_BUCKETS; i++) {
        seen->count[i] = atomic_load_explicit(&durations->count[i], memory_order_relaxed);
        seen->total += seen->count[i];
    }
    seen->sum = atomic_load_explicit(&durations->sum, memory_order_relaxed);
}

void yodel_durations_between(const yodel_durations_seen *earlier, const yodel_durations_seen *later,
                             yodel_durations_seen *between)
{
    for (unsigned i = 0; i < YODEL_DURATION_BUCKETS; i++) {
        between->count[i] = later->count[i] - earlier->count[i];
    }
    between->sum = later->sum - earlier->sum;
    between->total = later->total - earlier->total;
}

uint64_t yodel_durations_longest(const yodel_durations_seen *seen)
{
    for (unsigned i = YODEL_DURATION_BUCKETS; i > 0; i--) {
        if (seen->count[i - 1] > 0) {
            return yodel_duration_bound(i - 1);
        }
    }
    return 0;
}
