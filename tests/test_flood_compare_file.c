/*
 * What `flood compare` reads: files of flood's, and everything else that a user may name by mistake
 * or somebody may have written on purpose.
 */
#include "tools/flood/compare_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

enum { MESSAGE = 512 };

#define WHO                                                                                        \
    "\"flood\":\"0.1.0 (abc)\",\"command\":\"flood -x 2\",\"started\":\"2026-11-21T09:00:00Z\""
#define WHERE  "\"configuration\":{\"depth\":1},\"system\":{\"cores\":2}"
#define GOOD   "{\"valid\":true,\"invalid\":null,\"metrics\":{\"rate\":1.5,\"p99\":null,\"x\":7}}"
#define BAD    "{\"valid\":false,\"invalid\":\"too slow\",\"interrupted\":true,\"metrics\":{}}"
#define FLOODS "{\"format\":\"yodel-flood\",\"version\":1,"
#define WHOLE  FLOODS WHO "," WHERE ",\"runs\":[" GOOD "," BAD "]}"

static void assert_whole(const yodel_compare_file *file)
{
    yodel_compare_run good = yodel_compare_file_run(file, 0);
    yodel_compare_run bad = yodel_compare_file_run(file, 1);

    assert_string_equal(file->flood, "0.1.0 (abc)");
    assert_string_equal(file->command, "flood -x 2");
    assert_string_equal(file->started, "2026-11-21T09:00:00Z");
    assert_int_equal(json_integer_value(json_object_get(file->configuration, "depth")), 1);
    assert_int_equal(json_integer_value(json_object_get(file->system, "cores")), 2);
    assert_int_equal(file->count, 2);
    assert_int_equal(file->valid, 1);
    assert_true(good.valid && !good.interrupted);
    assert_string_equal(good.invalid, "");
    assert_int_equal(json_object_size(good.metrics), 3);
    assert_true(!bad.valid && bad.interrupted);
    assert_string_equal(bad.invalid, "too slow");
    assert_int_equal(json_object_size(bad.metrics), 0);
}

static void a_report(void **state)
{
    yodel_compare_file file = {0};
    char message[MESSAGE] = "";

    (void)state;
    assert_int_equal(
        yodel_compare_load_bytes("a.json", WHOLE, strlen(WHOLE), &file, message, sizeof message),
        0);
    assert_string_equal(file.name, "a.json");
    assert_whole(&file);
    yodel_compare_file_free(&file);
}

/* Must be refused with exactly this message, and leave the file alone. */
static void refused(const char *text, size_t len, const char *expected)
{
    yodel_compare_file file = {.name = "untouched", .count = 12345};
    char message[MESSAGE] = "";

    assert_int_equal(yodel_compare_load_bytes("a.json", text, len, &file, message, sizeof message),
                     -EINVAL);
    assert_string_equal(message, expected);
    assert_string_equal(file.name, "untouched");
    assert_int_equal(file.count, 12345);
}

/* Refused as no JSON, with a place and one line that a terminal can be shown. */
static void no_json(const char *text, size_t len, const char *place)
{
    yodel_compare_file file;
    char message[MESSAGE] = "";
    char begin[MESSAGE];

    snprintf(begin, sizeof begin, "'a.json' is no JSON: %s: ", place);
    assert_int_equal(yodel_compare_load_bytes("a.json", text, len, &file, message, sizeof message),
                     -EINVAL);
    assert_memory_equal(message, begin, strlen(begin));
    assert_true(strlen(message) > strlen(begin));
    for (const char *c = message; *c != '\0'; c++) {
        assert_false((unsigned char)*c < ' ' || *c == 0x7f);
    }
}

#define NO_JSON(text, place) no_json(text, sizeof(text) - 1, place)

static void not_json(void **state)
{
    char *deep = malloc(1000000);
    char end[64];

    (void)state;
    NO_JSON("", "line 1, column 0");
    NO_JSON("flood", "line 1, column 5");
    NO_JSON("{\n  \"a\": 1,\n  \"b\" 2\n}", "line 3, column 7");
    NO_JSON("{\"a\": \"\x1b]0;title\x07\"}", "line 1, column 7");
    NO_JSON("\x1b[2J", "line 1, column 1");
    NO_JSON("{\"a\": \"\xff\"}", "line 1, column 7");
    NO_JSON("{\"a\": 1e999}", "line 1, column 11");
    NO_JSON("{\"a\": 99999999999999999999}", "line 1, column 26");
    NO_JSON("{\"a\": NaN}", "line 1, column 9");
    NO_JSON("{\"a\": 1, \"a\": 2}", "line 1, column 12");
    NO_JSON("{\"a\": \"\\u0000\"}", "line 1, column 14");
    NO_JSON("{} {}", "line 1, column 4");
    NO_JSON(WHOLE "\n\0", "line 2, column 1");
    snprintf(end, sizeof end, "line 1, column %zu", strlen(WHOLE) - 1);
    no_json(WHOLE, strlen(WHOLE) - 1, end);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    no_json(deep, 1000000, "line 1, column 2049");
    free(deep);
}

#define REFUSED(text, expected) refused(text, strlen(text), "'a.json' " expected)

#define NOT_OURS "is no report of flood: it has no \"format\": \"yodel-flood\""

static void not_floods(void **state)
{
    (void)state;
    REFUSED("[]", NOT_OURS);
    REFUSED("{}", NOT_OURS);
    REFUSED("[\"format\", \"yodel-flood\"]", NOT_OURS);
    REFUSED("{\"format\": 1}", NOT_OURS);
    REFUSED("{\"format\": \"k6\", \"version\": 1}", NOT_OURS);
    REFUSED("{\"format\": \"yodel-flood \", \"version\": 1}", NOT_OURS);
}

static void other_versions(void **state)
{
    (void)state;
    REFUSED("{\"format\":\"yodel-flood\",\"version\":2}",
            "is of a newer flood: its format version is 2, this one reads 1");
    REFUSED("{\"format\":\"yodel-flood\",\"version\":9223372036854775807}",
            "is of a newer flood: its format version is 9223372036854775807, this one reads 1");
    REFUSED("{\"format\":\"yodel-flood\",\"version\":0}", "is damaged: it has no format version");
    REFUSED("{\"format\":\"yodel-flood\",\"version\":-1}", "is damaged: it has no format version");
    REFUSED("{\"format\":\"yodel-flood\",\"version\":\"1\"}",
            "is damaged: it has no format version");
    REFUSED("{\"format\":\"yodel-flood\"}", "is damaged: it has no format version");
}

#define NO_WHO   "is damaged: it does not say who wrote it, by which command and when"
#define NO_WHERE "is damaged: it has no configuration or no system"
#define NO_RUNS  "is damaged: it has no runs"

static void damaged(void **state)
{
    (void)state;
    REFUSED(FLOODS WHERE ",\"runs\":[" GOOD "]}", NO_WHO);
    REFUSED(FLOODS "\"flood\":\"0\",\"started\":\"now\"," WHERE ",\"runs\":[" GOOD "]}", NO_WHO);
    REFUSED(FLOODS "\"flood\":\"0\",\"command\":\"flood\"," WHERE ",\"runs\":[" GOOD "]}", NO_WHO);
    REFUSED(FLOODS "\"flood\":0,\"command\":\"flood\",\"started\":\"now\"}", NO_WHO);
    REFUSED(FLOODS WHO ",\"configuration\":{},\"runs\":[" GOOD "]}", NO_WHERE);
    REFUSED(FLOODS WHO ",\"configuration\":[],\"system\":{},\"runs\":[" GOOD "]}", NO_WHERE);
    REFUSED(FLOODS WHO "," WHERE "}", NO_RUNS);
    REFUSED(FLOODS WHO "," WHERE ",\"runs\":[]}", NO_RUNS);
    REFUSED(FLOODS WHO "," WHERE ",\"runs\":" GOOD "}", NO_RUNS);
}

#define RUNS(text)      FLOODS WHO "," WHERE ",\"runs\":[" GOOD "," text "]}"
#define NO_VALID        "is damaged: run 2 does not say whether it is valid, or has no metrics"
#define NO_NUMBER(name) "is damaged: the metric '" name "' of run 2 is no number"

static void damaged_runs(void **state)
{
    (void)state;
    REFUSED(RUNS("7"), NO_VALID);
    REFUSED(RUNS("{}"), NO_VALID);
    REFUSED(RUNS("{\"valid\":true}"), NO_VALID);
    REFUSED(RUNS("{\"valid\":1,\"metrics\":{}}"), NO_VALID);
    REFUSED(RUNS("{\"valid\":true,\"metrics\":[1]}"), NO_VALID);
    REFUSED(RUNS("{\"valid\":true,\"metrics\":{\"p99\":\"1\"}}"), NO_NUMBER("p99"));
    REFUSED(RUNS("{\"valid\":true,\"metrics\":{\"rate\":1,\"p99\":{}}}"), NO_NUMBER("p99"));
    /* What a file says goes to a terminal. */
    REFUSED(RUNS("{\"valid\":true,\"metrics\":{\"a\\u001b[2J\\u009b\\nb\":true}}"),
            NO_NUMBER("a?[2J???b"));
    REFUSED(RUNS("{\"valid\":true,\"metrics\":"
                 "{\"a very long name, longer than any metric can have\":[]}}"),
            NO_NUMBER("a very long name, longer than any metric"));
}

/* Cut off anywhere, it is refused. */
static void cut_off(void **state)
{
    (void)state;
    for (size_t len = 0; len < strlen(WHOLE); len++) {
        yodel_compare_file file;
        char message[MESSAGE] = "";

        assert_int_equal(
            yodel_compare_load_bytes("a.json", WHOLE, len, &file, message, sizeof message),
            -EINVAL);
        assert_memory_equal(message, "'a.json' is no JSON: line 1, ", 29);
    }
}

/* The message is cut to the room that there is. */
static void little_room(void **state)
{
    yodel_compare_file file;
    char message[12] = "...........";

    (void)state;
    assert_int_equal(yodel_compare_load_bytes("a.json", "[]", 2, &file, message, 10), -EINVAL);
    assert_string_equal(message, "'a.json' ");
    assert_int_equal(message[10], '.');
}

static void from_a_file(void **state)
{
    char path[] = "/tmp/yodel-test-compare-XXXXXX";
    int fd = mkstemp(path);
    yodel_compare_file file = {0};
    char message[MESSAGE] = "";
    char expected[MESSAGE];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, WHOLE "\n", strlen(WHOLE) + 1), strlen(WHOLE) + 1);
    assert_int_equal(yodel_compare_load(path, &file, message, sizeof message), 0);
    assert_ptr_equal(file.name, path);
    assert_whole(&file);
    yodel_compare_file_free(&file);

    assert_int_equal(ftruncate(fd, 5), 0);
    assert_int_equal(yodel_compare_load(path, &file, message, sizeof message), -EINVAL);
    snprintf(expected, sizeof expected, "'%s' is no JSON: line 1, column ", path);
    assert_memory_equal(message, expected, strlen(expected));
    close(fd);
    unlink(path);

    assert_int_equal(yodel_compare_load(path, &file, message, sizeof message), -ENOENT);
    snprintf(expected, sizeof expected, "cannot read '%s': No such file or directory", path);
    assert_string_equal(message, expected);
}

static void no_file_to_read(void **state)
{
    yodel_compare_file file;
    char message[MESSAGE] = "";

    (void)state;
    assert_int_equal(yodel_compare_load("/tmp", &file, message, sizeof message), -EISDIR);
    assert_string_equal(message, "cannot read '/tmp': Is a directory");
    assert_int_equal(yodel_compare_load("", &file, message, sizeof message), -ENOENT);
    assert_string_equal(message, "cannot read '': No such file or directory");
    /* Endless, but wrong from its first byte on. */
    assert_int_equal(yodel_compare_load("/dev/zero", &file, message, sizeof message), -EINVAL);
    assert_memory_equal(message, "'/dev/zero' is no JSON: line 1, ", 32);
}

static size_t allocations_left;

static void *maybe_malloc(size_t size)
{
    if (allocations_left == 0) {
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

/* Whichever allocation fails, the file is refused and nothing leaks; jansson takes a few of them
 * for wrong input. */
static void out_of_memory(void **state)
{
    yodel_compare_file file = {.count = 12345};
    char message[MESSAGE] = "";
    int error = -ENOMEM;
    size_t known = 0;

    (void)state;
    json_set_alloc_funcs(maybe_malloc, free);
    for (size_t n = 0; error < 0; n++) {
        allocations_left = n;
        error = yodel_compare_load_bytes("a.json", WHOLE, strlen(WHOLE), &file, message,
                                         sizeof message);
        if (error < 0) {
            assert_true(error == -ENOMEM || error == -EINVAL);
            assert_non_null(strstr(message, "'a.json'"));
            known += strstr(message, ": Cannot allocate memory") != NULL;
            assert_int_equal(file.count, 12345);
        }
    }
    assert_true(known > 10);
    assert_whole(&file);
    yodel_compare_file_free(&file);
    json_set_alloc_funcs(malloc, free);
}

/* Blanks without end, which are no mistake yet. */
static void *blanks(void *data)
{
    int fd = open(data, O_WRONLY | O_CLOEXEC);
    char block[65536];

    memset(block, ' ', sizeof block);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
    return NULL;
}

static void an_endless_pipe(void **state)
{
    char directory[] = "/tmp/yodel-test-compare-XXXXXX";
    char path[64];
    yodel_compare_file file;
    char message[MESSAGE] = "";
    pthread_t writer;
    sigset_t pipe_signal;

    (void)state;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL), 0);
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/pipe", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&writer, NULL, blanks, path), 0);
    assert_int_equal(yodel_compare_load(path, &file, message, sizeof message), -EFBIG);
    assert_non_null(strstr(message, "/pipe': File too large"));
    assert_int_equal(pthread_join(writer, NULL), 0);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report),        cmocka_unit_test(not_json),
        cmocka_unit_test(not_floods),      cmocka_unit_test(other_versions),
        cmocka_unit_test(damaged),         cmocka_unit_test(damaged_runs),
        cmocka_unit_test(cut_off),         cmocka_unit_test(little_room),
        cmocka_unit_test(from_a_file),     cmocka_unit_test(no_file_to_read),
        cmocka_unit_test(an_endless_pipe), cmocka_unit_test(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
