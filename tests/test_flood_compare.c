/*
 * `flood compare`: what it says about the two reports before it comes to the figures, and its
 * status.
 */
#include "tools/flood/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/compared.h"

#define SINGLE "A single run proves nothing, the next one may say the opposite: use -x 5.\n"

#define INVALID(why, rate)                                                                         \
    "{\"valid\":false,\"invalid\":" why ",\"interrupted\":false,\"metrics\":{\"rate\":" rate "}}"
#define VALID(rate) RUN("\"rate\":" rate)
#define FOUR_RUNS   VALID("10") "," VALID("20") "," VALID("30") "," VALID("40")

static void invalid_runs(void **state)
{
    char *text = compared_runs(FOUR_RUNS, FOUR_RUNS
                               "," INVALID("\"send lag\\nof 2 ms\\u001b[2J\"", "1000000"));

    (void)state;
    assert_has(text, "\nB: run 5 is INVALID and left out: send lag?of 2 ms?[2J\n");
    assert_row(text, "rate 25/s 25/s 0.0% same 1.000 no difference shown");
    assert_has(text, "Medians of 4 and 4 runs. ");
    free(text);

    text = compared_runs(FOUR_RUNS, VALID("10") "," INVALID("null", "7"));
    assert_has(text, "\nB: run 2 is INVALID and left out\n");
    assert_has(text, SINGLE);
    free(text);

    /* With nothing better there, they are shown; but no verdict. */
    text = compared_runs(INVALID("\"why\"", "100") "," INVALID("\"why\"", "300"), FOUR_RUNS);
    assert_has(text, "\nA: run 1 is INVALID: why\nA: run 2 is INVALID: why\n");
    assert_row(text, "rate 200/s 25/s -87.5% worse");
    assert_has(text, "\n\nINVALID runs prove nothing: see what makes them so, and repeat them.\n");
    assert_has_not(text, "verdict");
    free(text);
}

static void interrupted_runs(void **state)
{
    char *text = compared_runs(
        VALID("10"), VALID("10") ",{\"valid\":true,\"interrupted\":true,\"metrics\":{\"rate\":2}}");

    (void)state;
    assert_has(text, "\nB: run 2 was interrupted\n");
    assert_row(text, "rate 10/s 6/s -40.0% worse");
    free(text);
}

static void other_experiments(void **state)
{
    char *a = compared_report("0.1.0 (a)", CONFIGURATION, VALID("1"));
    char *b =
        compared_report("0.1.0 (b)",
                        "{\"connections\":100,\"rate\":250000.0,\"expect\":\"ec\\\"ho\","
                        "\"duration\":\"1\x7f\",\"faults\":{\"split\":0.5},\"\\u001b[2J\":[]}",
                        VALID("1"));
    char *text = compared(a, b);

    (void)state;
    assert_has(text, "\n\nNot the same experiment:\n"
                     "  flood: \"0.1.0 (a)\" in A, \"0.1.0 (b)\" in B\n"
                     "  connections: 50 in A, 100 in B\n"
                     "  rate: none in A, 250000 in B\n"
                     "  expect: \"chat\" in A, \"ec\\\"ho\" in B\n"
                     "  duration: 10 in A, \"1?\" in B\n"
                     "  faults: none in A, {\"split\":0.5} in B\n"
                     "  ?[2J: none in A, [] in B\n"
                     "\nmetric ");
    free(text);
    text = compared(b, a);
    assert_has(text, "  faults: {\"split\":0.5} in A, none in B\n");
    free(text);
    text = compared(b, b);
    assert_has_not(text, "experiment");
    free(text);
    free(a);
    free(b);
}

static char *write_temporary(char path[64], const char *text)
{
    int fd;

    strcpy(path, "/tmp/yodel-test-compare-XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

/* Runs the whole command on two files; what it prints is allocated. */
static int status_of(const char *path_a, const char *path_b, char **out, char **err)
{
    size_t out_len;
    size_t err_len;
    FILE *out_file = open_memstream(out, &out_len);
    FILE *err_file = open_memstream(err, &err_len);
    int status;

    assert_non_null(out_file);
    assert_non_null(err_file);
    status = yodel_compare(path_a, path_b, out_file, err_file);
    assert_int_equal(fclose(out_file), 0);
    assert_int_equal(fclose(err_file), 0);
    return status;
}

static void the_status(void **state)
{
    char *text = compared_report("1", CONFIGURATION, VALID("1"));
    char good[64];
    char bad[64];
    char expected[300];
    char *out;
    char *err;

    (void)state;
    write_temporary(good, text);
    write_temporary(bad, "[]");
    assert_int_equal(status_of(good, good, &out, &err), 0);
    assert_has(out, SINGLE);
    assert_string_equal(err, "");
    free(out);
    free(err);

    assert_int_equal(status_of(good, bad, &out, &err), 1);
    assert_string_equal(out, "");
    snprintf(expected, sizeof expected,
             "flood: '%s' is no report of flood: it has no \"format\": \"yodel-flood\"\n", bad);
    assert_string_equal(err, expected);
    free(out);
    free(err);

    /* Both are named at once. */
    assert_int_equal(status_of("/nowhere/a.json", bad, &out, &err), 1);
    assert_has(err, "flood: cannot read '/nowhere/a.json': No such file or directory\nflood: '");
    assert_string_equal(out, "");
    free(out);
    free(err);
    unlink(good);
    unlink(bad);
    free(text);
}

static void a_full_disk(void **state)
{
    char *text = compared_report("1", CONFIGURATION, VALID("1"));
    char good[64];
    char *message = NULL;
    size_t len;
    FILE *full = fopen("/dev/full", "we");
    FILE *err = open_memstream(&message, &len);

    (void)state;
    assert_non_null(full);
    assert_non_null(err);
    write_temporary(good, text);
    assert_int_equal(yodel_compare(good, good, full, err), 1);
    fclose(full);
    fclose(err);
    assert_string_equal(message, "flood: cannot write the comparison: No space left on device\n");
    unlink(good);
    free(message);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invalid_runs),      cmocka_unit_test(interrupted_runs),
        cmocka_unit_test(other_experiments), cmocka_unit_test(the_status),
        cmocka_unit_test(a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
