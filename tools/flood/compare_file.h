/*
 * compare_file: reads what --json wrote (json.h), believing nothing of it.
 */
#ifndef YODEL_FLOOD_COMPARE_FILE_H
#define YODEL_FLOOD_COMPARE_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* No report is larger: it would be that of a run of several days. */
#define YODEL_COMPARE_MAX_BYTES ((size_t)256 << 20)

/* A report of flood, read and checked: what is said here about members holds. Pointers, but for
 * name, lead into root. */
typedef struct yodel_compare_file {
    const char *name; /* as it was given; the caller's */
    json_t *root;
    const char *flood, *command, *started;
    json_t *configuration, *system; /* objects */
    json_t *runs;                   /* an array of `count` >= 1 objects, see yodel_compare_run */
    size_t count, valid;            /* valid: so many of them are */
} yodel_compare_file;

typedef struct yodel_compare_run {
    bool valid, interrupted;
    const char *invalid; /* why it is not valid; "" when the file does not say */
    json_t *metrics;     /* an object; its members are numbers or null */
} yodel_compare_run;

/* Reads the file at path, which may be a pipe. 0 and *file, which yodel_compare_file_free frees; or
 * a negative error and one line without newline in message that names the file and says what is
 * wrong: it cannot be read (the errno), or it is no JSON (line and column), not flood's, a newer
 * version's, or damaged (-EINVAL), or there is no memory (-ENOMEM). */
int yodel_compare_load(const char *path, yodel_compare_file *file, char *message, size_t size);

/* The same of bytes in memory; name is for the messages. */
int yodel_compare_load_bytes(const char *name, const void *bytes, size_t len,
                             yodel_compare_file *file, char *message, size_t size);

/* Frees what load allocated, not the struct; one that is all zero is fine. */
void yodel_compare_file_free(yodel_compare_file *file);

/* The run with this index, below count. */
yodel_compare_run yodel_compare_file_run(const yodel_compare_file *file, size_t index);

#endif
