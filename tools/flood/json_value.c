#include "tools/flood/json_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"

json_t *yodel_json_with(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *yodel_json_and(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0) {
        json_decref(array);
        return NULL;
    }
    return array;
}

json_t *yodel_json_number(double number)
{
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *yodel_json_unless_zero(double number)
{
    return number > 0 || number < 0 ? yodel_json_number(number) : json_null();
}

json_t *yodel_json_count(uint64_t count)
{
    return json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX);
}

json_t *yodel_json_seconds(uint64_t ns)
{
    return json_real((double)ns / 1e9);
}

json_t *yodel_json_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    size_t left = text != NULL ? strlen(text) : 0;
    size_t len = 0;
    json_t *string;
    char *valid;

    if (left == 0) {
        return json_null();
    }
    valid = malloc(left * (sizeof replacement - 1));
    if (valid == NULL) {
        return NULL;
    }
    while (left > 0) {
        size_t n = yodel_utf8_length((const uint8_t *)text, left);
        const char *from = n > 0 ? text : replacement;
        size_t from_len = n > 0 ? n : sizeof replacement - 1;

        n = n > 0 ? n : 1;
        memcpy(valid + len, from, from_len);
        len += from_len;
        text += n;
        left -= n;
    }
    string = json_stringn(valid, len);
    free(valid);
    return string;
}
