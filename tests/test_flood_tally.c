/* What generators counted is added up without loss, and every flaw has its name and its kind. */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "tools/flood/tally.h"

/* All that stands before the histograms is numbers of eight bytes. */
#define NUMBERS (offsetof(yodel_tally, service) / sizeof(uint64_t))

static yodel_tally *new_tally(void)
{
    yodel_tally *t = calloc(1, sizeof *t);
    assert_non_null(t);
    return t;
}

/* Each number is another one, also of those that nobody has thought of yet. */
static void fill(yodel_tally *t, uint64_t seed)
{
    uint64_t numbers[NUMBERS] = {0};

    for (size_t i = 0; i < NUMBERS; i++) {
        numbers[i] = seed + i * i;
    }
    memcpy(t, numbers, sizeof numbers);
    yodel_histogram_record(&t->service, 1000 + seed, 1);
    yodel_histogram_record(&t->intended, 1100 + seed, 2);
    yodel_histogram_record(&t->connect, 1200 + seed, 3);
    yodel_histogram_record(&t->lag, 1300 + seed, 4);
}

static void check_histogram(const yodel_histogram *h, uint64_t value, uint64_t times)
{
    assert_int_equal(h->count, 2 * times);
    assert_int_equal(h->least, value + 10);
    assert_int_equal(h->most, value + 500);
    assert_int_equal(h->sum, times * (2 * value + 510));
}

static void test_everything_is_added(void **state)
{
    yodel_tally *one = new_tally(), *other = new_tally(), *sum = new_tally();
    uint64_t numbers[NUMBERS];

    (void)state;
    fill(one, 10);
    fill(other, 500);
    yodel_tally_add(sum, one);
    assert_memory_equal(sum, one, sizeof *sum);
    yodel_tally_add(sum, other);
    memcpy(numbers, sum, sizeof numbers);
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_int_equal(numbers[i], 510 + 2 * i * i);
    }
    check_histogram(&sum->service, 1000, 1);
    check_histogram(&sum->intended, 1100, 2);
    check_histogram(&sum->connect, 1200, 3);
    check_histogram(&sum->lag, 1300, 4);
    free(one);
    free(other);
    free(sum);
}

static void test_nothing_added_changes_nothing(void **state)
{
    yodel_tally *t = new_tally(), *before = new_tally(), *nothing = new_tally();

    (void)state;
    fill(t, 3);
    *before = *t;
    yodel_tally_add(t, nothing);
    assert_memory_equal(t, before, sizeof *t);
    free(t);
    free(before);
    free(nothing);
}

/* A line first taken for late and then found to be lost. */
static void test_an_interval_corrects_an_earlier_one(void **state)
{
    yodel_tally *total = new_tally(), *interval = new_tally();

    (void)state;
    total->flaws[YODEL_FLAW_TIMEOUT] = 3;
    interval->flaws[YODEL_FLAW_TIMEOUT] = -2;
    interval->flaws[YODEL_FLAW_LOST] = 1;
    assert_int_equal(yodel_tally_flaws(interval), -1);
    yodel_tally_add(total, interval);
    assert_int_equal(total->flaws[YODEL_FLAW_TIMEOUT], 1);
    assert_int_equal(total->flaws[YODEL_FLAW_LOST], 1);
    assert_int_equal(yodel_tally_flaws(total), 2);
    free(total);
    free(interval);
}

static void test_all_flaws_count_and_no_faults(void **state)
{
    yodel_tally *t = new_tally();

    (void)state;
    assert_int_equal(yodel_tally_flaws(t), 0);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        t->faults[i] = 1000;
    }
    for (int i = 0; i < YODEL_FLAWS; i++) {
        t->flaws[i] = 1 << i;
    }
    assert_int_equal(yodel_tally_flaws(t), (1 << YODEL_FLAWS) - 1);
    free(t);
}

static const struct {
    yodel_flaw flaw;
    const char *name;
    bool wrong_bytes;
} flaws[] = {
    {YODEL_FLAW_CONNECT, "connect", false},     {YODEL_FLAW_RESET, "reset", false},
    {YODEL_FLAW_CLOSED, "closed early", false}, {YODEL_FLAW_TIMEOUT, "timeout", false},
    {YODEL_FLAW_LOST, "lost", false},           {YODEL_FLAW_DUPLICATED, "duplicated", true},
    {YODEL_FLAW_REORDERED, "reordered", true},  {YODEL_FLAW_FOREIGN, "foreign", true},
    {YODEL_FLAW_CORRUPT, "corrupt", true},      {YODEL_FLAW_TRUNCATED, "truncated", true},
    {YODEL_FLAW_EXTRA, "extra", true},
};

static void test_flaws(void **state)
{
    (void)state;
    assert_int_equal(sizeof flaws / sizeof flaws[0], YODEL_FLAWS);
    for (size_t i = 0; i < sizeof flaws / sizeof flaws[0]; i++) {
        assert_int_equal(flaws[i].flaw, i); /* the order of reports */
        assert_string_equal(yodel_flaw_name(flaws[i].flaw), flaws[i].name);
        assert_int_equal(yodel_flaw_is_wrong_bytes(flaws[i].flaw), flaws[i].wrong_bytes);
    }
}

static void test_faults(void **state)
{
    static const char *const names[] = {"split", "drip", "slow-read", "half-close", "reset"};

    (void)state;
    assert_int_equal(sizeof names / sizeof names[0], YODEL_FAULTS);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        assert_string_equal(yodel_fault_name((yodel_fault)i), names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_added),
        cmocka_unit_test(test_nothing_added_changes_nothing),
        cmocka_unit_test(test_an_interval_corrects_an_earlier_one),
        cmocka_unit_test(test_all_flaws_count_and_no_faults),
        cmocka_unit_test(test_flaws),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
