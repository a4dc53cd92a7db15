/*
 * JSON values: what becomes null, what a value that could not be made does to the rest.
 */
#include "tools/flood/json_value.h"

#include <math.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/json_at.h"

static void is_null(json_t *value)
{
    assert_true(json_is_null(value));
    json_decref(value);
}

static void is_real(json_t *value, double expected)
{
    assert_true(json_is_real(value));
    assert_true(fabs(json_real_value(value) - expected) <= fabs(expected) * 1e-15);
    json_decref(value);
}

static void numbers(void **state)
{
    (void)state;
    is_real(yodel_json_number(0), 0);
    is_real(yodel_json_number(-1.5), -1.5);
    is_null(yodel_json_number(NAN));
    is_null(yodel_json_number(INFINITY));
    is_null(yodel_json_number(-INFINITY));
    is_real(yodel_json_unless_zero(1e-300), 1e-300);
    is_real(yodel_json_unless_zero(-2), -2);
    is_null(yodel_json_unless_zero(0));
    is_null(yodel_json_unless_zero(NAN));
    is_null(yodel_json_unless_zero(INFINITY));
    is_real(yodel_json_seconds(0), 0);
    is_real(yodel_json_seconds(412), 412e-9);
    is_real(yodel_json_seconds(60000000000), 60);
}

static void counts(void **state)
{
    static const uint64_t values[] = {0, 1, INT64_MAX - 1, INT64_MAX, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        json_t *count = yodel_json_count(values[i]);
        uint64_t expected = values[i] < INT64_MAX ? values[i] : INT64_MAX;

        assert_true(json_is_integer(count));
        assert_true((uint64_t)json_integer_value(count) == expected);
        json_decref(count);
    }
}

static void texts(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"a", "a"},
        {"a\"\\\n\x01\x7f", "a\"\\\n\x01\x7f"},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff", "\xef\xbf\xbd"},
        {"\xff\xfe\xc0", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},               /* cut off */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
    };

    (void)state;
    is_null(yodel_json_text(NULL));
    is_null(yodel_json_text(""));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *text = yodel_json_text(cases[i].from);

        assert_true(json_is_string(text));
        assert_string_equal(json_string_value(text), cases[i].to);
        json_decref(text);
    }
}

static void trees(void **state)
{
    json_t *tree = yodel_json_and(yodel_json_and(json_array(), json_true()), json_integer(7));

    (void)state;
    tree = yodel_json_with(yodel_json_with(json_object(), "b", tree), "a", json_null());
    json_has_members_at(tree, "", "b a");
    assert_true(json_is_true(json_at(tree, "b/0")));
    json_is_number_at(tree, "b/1", 7);
    assert_int_equal(json_array_size(json_at(tree, "b")), 2);
    json_decref(tree);
}

/* One value that could not be made is the whole tree's end; the address sanitizer sees that all the
 * rest was freed. */
static void failures(void **state)
{
    json_t *held = json_integer(1);

    (void)state;
    assert_non_null(held);
    assert_null(yodel_json_with(NULL, "a", json_incref(held)));
    assert_null(yodel_json_and(NULL, json_incref(held)));
    assert_null(yodel_json_with(yodel_json_with(json_object(), "a", json_incref(held)), "b", NULL));
    assert_null(yodel_json_and(yodel_json_and(json_array(), json_incref(held)), NULL));
    assert_null(yodel_json_with(NULL, "a", NULL));
    assert_null(yodel_json_and(NULL, NULL));
    assert_int_equal(held->refcount, 1);
    json_decref(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(counts),   cmocka_unit_test(texts),
        cmocka_unit_test(trees),   cmocka_unit_test(failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
