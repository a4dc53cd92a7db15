/*
 * The timeline as CSV: the bytes, and that RFC 4180's rules hold whatever the numbers are.
 */
#include "tools/flood/csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define COLUMNS                                                                                    \
    "begin_s,length_s,connections,in_flight_lines,sent_lines,answered_lines,errors,faults,p50_us," \
    "p90_us,p99_us,max_us,lag_p99_us,client_cpu_cores,server_cpu_cores,server_resident_bytes\r\n"

static yodel_second warm_up = {
    .begin = -1,
    .length = 1,
    .connections = 50,
    .in_flight = 49,
    .sent = 1000,
    .answered = 951,
    .p50 = 412345,
    .p90 = 1900000,
    .p99 = 1900001,
    .most = 61234567890,
    .lag99 = 38004,
    .client_cpu = 0.61,
    .server_cpu = 1.25,
    .server_resident = 4718592,
};
/* No answers, so no latency, and nobody looks at the server. */
static yodel_second silent = {
    .begin = 0,
    .length = 0.25,
    .connections = 18446744073709551615U,
    .flaws = -3,
    .faults = 7,
    .client_cpu = 0,
    .server_cpu = NAN,
};

#define WARM_UP                                                                                    \
    "-1.000,1.000,50,49,1000,951,0,0,412.345,1900.000,1900.001,61234567.890,38.004,0.610,1.250,"   \
    "4718592\r\n"
#define SILENT "0.000,0.250,18446744073709551615,0,0,0,-3,7,,,,,0.000,0.000,,\r\n"

static char *csv_of(const yodel_result *runs, size_t count)
{
    yodel_report report = {.results = runs, .count = count};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(yodel_csv_write(&report, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), len);
    return text;
}

static void one_run(void **state)
{
    yodel_second timeline[2] = {warm_up, silent};
    yodel_result *run = calloc(1, sizeof *run);
    char *text;

    (void)state;
    assert_non_null(run);
    run->timeline = timeline;
    run->timeline_count = 2;
    text = csv_of(run, 1);
    assert_string_equal(text, COLUMNS WARM_UP SILENT);
    free(text);
    free(run);
}

static void several_runs(void **state)
{
    yodel_second timeline[2] = {warm_up, silent};
    yodel_result *runs = calloc(3, sizeof *runs);
    char *text;

    (void)state;
    assert_non_null(runs);
    runs[0].timeline = timeline;
    runs[0].timeline_count = 2;
    runs[2].timeline = timeline + 1; /* and the second one has none */
    runs[2].timeline_count = 1;
    text = csv_of(runs, 3);
    assert_string_equal(text, "run," COLUMNS "1," WARM_UP "1," SILENT "3," SILENT);
    free(text);
    free(runs);
}

static void every_line_has_every_field(void **state)
{
    yodel_second timeline[2] = {warm_up, silent};
    yodel_result *run = calloc(1, sizeof *run);
    size_t fields = 1;
    size_t expected = 0;
    size_t lines = 0;
    char *text;

    (void)state;
    assert_non_null(run);
    run->timeline = timeline;
    run->timeline_count = 2;
    text = csv_of(run, 1);
    for (const char *c = text; *c != '\0'; c++) {
        fields += *c == ',';
        if (*c == '\n') {
            assert_int_equal(c[-1], '\r');
            expected = expected > 0 ? expected : fields;
            assert_int_equal(fields, expected);
            fields = 1;
            lines++;
        }
    }
    assert_int_equal(lines, 3);
    assert_int_equal(expected, 16);
    free(text);
    free(run);
}

static void a_full_disk(void **state)
{
    yodel_result *run = calloc(1, sizeof *run);
    yodel_report report = {.results = run, .count = 1};
    FILE *full = fopen("/dev/full", "we");

    (void)state;
    assert_non_null(run);
    assert_non_null(full);
    assert_int_equal(yodel_csv_write(&report, full), -ENOSPC);
    fclose(full);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_run),
        cmocka_unit_test(several_runs),
        cmocka_unit_test(every_line_has_every_field),
        cmocka_unit_test(a_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
