/*
 * The U test against published tables, against dealing out every sample one by one, and, where it
 * is the normal approximation, against the exact distribution counted in another way.
 */
#include "tools/flood/mann_whitney.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

enum { MOST = 64 };

static double p_of(const double *a, size_t a_count, const double *b, size_t b_count)
{
    yodel_mann_whitney result = {-1, -1};

    assert_int_equal(yodel_mann_whitney_test(a, a_count, b, b_count, &result), 0);
    assert_true(result.p >= 0 && result.p <= 1);
    return result.p;
}

/* Two samples without ties in which `u` pairs have b < a: b's values begin above all of a's and
 * move down, one after the other, as far as it takes. */
static double p_of_u(size_t a_count, size_t b_count, size_t u)
{
    double a[MOST];
    double b[MOST];

    for (size_t i = 0; i < a_count; i++) {
        a[i] = 1000.0 * (double)(i + 1);
    }
    for (size_t i = 0; i < b_count; i++) {
        size_t below = u < a_count ? u : a_count;

        b[i] = 1000.0 * (double)(a_count - below) + 500 + (double)i;
        u -= below;
    }
    return p_of(a, a_count, b, b_count);
}

/* The greatest U at which two samples of these sizes differ at the level of 0.05, two-sided: from
 * the tables that statistics books carry since Auble (1953). */
static void critical_values(void **state)
{
    static const struct {
        size_t a, b, u;
    } table[] = {
        {4, 4, 0},   {3, 5, 0},    {5, 5, 2},    {5, 8, 6},    {6, 6, 5},     {7, 7, 8},
        {7, 9, 12},  {8, 8, 13},   {2, 8, 0},    {3, 8, 2},    {9, 9, 17},    {10, 10, 23},
        {5, 20, 20}, {10, 20, 55}, {12, 15, 49}, {15, 15, 64}, {18, 19, 106}, {20, 20, 127},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_true(p_of_u(table[i].a, table[i].b, table[i].u) <= 0.05);
        assert_true(p_of_u(table[i].a, table[i].b, table[i].u + 1) > 0.05);
        assert_true(p_of_u(table[i].b, table[i].a, table[i].u) <= 0.05);
        assert_true(p_of_u(table[i].b, table[i].a, table[i].u + 1) > 0.05);
    }
}

/* One-sided probabilities of Mann and Whitney's own table (1947), doubled. */
static void probabilities(void **state)
{
    static const struct {
        size_t a, b, u;
        double p; /* to three places, one-sided */
    } table[] = {
        {3, 3, 0, 0.050}, {3, 3, 1, 0.100}, {3, 3, 2, 0.200}, {3, 3, 3, 0.350}, {4, 4, 0, 0.014},
        {4, 4, 3, 0.100}, {4, 4, 7, 0.443}, {5, 5, 2, 0.016}, {5, 5, 6, 0.111}, {2, 5, 1, 0.095},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double p = p_of_u(table[i].a, table[i].b, table[i].u);

        assert_true(fabs(p / 2 - table[i].p) <= 0.0005 + 1e-12);
    }
}

/* Ties within a sample do not matter while the samples do not overlap: of 252 ways to deal ten
 * ranks out, two are like that. */
static void small_cases(void **state)
{
    static const double low[] = {1, 2, 2, 3, 3};
    static const double high[] = {4, 5, 6, 7, 8};
    static const double same[] = {5, 5, 5, 5, 5};
    yodel_mann_whitney result;

    (void)state;
    assert_int_equal(yodel_mann_whitney_test(low, 5, high, 5, &result), 0);
    assert_true(fabs(result.p - 2.0 / 252) < 1e-15);
    assert_true(fabs(result.superior - 1) < 1e-15);
    assert_int_equal(yodel_mann_whitney_test(high, 5, low, 5, &result), 0);
    assert_true(fabs(result.p - 2.0 / 252) < 1e-15);
    assert_true(fabs(result.superior) < 1e-15);
    assert_int_equal(yodel_mann_whitney_test(same, 5, same, 4, &result), 0);
    assert_true(fabs(result.p - 1) < 1e-15);
    assert_true(fabs(result.superior - 0.5) < 1e-15);
    assert_true(fabs(p_of(low, 1, high, 1) - 1) < 1e-15);
}

static double twice_rank(const double *all, size_t count, size_t i)
{
    double below = 0;
    double equal = 0;

    for (size_t k = 0; k < count; k++) {
        below += all[k] < all[i];
        equal += !(all[k] < all[i]) && !(all[k] > all[i]);
    }
    return 2 * below + equal + 1;
}

/* By going through every subset of all values, as a number's bits. */
static double brute_force(const double *a, size_t a_count, const double *b, size_t b_count)
{
    size_t count = a_count + b_count;
    double all[MOST];
    double ranks[MOST];
    double mean = (double)(b_count * (count + 1));
    double seen = 0;
    double as_far = 0;
    double ways = 0;

    memcpy(all, a, a_count * sizeof *a);
    memcpy(all + a_count, b, b_count * sizeof *b);
    for (size_t i = 0; i < count; i++) {
        ranks[i] = twice_rank(all, count, i);
        seen += i >= a_count ? ranks[i] : 0;
    }
    for (unsigned long set = 0; set < 1UL << count; set++) {
        double sum = 0;

        if ((size_t)__builtin_popcountl(set) != b_count) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            sum += set >> i & 1 ? ranks[i] : 0;
        }
        ways++;
        as_far += fabs(sum - mean) >= fabs(seen - mean);
    }
    return as_far / ways;
}

static double pairs_superior(const double *a, size_t a_count, const double *b, size_t b_count)
{
    double wins = 0;

    for (size_t i = 0; i < a_count; i++) {
        for (size_t k = 0; k < b_count; k++) {
            wins += b[k] > a[i] ? 1 : 0;
            wins += !(b[k] > a[i]) && !(b[k] < a[i]) ? 0.5 : 0;
        }
    }
    return wins / (double)(a_count * b_count);
}

/* Random samples of every size up to 6 + 6, from few different values (ties) to many. */
static void every_way_dealt_out(void **state)
{
    test_random random;

    (void)state;
    test_random_init(&random, "every_way_dealt_out");
    for (size_t a_count = 1; a_count <= 6; a_count++) {
        for (size_t b_count = 1; b_count <= 6; b_count++) {
            for (size_t values = 1; values <= 1000; values *= 3) {
                double a[6];
                double b[6];
                yodel_mann_whitney result;

                for (size_t i = 0; i < 6; i++) {
                    a[i] = (double)test_random_below(&random, values);
                    b[i] = (double)test_random_below(&random, values) - 1;
                }
                assert_int_equal(yodel_mann_whitney_test(a, a_count, b, b_count, &result), 0);
                assert_true(fabs(result.p - brute_force(a, a_count, b, b_count)) < 1e-12);
                assert_true(fabs(result.superior - pairs_superior(a, a_count, b, b_count)) < 1e-12);
            }
        }
    }
}

/* How often U has which value without ties, by Mann and Whitney's recurrence: the greatest value is
 * b's, then it beats all of a, or it is a's. Returns p of u. */
static double by_recurrence(size_t a_count, size_t b_count, size_t u)
{
    size_t width = a_count * b_count + 1;
    double *f = calloc((a_count + 1) * (b_count + 1) * width, sizeof *f);
    double *last = f + (a_count * (b_count + 1) + b_count) * width;
    double total = 0;
    double low = 0;

    assert_non_null(f);
    for (size_t n = 0; n <= a_count; n++) {
        for (size_t m = 0; m <= b_count; m++) {
            double *here = f + (n * (b_count + 1) + m) * width;

            if (n == 0 || m == 0) {
                here[0] = 1;
                continue;
            }
            for (size_t k = 0; k < width; k++) {
                here[k] = (here - (b_count + 1) * width)[k] + (k >= n ? (here - width)[k - n] : 0);
            }
        }
    }
    for (size_t k = 0; k < width; k++) {
        total += last[k];
        low += k <= u ? last[k] : 0;
    }
    free(f);
    return fmin(1, 2 * low / total);
}

/* The recurrence knows the exact sizes, too; beyond them the approximation comes within 0.005. */
static void without_ties(void **state)
{
    (void)state;
    for (size_t u = 0; u <= 200; u += 7) {
        assert_true(fabs(p_of_u(20, 20, u) - by_recurrence(20, 20, u)) < 1e-12);
        assert_true(fabs(p_of_u(8, 32, u / 2) - by_recurrence(8, 32, u / 2)) < 1e-12);
    }
    for (size_t u = 100; u <= 300; u += 7) {
        assert_true(fabs(p_of_u(25, 25, u) - by_recurrence(25, 25, u)) < 0.005);
        assert_true(fabs(p_of_u(20, 21, u / 2) - by_recurrence(20, 21, u / 2)) < 0.005);
    }
    assert_true(p_of_u(30, 30, 0) > 0);
    assert_true(p_of_u(30, 30, 0) < 1e-9);
}

/* 60 values, half of them 0 and half 1: dealt out, the number of ones in b is hypergeometric. */
static void ties_above_the_exact(void **state)
{
    (void)state;
    for (size_t ones = 15; ones <= 22; ones++) { /* in b, of 30 */
        double a[30];
        double b[30];
        double ways = 0;
        double as_far = 0;

        for (size_t i = 0; i < 30; i++) {
            b[i] = i < ones;
            a[i] = i >= ones;
        }
        for (size_t k = 0; k <= 30; k++) {
            double log_choose = lgamma(31) - lgamma((double)k + 1) - lgamma(31 - (double)k);
            double share = exp(2 * log_choose);

            ways += share;
            as_far += fabs((double)k - 15) >= (double)ones - 15 ? share : 0;
        }
        /* A step of U is 30 here, so the correction for continuity of half a one is far from
         * enough: the approximation is too sure of itself, by half a step's probability at most. */
        assert_true(p_of(a, 30, b, 30) <= as_far / ways + 1e-12);
        assert_true(p_of(a, 30, b, 30) >= as_far / ways - 0.21);
    }
    /* By hand: U is 450 - 30 * 5, the ties are 2 * (30^3 - 30), and z is 2.55. */
    {
        double a[30];
        double b[30];

        for (size_t i = 0; i < 30; i++) {
            b[i] = i < 20;
            a[i] = i >= 20;
        }
        assert_true(fabs(p_of(a, 30, b, 30) -
                         erfc(149.5 / sqrt(2 * 75.0 * (61 - 53940.0 / 3540)))) < 1e-12);
        assert_true(fabs(p_of(a, 30, a, 30) - 1) < 1e-15);
    }
}

/* The least p is that of samples that do not overlap, and three runs each never get below 0.05. */
static void the_least(void **state)
{
    (void)state;
    for (size_t a_count = 1; a_count <= 12; a_count++) {
        for (size_t b_count = 1; b_count <= 12; b_count++) {
            double least = yodel_mann_whitney_least(a_count, b_count);

            assert_true(fabs(least - p_of_u(a_count, b_count, 0)) < 1e-12);
        }
    }
    assert_true(fabs(yodel_mann_whitney_least(3, 3) - 0.1) < 1e-15);
    assert_true(fabs(yodel_mann_whitney_least(4, 4) - 2.0 / 70) < 1e-15);
    assert_true(fabs(yodel_mann_whitney_least(1, 1) - 1) < 1e-15);
    assert_true(yodel_mann_whitney_least(100000, 100000) < 1e-300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(critical_values), cmocka_unit_test(probabilities),
        cmocka_unit_test(small_cases),     cmocka_unit_test(every_way_dealt_out),
        cmocka_unit_test(without_ties),    cmocka_unit_test(ties_above_the_exact),
        cmocka_unit_test(the_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
