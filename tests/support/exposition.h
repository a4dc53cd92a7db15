/*
 * Reads Prometheus's text format, and is as strict as a test can be: everything that the format
 * says (version 0.0.4) and the conventions ask for fails the test when it is not so.
 *
 *   - each metric has HELP and TYPE, once, in front of its samples, which stand together
 *   - names and labels are well formed; counters end in _total, nothing else does
 *   - no sample comes twice; counters are whole, not negative and finite unless they are seconds
 *   - a histogram has for each of its label sets buckets with rising bounds and counts, the last of
 *     them +Inf and as large as _count, and a _sum
 *   - the text ends with a newline
 */
#ifndef YODEL_TESTS_EXPOSITION_H
#define YODEL_TESTS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>

typedef struct exposition exposition;

/* Reads a text (with a NUL behind it); the test fails, and says where, when something is wrong. */
exposition *exposition_read(const char *text);
void exposition_free(exposition *e);

/* The value of a sample, written as in the text: "yodel_workers", "x_total{worker=\"0\"}". The test
 * fails when there is none. */
double exposition_value(const exposition *e, const char *sample);

/* Is there such a sample? */
bool exposition_has(const exposition *e, const char *sample);

/* The sum over all label sets of a metric, which has samples. */
double exposition_sum(const exposition *e, const char *name);

/* The TYPE of a metric; NULL: there is none of this name. */
const char *exposition_type(const exposition *e, const char *name);

#endif
