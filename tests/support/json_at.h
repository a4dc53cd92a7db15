/*
 * Looking into JSON: where a test expects what.
 *
 * A path is the names of members and the indices of elements with slashes between:
 * "runs/0/latency"; "" is the value itself.
 */
#ifndef YODEL_TESTS_JSON_AT_H
#define YODEL_TESTS_JSON_AT_H

#include <jansson.h>

/* The value at the path, borrowed. The test fails when there is none. */
json_t *json_at(json_t *value, const char *path);

/* It is this number, to nine digits; this text; null. */
void json_is_number_at(json_t *root, const char *path, double expected);
void json_is_text_at(json_t *root, const char *path, const char *expected);
void json_is_null_at(json_t *root, const char *path);

/* It is an object whose members have these names, with blanks between, in this order. */
void json_has_members_at(json_t *root, const char *path, const char *expected);

#endif
