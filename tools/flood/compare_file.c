#include "tools/flood/compare_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"
#include "tools/flood/json.h"

/* Returns error. The message may quote the file: what a terminal would obey, or what would begin a
 * second line, becomes a question mark. */
__attribute__((format(printf, 4, 5))) static int fail(int error, char *message, size_t size,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(message, size, format, args);
    va_end(args);
    for (size_t i = 0, n, len = strlen(message); i < len; i += n) {
        uint8_t *c = (uint8_t *)message + i;

        n = yodel_utf8_length(c, len - i);
        if (n == 0 || yodel_utf8_is_control(c, n)) {
            n = n > 0 ? n : 1;
            memset(c, '?', n);
        }
    }
    return error;
}

static int damaged(const yodel_compare_file *file, const char *what, char *message, size_t size)
{
    return fail(-EINVAL, message, size, "'%s' is damaged: %s", file->name, what);
}

static int check_metrics(const yodel_compare_file *file, size_t index, json_t *metrics,
                         char *message, size_t size)
{
    for (void *i = json_object_iter(metrics); i != NULL; i = json_object_iter_next(metrics, i)) {
        const json_t *value = json_object_iter_value(i);

        if (!json_is_number(value) && !json_is_null(value)) {
            return fail(-EINVAL, message, size,
                        "'%s' is damaged: the metric '%.40s' of run %zu is no number", file->name,
                        json_object_iter_key(i), index + 1);
        }
    }
    return 0;
}

static int check_run(yodel_compare_file *file, size_t index, char *message, size_t size)
{
    json_t *run = json_array_get(file->runs, index);
    json_t *metrics = json_object_get(run, "metrics");
    json_t *valid = json_object_get(run, "valid");

    if (!json_is_object(metrics) || !json_is_boolean(valid)) {
        return fail(-EINVAL, message, size,
                    "'%s' is damaged: run %zu does not say whether it is valid, or has no metrics",
                    file->name, index + 1);
    }
    file->valid += json_is_true(valid);
    return check_metrics(file, index, metrics, message, size);
}

static int check_runs(yodel_compare_file *file, char *message, size_t size)
{
    file->runs = json_object_get(file->root, "runs");
    file->count = json_array_size(file->runs); /* 0 also when it is no array */
    if (file->count == 0) {
        return damaged(file, "it has no runs", message, size);
    }
    for (size_t i = 0; i < file->count; i++) {
        int error = check_run(file, i, message, size);

        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static int check_head(yodel_compare_file *file, char *message, size_t size)
{
    const char *format = json_string_value(json_object_get(file->root, "format"));
    json_t *version = json_object_get(file->root, "version");

    if (format == NULL || strcmp(format, YODEL_JSON_FORMAT) != 0) {
        return fail(-EINVAL, message, size,
                    "'%s' is no report of flood: it has no \"format\": \"%s\"", file->name,
                    YODEL_JSON_FORMAT);
    }
    if (!json_is_integer(version) || json_integer_value(version) < 1) {
        return damaged(file, "it has no format version", message, size);
    }
    if (json_integer_value(version) > YODEL_JSON_VERSION) {
        return fail(-EINVAL, message, size,
                    "'%s' is of a newer flood: its format version is %lld, this one reads %d",
                    file->name, (long long)json_integer_value(version), YODEL_JSON_VERSION);
    }
    return 0;
}

static int check(yodel_compare_file *file, char *message, size_t size)
{
    int error = check_head(file, message, size);

    if (error < 0) {
        return error;
    }
    file->flood = json_string_value(json_object_get(file->root, "flood"));
    file->command = json_string_value(json_object_get(file->root, "command"));
    file->started = json_string_value(json_object_get(file->root, "started"));
    file->configuration = json_object_get(file->root, "configuration");
    file->system = json_object_get(file->root, "system");
    if (file->flood == NULL || file->command == NULL || file->started == NULL) {
        return damaged(file, "it does not say who wrote it, by which command and when", message,
                       size);
    }
    if (!json_is_object(file->configuration) || !json_is_object(file->system)) {
        return damaged(file, "it has no configuration or no system", message, size);
    }
    return check_runs(file, message, size);
}

/* Takes over root, NULL when parsing failed. */
static int finish(const char *name, json_t *root, const json_error_t *why, yodel_compare_file *file,
                  char *message, size_t size)
{
    yodel_compare_file read = {.name = name, .root = root};
    int error;

    if (root == NULL) {
        /* When memory is short jansson often says nothing. */
        return why->text[0] == '\0' || json_error_code(why) == json_error_out_of_memory
                   ? fail(-ENOMEM, message, size, "cannot read '%s': %s", name,
                          yodel_strerror(-ENOMEM))
                   : fail(-EINVAL, message, size, "'%s' is no JSON: line %d, column %d: %s", name,
                          why->line, why->column, why->text);
    }
    error = check(&read, message, size);
    if (error < 0) {
        json_decref(root);
        return error;
    }
    *file = read;
    return 0;
}

typedef struct input {
    FILE *in;
    size_t left; /* bytes that it may still have */
    int error;
} input;

static size_t read_some(void *buffer, size_t size, void *data)
{
    input *i = data;
    size_t n = fread(buffer, 1, size, i->in);

    if (ferror(i->in)) {
        i->error = errno != 0 ? -errno : -EIO;
    } else if (n > i->left) {
        i->error = -EFBIG;
    }
    i->left -= i->error == 0 ? n : 0;
    return i->error == 0 ? n : (size_t)-1;
}

int yodel_compare_load(const char *path, yodel_compare_file *file, char *message, size_t size)
{
    input i = {.in = fopen(path, "re"), .left = YODEL_COMPARE_MAX_BYTES};
    json_error_t why = {.line = -1};
    json_t *root;

    if (i.in == NULL) {
        return fail(-errno, message, size, "cannot read '%s': %s", path, yodel_strerror(-errno));
    }
    root = json_load_callback(read_some, &i, JSON_REJECT_DUPLICATES, &why);
    fclose(i.in);
    if (i.error < 0) {
        json_decref(root);
        return fail(i.error, message, size, "cannot read '%s': %s", path, yodel_strerror(i.error));
    }
    return finish(path, root, &why, file, message, size);
}

int yodel_compare_load_bytes(const char *name, const void *bytes, size_t len,
                             yodel_compare_file *file, char *message, size_t size)
{
    json_error_t why = {.line = -1};
    json_t *root = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &why);

    return finish(name, root, &why, file, message, size);
}

void yodel_compare_file_free(yodel_compare_file *file)
{
    json_decref(file->root);
}

yodel_compare_run yodel_compare_file_run(const yodel_compare_file *file, size_t index)
{
    json_t *run = json_array_get(file->runs, index);
    const char *invalid = json_string_value(json_object_get(run, "invalid"));

    return (yodel_compare_run){
        .valid = json_is_true(json_object_get(run, "valid")),
        .interrupted = json_is_true(json_object_get(run, "interrupted")),
        .invalid = invalid != NULL ? invalid : "",
        .metrics = json_object_get(run, "metrics"),
    };
}
