#include "tests/support/flood_run.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/json_at.h"

enum { MOST_ARGS = 40 };

program *flood_start(const program_options *options, unsigned port, ...)
{
    const char *argv[MOST_ARGS + 2] = {"flood", "-q", "--no-color", "--json", "-"};
    char target[32];
    size_t n = 5;
    va_list args;

    va_start(args, port);
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;) {
        assert_true(n < MOST_ARGS);
        argv[n++] = arg;
    }
    va_end(args);
    snprintf(target, sizeof target, "127.0.0.1:%u", port);
    argv[n] = target;
    return program_start_argv(options, argv);
}

/* --- its figures -------------------------------------------------------------------------------*/

static json_t *value_at(const flood_run *run, const char *path)
{
    char full[200];

    snprintf(full, sizeof full, "runs/0/%s", path);
    return json_at(run->report, full);
}

double flood_number(const flood_run *run, const char *path)
{
    json_t *value = value_at(run, path);

    if (!json_is_number(value)) {
        program_fail(run->program, "%s is no number", path);
    }
    return json_number_value(value);
}

int64_t flood_count(const flood_run *run, const char *path)
{
    json_t *value = value_at(run, path);

    if (!json_is_integer(value)) {
        program_fail(run->program, "%s is no integer", path);
    }
    return json_integer_value(value);
}

/* Every line that was sent ended in exactly one way (tools/flood/tally.h). */
static void check_sum(const flood_run *run)
{
    static const char *const ends[] = {
        "counts/answered",  "counts/abandoned", "errors/timeout", "errors/lost",
        "errors/reordered", "errors/foreign",   "errors/corrupt", "errors/truncated",
    };
    int64_t sum = 0;

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        sum += flood_count(run, ends[i]);
    }
    if (sum != flood_count(run, "counts/sent")) {
        program_fail(run->program, "%" PRId64 " lines sent, %" PRId64 " accounted for",
                     flood_count(run, "counts/sent"), sum);
    }
}

static void check_errors(const flood_run *run)
{
    const char *name;
    json_t *errors = value_at(run, "errors"), *count;

    json_object_foreach(errors, name, count)
    {
        if (json_integer_value(count) < 0 || (json_integer_value(count) > 0 && run->status == 0)) {
            program_fail(run->program, "%s is %" PRId64 " and the status %d", name,
                         (int64_t)json_integer_value(count), run->status);
        }
    }
}

flood_run flood_end(program *p)
{
    flood_run run = {.program = p, .status = program_wait_exit(p)};
    json_error_t error;

    run.report = json_loads(program_output(p, PROGRAM_STDOUT, NULL), 0, &error);
    if (run.report == NULL) {
        program_fail(p, "its stdout is no JSON: line %d: %s", error.line, error.text);
    }
    check_sum(&run);
    check_errors(&run);
    return run;
}

void flood_run_free(flood_run *run)
{
    json_decref(run->report);
    run->report = NULL;
}

/* --- expecting ---------------------------------------------------------------------------------*/

static int64_t expected_count(const flood_error *errors, const char *name)
{
    for (; errors != NULL && errors->name != NULL; errors++) {
        if (strcmp(errors->name, name) == 0) {
            return errors->count;
        }
    }
    return 0;
}

void flood_expect(const flood_run *run, int status, const flood_error *errors)
{
    const char *name;
    json_t *got = value_at(run, "errors"), *count;
    bool busy = run->status == 5 && (status == 0 || status == 99) &&
                json_is_false(value_at(run, "valid")) && json_is_string(value_at(run, "invalid"));

    if (run->status != status && !busy) {
        program_fail(run->program, "it exited with status %d, not %d", run->status, status);
    }
    json_object_foreach(got, name, count)
    {
        int64_t expected = expected_count(errors, name);
        if (expected >= 0 && expected != json_integer_value(count)) {
            program_fail(run->program, "%s is %" PRId64 ", not %" PRId64, name,
                         (int64_t)json_integer_value(count), expected);
        }
    }
    for (; errors != NULL && errors->name != NULL; errors++) {
        if (json_object_get(got, errors->name) == NULL) {
            program_fail(run->program, "there is no error \"%s\"", errors->name);
        }
    }
}

/* --- again -------------------------------------------------------------------------------------*/

program *flood_replay(const flood_run *run)
{
    const char *dir = getenv("YODEL_BIN_DIR");
    const char *replay = json_string_value(json_at(run->report, "replay"));
    char *command = NULL;

    assert_non_null(replay);
    assert_true(
        asprintf(&command, "PATH='%s':$PATH; %s", dir != NULL ? dir : YODEL_BIN_DIR, replay) > 0);
    program *p = program_start(NULL, "/bin/sh", "-c", command, NULL);
    free(command);
    return p;
}
