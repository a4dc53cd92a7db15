/*
 * Framing against an oracle of ten lines: every delimiter shape, every cut, random streams; and
 * that no byte is looked at twice.
 *
 * The source is compiled into the test, not taken from the library, so that the test can count the
 * bytes that it scans.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/find_near.h"

static size_t bytes_scanned;

static void *counting_memchr(const void *data, int byte, size_t len)
{
    const char *found = memchr(data, byte, len);

    bytes_scanned += found != NULL ? (size_t)(found - (const char *)data) + 1 : len;
    return (void *)(uintptr_t)found;
}

static const uint8_t *counting_find_near(const uint8_t *data, uint8_t byte, size_t len)
{
    const uint8_t *found = yodel_find_near(data, byte, len);

    bytes_scanned += found != NULL ? (size_t)(found - data) + 1 : yodel_near(len);
    return found;
}

#define memchr          counting_memchr
#define yodel_find_near counting_find_near
#include "proto/framing.c" /* NOLINT(bugprone-suspicious-include) */
#undef memchr
#undef yodel_find_near

#include "tests/support/cmocka_all.h"
#include "tests/support/framing_oracle.h"
#include "tests/support/random.h"

static const char *const delimiters[] = {
    "\n",  "\r\n", "a",   "aa",   "ab",   "aaa",  "aab",
    "aba", "baa",  "abc", "aaaa", "abab", "aaab", "\r\n\r\n",
};

enum { DELIMITERS = sizeof delimiters / sizeof delimiters[0], UNTOUCHED = 12345 };

/* Calls the framing with a copy of the bytes that is exactly as long as they are, so that asan sees
 * a single byte too many, and at a new place each time. */
static ssize_t next(yodel_framing *f, const uint8_t *data, size_t len, size_t *line_len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    ssize_t n;

    assert_non_null(copy);
    memcpy(copy, data, len);
    n = yodel_framing_next(f, copy, len, line_len);
    free(copy);
    return n;
}

/* The same call to the framing and to the oracle: same result. Returns it. */
static ssize_t checked_next(yodel_framing *f, const char *delimiter, size_t max_line,
                            const uint8_t *data, size_t len)
{
    size_t expected_len = UNTOUCHED;
    size_t line_len = UNTOUCHED;
    ssize_t expected =
        framing_oracle(delimiter, strlen(delimiter), max_line, data, len, &expected_len);
    ssize_t n = next(f, data, len, &line_len);

    assert_int_equal(n, expected);
    assert_int_equal(line_len, expected_len);
    return n;
}

/* One line of a text must be framed as this, the rest being left. */
static const char *expect_line(yodel_framing *f, const char *text, const char *line)
{
    size_t line_len = UNTOUCHED;
    ssize_t n = next(f, (const uint8_t *)text, strlen(text), &line_len);

    assert_true(n > 0);
    assert_int_equal(line_len, strlen(line));
    assert_memory_equal(text, line, line_len);
    return text + n;
}

static void expect_incomplete(yodel_framing *f, const char *text)
{
    size_t line_len = UNTOUCHED;

    assert_int_equal(next(f, (const uint8_t *)text, strlen(text), &line_len), 0);
    assert_int_equal(line_len, UNTOUCHED);
}

static void is_small(void **state)
{
    (void)state;
    assert_int_equal(sizeof(yodel_framing), 16);
}

static void nothing_is_no_line(void **state)
{
    static const uint8_t *nothing; /* a plain NULL makes cppcheck afraid of what is behind it */
    size_t line_len = UNTOUCHED;
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 0);
    assert_int_equal(yodel_framing_next(&f, nothing, 0, &line_len), 0);
    assert_int_equal(line_len, UNTOUCHED);
}

static void lines_one_after_the_other(void **state)
{
    const char *text = "one\r\n\r\nthree\r\nrest";
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 100);
    text = expect_line(&f, text, "one");
    text = expect_line(&f, text, "");
    text = expect_line(&f, text, "three");
    expect_incomplete(&f, text);
    expect_line(&f, "rest of it\r\n", "rest of it");
}

/* FAULTS 2 and 3. */
static void what_looks_like_a_delimiter_is_payload(void **state)
{
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 100);
    expect_line(&f, "a\nb\rc\n\rd\r\r\n", "a\nb\rc\n\rd\r");
    expect_incomplete(&f, "one\r");
    expect_line(&f, "one\r\n", "one");
    expect_incomplete(&f, "\n"); /* not a delimiter with the CR of the line before */
    expect_line(&f, "\n\x80\xff\x1b\r\n", "\n\x80\xff\x1b");
}

static void any_byte_is_payload_or_delimiter(void **state)
{
    uint8_t all[256 + 2];
    size_t line_len;
    yodel_framing f;

    (void)state;
    for (int i = 0; i < 256; i++) {
        all[i] = (uint8_t)(255 - i); /* "\r\n" does not come in this order... */
    }
    memcpy(all + 256, "\r\n", 2);
    yodel_framing_init(&f, "\r\n", 2, 256);
    assert_int_equal(next(&f, all, sizeof all, &line_len), 258);
    assert_int_equal(line_len, 256);

    yodel_framing_init(&f, "\0\xff", 2, 256); /* ... nor does this one */
    all[256] = 0xff;
    assert_int_equal(next(&f, all, sizeof all, &line_len), 257);
    assert_int_equal(line_len, 255);
}

static void self_overlapping_delimiters(void **state)
{
    const char *text;
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "aab", 3, 100);
    expect_line(&f, "aaaab", "aa");
    yodel_framing_init(&f, "aba", 3, 100);
    text = expect_line(&f, "ababa", ""); /* the a in the middle is used up */
    expect_incomplete(&f, text);
    yodel_framing_init(&f, "aa", 2, 100);
    text = expect_line(&f, "aaa", "");
    expect_incomplete(&f, text);
    yodel_framing_init(&f, "\r\n\r\n", 4, 100);
    text = expect_line(&f, "x\r\r\n\r\n\r\n", "x\r");
    expect_incomplete(&f, text);
}

/* FAULTS 1: every way to cut a stream in two, and every byte for itself. */
static void every_cut(void **state)
{
    (void)state;
    for (int d = 0; d < DELIMITERS; d++) {
        const char *delimiter = delimiters[d];
        char text[64];
        size_t len =
            (size_t)snprintf(text, sizeof text, "ab%saaabab%s%sx", delimiter, delimiter, delimiter);

        for (size_t cut = 0; cut <= len; cut++) {
            const uint8_t *at = (const uint8_t *)text;
            size_t seen = cut;
            size_t start = 0;
            yodel_framing f;

            yodel_framing_init(&f, delimiter, strlen(delimiter), 100);
            for (;;) {
                ssize_t n = checked_next(&f, delimiter, 100, at + start, seen - start);

                assert_true(n >= 0);
                start += (size_t)n;
                if (n == 0 && seen == len) {
                    break;
                }
                seen = n == 0 ? len : seen;
            }
        }
    }
}

/* FAULTS 4: lines of max-1, max and max+1 bytes, growing byte by byte and cut anywhere. */
static void the_longest_line_is_exact(void **state)
{
    enum { MAX = 20 };

    (void)state;
    for (int d = 0; d < DELIMITERS; d++) {
        size_t delimiter_len = strlen(delimiters[d]);

        for (size_t line = MAX - 1; line <= MAX + 1; line++) {
            uint8_t data[MAX + 1 + 2 * YODEL_DELIMITER_MAX];
            size_t total = line + 2 * delimiter_len;

            memset(data, 'x', line);
            memcpy(data + line, delimiters[d], delimiter_len);
            memcpy(data + line + delimiter_len, delimiters[d], delimiter_len);
            for (size_t first = 0; first <= total; first++) {
                for (size_t then = first; then <= total; then++) {
                    size_t line_len = UNTOUCHED;
                    ssize_t expected = 0;
                    yodel_framing f;

                    yodel_framing_init(&f, delimiters[d], delimiter_len, MAX);
                    if (next(&f, data, first, &line_len) != 0) {
                        continue; /* as `then` it has been checked */
                    }
                    if (line <= MAX && then >= line + delimiter_len) {
                        expected = (ssize_t)(line + delimiter_len);
                    } else if (line > MAX && then >= MAX + delimiter_len) {
                        expected = YODEL_ELINETOOLONG;
                    }
                    assert_int_equal(next(&f, data, then, &line_len), expected);
                    assert_int_equal(line_len, expected > 0 ? line : UNTOUCHED);
                }
            }
        }
    }
}

static void a_too_long_line_leaves_it_usable(void **state)
{
    size_t line_len;
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 3);
    expect_line(&f, "abc\r\n", "abc");
    assert_int_equal(next(&f, (const uint8_t *)"abcd\r\n", 6, &line_len), YODEL_ELINETOOLONG);
    expect_incomplete(&f, "ab");
    assert_int_equal(next(&f, (const uint8_t *)"abcde", 5, &line_len), YODEL_ELINETOOLONG);
    expect_line(&f, "\r\n", "");
}

static void extreme_limits(void **state)
{
    size_t line_len;
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 0); /* only empty lines */
    expect_line(&f, "\r\n", "");
    expect_incomplete(&f, "x");
    assert_int_equal(next(&f, (const uint8_t *)"x\r", 2, &line_len), YODEL_ELINETOOLONG);

    yodel_framing_init(&f, "\r\n\r\n", 4, UINT32_MAX - 4);
    expect_incomplete(&f, "x\r\n\r");
    expect_line(&f, "x\r\n\r\n", "x");
}

static void reset_forgets_an_incomplete_line(void **state)
{
    yodel_framing f;

    (void)state;
    yodel_framing_init(&f, "\r\n", 2, 100);
    expect_incomplete(&f, "a long beginning\r");
    yodel_framing_reset(&f);
    expect_line(&f, "x\r\n", "x");
}

static void one_byte_at_a_time_is_linear(void **state)
{
    enum { LINE = 65536 };

    (void)state;
    for (int d = 0; d < DELIMITERS; d++) {
        size_t delimiter_len = strlen(delimiters[d]);
        size_t total = LINE + delimiter_len;
        uint8_t *data = malloc(total);
        size_t line_len = UNTOUCHED;
        yodel_framing f;

        assert_non_null(data);
        memset(data, 'x', LINE);
        memcpy(data + LINE, delimiters[d], delimiter_len);
        yodel_framing_init(&f, delimiters[d], delimiter_len, LINE);
        bytes_scanned = 0;
        for (size_t seen = 1; seen < total; seen++) {
            assert_int_equal(yodel_framing_next(&f, data, seen, &line_len), 0);
            assert_int_equal(bytes_scanned, seen);
        }
        assert_int_equal(yodel_framing_next(&f, data, total, &line_len), total);
        assert_int_equal(bytes_scanned, total);
        assert_int_equal(line_len, LINE);
        free(data);
    }
}

/* FAULTS 5: what comes behind the limit is not even looked at. */
static void a_too_long_line_is_cut_without_looking_further(void **state)
{
    enum { MAX = 1000, LEN = 1 << 20 };
    uint8_t *data = calloc(LEN, 1);
    size_t line_len;
    yodel_framing f;

    (void)state;
    assert_non_null(data);
    yodel_framing_init(&f, "\r\n", 2, MAX);
    bytes_scanned = 0;
    assert_int_equal(yodel_framing_next(&f, data, LEN, &line_len), YODEL_ELINETOOLONG);
    assert_int_equal(bytes_scanned, MAX + 2);
    free(data);
}

/* A stream that is likely to hold delimiters, whole and nearly. */
static void fill(test_random *r, uint8_t *data, size_t len, const char *delimiter)
{
    size_t delimiter_len = strlen(delimiter);
    size_t rare = 1 + test_random_below(r, 20);

    for (size_t i = 0; i < len; i++) {
        data[i] = test_random_below(r, rare) == 0
                      ? (uint8_t)delimiter[test_random_below(r, delimiter_len)]
                      : (uint8_t)test_random_next(r);
        if (test_random_below(r, 2 * rare) == 0 && len - i > delimiter_len) {
            memcpy(data + i, delimiter, delimiter_len);
            i += delimiter_len - 1;
        }
    }
}

/* Feeds the stream in random pieces; every call must return what the oracle does for the very bytes
 * that the call could see. */
static void feed(test_random *r, const char *delimiter, uint32_t max_line, const uint8_t *data,
                 size_t len)
{
    size_t largest = 1 + test_random_below(r, 50);
    size_t start = 0;
    size_t seen = 0;
    yodel_framing f;

    yodel_framing_init(&f, delimiter, strlen(delimiter), max_line);
    bytes_scanned = 0;
    for (;;) {
        ssize_t n = checked_next(&f, delimiter, max_line, data + start, seen - start);

        if (n > 0) {
            start += (size_t)n;
        } else if (n == YODEL_ELINETOOLONG) { /* dropped, as far as it is there */
            assert_int_equal(bytes_scanned, start + max_line + strlen(delimiter));
            start = seen;
            bytes_scanned = seen; /* as if it had: so it stays the number of bytes gone by */
        } else if (seen == len) {
            break;
        } else {
            size_t left = len - seen;
            size_t piece = test_random_below(r, largest + 1);

            seen += piece < left ? piece : left;
        }
    }
    assert_int_equal(bytes_scanned, len);
}

static void random_streams_cut_at_random(void **state)
{
    test_random r;

    (void)state;
    test_random_init(&r, __func__);
    for (int round = 0; round < 10000; round++) {
        uint8_t data[400];
        size_t len = test_random_below(&r, sizeof data + 1);
        uint32_t max_line = (uint32_t)test_random_below(&r, 100);
        const char *delimiter = delimiters[test_random_below(&r, DELIMITERS)];

        fill(&r, data, len, delimiter);
        feed(&r, delimiter, max_line, data, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_small),
        cmocka_unit_test(nothing_is_no_line),
        cmocka_unit_test(lines_one_after_the_other),
        cmocka_unit_test(what_looks_like_a_delimiter_is_payload),
        cmocka_unit_test(any_byte_is_payload_or_delimiter),
        cmocka_unit_test(self_overlapping_delimiters),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(the_longest_line_is_exact),
        cmocka_unit_test(a_too_long_line_leaves_it_usable),
        cmocka_unit_test(extreme_limits),
        cmocka_unit_test(reset_forgets_an_incomplete_line),
        cmocka_unit_test(one_byte_at_a_time_is_linear),
        cmocka_unit_test(a_too_long_line_is_cut_without_looking_further),
        cmocka_unit_test(random_streams_cut_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
