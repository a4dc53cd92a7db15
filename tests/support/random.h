/*
 * Random numbers for tests: the same seed gives the same numbers on every machine, so that a
 * failure can be had again with YODEL_SEED=N.
 */
#ifndef YODEL_TESTS_RANDOM_H
#define YODEL_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct test_random {
    uint64_t state;
} test_random;

/* Seeds from the environment's YODEL_SEED, or else from the clock, and prints the seed with the
 * name of the test to stderr: "name: YODEL_SEED=123". */
void test_random_init(test_random *r, const char *name);

/* Any 64-bit number. */
uint64_t test_random_next(test_random *r);

/* A number from 0 to n - 1; n >= 1. */
size_t test_random_below(test_random *r, size_t n);

#endif
