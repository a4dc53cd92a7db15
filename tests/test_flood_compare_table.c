/*
 * The table of `flood compare`: which rows it has, what they say, and what it says they prove.
 */
#include "tools/flood/compare_table.h"

#include <stdlib.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/compared.h"

#define SINGLE "A single run proves nothing, the next one may say the opposite: use -x 5.\n"

static void single_runs(void **state)
{
    char *text = compared_runs(RUN("\"p99\":0.002,\"errors\":0,\"rate\":100000.0,\"p50\":0.0005"),
                               RUN("\"p99\":0.0018,\"errors\":3,\"rate\":90000,\"p90\":0.001"));

    (void)state;
    assert_row(text, "metric A B delta");
    assert_row(text, "rate 100.0k/s 90.0k/s -10.0% worse");
    assert_row(text, "p99 2.00ms 1.80ms -10.0% better");
    assert_row(text, "errors 0 3 from 0 worse");
    assert_has_not(text, "p50");
    assert_has_not(text, "p90");
    assert_has_not(text, "verdict");
    assert_has_not(text, "experiment");
    assert_has_not(text, "INVALID");
    assert_has(text, "\n\n" SINGLE);
    assert_has(text, "A: a.json, 1 run, 2026-11-21T09:00:00Z\n   flood --seed 7\n"
                     "B: b.json, 1 run, 2026-11-21T09:00:00Z\n   flood --seed 7\n");
    free(text);

    text = compared_runs(RUN("\"p99\":0.002"), RUN("\"p99\":0.002") "," RUN("\"p99\":0.003"));
    assert_row(text, "p99 2.00ms 2.50ms +25.0% worse");
    assert_has(text, SINGLE);
    assert_has(text, "B: b.json, 2 runs, ");
    free(text);
}

/* The sign and what it means, at the edges. */
static void deltas(void **state)
{
    static const struct {
        const char *a, *b, *row;
    } cases[] = {
        {"\"rate\":1000", "\"rate\":1000.0", "rate 1000/s 1000/s 0.0% same"},
        {"\"rate\":100000", "\"rate\":100049", "rate 100.0k/s 100.0k/s 0.0% same"},
        {"\"rate\":100000", "\"rate\":100051", "rate 100.0k/s 100.1k/s +0.1% better"},
        {"\"rate\":0", "\"rate\":0", "rate 0/s 0/s 0.0% same"},
        {"\"rate\":0", "\"rate\":7", "rate 0/s 7/s from 0 better"},
        {"\"rate\":7", "\"rate\":0", "rate 7/s 0/s -100.0% worse"},
        {"\"errors\":4", "\"errors\":0", "errors 4 0 -100.0% better"},
        {"\"errors\":1", "\"errors\":9000", "errors 1 9,000 +899900.0% worse"},
        {"\"p99\":1e-6", "\"p99\":0.5", "p99 1.00us 500ms >+999999% worse"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char runs[2][300];
        char *text;

        snprintf(runs[0], sizeof runs[0], RUN("%s"), cases[i].a);
        snprintf(runs[1], sizeof runs[1], RUN("%s"), cases[i].b);
        text = compared_runs(runs[0], runs[1]);
        assert_row(text, cases[i].row);
        free(text);
    }
}

static void verdicts(void **state)
{
    static const double low[] = {900, 100, 200, 300, 400};
    static const double high[] = {5000, 1000, 2000, 3000, 4000};
    static const double mixed[] = {150, 250, 350, 950, 1000};
    char *text = compared_values("rate", low, 5, high, 5);

    (void)state;
    assert_row(text, "metric A B delta p verdict");
    assert_row(text, "rate 300/s 3000/s +900.0% better 0.008 better");
    assert_has(text, "\n\nMedians of 5 and 5 runs. ");
    assert_has_not(text, "too few");
    assert_has_not(text, "cannot show");
    free(text);
    text = compared_values("rate", high, 5, low, 5);
    assert_row(text, "rate 3000/s 300/s -90.0% worse 0.008 worse");
    free(text);
    text = compared_values("rate", low, 5, mixed, 5);
    assert_row(text, "rate 300/s 350/s +16.7% better 0.548 no difference shown");
    free(text);
    text = compared_values("errors", low, 4, high, 5); /* 900 is low, still: medians 250, 3000 */
    assert_row(text, "errors 250 3,000 +1100.0% worse 0.016 worse");
    assert_has(text, "Medians of 4 and 5 runs. ");
    free(text);
}

/* Enough runs for the approximation, with one value that belongs to the others. */
static void many_runs(void **state)
{
    double a[31];
    double b[31];
    char *text;

    (void)state;
    for (size_t i = 0; i < 31; i++) {
        a[i] = (double)(100 + i);
        b[i] = (double)(200 + i);
    }
    b[30] = 50;
    text = compared_values("rate", a, 31, b, 31);
    assert_row(text, "rate 115/s 214/s +86.1% better <0.001 better");
    free(text);
}

static void too_few_runs(void **state)
{
    static const double low[] = {1, 2, 3};
    static const double high[] = {11, 12, 13, 14, 15};
    char *text = compared_values("rate", low, 3, high, 3);

    (void)state;
    assert_row(text, "rate 2/s 12/s +500.0% better 0.100 too few runs");
    assert_has(text, "\n\n3 and 3 runs cannot show a difference: ");
    assert_has(text, "p is 0.1,");
    assert_has(text, "less than 0.05: use -x 4 or more for both.\n");
    free(text);
    text = compared_values("rate", low, 2, high, 5);
    assert_has(text, "\n\n2 and 5 runs cannot show a difference: ");
    free(text);
    text = compared_values("rate", low, 3, high, 5);
    assert_row(text, "rate 2/s 13/s +550.0% better 0.036 better");
    assert_has_not(text, "cannot show");
    free(text);
}

#define GAP RUN("\"rate\":1,\"p99\":null")

/* A metric that only some runs have: its own number of values counts. */
static void runs_without_a_value(void **state)
{
#define FOUR(value) RUN("\"rate\":1,\"p99\":" value "1")
    char *text = compared_runs(FOUR("1") "," FOUR("2") "," FOUR("3") "," FOUR("4") "," GAP,
                               FOUR("5") "," FOUR("6") "," GAP "," FOUR("7") "," GAP);

    (void)state;
    assert_row(text, "p99 26.0s 61.0s +134.6% worse 0.057 too few runs");
    assert_row(text, "rate 1/s 1/s 0.0% same 1.000 no difference shown");
    free(text);
    text = compared_runs(GAP "," GAP, GAP "," RUN("\"p99\":1"));
    assert_has_not(text, "p99");
    free(text);
    text = compared_runs(RUN(""), RUN("\"p99\":1,\"no-such-metric\":1"));
    assert_has(text, "\nThe two have no metric in common.\n");
    assert_has_not(text, "delta");
    assert_has_not(text, "proves");
    free(text);
}

/* Errors that nobody had are no rows, others are. */
static void errors_only_where_there_are_some(void **state)
{
    static const double none[] = {0, 0, 0, 0, 0};
    static const double one[] = {0, 0, 0, 0, 1};
    char *text = compared_values("errors", none, 5, none, 5);

    (void)state;
    assert_has_not(text, "errors");
    free(text);
    text = compared_values("errors", none, 5, one, 5);
    assert_row(text, "errors 0 0 0.0% same 1.000 no difference shown; B up to 1");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_runs),
        cmocka_unit_test(deltas),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(many_runs),
        cmocka_unit_test(too_few_runs),
        cmocka_unit_test(runs_without_a_value),
        cmocka_unit_test(errors_only_where_there_are_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
