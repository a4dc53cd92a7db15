#include "tools/flood/mann_whitney.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* The number of ways to deal 40 values into two samples is below 2^53, so doubles count them
 * exactly. */
enum { EXACT_UP_TO = 40 };

typedef struct ranked {
    double value;
    bool is_b;
    size_t twice; /* its rank from 1, times two: the mean of tied ranks is a whole number, then */
} ranked;

static int by_value(const void *left, const void *right)
{
    double a = ((const ranked *)left)->value;
    double b = ((const ranked *)right)->value;

    return (a > b) - (a < b);
}

/* Fills in the ranks of `all`, which is in order. Returns the sum of t^3 - t over the groups of t
 * tied values, 0 without ties. */
static double rank(ranked *all, size_t count)
{
    double ties = 0;

    for (size_t first = 0, end; first < count; first = end) {
        double t;

        for (end = first + 1; end < count && all[end].value <= all[first].value; end++) {
        }
        for (size_t i = first; i < end; i++) {
            all[i].twice = first + 1 + end; /* ranks first + 1 to end */
        }
        t = (double)(end - first);
        ties += t * t * t - t;
    }
    return ties;
}

/* Deals the ranks out in every way: how many choices of `chosen` among all ranks have which sum?
 * Those are counted[chosen * width + sum], made by adding one rank after the other to the choices
 * without it. */
static void count_choices(const ranked *all, size_t count, size_t chosen, size_t width,
                          double *counted)
{
    counted[0] = 1;
    for (size_t i = 0; i < count; i++) {
        size_t twice = all[i].twice;

        for (size_t n = chosen < i + 1 ? chosen : i + 1; n > 0; n--) {
            double *with = counted + n * width;
            const double *without = with - width;

            for (size_t sum = width - 1; sum >= twice; sum--) {
                with[sum] += without[sum - twice];
            }
        }
    }
}

/* p of a sample of `chosen` values whose ranks have this sum, times two. */
static int exact(const ranked *all, size_t count, size_t chosen, size_t twice_sum, double *p)
{
    size_t mean = chosen * (count + 1); /* times two, too */
    size_t width = 2 * chosen * count + 1;
    size_t distance = twice_sum > mean ? twice_sum - mean : mean - twice_sum;
    double *counted = calloc((chosen + 1) * width, sizeof *counted);
    double total = 0;
    double as_far = 0;

    if (counted == NULL) {
        return -ENOMEM;
    }
    count_choices(all, count, chosen, width, counted);
    for (size_t sum = 0; sum < width; sum++) {
        double ways = counted[chosen * width + sum];

        total += ways;
        as_far += sum + distance <= mean || sum >= mean + distance ? ways : 0;
    }
    free(counted);
    *p = as_far / total;
    return 0;
}

/* p of a U that is so far from its mean, a_count * b_count / 2. */
static double approximate(double distance, double a_count, double b_count, double ties)
{
    double n = a_count + b_count;
    double variance = a_count * b_count / 12 * (n + 1 - ties / (n * (n - 1)));

    if (distance <= 0.5 || variance <= 0) { /* 0: all values are the same */
        return 1;
    }
    /* Half a step nearer: a step of U stands for everything around it. */
    return erfc((distance - 0.5) / sqrt(2 * variance));
}

static int test(ranked *all, size_t a_count, size_t b_count, yodel_mann_whitney *result)
{
    size_t count = a_count + b_count;
    size_t twice_sum = 0; /* of b's ranks */
    double pairs = (double)a_count * (double)b_count;
    double ties;
    double u;

    qsort(all, count, sizeof *all, by_value);
    ties = rank(all, count);
    for (size_t i = 0; i < count; i++) {
        twice_sum += all[i].is_b ? all[i].twice : 0;
    }
    u = (double)(twice_sum - b_count * (b_count + 1)) / 2;
    if (count <= EXACT_UP_TO) {
        /* Of the smaller sample, which is less work; its distance from the mean is the same. */
        size_t all_ranks = count * (count + 1);
        int error = b_count <= a_count
                        ? exact(all, count, b_count, twice_sum, &result->p)
                        : exact(all, count, a_count, all_ranks - twice_sum, &result->p);

        if (error < 0) {
            return error;
        }
    } else {
        result->p = approximate(fabs(u - pairs / 2), (double)a_count, (double)b_count, ties);
    }
    result->superior = u / pairs;
    return 0;
}

int yodel_mann_whitney_test(const double *a, size_t a_count, const double *b, size_t b_count,
                            yodel_mann_whitney *result)
{
    ranked *all = calloc(a_count + b_count, sizeof *all);
    int error;

    assert(a_count > 0 && b_count > 0);
    if (all == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < a_count + b_count; i++) {
        all[i].is_b = i >= a_count;
        all[i].value = all[i].is_b ? b[i - a_count] : a[i];
    }
    error = test(all, a_count, b_count, result);
    free(all);
    return error;
}

double yodel_mann_whitney_least(size_t a_count, size_t b_count)
{
    double ways = 1; /* to deal them out: a_count + b_count over a_count */

    for (size_t i = 1; i <= a_count; i++) {
        ways *= (double)(b_count + i) / (double)i;
    }
    return ways > 2 ? 2 / ways : 1;
}
