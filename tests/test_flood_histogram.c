/* Percentiles of the histogram are those of the sorted samples, to three digits. */
#include "support/cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/random.h"
#include "tools/flood/histogram.h"

static yodel_histogram *new_histogram(void)
{
    yodel_histogram *h = calloc(1, sizeof *h);
    assert_non_null(h);
    return h;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static const double percents[] = {0, 1, 10, 50, 75, 90, 99, 99.9, 99.99, 99.999, 100};
#define PERCENTS (sizeof percents / sizeof percents[0])

/* The sample that percent of all do not exceed: the smallest one of which that is true. */
static uint64_t exact_percentile(const uint64_t *sorted, size_t count, double percent)
{
    double rank = ceil((double)count * percent / 100 - 1e-6);
    return sorted[rank < 1 ? 0 : (size_t)rank - 1];
}

static void check_against_sorted(uint64_t *samples, size_t count)
{
    yodel_histogram *h = new_histogram();
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        yodel_histogram_record(h, samples[i], 1);
        sum += (double)samples[i];
    }
    qsort(samples, count, sizeof *samples, compare);
    for (size_t i = 0; i < PERCENTS; i++) {
        double exact = (double)exact_percentile(samples, count, percents[i]);
        double ours = (double)yodel_histogram_percentile(h, percents[i]);
        if (ours < exact || ours > exact * 1.001) {
            fail_msg("p%g is %.0f, not %.0f", percents[i], ours, exact);
        }
    }
    assert_int_equal(h->count, count);
    assert_true(h->least == samples[0]);
    assert_true(h->most == samples[count - 1]);
    assert_true(fabs(yodel_histogram_mean(h) - sum / (double)count) <= sum / (double)count * 1e-9);
    free(h);
}

/* Latencies spread evenly over the powers of ten, as they come in practice: few are far away. */
static uint64_t spread(test_random *random)
{
    double exponent = 3 + (double)test_random_below(random, 1000000) / 1000000 * 7.7;
    return (uint64_t)pow(10, exponent);
}

static void test_percentiles_agree_with_sorted_samples(void **state)
{
    enum { MOST = 20000 };
    static uint64_t samples[MOST];
    test_random random;
    (void)state;
    test_random_init(&random, "test_percentiles_agree_with_sorted_samples");
    for (int round = 0; round < 20; round++) {
        size_t count = 1 + test_random_below(&random, MOST);
        size_t range = 2 + test_random_below(&random, 1000000000);
        for (size_t i = 0; i < count; i++) {
            samples[i] = round % 2 == 0 ? spread(&random) : test_random_below(&random, range);
        }
        check_against_sorted(samples, count);
    }
}

static void test_an_empty_one(void **state)
{
    (void)state;
    yodel_histogram *h = new_histogram();
    size_t index = 0;
    uint64_t value, count;
    assert_int_equal(yodel_histogram_percentile(h, 99), 0);
    assert_true(yodel_histogram_mean(h) == 0);
    assert_false(yodel_histogram_next(h, &index, &value, &count));
    free(h);
}

static void test_one_value_is_all_percentiles(void **state)
{
    static const uint64_t values[] = {
        0,
        1,
        1023,
        1024,
        2047,
        2048,
        2049,
        4095,
        4096,
        1000000,
        123456789,
        YODEL_HISTOGRAM_HIGHEST - 1,
        YODEL_HISTOGRAM_HIGHEST,
        YODEL_HISTOGRAM_HIGHEST + 1,
        UINT64_MAX / 4,
    };
    (void)state;
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        yodel_histogram *h = new_histogram();
        yodel_histogram_record(h, values[v], 3);
        for (size_t i = 0; i < PERCENTS; i++) {
            assert_true(yodel_histogram_percentile(h, percents[i]) == values[v]);
        }
        assert_int_equal(h->count, 3);
        assert_true(h->sum == 3 * values[v]);
        free(h);
    }
}

/* Each bucket holds what lies above the one before, and nothing is wider than 0.1 % of itself. */
static void test_buckets_are_narrow_and_without_gaps(void **state)
{
    (void)state;
    assert_int_equal(yodel_histogram_bucket(0), 0);
    assert_true(yodel_histogram_bucket(UINT64_MAX) < YODEL_HISTOGRAM_BUCKETS);
    for (uint64_t v = 1; v < 20000; v++) {
        size_t step = yodel_histogram_bucket(v) - yodel_histogram_bucket(v - 1);
        assert_in_range(step, 0, 1);
    }
    for (uint64_t v = 1000; v < YODEL_HISTOGRAM_HIGHEST / 2; v += v / 3) {
        assert_true(yodel_histogram_bucket(v + v / 1000 + 1) > yodel_histogram_bucket(v));
        assert_true(yodel_histogram_bucket(v + v / 2000) - yodel_histogram_bucket(v) <= 1);
    }
}

static void test_added_is_as_if_recorded_in_one(void **state)
{
    test_random random;
    (void)state;
    test_random_init(&random, "test_added_is_as_if_recorded_in_one");
    yodel_histogram *one = new_histogram(), *sum = new_histogram();
    for (int part = 0; part < 5; part++) {
        yodel_histogram *h = new_histogram();
        for (int i = 0; part != 2 && i < 1000; i++) { /* one of them stays empty */
            uint64_t value = spread(&random), times = 1 + test_random_below(&random, 3);
            yodel_histogram_record(h, value, times);
            yodel_histogram_record(one, value, times);
        }
        yodel_histogram_add(sum, h);
        free(h);
    }
    assert_memory_equal(sum, one, sizeof *sum);
    free(one);
    free(sum);
}

static void test_the_walk_meets_every_value(void **state)
{
    test_random random;
    (void)state;
    test_random_init(&random, "test_the_walk_meets_every_value");
    yodel_histogram *h = new_histogram();
    for (int i = 0; i < 1000; i++) {
        yodel_histogram_record(h, spread(&random), 2);
    }
    size_t index = 0;
    uint64_t value, count, sum = 0, before = 0;
    while (yodel_histogram_next(h, &index, &value, &count)) {
        assert_true(value > before);
        assert_true(value <= h->most);
        before = value;
        sum += count;
    }
    assert_int_equal(sum, h->count);
    assert_true(value == h->most);
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles_agree_with_sorted_samples),
        cmocka_unit_test(test_an_empty_one),
        cmocka_unit_test(test_one_value_is_all_percentiles),
        cmocka_unit_test(test_buckets_are_narrow_and_without_gaps),
        cmocka_unit_test(test_added_is_as_if_recorded_in_one),
        cmocka_unit_test(test_the_walk_meets_every_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
