/* The budget's arithmetic: whose turn it is to give up how much. */
#include "core/memory_budget.h"

#include "tests/support/cmocka_all.h"

#define GROUPS 4

static yodel_counters counters[GROUPS];
static const yodel_counters *const_counters[GROUPS];
static yodel_memory_budget budget;

static void have(uint64_t max, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    const uint64_t bytes[GROUPS] = {a, b, c, d};
    for (unsigned i = 0; i < GROUPS; i++) {
        counters[i] = (yodel_counters){0};
        yodel_count(&counters[i], YODEL_COUNT_BUFFERED, bytes[i]);
        const_counters[i] = &counters[i];
    }
    budget = (yodel_memory_budget){.max = max, .counters = const_counters, .groups = GROUPS};
}

static void test_no_limit(void **state)
{
    (void)state;
    have(0, 1000, 1000, 0, 0);
    assert_false(yodel_memory_budget_above_share(NULL, UINT64_MAX));
    assert_false(yodel_memory_budget_above_share(&budget, UINT64_MAX));
}

static void test_levels(void **state)
{
    (void)state;
    have(800, 300, 200, 200, 100);
    assert_int_equal(yodel_memory_budget_used(&budget), 800);
    assert_false(yodel_memory_budget_above_share(&budget, 200));
    assert_true(yodel_memory_budget_above_share(&budget, 201));
    assert_false(yodel_memory_budget_exceeded(&budget));
    assert_int_equal(yodel_memory_budget_excess(&budget, 300), 0);
    have(800, 301, 200, 200, 100);
    assert_true(yodel_memory_budget_exceeded(&budget));
    have(800, 400, 200, 200, 100);
    assert_false(yodel_memory_budget_exhausted(&budget));
    have(800, 401, 200, 200, 100);
    assert_true(yodel_memory_budget_exhausted(&budget));
}

/* One has everything: it gives up what brings the sum to 700, and no more than a byte beyond. */
static void test_one_has_too_much(void **state)
{
    (void)state;
    have(800, 850, 0, 0, 0);
    assert_in_range(yodel_memory_budget_excess(&budget, 850), 150, 151);
    assert_int_equal(yodel_memory_budget_excess(&budget, 0), 0);
    assert_int_equal(yodel_memory_budget_excess(&budget, 175), 0);
}

/* Together they give up what is needed; who has no more than its share, nothing; nobody ends below
 * its share. */
static void test_in_proportion(void **state)
{
    (void)state;
    have(800, 575, 375, 100, 0);
    uint64_t first = yodel_memory_budget_excess(&budget, 575);
    uint64_t second = yodel_memory_budget_excess(&budget, 375);
    assert_int_equal(yodel_memory_budget_excess(&budget, 100), 0);
    assert_in_range(first + second, 350, 352);
    assert_in_range(first, 233, 234);
    assert_true(575 - first >= 174 && 375 - second >= 174);

    /* One after the other: the second finds that it is enough already, or gives up its part. */
    yodel_uncount(&counters[0], YODEL_COUNT_BUFFERED, first);
    uint64_t left = yodel_memory_budget_used(&budget);
    second = yodel_memory_budget_excess(&budget, 375);
    assert_true(left - second <= 800 && left - second >= 698);
}

static void test_huge(void **state)
{
    (void)state;
    uint64_t tera = UINT64_C(1) << 40;
    have(8 * tera, 8 * tera, 8 * tera, 0, 0);
    uint64_t excess = yodel_memory_budget_excess(&budget, 8 * tera);
    assert_in_range(excess, 4 * tera + tera / 2, 4 * tera + tera / 2 + tera / 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_one_has_too_much),
        cmocka_unit_test(test_in_proportion),
        cmocka_unit_test(test_huge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
