#include "tools/flood/histogram.h"

#include <math.h>

/* The highest value of a bucket. */
static uint64_t value_of(size_t bucket)
{
    if (bucket < 2048) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket >> 10) - 1;
    return ((((uint64_t)bucket & 1023) + 1024 + 1) << shift) - 1;
}

static uint64_t within(const yodel_histogram *h, uint64_t value)
{
    return value > h->most ? h->most : value < h->least ? h->least : value;
}

void yodel_histogram_add(yodel_histogram *into, const yodel_histogram *from)
{
    if (from->count == 0) {
        return;
    }
    /* What lies outside are pages that were never touched. */
    size_t last = yodel_histogram_bucket(from->most);
    for (size_t i = yodel_histogram_bucket(from->least); i <= last; i++) {
        into->buckets[i] += from->buckets[i];
    }
    if (into->count == 0 || from->least < into->least) {
        into->least = from->least;
    }
    if (from->most > into->most) {
        into->most = from->most;
    }
    into->count += from->count;
    into->sum += from->sum;
}

uint64_t yodel_histogram_percentile(const yodel_histogram *h, double percent)
{
    if (h->count == 0) {
        return 0;
    }
    if (percent <= 0) {
        return h->least;
    }
    if (percent >= 100) {
        return h->most;
    }
    /* Rounded up, but not because of what a double cannot hold: 99.9 % of 1,000 are 999. */
    double wanted = ceil((double)h->count * (percent / 100) - 1e-6);
    uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
    uint64_t seen = 0;
    size_t last = yodel_histogram_bucket(h->most);

    for (size_t i = yodel_histogram_bucket(h->least); i < last; i++) {
        seen += h->buckets[i];
        if (seen >= rank) {
            return within(h, value_of(i));
        }
    }
    return h->most;
}

double yodel_histogram_mean(const yodel_histogram *h)
{
    return h->count > 0 ? (double)h->sum / (double)h->count : 0;
}

bool yodel_histogram_next(const yodel_histogram *h, size_t *index, uint64_t *value, uint64_t *count)
{
    for (size_t i = *index; i < YODEL_HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] > 0) {
            *value = within(h, value_of(i));
            *count = h->buckets[i];
            *index = i + 1;
            return true;
        }
    }
    return false;
}
