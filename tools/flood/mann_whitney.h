/*
 * mann_whitney: do two samples differ by more than chance?
 *
 * The two-sided U test of Mann and Whitney (1947), which asks nothing of the distribution:
 * latencies are not normal, and five runs are too few to see what they are. It only ranks the
 * values, so one wild run counts no more than one that is just a little worse than the others.
 *
 * Up to 40 values in all p is exact: the share of all ways to deal the ranks that were seen (with
 * ties: the means of the ranks tied) into two samples of these sizes that lie as far from the mean
 * as what was seen, or farther, on either side. Above, it is the normal approximation with
 * corrections for ties and for continuity.
 */
#ifndef YODEL_FLOOD_MANN_WHITNEY_H
#define YODEL_FLOOD_MANN_WHITNEY_H

#include <stddef.h>

typedef struct yodel_mann_whitney {
    double p;        /* of a difference like this one, or a greater one, by chance, 0 to 1 */
    double superior; /* share of the pairs (a, b) with b > a, ties half: 0.5 is no difference */
} yodel_mann_whitney;

/* Tests a against b, at least one value each, no NAN. 0, or -ENOMEM. Any thread. */
int yodel_mann_whitney_test(const double *a, size_t a_count, const double *b, size_t b_count,
                            yodel_mann_whitney *result);

/* The least p that samples of these sizes can give: that of two that do not overlap. */
double yodel_mann_whitney_least(size_t a_count, size_t b_count);

#endif
