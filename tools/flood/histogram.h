/*
 * histogram: how often which latency was seen, exact to three significant digits.
 *
 * Log-linear, as HdrHistogram: each power of two is divided into 1,024 equal parts, so a value is
 * off by less than 0.1 % of itself wherever it lies between 1 us (and below) and 60 s. Recording is
 * an index and an addition; memory is fixed, and pages that no value falls into are never touched
 * when the struct comes from calloc. Belongs to one thread; what another one recorded is added with
 * yodel_histogram_add once that thread has handed it over.
 */
#ifndef YODEL_FLOOD_HISTOGRAM_H
#define YODEL_FLOOD_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Above this a value counts as this one in the percentiles; max stays exact. */
#define YODEL_HISTOGRAM_HIGHEST UINT64_C(60000000000)

/* Buckets: 2,048 of 1 ns, then 1,024 for each of the 25 powers of two up to 2^36 > 60e9. */
#define YODEL_HISTOGRAM_BUCKETS (2048 + 25 * 1024)

/* All zero is an empty one. */
typedef struct yodel_histogram {
    uint64_t count; /* values recorded */
    uint64_t sum;   /* of all values, ns */
    uint64_t least; /* ns, exact; meaningless while count is 0 */
    uint64_t most;
    uint64_t buckets[YODEL_HISTOGRAM_BUCKETS];
} yodel_histogram;

/* Which bucket a value falls into: its 11 most significant bits, and how many there are below
 * them. */
static inline size_t yodel_histogram_bucket(uint64_t ns)
{
    uint64_t v = ns < YODEL_HISTOGRAM_HIGHEST ? ns : YODEL_HISTOGRAM_HIGHEST;
    unsigned below = 53U - (unsigned)__builtin_clzll(v | 1024);

    return ((size_t)below << 10) + (size_t)(v >> below);
}

/* Records a value of ns nanoseconds, `times` times (at least once). The sum of all is to stay below
 * 2^64 ns, 584 years. */
static inline void yodel_histogram_record(yodel_histogram *h, uint64_t ns, uint64_t times)
{
    h->buckets[yodel_histogram_bucket(ns)] += times;
    if (h->count == 0 || ns < h->least) {
        h->least = ns;
    }
    if (ns > h->most) {
        h->most = ns;
    }
    h->count += times;
    h->sum += ns * times;
}

/* Adds all of `from` to `into`. */
void yodel_histogram_add(yodel_histogram *into, const yodel_histogram *from);

/* The value that `percent` (0 to 100) of all values do not exceed: the highest one of its bucket,
 * but never above the greatest or below the least seen. 100 is the greatest, 0 the least. 0 when
 * nothing was recorded. */
uint64_t yodel_histogram_percentile(const yodel_histogram *h, double percent);

/* The mean in ns, exact; 0 when nothing was recorded. */
double yodel_histogram_mean(const yodel_histogram *h);

/* Walks over the buckets that are not empty, upwards. Start with *index = 0; true and *value (the
 * highest one of the bucket, as in percentile), *count and the next *index, or false at the end. */
bool yodel_histogram_next(const yodel_histogram *h, size_t *index, uint64_t *value,
                          uint64_t *count);

#endif
