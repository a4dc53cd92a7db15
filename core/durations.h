/*
 * durations: how often something took how long, for a server's metrics.
 *
 * Powers of two, from 1 us (and below) to 4 s (and above). Counting is a shift's worth of
 * arithmetic and two plain stores: one thread counts, any thread may look at any time. What it sees
 * may be a few events apart, but never less than what it saw before.
 */
#ifndef YODEL_CORE_DURATIONS_H
#define YODEL_CORE_DURATIONS_H

#include <stdatomic.h>
#include <stdint.h>

/* The last bucket has no upper bound. */
#define YODEL_DURATION_BUCKETS 24

/* 64-byte aligned: the thread that counts shares no cache line with another's. Zero it to begin. */
typedef struct yodel_durations {
    _Alignas(64) _Atomic uint64_t count[YODEL_DURATION_BUCKETS];
    _Atomic uint64_t sum; /* of all, in ns */
} yodel_durations;

/* What has been counted so far: plain numbers to calculate with. */
typedef struct yodel_durations_seen {
    uint64_t count[YODEL_DURATION_BUCKETS];
    uint64_t sum;   /* ns */
    uint64_t total; /* of count */
} yodel_durations_seen;

/* Which bucket so many ns fall into: the first whose bound is not below them. */
static inline unsigned yodel_duration_bucket(uint64_t ns)
{
    uint64_t us = ns > 0 ? (ns - 1) / 1000 : 0; /* rounded down: bounds belong to their bucket */
    unsigned bucket = us > 0 ? 64U - (unsigned)__builtin_clzll(us) : 0;
    return bucket < YODEL_DURATION_BUCKETS ? bucket : YODEL_DURATION_BUCKETS - 1;
}

/* The longest that falls into a bucket, in ns: 1000 << bucket. Not for the last one, which has no
 * bound. */
static inline uint64_t yodel_duration_bound(unsigned bucket)
{
    return UINT64_C(1000) << bucket;
}

/* Counts one of so many ns. The owning thread only. */
static inline void yodel_durations_add(yodel_durations *durations, uint64_t ns)
{
    _Atomic uint64_t *count = &durations->count[yodel_duration_bucket(ns)];
    atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&durations->sum,
                          atomic_load_explicit(&durations->sum, memory_order_relaxed) + ns,
                          memory_order_relaxed);
}

/* Looks at all of it. Any thread. */
void yodel_durations_look(const yodel_durations *durations, yodel_durations_seen *seen);

/* What has been counted between two looks: *between = later - earlier. Any thread. */
void yodel_durations_between(const yodel_durations_seen *earlier, const yodel_durations_seen *later,
                             yodel_durations_seen *between);

/* The least bound, in ns, that the longest ones do not exceed (for those above all bounds, twice
 * the last one); 0 when there is none. */
uint64_t yodel_durations_longest(const yodel_durations_seen *seen);

#endif
