/*
 * The files that flood writes: what is in them, what happens to what stood there, and what cannot
 * be written.
 */
#include "tools/flood/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_samples.h"
#include "tests/support/threads.h"
#include "tools/flood/csv.h"
#include "tools/flood/hgrm.h"
#include "tools/flood/html.h"
#include "tools/flood/json.h"

static char directory[64], name[4][128];
static flood_sample *sample;
static char message[256];
static size_t fds;

static int set_up(void **state)
{
    static const char *const last[] = {"json", "csv", "html", "hgrm"};

    (void)state;
    strcpy(directory, "/tmp/yodel-test-output-XXXXXX");
    assert_non_null(mkdtemp(directory));
    for (size_t i = 0; i < 4; i++) {
        snprintf(name[i], sizeof name[i], "%s/%s", directory, last[i]);
    }
    sample = flood_sample_new(FLOOD_SAMPLE_RUNS);
    message[0] = '\0';
    fds = count_fds();
    return 0;
}

/* Whatever a test did, no descriptor is left open, and no file but those it knows of. */
static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(count_fds(), fds);
    for (size_t i = 0; i < 4; i++) {
        (void)unlink(name[i]);
    }
    assert_int_equal(rmdir(directory), 0);
    flood_sample_free(sample);
    return 0;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void put(const char *path, const char *text)
{
    FILE *out = fopen(path, "we");

    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

/* What a file holds; to be freed. */
static char *get(const char *path, size_t *length)
{
    struct stat info;
    FILE *in = fopen(path, "re");

    assert_non_null(in);
    assert_int_equal(fstat(fileno(in), &info), 0);
    *length = (size_t)info.st_size;
    char *text = malloc(*length + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, *length, in), *length);
    text[*length] = '\0';
    fclose(in);
    return text;
}

static void expect_text(const char *path, const char *expected)
{
    size_t length;
    char *text = get(path, &length);

    assert_string_equal(text, expected);
    free(text);
}

static int write_hgrm(const yodel_report *report, FILE *out)
{
    return yodel_hgrm_write(yodel_result_latency(yodel_report_median_run(report)), out);
}

/* The file holds what the writer writes, no more and no less. */
static void expect_written(const char *path, int (*write)(const yodel_report *report, FILE *out))
{
    char *expected = NULL;
    size_t expected_length, length;
    FILE *out = open_memstream(&expected, &expected_length);

    assert_non_null(out);
    assert_int_equal(write(&sample->report, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_true(expected_length > 0);
    char *text = get(path, &length);
    assert_int_equal(length, expected_length);
    assert_memory_equal(text, expected, length);
    free(text);
    free(expected);
}

static void open_good(yodel_outputs *outputs, const yodel_flood_options *o)
{
    if (yodel_outputs_open(outputs, o, message, sizeof message) != 0) {
        fail_msg("%s", message);
    }
}

static void write_good(yodel_outputs *outputs)
{
    if (yodel_outputs_write(outputs, &sample->report, message, sizeof message) != 0) {
        fail_msg("%s", message);
    }
    assert_int_equal(outputs->count, 0);
}

static void expect_refused(const yodel_flood_options *o, int error, const char *text)
{
    yodel_outputs outputs;

    assert_int_equal(yodel_outputs_open(&outputs, o, message, sizeof message), error);
    assert_string_equal(message, text);
}

/* --- what is written ---------------------------------------------------------------------------*/

static void test_none(void **state)
{
    (void)state;
    yodel_outputs outputs;

    open_good(&outputs, &(yodel_flood_options){0});
    assert_int_equal(outputs.count, 0);
    assert_false(outputs.to_stdout);
    write_good(&outputs);
    yodel_outputs_discard(&outputs);
}

static void test_all(void **state)
{
    (void)state;
    yodel_outputs outputs;
    yodel_flood_options o = {.json = name[0], .csv = name[1], .html = name[2], .hgrm = name[3]};

    open_good(&outputs, &o);
    assert_int_equal(outputs.count, 4);
    assert_false(outputs.to_stdout);
    write_good(&outputs);
    expect_written(name[0], yodel_json_write);
    expect_written(name[1], yodel_csv_write);
    expect_written(name[2], yodel_html_write);
    expect_written(name[3], write_hgrm);
    yodel_outputs_discard(&outputs); /* main calls it in any case */
    assert_true(exists(name[0]));
}

/* A result is not lost because nothing comes after it, and nothing of it stays behind a shorter
 * one. */
static void test_replaced(void **state)
{
    (void)state;
    static char before[1 << 20];
    yodel_outputs outputs;

    memset(before, 'x', sizeof before - 1);
    put(name[1], before);
    open_good(&outputs, &(yodel_flood_options){.csv = name[1]});
    expect_text(name[1], before);
    write_good(&outputs);
    expect_written(name[1], yodel_csv_write);
}

static void test_discarded(void **state)
{
    (void)state;
    yodel_outputs outputs;

    put(name[1], "precious");
    open_good(&outputs,
              &(yodel_flood_options){.json = name[0], .csv = name[1], .html = "/dev/null"});
    assert_true(exists(name[0]));
    yodel_outputs_discard(&outputs);
    assert_false(exists(name[0]));
    expect_text(name[1], "precious");
    assert_true(exists("/dev/null"));
    yodel_outputs_discard(&outputs); /* nothing any more */
    expect_text(name[1], "precious");
}

/* A link is the user's, also one that names what is not there yet. */
static void test_link(void **state)
{
    (void)state;
    yodel_outputs outputs;

    assert_int_equal(symlink(name[0], name[1]), 0);
    open_good(&outputs, &(yodel_flood_options){.csv = name[1]});
    yodel_outputs_discard(&outputs);
    struct stat info;
    assert_int_equal(lstat(name[1], &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    open_good(&outputs, &(yodel_flood_options){.csv = name[1]});
    write_good(&outputs);
    expect_written(name[0], yodel_csv_write);
}

/* Standard output belongs to others, too: it stays open, and what stands in it stays. */
static void test_stdout(void **state)
{
    (void)state;
    yodel_outputs outputs;

    put(name[0], "before\n");
    fflush(stdout);
    int saved = dup(STDOUT_FILENO);
    int fd = open(name[0], O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(saved >= 0 && fd >= 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    int opened =
        yodel_outputs_open(&outputs, &(yodel_flood_options){.csv = "-"}, message, sizeof message);
    bool to_stdout = outputs.to_stdout;
    yodel_outputs_discard(&outputs);
    bool open_still = fcntl(STDOUT_FILENO, F_GETFD) >= 0;
    opened |=
        yodel_outputs_open(&outputs, &(yodel_flood_options){.csv = "-"}, message, sizeof message);
    int written = yodel_outputs_write(&outputs, &sample->report, message, sizeof message);
    bool after = write(STDOUT_FILENO, "after\n", 6) == 6;
    assert_int_equal(dup2(saved, STDOUT_FILENO), STDOUT_FILENO);
    close(saved);
    close(fd);

    assert_int_equal(opened, 0);
    assert_true(to_stdout);
    assert_true(open_still);
    assert_int_equal(written, 0);
    assert_true(after);
    size_t length, rows_length;
    char *text = get(name[0], &length);
    open_good(&outputs, &(yodel_flood_options){.csv = name[1]});
    write_good(&outputs);
    char *rows = get(name[1], &rows_length);
    assert_int_equal(length, strlen("before\n") + rows_length + strlen("after\n"));
    assert_memory_equal(text, "before\n", strlen("before\n"));
    assert_memory_equal(text + strlen("before\n"), rows, rows_length);
    assert_string_equal(text + length - strlen("after\n"), "after\n");
    free(rows);
    free(text);
    assert_false(exists("-"));
}

/* --- what cannot be written --------------------------------------------------------------------*/

static void test_refused(void **state)
{
    (void)state;
    char missing[160], expected[256];

    snprintf(expected, sizeof expected, "cannot write %s: Is a directory", directory);
    expect_refused(&(yodel_flood_options){.json = directory}, -EISDIR, expected);
    snprintf(missing, sizeof missing, "%s/none/x.csv", directory);
    snprintf(expected, sizeof expected, "cannot write %s: No such file or directory", missing);
    expect_refused(&(yodel_flood_options){.csv = missing}, -ENOENT, expected);
    /* Nothing is left of those before it, except what was there. */
    put(name[1], "precious");
    yodel_flood_options o = {.json = name[0], .csv = name[1], .html = name[2], .hgrm = missing};
    snprintf(expected, sizeof expected, "cannot write %s: No such file or directory", missing);
    expect_refused(&o, -ENOENT, expected);
    assert_false(exists(name[0]));
    assert_false(exists(name[2]));
    expect_text(name[1], "precious");
}

/* Two that write over one another. Into a device they may. */
static void test_same_file(void **state)
{
    (void)state;
    yodel_outputs outputs;
    char other[160], expected[512];

    snprintf(other, sizeof other, "%s/./json", directory);
    snprintf(expected, sizeof expected, "%s and %s are the same file", name[0], other);
    expect_refused(&(yodel_flood_options){.json = name[0], .csv = name[1], .hgrm = other}, -EINVAL,
                   expected);
    assert_false(exists(name[0]));
    assert_false(exists(name[1]));
    put(name[0], "precious");
    expect_refused(&(yodel_flood_options){.json = name[0], .html = other}, -EINVAL, expected);
    expect_text(name[0], "precious");
    open_good(&outputs, &(yodel_flood_options){.json = "/dev/null", .csv = "/dev/null"});
    write_good(&outputs);
}

/* The first one that fails is named, the others are written all the same. */
static void test_full(void **state)
{
    (void)state;
    yodel_outputs outputs;
    yodel_flood_options o = {.json = name[0], .csv = "/dev/full", .html = name[2]};

    open_good(&outputs, &o);
    assert_int_equal(yodel_outputs_write(&outputs, &sample->report, message, sizeof message),
                     -ENOSPC);
    assert_string_equal(message, "cannot write /dev/full: No space left on device");
    assert_int_equal(outputs.count, 0);
    expect_written(name[0], yodel_json_write);
    expect_written(name[2], yodel_html_write);

    const yodel_flood_options each[] = {
        {.json = "/dev/full"}, {.html = "/dev/full"}, {.hgrm = "/dev/full"}};
    for (size_t i = 0; i < 3; i++) {
        open_good(&outputs, &each[i]);
        assert_int_equal(yodel_outputs_write(&outputs, &sample->report, message, sizeof message),
                         -ENOSPC);
    }
    assert_true(exists("/dev/full"));
}

/* Opened, and then somebody takes the descriptor away: an error, not a crash. */
static void test_descriptors_gone(void **state)
{
    (void)state;
    yodel_outputs outputs;

    open_good(&outputs,
              &(yodel_flood_options){.json = "/dev/full", .csv = name[1], .html = name[2]});
    close(outputs.list[1].fd);
    assert_int_equal(yodel_outputs_write(&outputs, &sample->report, message, sizeof message),
                     -ENOSPC); /* the first one */
    expect_written(name[2], yodel_html_write);
    open_good(&outputs, &(yodel_flood_options){.csv = name[1]});
    close(outputs.list[0].fd);
    assert_int_equal(yodel_outputs_write(&outputs, &sample->report, message, sizeof message),
                     -EBADF);
}

/* It may be written to, but not shortened: what stands in it is not mixed with what is new. */
static void test_not_to_be_cut(void **state)
{
    (void)state;
    yodel_outputs outputs;
    char path[32];
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "precious", 8), 8);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    open_good(&outputs, &(yodel_flood_options){.csv = path});
    assert_int_equal(yodel_outputs_write(&outputs, &sample->report, message, sizeof message),
                     -EPERM);
    char text[16] = "";
    assert_int_equal(pread(fd, text, sizeof text - 1, 0), 8);
    assert_string_equal(text, "precious");
    close(fd);
}

#define output_test(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        output_test(test_none),          output_test(test_all),
        output_test(test_replaced),      output_test(test_discarded),
        output_test(test_link),          output_test(test_stdout),

        output_test(test_refused),       output_test(test_same_file),
        output_test(test_full),          output_test(test_descriptors_gone),
        output_test(test_not_to_be_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
