#include "tests/support/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void test_random_init(test_random *r, const char *name)
{
    const char *given = getenv("YODEL_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    r->state = given != NULL ? strtoull(given, NULL, 10)
                             : (uint64_t)now.tv_sec * 1000000007U + (uint64_t)now.tv_nsec;
    fprintf(stderr, "%s: YODEL_SEED=%llu\n", name, (unsigned long long)r->state);
}

/* splitmix64 (Steele, Lea and Flood, 2014): every seed is a good one, 0 too. */
uint64_t test_random_next(test_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t test_random_below(test_random *r, size_t n)
{
    return (size_t)(test_random_next(r) % n);
}
