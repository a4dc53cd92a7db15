#include "tests/support/compared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tools/flood/compare.h"

#define SYSTEM "{\"cores\":2,\"release\":\"6.1.0\"}"

char *compared_report(const char *flood, const char *configuration, const char *runs)
{
    char *text;

    assert_true(asprintf(&text,
                         "{\"format\":\"yodel-flood\",\"version\":1,\"flood\":\"%s\","
                         "\"command\":\"flood --seed 7\",\"started\":\"2026-11-21T09:00:00Z\","
                         "\"configuration\":%s,\"system\":" SYSTEM ",\"runs\":[%s]}",
                         flood, configuration, runs) > 0);
    return text;
}

char *compared(const char *a, const char *b)
{
    yodel_compare_file file_a = {0};
    yodel_compare_file file_b = {0};
    char message[512];
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(
        yodel_compare_load_bytes("a.json", a, strlen(a), &file_a, message, sizeof message), 0);
    assert_int_equal(
        yodel_compare_load_bytes("b.json", b, strlen(b), &file_b, message, sizeof message), 0);
    assert_int_equal(yodel_compare_write(&file_a, &file_b, out), 0);
    assert_int_equal(fclose(out), 0);
    yodel_compare_file_free(&file_a);
    yodel_compare_file_free(&file_b);
    return text;
}

char *compared_runs(const char *runs_a, const char *runs_b)
{
    char *a = compared_report("1", CONFIGURATION, runs_a);
    char *b = compared_report("1", CONFIGURATION, runs_b);
    char *text = compared(a, b);

    free(a);
    free(b);
    return text;
}

/* So many runs, whose value of the metric is one of those listed, and whose rate is always 1000. */
static char *runs_of(const char *metric, const double *values, size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s{\"valid\":true,\"metrics\":{\"%s\":%.12g}}", i > 0 ? "," : "", metric,
                values[i]);
    }
    assert_int_equal(fclose(out), 0);
    return text;
}

char *compared_values(const char *metric, const double *a, size_t a_count, const double *b,
                      size_t b_count)
{
    char *runs_a = runs_of(metric, a, a_count);
    char *runs_b = runs_of(metric, b, b_count);
    char *text = compared_runs(runs_a, runs_b);

    free(runs_a);
    free(runs_b);
    return text;
}

void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("'%s' is not in:\n%s", part, text);
        fail();
    }
}

void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL) {
        print_error("'%s' is in:\n%s", part, text);
        fail();
    }
}

void assert_row(const char *text, const char *expected)
{
    char row[200];
    size_t len = strcspn(expected, " ");
    const char *from = text;
    size_t n = 0;

    for (;;) {
        from = strchr(from, '\n');
        assert_non_null(from);
        from++;
        if (strncmp(from, expected, len) == 0 && from[len] == ' ') {
            break;
        }
    }
    for (; *from != '\n' && n < sizeof row - 1; from++) {
        if (*from != ' ' || row[n - 1] != ' ') {
            row[n++] = *from;
        }
    }
    n -= n > 0 && row[n - 1] == ' ';
    row[n] = '\0';
    assert_string_equal(row, expected);
}
