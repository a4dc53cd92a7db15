/*
 * UTF-8: every character there is, and every sequence of up to four bytes that begins like one.
 */
#include "core/utf8.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

/* RFC 3629, section 3. */
static size_t encode(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (uint8_t)(0xc0 | point >> 6);
        out[1] = (uint8_t)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (uint8_t)(0xe0 | point >> 12);
        out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | point >> 18);
    out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (point & 0x3f));
    return 4;
}

static bool is_character(uint32_t point)
{
    return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* Whole, with more behind it, and without its end, in memory of exactly that size. */
static void every_character_is_valid(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x1fffff; point++) {
        uint8_t bytes[5] = {0};
        size_t n = encode(point, bytes);
        size_t expected = is_character(point) ? n : 0;
        uint8_t *part = malloc(n);

        assert_non_null(part);
        memcpy(part, bytes, n);
        bytes[n] = 0xbf;
        assert_int_equal(yodel_utf8_length(part, n), expected);
        assert_int_equal(yodel_utf8_length(bytes, n + 1), expected);
        for (size_t len = 1; len < n; len++) {
            assert_int_equal(yodel_utf8_length(bytes, len), 0);
        }
        free(part);
    }
}

/* So nothing else is: each valid sequence is the one that its character is encoded as. */
static void nothing_else_is_valid(void **state)
{
    static const uint8_t tails[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    enum { TAILS = sizeof tails };

    (void)state;
    for (int i = 0; i < 256 * TAILS * TAILS * TAILS; i++) {
        const uint8_t bytes[] = {(uint8_t)(i % 256), tails[i / 256 % TAILS],
                                 tails[i / 256 / TAILS % TAILS], tails[i / 256 / TAILS / TAILS]};
        size_t n = yodel_utf8_length(bytes, sizeof bytes);
        uint32_t point = bytes[0];
        uint8_t again[4];

        if (n == 0) {
            continue;
        }
        point &= n == 1 ? 0x7fU : 0xffU >> (n + 1);
        for (size_t k = 1; k < n; k++) {
            point = point << 6 | (bytes[k] & 0x3fU);
        }
        assert_true(is_character(point));
        assert_int_equal(encode(point, again), n);
        assert_memory_equal(bytes, again, n);
    }
}

static void control_characters(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        uint8_t bytes[4];
        size_t n = encode(point, bytes);

        assert_int_equal(yodel_utf8_is_control(bytes, n),
                         point < 0x20 || (point >= 0x7f && point <= 0x9f));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_is_valid),
        cmocka_unit_test(nothing_else_is_valid),
        cmocka_unit_test(control_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
