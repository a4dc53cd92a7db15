/*
 * --json: read back, what was asked for is where json.h says. The runs: test_flood_json_run.c.
 */
#include "tools/flood/json.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_samples.h"
#include "tests/support/json_at.h"
#include "tools/flood/compare_file.h"

typedef struct fixture {
    yodel_flood_target targets[2];
    char *sources[1];
    yodel_flood_options options;
    yodel_report report;
    yodel_result *runs; /* two */
} fixture;

static char host[] = "localhost";
static char host_ipv6[] = "::1";
static char port[] = "8007";
static char source[] = "127.0.0.2";

static void set_options(fixture *f)
{
    f->targets[0] = (yodel_flood_target){host, port};
    f->targets[1] = (yodel_flood_target){host_ipv6, port};
    f->sources[0] = source;
    f->options = (yodel_flood_options){
        .targets = f->targets,
        .target_count = 2,
        .sources = f->sources,
        .source_count = 1,
        .connections = 50,
        .threads = 2,
        .duration = 10,
        .depth = 16,
        .warm_up = 0.1,
        .timeout = 5,
        .repeat = 2,
        .length_min = 64,
        .length_max = 128,
        .seed = UINT64_MAX,
    };
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->runs = calloc(2, sizeof *f->runs);
    assert_non_null(f->runs);
    set_options(f);
    f->runs[0].started = 1795251600;
    f->report = (yodel_report){
        .options = &f->options,
        .command = "flood -x 2 'a b'",
        .replay = "flood -x 2 'a b' --seed 18446744073709551615",
        .results = f->runs,
        .count = 1,
    };
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;

    free(f->runs);
    free(f);
    return 0;
}

/* What is written, as text. Allocated. */
static char *text_of(const fixture *f)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(yodel_json_write(&f->report, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), len);
    assert_int_equal(text[len - 1], '\n');
    return text;
}

static json_t *written(const fixture *f)
{
    char *text = text_of(f);
    json_error_t why = {.text = ""};
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &why);

    assert_string_equal(why.text, "");
    assert_non_null(root);
    free(text);
    return root;
}

static void the_head(void **state)
{
    json_t *root = written(*state);

    json_has_members_at(
        root, "",
        "format version flood command replay started seed repeat configuration system runs");
    json_is_text_at(root, "format", "yodel-flood");
    assert_true(json_is_integer(json_at(root, "version")));
    json_is_number_at(root, "version", 1);
    json_is_text_at(root, "command", "flood -x 2 'a b'");
    json_is_text_at(root, "replay", "flood -x 2 'a b' --seed 18446744073709551615");
    json_is_text_at(root, "started", "2026-11-21T09:00:00Z");
    json_is_text_at(root, "seed", "18446744073709551615");
    json_is_number_at(root, "repeat", 2);
    json_has_members_at(root, "system", "os release machine cores");
    json_is_text_at(root, "system/os", "Linux");
    assert_true(json_integer_value(json_at(root, "system/cores")) >= 1);
    assert_int_equal(json_array_size(json_at(root, "runs")), 1);
    json_decref(root);
}

static void the_configuration(void **state)
{
    fixture *f = *state;
    json_t *root = written(f);
    json_t *c = json_at(root, "configuration");

    json_has_members_at(
        c, "",
        "targets sources connections threads duration messages depth warm_up rate timeout "
        "length_min length_max fixed_line expect connect_rate churn idle faults "
        "server_sampled");
    json_is_text_at(c, "targets/0", "localhost:8007");
    json_is_text_at(c, "targets/1", "[::1]:8007");
    json_is_text_at(c, "sources/0", "127.0.0.2");
    json_is_number_at(c, "connections", 50);
    json_is_number_at(c, "threads", 2);
    json_is_number_at(c, "duration", 10);
    json_is_null_at(c, "messages");
    json_is_number_at(c, "depth", 16);
    json_is_number_at(c, "warm_up", 0.1);
    json_is_null_at(c, "rate");
    json_is_number_at(c, "timeout", 5);
    json_is_number_at(c, "length_min", 64);
    json_is_number_at(c, "length_max", 128);
    json_is_null_at(c, "fixed_line");
    json_is_text_at(c, "expect", "chat");
    json_is_null_at(c, "connect_rate");
    json_is_null_at(c, "churn");
    assert_true(json_is_false(json_at(c, "idle")));
    json_has_members_at(c, "faults", "");
    assert_true(json_is_false(json_at(c, "server_sampled")));
    json_decref(root);
}

static void the_other_configuration(void **state)
{
    fixture *f = *state;
    json_t *root;
    json_t *c;

    f->options.messages = 7;
    f->options.rate = 250000;
    f->options.fixed_line = "h\xc3\xa9llo\xff\x01";
    f->options.expect = YODEL_EXPECT_ECHO;
    f->options.connect_rate = 12.5;
    f->options.churn = 3;
    f->options.idle = true;
    f->options.faults[YODEL_FAULT_DRIP] = 0.5;
    f->options.faults[YODEL_FAULT_HALF_CLOSE] = 100;
    f->options.server_pid = 1;
    f->options.source_count = 0;
    root = written(f);
    c = json_at(root, "configuration");
    json_is_null_at(c, "duration");
    json_is_number_at(c, "messages", 7);
    json_is_number_at(c, "rate", 250000);
    json_is_text_at(c, "fixed_line", "h\xc3\xa9llo\xef\xbf\xbd\x01");
    json_is_text_at(c, "expect", "echo");
    json_is_number_at(c, "connect_rate", 12.5);
    json_is_number_at(c, "churn", 3);
    assert_true(json_is_true(json_at(c, "idle")));
    json_has_members_at(c, "faults", "drip half-close");
    json_is_number_at(c, "faults/drip", 0.5);
    json_is_number_at(c, "faults/half-close", 100);
    assert_true(json_is_true(json_at(c, "server_sampled")));
    assert_int_equal(json_array_size(json_at(c, "sources")), 0);
    json_decref(root);
}

/* What is written is what `flood compare` reads, and the runs are in order. */
static void read_by_compare(void **state)
{
    fixture *f = *state;
    yodel_compare_file file = {0};
    char message[200] = "";
    char *text;

    f->report.count = 2;
    strcpy(f->runs[1].invalid, "too slow");
    text = text_of(f);
    assert_int_equal(
        yodel_compare_load_bytes("a", text, strlen(text), &file, message, sizeof message), 0);
    assert_int_equal(file.count, 2);
    assert_int_equal(file.valid, 1);
    assert_true(yodel_compare_file_run(&file, 0).valid);
    assert_string_equal(yodel_compare_file_run(&file, 1).invalid, "too slow");
    assert_string_equal(file.command, "flood -x 2 'a b'");
    yodel_compare_file_free(&file);
    free(text);
}

/* Whatever happened in a run, it is JSON that compare can read. */
static void samples(void **state)
{
    (void)state;
    for (flood_sample_kind kind = 0; kind < FLOOD_SAMPLES; kind++) {
        flood_sample *sample = flood_sample_new(kind);
        fixture f = {.report = sample->report};
        char *text = text_of(&f);
        yodel_compare_file file = {0};
        char message[200] = "";
        int error = yodel_compare_load_bytes(sample->name, text, strlen(text), &file, message,
                                             sizeof message);

        assert_string_equal(message, "");
        assert_int_equal(error, 0);
        assert_int_equal(file.count, sample->report.count);
        yodel_compare_file_free(&file);
        flood_sample_free(sample);
        free(text);
    }
}

/* For people, too: indented, and numbers without what binary fractions make of them. */
static void readable(void **state)
{
    char *text = text_of(*state);

    assert_memory_equal(text, "{\n  \"format\": \"yodel-flood\",\n  \"version\": 1,\n", 45);
    assert_non_null(strstr(text, "\n    \"warm_up\": 0.1,\n"));
    free(text);
}

static void a_full_disk(void **state)
{
    fixture *f = *state;
    FILE *full = fopen("/dev/full", "we");

    assert_non_null(full);
    assert_int_equal(yodel_json_write(&f->report, full), -ENOSPC);
    fclose(full);
}

static size_t allocations_left;

static void *maybe_malloc(size_t size)
{
    if (allocations_left == 0) {
        errno = ENOMEM;
        return NULL;
    }
    allocations_left--;
    return malloc(size);
}

/* Whichever allocation fails, it is a return value and nothing leaks. */
static void out_of_memory(void **state)
{
    fixture *f = *state;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    int error = -ENOMEM;

    assert_non_null(out);
    json_set_alloc_funcs(maybe_malloc, free);
    for (size_t n = 0; error < 0; n += n < 100 ? 1 : 17) {
        allocations_left = n;
        error = yodel_json_write(&f->report, out);
        assert_true(error == 0 || error == -ENOMEM);
    }
    json_set_alloc_funcs(malloc, free);
    fclose(out);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_head, make, unmake),
        cmocka_unit_test_setup_teardown(the_configuration, make, unmake),
        cmocka_unit_test_setup_teardown(the_other_configuration, make, unmake),
        cmocka_unit_test_setup_teardown(read_by_compare, make, unmake),
        cmocka_unit_test(samples),
        cmocka_unit_test_setup_teardown(readable, make, unmake),
        cmocka_unit_test_setup_teardown(a_full_disk, make, unmake),
        cmocka_unit_test_setup_teardown(out_of_memory, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
