/*
 * What flood writes: the report, the live line, and files that programs read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/json_at.h"
#include "tests/support/liar.h"
#include "tests/support/program.h"

/* A directory for what flood writes, and a server; for each test. */
typedef struct place {
    char dir[32];
    liar *server;
    char target[32];
} place;

static place here;

static int begin(void **state)
{
    (void)state;
    strcpy(here.dir, "/tmp/flood-output-XXXXXX");
    here.server = liar_start(NULL);
    snprintf(here.target, sizeof here.target, "127.0.0.1:%u", liar_port(here.server));
    return mkdtemp(here.dir) != NULL ? 0 : -1;
}

static int end(void **state)
{
    static const char *const names[] = {"a.json", "b.json", "c.csv", "d.html", "e.hgrm"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", here.dir, names[i]);
        unlink(path);
    }
    rmdir(here.dir);
    return liar_teardown(state);
}

/* The file's path; valid for the test. */
static const char *path_of(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", here.dir, name);
    return path;
}

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;

    assert_non_null(file);
    ssize_t n = getdelim(&text, &room, '\0', file);
    fclose(file);
    assert_true(n > 0);
    return text;
}

/* 0, or 5 where the machine was too busy. */
static void expect_good_end(program *p)
{
    int status = program_wait_exit(p);

    if (status != 0 && status != 5) {
        program_fail(p, "it exited with status %d", status);
    }
}

/* --- files -------------------------------------------------------------------------------------*/

static void check_json(json_t *report, unsigned answered)
{
    json_is_text_at(report, "format", "yodel-flood");
    json_is_number_at(report, "runs/0/counts/answered", answered);
    json_is_number_at(report, "runs/0/latency/service/count", answered);
}

/* A header, and as many columns in each line as there. */
static void check_csv(const char *text)
{
    size_t columns = 0, lines = 0, here_columns = 1;

    for (const char *c = text; *c != '\0'; c++) {
        here_columns += *c == ',';
        if (*c == '\n') {
            columns = lines++ == 0 ? here_columns : columns;
            assert_int_equal(here_columns, columns);
            here_columns = 1;
        }
    }
    assert_true(lines >= 2);
    assert_true(columns > 5);
}

static void check_html(const char *text)
{
    assert_int_equal(strncasecmp(text, "<!doctype html>", 15), 0);
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "</html>"));
    assert_null(strstr(text, "<script"));
}

/* As HdrHistogram writes it; what it sums up to is in its last line but two. */
static void check_hgrm(const char *text, unsigned answered)
{
    const char *total = strstr(text, "Total count");

    assert_non_null(strstr(text, "Percentile"));
    assert_non_null(total);
    assert_int_equal(strtoul(total + strcspn(total, "0123456789"), NULL, 10), answered);
}

static void test_files(void **state)
{
    (void)state;
    const char *json = path_of("a.json"), *csv = path_of("c.csv");
    const char *html = path_of("d.html"), *hgrm = path_of("e.hgrm");
    program *p = program_start(NULL, "flood", "-n", "2000", "-T", "60s", "--json", json, "--csv",
                               csv, "--html", html, "--hgrm", hgrm, here.target, NULL);

    expect_good_end(p);
    program_wait_line(p, PROGRAM_STDOUT, "p99"); /* the report */
    json_error_t error;
    json_t *report = json_load_file(json, 0, &error);
    assert_non_null(report);
    check_json(report, 2000);
    json_decref(report);
    char *text = read_text(csv);
    check_csv(text);
    free(text);
    text = read_text(html);
    check_html(text);
    free(text);
    text = read_text(hgrm);
    check_hgrm(text, 2000);
    free(text);
}

/* Nothing but the file on stdout; the report goes to stderr. */
static void test_to_stdout(void **state)
{
    static const char *const options[] = {"--json", "--csv", "--html", "--hgrm"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        program *p = program_start(NULL, "flood", "-q", "-n", "2000", "-T", "60s", options[i], "-",
                                   here.target, NULL);
        expect_good_end(p);
        program_wait_line(p, PROGRAM_STDERR, "p99");
        const char *text = program_output(p, PROGRAM_STDOUT, NULL);
        json_t *report;
        switch (i) {
        case 0:
            report = json_loads(text, 0, NULL);
            check_json(report, 2000);
            json_decref(report);
            break;
        case 1:
            check_csv(text);
            break;
        case 2:
            check_html(text);
            break;
        default:
            check_hgrm(text, 2000);
            break;
        }
    }
}

/* Known before the run starts, which would be longer than the harness waits. */
static void test_unwritable(void **state)
{
    static const char *const options[] = {"--json", "--csv", "--html", "--hgrm"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const char *path = i % 2 == 0 ? here.dir : "/no/such/directory/file";
        program *p = program_start(NULL, "flood", "-d", "10m", options[i], path, here.target, NULL);
        program_expect_exit(p, 1);
        assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 1);
        program_wait_line(p, PROGRAM_STDERR, path);
        assert_string_equal(program_output(p, PROGRAM_STDOUT, NULL), "");
    }
    assert_int_equal(liar_look(here.server).accepted, 0);
}

/* When there is nothing to write, what stood in the file stays, and a new one does not appear. */
static void test_nothing_to_write(void **state)
{
    const char *kept = path_of("a.json"), *fresh = path_of("c.csv");
    char target[32];
    FILE *file = fopen(kept, "we");

    (void)state;
    assert_non_null(file);
    fputs("{}\n", file);
    fclose(file);
    liar *nobody = liar_start(&(liar_options){.refuses = true});
    snprintf(target, sizeof target, "127.0.0.1:%u", liar_port(nobody));
    program *p = program_start(NULL, "flood", "--json", kept, "--csv", fresh, target, NULL);
    program_expect_exit(p, 1);
    liar_stop(nobody);
    char *text = read_text(kept);
    assert_string_equal(text, "{}\n");
    free(text);
    assert_int_equal(access(fresh, F_OK), -1);
}

/* --- several runs ------------------------------------------------------------------------------*/

static void test_runs_and_compare(void **state)
{
    static const char *const names[] = {"a.json", "b.json"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        program *p = program_start(NULL, "flood", "-n", "500", "-T", "60s", "-x", "4", "--json",
                                   path_of(names[i]), here.target, NULL);
        expect_good_end(p);
        json_t *report = json_load_file(path_of(names[i]), 0, NULL);
        assert_int_equal(json_array_size(json_at(report, "runs")), 4);
        for (size_t k = 0; k < 4; k++) {
            char path[48];
            snprintf(path, sizeof path, "runs/%zu/counts/answered", k);
            json_is_number_at(report, path, 500);
        }
        json_decref(report);
    }
    program *compare =
        program_start(NULL, "flood", "compare", path_of("a.json"), path_of("b.json"), NULL);
    program_expect_exit(compare, 0);
    program_wait_line(compare, PROGRAM_STDOUT, "rate");
    program *missing =
        program_start(NULL, "flood", "compare", path_of("a.json"), path_of("c.json"), NULL);
    program_expect_exit(missing, 1);
    program_wait_line(missing, PROGRAM_STDERR, "c.json");
}

/* --- for eyes ----------------------------------------------------------------------------------*/

/* A line a second; on what is no terminal without anything that moves the cursor or colors. */
static void test_live_line(void **state)
{
    (void)state;
    program *p = program_start(NULL, "flood", "-R", "1000", "-d", "2s", "-w", "1s", "-T", "60s",
                               here.target, NULL);

    program_wait_line(p, PROGRAM_STDERR, "conns");
    expect_good_end(p);
    assert_true(program_count_lines(p, PROGRAM_STDERR, "") >= 1 + 3);
    assert_null(strpbrk(program_output(p, PROGRAM_STDERR, NULL), "\r\x1b"));
    assert_null(strpbrk(program_output(p, PROGRAM_STDOUT, NULL), "\r\x1b"));

    p = program_start(NULL, "flood", "-q", "-n", "100", here.target, NULL);
    expect_good_end(p);
    assert_string_equal(program_output(p, PROGRAM_STDERR, NULL), "");
}

/* With --server-pid: what that costs is in the figures. */
static void test_server_pid(void **state)
{
    char pid[16];

    (void)state;
    snprintf(pid, sizeof pid, "%d", (int)getpid()); /* the liar's */
    program *p = program_start(NULL, "flood", "-q", "-d", "1s", "-w", "0", "-T", "60s",
                               "--server-pid", pid, "--json", path_of("a.json"), here.target, NULL);
    expect_good_end(p);
    json_t *report = json_load_file(path_of("a.json"), 0, NULL);
    assert_true(json_number_value(json_at(report, "runs/0/cpu/server")) > 0);
    assert_true(json_number_value(json_at(report, "runs/0/memory/server_peak")) > 0);
    json_decref(report);
}

#define output_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        output_test(test_files),
        output_test(test_to_stdout),
        output_test(test_unwritable),
        output_test(test_nothing_to_write),
        output_test(test_runs_and_compare),
        output_test(test_live_line),
        output_test(test_server_pid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
