/*
 * A directory of a test's own with made-up files, of cgroups for instance.
 */
#ifndef YODEL_TESTS_FILES_H
#define YODEL_TESTS_FILES_H

#include <limits.h>

#define FILES_PATH PATH_MAX

/* For cmocka: makes the directory, and removes it with all that is in it. */
int files_setup(void **state);
int files_teardown(void **state);

/* Writes a file below the directory; makes the directories on the way to it. */
void files_put(const char *name, const char *text);

/* The path of a name below the directory; returns `path`. */
const char *files_path(const char *name, char path[FILES_PATH]);

#endif
