/* Which exit status a run has, and which of its latencies counts. */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/flood/result.h"

static yodel_result *new_result(void)
{
    yodel_result *r = calloc(1, sizeof *r);
    assert_non_null(r);
    return r;
}

static void test_a_fine_run(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    assert_int_equal(yodel_result_status(r), 0);
    /* Planned faults and notes are no errors. */
    r->total.sent = 1000;
    r->total.abandoned = 5;
    r->total.faults[YODEL_FAULT_RESET] = 5;
    snprintf(r->note, sizeof r->note, "something");
    assert_int_equal(yodel_result_status(r), 0);
    free(r);
}

static void test_each_flaw(void **state)
{
    static const int statuses[YODEL_FLAWS] = {
        [YODEL_FLAW_CONNECT] = 4,   [YODEL_FLAW_RESET] = 4,   [YODEL_FLAW_CLOSED] = 4,
        [YODEL_FLAW_TIMEOUT] = 4,   [YODEL_FLAW_LOST] = 4,    [YODEL_FLAW_DUPLICATED] = 3,
        [YODEL_FLAW_REORDERED] = 3, [YODEL_FLAW_FOREIGN] = 3, [YODEL_FLAW_CORRUPT] = 3,
        [YODEL_FLAW_TRUNCATED] = 3, [YODEL_FLAW_EXTRA] = 3,
    };

    (void)state;
    for (int i = 0; i < YODEL_FLAWS; i++) {
        yodel_result *r = new_result();
        r->total.flaws[i] = 1;
        assert_int_equal(yodel_result_status(r), statuses[i]);
        free(r);
    }
}

/* Wrong bytes are worse than missing ones, those than figures nobody can trust; who interrupted the
 * run knows that it is not whole. */
static void test_the_worst_counts(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    snprintf(r->invalid, sizeof r->invalid, "x");
    assert_int_equal(yodel_result_status(r), 5);
    r->total.flaws[YODEL_FLAW_LOST] = 1000;
    assert_int_equal(yodel_result_status(r), 4);
    r->total.flaws[YODEL_FLAW_EXTRA] = 1;
    assert_int_equal(yodel_result_status(r), 3);
    r->interrupted = true;
    assert_int_equal(yodel_result_status(r), 130);
    free(r);

    r = new_result();
    r->interrupted = true;
    assert_int_equal(yodel_result_status(r), 130);
    free(r);
}

static void test_the_latency_that_counts(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    assert_ptr_equal(yodel_result_latency(r), &r->total.service);
    yodel_histogram_record(&r->total.service, 1000, 7);
    assert_ptr_equal(yodel_result_latency(r), &r->total.service);
    yodel_histogram_record(&r->total.intended, 1000, 1);
    assert_ptr_equal(yodel_result_latency(r), &r->total.intended);
    free(r);
}

static void test_freeing(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    yodel_result_free(r);
    r->timeline = calloc(3, sizeof *r->timeline);
    r->timeline_count = 3;
    assert_non_null(r->timeline);
    yodel_result_free(r);
    assert_null(r->timeline);
    assert_int_equal(r->timeline_count, 0);
    yodel_result_free(r);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fine_run),       cmocka_unit_test(test_each_flaw),
        cmocka_unit_test(test_the_worst_counts), cmocka_unit_test(test_the_latency_that_counts),
        cmocka_unit_test(test_freeing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
