/*
 * How long tests without a natural end go on: for moments by default, long with YODEL_SOAK=1 in the
 * environment, where YODEL_SOAK_SECONDS sets how long exactly.
 */
#ifndef YODEL_TESTS_SOAK_H
#define YODEL_TESTS_SOAK_H

#include <stdbool.h>

/* Whether YODEL_SOAK is set, and neither empty nor 0. */
bool soak_wanted(void);

/* Seconds: `normal` without YODEL_SOAK; with it YODEL_SOAK_SECONDS, and `soaking` without that. */
double soak_seconds(double normal, double soaking);

#endif
