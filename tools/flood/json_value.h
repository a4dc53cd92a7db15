/*
 * json_value: making JSON values with jansson, when any of them may fail for want of memory.
 *
 * NULL stands for a value that could not be made. Everything here takes NULL and gives NULL on, and
 * frees what it was handed: so a tree is made without looking, and looked at once, when it is done.
 */
#ifndef YODEL_FLOOD_JSON_VALUE_H
#define YODEL_FLOOD_JSON_VALUE_H

#include <jansson.h>
#include <stdint.h>

/* The object with one more member, or the array with one more element. Takes over both
 * arguments. */
json_t *yodel_json_with(json_t *object, const char *key, json_t *value);
json_t *yodel_json_and(json_t *array, json_t *value);

/* A number: null when it is not finite, which JSON has no word for. */
json_t *yodel_json_number(double number);

/* The same, but null also when it is 0: an option that was not given, a value that nobody
 * measured. */
json_t *yodel_json_unless_zero(double number);

/* A count; above 2^63 - 1 that. */
json_t *yodel_json_count(uint64_t count);

/* Nanoseconds, as seconds. */
json_t *yodel_json_seconds(uint64_t ns);

/* A text; null when it is NULL or empty. Bytes that are no UTF-8 become U+FFFD each. */
json_t *yodel_json_text(const char *text);

#endif
