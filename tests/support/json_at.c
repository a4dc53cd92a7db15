#include "tests/support/json_at.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

json_t *json_at(json_t *value, const char *path)
{
    char copy[200];
    char *save = NULL;

    assert_true(strlen(path) < sizeof copy);
    strcpy(copy, path);
    for (char *key = strtok_r(copy, "/", &save); key != NULL; key = strtok_r(NULL, "/", &save)) {
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                     : json_object_get(value, key);
        if (value == NULL) {
            print_error("there is no '%s' in '%s'\n", key, path);
            fail();
        }
    }
    return value;
}

void json_is_number_at(json_t *root, const char *path, double expected)
{
    json_t *value = json_at(root, path);
    double number = json_number_value(value);

    if (!json_is_number(value) || fabs(number - expected) > fabs(expected) * 1e-9) {
        print_error("'%s' is %.12g instead of %.12g\n", path, number, expected);
        fail();
    }
}

void json_is_text_at(json_t *root, const char *path, const char *expected)
{
    json_t *value = json_at(root, path);

    assert_true(json_is_string(value));
    assert_string_equal(json_string_value(value), expected);
}

void json_is_null_at(json_t *root, const char *path)
{
    if (!json_is_null(json_at(root, path))) {
        print_error("'%s' is not null\n", path);
        fail();
    }
}

void json_has_members_at(json_t *root, const char *path, const char *expected)
{
    char names[1000] = "";
    json_t *object = json_at(root, path);

    for (void *i = json_object_iter(object); i != NULL; i = json_object_iter_next(object, i)) {
        assert_true(strlen(names) + strlen(json_object_iter_key(i)) + 2 < sizeof names);
        strcat(names, names[0] != '\0' ? " " : "");
        strcat(names, json_object_iter_key(i));
    }
    assert_string_equal(names, expected);
}
