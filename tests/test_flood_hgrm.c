/* The percentile file: read back line by line, it is what the samples say. */
#include "support/cmocka_all.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/random.h"
#include "tools/flood/hgrm.h"

#define HEADER "       Value     Percentile TotalCount 1/(1-Percentile)\n\n"

static yodel_histogram *new_histogram(void)
{
    yodel_histogram *h = calloc(1, sizeof *h);
    assert_non_null(h);
    return h;
}

/* To be freed. */
static char *written(const yodel_histogram *h)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(yodel_hgrm_write(h, out), 0);
    assert_int_equal(strlen(text), size); /* flushed */
    fclose(out);
    return text;
}

static void test_an_empty_one(void **state)
{
    yodel_histogram *h = new_histogram();
    char *text = written(h);

    (void)state;
    assert_string_equal(text, HEADER "#[Mean    =     0.000000, StdDeviation   =     0.000000]\n"
                                     "#[Max     =     0.000000, Total count    =            0]\n"
                                     "#[Buckets =           26, SubBuckets     =         2048]\n");
    free(text);
    free(h);
}

/* Even one value is a line that plotters take: those with four fields. */
static void test_one_value(void **state)
{
    yodel_histogram *h = new_histogram();

    (void)state;
    yodel_histogram_record(h, 412345, 7);
    char *text = written(h);
    assert_string_equal(text, HEADER "    0.412345 0.000000000000          7           1.00\n"
                                     "    0.412345 1.000000000000          7\n"
                                     "#[Mean    =     0.412345, StdDeviation   =     0.000000]\n"
                                     "#[Max     =     0.412345, Total count    =            7]\n"
                                     "#[Buckets =           26, SubBuckets     =         2048]\n");
    free(text);
    free(h);
}

/* Five lines for the first half, five for the next quarter, five for the next eighth, and only one
 * once all values are seen. */
static void test_four_values(void **state)
{
    yodel_histogram *h = new_histogram();

    (void)state;
    yodel_histogram_record(h, 1000, 1);
    yodel_histogram_record(h, 1100, 1);
    yodel_histogram_record(h, 1200, 1);
    yodel_histogram_record(h, 2000, 1);
    char *text = written(h);
    assert_string_equal(text, HEADER "    0.001000 0.000000000000          1           1.00\n"
                                     "    0.001000 0.100000000000          1           1.11\n"
                                     "    0.001000 0.200000000000          1           1.25\n"
                                     "    0.001100 0.300000000000          2           1.43\n"
                                     "    0.001100 0.400000000000          2           1.67\n"
                                     "    0.001100 0.500000000000          2           2.00\n"
                                     "    0.001200 0.550000000000          3           2.22\n"
                                     "    0.001200 0.600000000000          3           2.50\n"
                                     "    0.001200 0.650000000000          3           2.86\n"
                                     "    0.001200 0.700000000000          3           3.33\n"
                                     "    0.001200 0.750000000000          3           4.00\n"
                                     "    0.002000 0.775000000000          4           4.44\n"
                                     "    0.002000 1.000000000000          4\n"
                                     "#[Mean    =     0.001325, StdDeviation   =     0.000396]\n"
                                     "#[Max     =     0.002000, Total count    =            4]\n"
                                     "#[Buckets =           26, SubBuckets     =         2048]\n");
    free(text);
    free(h);
}

/* --- what is read back -------------------------------------------------------------------------*/

typedef struct row {
    double value; /* ns */
    double part;
    uint64_t count;
    double inverse; /* 0 in the last one, which has none */
} row;

#define ROWS 1000

typedef struct page {
    row rows[ROWS];
    size_t count;
    double mean, deviation, most; /* ns */
    uint64_t total;
} page;

static page read_back(char *text)
{
    page p = {.count = 0};
    char *rest = NULL;
    int consumed = 0;

    assert_memory_equal(text, HEADER, sizeof HEADER - 1);
    text += sizeof HEADER - 1;
    for (char *line = strtok_r(text, "\n", &rest); line[0] != '#';
         line = strtok_r(NULL, "\n", &rest)) {
        row *r = &p.rows[p.count++];
        int fields = sscanf(line, "%lf %lf %" SCNu64 "%n %lf%n", &r->value, &r->part, &r->count,
                            &consumed, &r->inverse, &consumed);
        assert_in_range(fields, 3, 4);
        assert_int_equal(line[consumed], '\0');
        assert_true(p.count < ROWS);
        r->value = round(r->value * 1e6);
        if (fields == 3) { /* the last one */
            assert_true(r->part == 1);
            assert_int_equal(rest[0], '#');
        }
        text = rest;
    }
    text[strlen(text)] = '\n'; /* which strtok_r cut off */
    assert_int_equal(sscanf(text, "#[Mean = %lf, StdDeviation = %lf]\n", &p.mean, &p.deviation), 2);
    text = strchr(text, '\n') + 1;
    assert_int_equal(sscanf(text, "#[Max = %lf, Total count = %" SCNu64 "]\n", &p.most, &p.total),
                     2);
    p.mean *= 1e6;
    p.deviation *= 1e6;
    p.most = round(p.most * 1e6);
    return p;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* How many of the sorted samples do not exceed a value. */
static size_t up_to(const uint64_t *sorted, size_t count, double value)
{
    size_t n = 0;

    while (n < count && (double)sorted[n] <= value) {
        n++;
    }
    return n;
}

static void check_rows(const page *p, const uint64_t *sorted, size_t count)
{
    for (size_t i = 0; i < p->count; i++) {
        const row *r = &p->rows[i];
        double wanted = r->part * (double)count; /* but for the digits that the file has not */

        assert_int_equal(r->count, up_to(sorted, count, r->value));
        assert_true((double)r->count >= wanted - 1e-6);
        /* And it is the least such value, to three digits. */
        assert_true((double)up_to(sorted, count, r->value * 0.999 - 1) <= wanted + 1e-6);
        if (i > 0) {
            assert_true(r->part > r[-1].part);
            assert_true(r->value >= r[-1].value);
        }
        if (i + 1 < p->count) {
            assert_true(fabs(r->inverse - 1 / (1 - r->part)) <= 0.0051 + r->inverse * 1e-6);
        }
    }
}

static void check_footer(const page *p, const uint64_t *sorted, size_t count)
{
    double sum = 0, squares = 0, distances = 0;

    for (size_t i = 0; i < count; i++) {
        sum += (double)sorted[i];
        squares += (double)sorted[i] * (double)sorted[i];
    }
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        distances += ((double)sorted[i] - mean) * ((double)sorted[i] - mean);
    }
    assert_true(fabs(p->mean - mean) <= 1 + mean * 1e-9);
    /* Each sample may be off by a thousandth of itself. */
    assert_true(fabs(p->deviation - sqrt(distances / (double)count)) <=
                1 + 1e-3 * sqrt(squares / (double)count));
    assert_true(p->most == (double)sorted[count - 1]);
    assert_int_equal(p->total, count);
}

static void check_samples(uint64_t *samples, size_t count)
{
    yodel_histogram *h = new_histogram();

    for (size_t i = 0; i < count; i++) {
        yodel_histogram_record(h, samples[i], 1);
    }
    qsort(samples, count, sizeof *samples, compare);
    char *text = written(h);
    page p = read_back(text);
    assert_true(p.count >= 2);
    check_rows(&p, samples, count);
    check_footer(&p, samples, count);
    /* The greatest value stands in the last two lines: with a fourth field, and with 1.0. */
    for (size_t i = p.count - 2; i < p.count; i++) {
        assert_true(p.rows[i].value == (double)samples[count - 1]);
        assert_int_equal(p.rows[i].count, count);
    }
    assert_true(p.count == 2 || p.rows[p.count - 3].count < count);
    assert_true(p.rows[0].part == 0);
    assert_true(p.rows[p.count - 1].part == 1);
    free(text);
    free(h);
}

static void test_what_is_read_back_is_what_was_recorded(void **state)
{
    enum { MOST = 20000 };
    static uint64_t samples[MOST];
    test_random random;

    (void)state;
    test_random_init(&random, "test_what_is_read_back_is_what_was_recorded");
    for (int round = 0; round < 20; round++) {
        size_t count = 1 + test_random_below(&random, round < 5 ? 10 : MOST);
        size_t range = 1 + test_random_below(&random, 1000000000);
        for (size_t i = 0; i < count; i++) {
            double exponent = 3 + (double)test_random_below(&random, 1000000) / 1e6 * 7.7;
            samples[i] = round % 2 == 0 ? (uint64_t)pow(10, exponent)
                                        : 1000000 + test_random_below(&random, range);
        }
        check_samples(samples, count);
    }
}

/* So many values that the steps are tiny before the last one is reached. */
static void test_many_values(void **state)
{
    yodel_histogram *h = new_histogram();

    (void)state;
    yodel_histogram_record(h, 1000, UINT64_C(1000000000000));
    yodel_histogram_record(h, 2000, 1);
    char *text = written(h);
    page p = read_back(text);
    assert_in_range(p.count, 5 * 39, 5 * 41); /* 2^40 is about 10^12 */
    assert_true(p.rows[p.count - 3].value == 1000);
    assert_true(p.rows[p.count - 2].value == 2000);
    assert_int_equal(p.rows[p.count - 3].count, UINT64_C(1000000000000));
    assert_int_equal(p.total, UINT64_C(1000000000001));
    free(text);
    free(h);
}

/* Beyond what the buckets tell apart the greatest is still exact. */
static void test_values_that_are_too_great(void **state)
{
    yodel_histogram *h = new_histogram();

    (void)state;
    yodel_histogram_record(h, 1000, 3);
    yodel_histogram_record(h, 3 * YODEL_HISTOGRAM_HIGHEST, 1);
    char *text = written(h);
    page p = read_back(text);
    assert_true(p.most == 3 * (double)YODEL_HISTOGRAM_HIGHEST);
    assert_true(p.rows[p.count - 1].value == p.most);
    assert_true(p.rows[p.count - 2].value >= (double)YODEL_HISTOGRAM_HIGHEST);
    assert_int_equal(p.rows[p.count - 2].count, 4);
    free(text);
    free(h);
}

static void test_a_full_disk(void **state)
{
    static const int modes[] = {_IOFBF, _IOLBF, _IONBF};
    yodel_histogram *h = new_histogram();

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        FILE *full = fopen("/dev/full", "we");
        assert_non_null(full);
        assert_int_equal(setvbuf(full, NULL, modes[i], BUFSIZ), 0);
        assert_int_equal(yodel_hgrm_write(h, full), -ENOSPC);
        fclose(full);
        yodel_histogram_record(h, 412345, 7);
    }
    free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_one),
        cmocka_unit_test(test_one_value),
        cmocka_unit_test(test_four_values),
        cmocka_unit_test(test_what_is_read_back_is_what_was_recorded),
        cmocka_unit_test(test_many_values),
        cmocka_unit_test(test_values_that_are_too_great),
        cmocka_unit_test(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
