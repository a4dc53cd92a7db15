#include "tools/flood/compare.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"
#include "core/utf8.h"
#include "tools/flood/compare_table.h"

/* What a file says, on one line and without anything that a terminal would obey. */
static void print_text(FILE *out, const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t n = yodel_utf8_length((const uint8_t *)text, left);

        if (n == 0 || yodel_utf8_is_control((const uint8_t *)text, n)) {
            fputc('?', out);
            n = n > 0 ? n : 1;
        } else {
            fwrite(text, 1, n, out);
        }
        text += n;
        left -= n;
    }
}

static void print_head(FILE *out, const char *side, const yodel_compare_file *file)
{
    fprintf(out, "%s: ", side);
    print_text(out, file->name);
    fprintf(out, ", %zu run%s, ", file->count, file->count == 1 ? "" : "s");
    print_text(out, file->started);
    fputs("\n   ", out);
    print_text(out, file->command);
    fputs("\n", out);
}

/* JSON leaves DEL as it is. */
static int print_piece(const char *piece, size_t len, void *out)
{
    for (size_t i = 0; i < len; i++) {
        fputc(piece[i] != 0x7f ? piece[i] : '?', out);
    }
    return 0;
}

/* A value of the configuration. 0, or -ENOMEM. */
static int print_value(FILE *out, const json_t *value)
{
    int flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12);

    if (value == NULL || json_is_null(value)) {
        fputs("none", out);
    } else if (json_is_real(value)) { /* without the ".0" that JSON needs */
        fprintf(out, "%.12g", json_real_value(value));
    } else if (json_dump_callback(value, print_piece, out, (size_t)flags) < 0) {
        return -ENOMEM;
    }
    return 0;
}

/* One line when a and b, either of which may be NULL, are not equal; before the first one a
 * headline, which *any remembers. */
static int print_difference(FILE *out, const char *name, json_t *a, json_t *b, bool *any)
{
    int error;

    if (a == b || json_equal(a, b)) {
        return 0;
    }
    if (!*any) {
        fputs("\nNot the same experiment:\n", out);
        *any = true;
    }
    fputs("  ", out);
    print_text(out, name);
    fputs(": ", out);
    error = print_value(out, a);
    fputs(" in A, ", out);
    error = error == 0 ? print_value(out, b) : error;
    fputs(" in B\n", out);
    return error;
}

static int print_differences_of(FILE *out, json_t *a, json_t *b, bool *any)
{
    int error = 0;

    for (void *i = json_object_iter(a); i != NULL && error == 0; i = json_object_iter_next(a, i)) {
        const char *key = json_object_iter_key(i);

        error = print_difference(out, key, json_object_iter_value(i), json_object_get(b, key), any);
    }
    for (void *i = json_object_iter(b); i != NULL && error == 0; i = json_object_iter_next(b, i)) {
        const char *key = json_object_iter_key(i);

        if (json_object_get(a, key) == NULL) {
            error = print_difference(out, key, NULL, json_object_iter_value(i), any);
        }
    }
    return error;
}

static int print_differences(FILE *out, const yodel_compare_file *a, const yodel_compare_file *b)
{
    bool any = false;
    int error = print_difference(out, "flood", json_object_get(a->root, "flood"),
                                 json_object_get(b->root, "flood"), &any);

    if (error == 0) {
        error = print_differences_of(out, a->configuration, b->configuration, &any);
    }
    if (error == 0) {
        error = print_differences_of(out, a->system, b->system, &any);
    }
    return error;
}

/* What is to be known of single runs. */
static void print_notes(FILE *out, const char *side, const yodel_compare_file *file)
{
    const char *before = "\n"; /* the first one */

    for (size_t i = 0; i < file->count; i++) {
        yodel_compare_run run = yodel_compare_file_run(file, i);

        if (!run.valid) {
            fprintf(out, "%s%s: run %zu is INVALID%s", before, side, i + 1,
                    file->valid > 0 ? " and left out" : "");
            fputs(run.invalid[0] != '\0' ? ": " : "", out);
            print_text(out, run.invalid);
            fputs("\n", out);
            before = "";
        }
        if (run.interrupted) {
            fprintf(out, "%s%s: run %zu was interrupted\n", before, side, i + 1);
            before = "";
        }
    }
}

int yodel_compare_write(const yodel_compare_file *a, const yodel_compare_file *b, FILE *out)
{
    int error;

    print_head(out, "A", a);
    print_head(out, "B", b);
    error = print_differences(out, a, b);
    if (error < 0) {
        return error;
    }
    print_notes(out, "A", a);
    print_notes(out, "B", b);
    error = yodel_compare_table(a, b, out);
    if (error < 0) {
        return error;
    }
    errno = 0;
    if (fflush(out) == EOF || ferror(out)) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}

static int load(const char *path, yodel_compare_file *file, FILE *err)
{
    char message[PATH_MAX + 512];
    int error = yodel_compare_load(path, file, message, sizeof message);

    if (error < 0) {
        fprintf(err, "flood: %s\n", message);
    }
    return error;
}

int yodel_compare(const char *path_a, const char *path_b, FILE *out, FILE *err)
{
    yodel_compare_file a = {.name = path_a};
    yodel_compare_file b = {.name = path_b};
    int error_a = load(path_a, &a, err);
    int error_b = load(path_b, &b, err);
    int status = 1;

    if (error_a == 0 && error_b == 0) {
        int error = yodel_compare_write(&a, &b, out);

        status = error < 0;
        if (error < 0) {
            fprintf(err, "flood: cannot write the comparison: %s\n", yodel_strerror(error));
        }
    }
    yodel_compare_file_free(&a);
    yodel_compare_file_free(&b);
    return status;
}
