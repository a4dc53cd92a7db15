/*
 * The lines of one receive after the other, as the line protocol takes them, against the oracle:
 * the same results, whatever the lines' lengths, cuts and delimiter, and wherever dispatching
 * stops.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/framing_near.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/framing_oracle.h"
#include "tests/support/random.h"

static const char *const delimiters[] = {"\n", "\r\n", "a", "aa", "ab", "aab", "aba", "\r\n\r\n"};

enum { DELIMITERS = sizeof delimiters / sizeof delimiters[0], UNTOUCHED = 12345 };

/* A stream in its turns. */
typedef struct feed {
    const char *delimiter;
    size_t max_line;
    size_t stop_every; /* dispatching stops after a line once in so many; 0: never */
    yodel_framing framing;
    test_random random;
} feed;

/*
 * One turn: what is left of the last one and what is new, in memory of exactly that size, so that
 * asan sees a byte too many. Returns how much was consumed, or YODEL_ELINETOOLONG; *stopped: by us,
 * there may be more lines.
 */
static ssize_t turn(feed *s, const uint8_t *data, size_t len, bool *stopped)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    yodel_framing_lines lines;
    ssize_t n;

    assert_non_null(copy);
    memcpy(copy, data, len);
    *stopped = false;
    yodel_framing_lines_init(&lines, &s->framing, copy, len);
    do {
        size_t start = lines.line;
        size_t line_len = UNTOUCHED;
        size_t expected_len = UNTOUCHED;
        ssize_t expected = framing_oracle(s->delimiter, strlen(s->delimiter), s->max_line,
                                          data + start, len - start, &expected_len);
        n = yodel_framing_lines_next(&lines, &s->framing, &line_len);
        assert_int_equal(n, expected);
        assert_int_equal(line_len, expected_len);
        assert_int_equal(lines.line, start + (n > 0 ? (size_t)n : 0));
        *stopped = n > 0 && s->stop_every > 0 && test_random_below(&s->random, s->stop_every) == 0;
    } while (n > 0 && !*stopped);
    free(copy);
    return n < 0 ? n : (ssize_t)lines.line;
}

static void run(feed *s, const uint8_t *data, size_t len, size_t largest_piece)
{
    size_t start = 0;
    size_t seen = 0;
    bool stopped = false;

    yodel_framing_init(&s->framing, s->delimiter, strlen(s->delimiter), (uint32_t)s->max_line);
    while (stopped || seen < len) {
        if (!stopped || test_random_below(&s->random, 2) == 0) {
            size_t piece = 1 + test_random_below(&s->random, largest_piece);
            seen += piece < len - seen ? piece : len - seen;
        }
        ssize_t n = turn(s, data + start, seen - start, &stopped);
        start = n < 0 ? seen : start + (size_t)n; /* too long: dropped, as far as it is there */
    }
}

/* Lines of a typical length and some others, whole and nearly whole delimiters. */
static size_t fill(test_random *r, uint8_t *data, size_t len, const char *delimiter)
{
    size_t delimiter_len = strlen(delimiter);
    size_t typical = test_random_below(r, 2) == 0 ? 8 : 150;
    size_t at = 0;

    while (at + delimiter_len <= len) {
        if (test_random_below(r, typical) == 0) {
            memcpy(data + at, delimiter, delimiter_len);
            at += delimiter_len;
        } else if (test_random_below(r, typical) == 0) {
            data[at++] = (uint8_t)delimiter[test_random_below(r, delimiter_len)];
        } else {
            data[at++] = 'x';
        }
    }
    return at;
}

static void random_streams_cut_and_stopped_at_random(void **state)
{
    feed s = {0};

    (void)state;
    test_random_init(&s.random, __func__);
    for (int round = 0; round < 4000; round++) {
        uint8_t data[2000];
        size_t pieces[] = {1, 40, 64, 500, sizeof data};

        s.delimiter = delimiters[test_random_below(&s.random, DELIMITERS)];
        s.max_line =
            test_random_below(&s.random, 2) == 0 ? 2000 : test_random_below(&s.random, 200);
        s.stop_every = test_random_below(&s.random, 4);
        size_t len =
            fill(&s.random, data, test_random_below(&s.random, sizeof data + 1), s.delimiter);
        run(&s, data, len, pieces[test_random_below(&s.random, 5)]);
    }
}

/* Every place of an end within the bytes that are looked at together, and around them. */
static void lines_of_every_length(void **state)
{
    feed s = {.delimiter = "\r\n", .max_line = 300};

    (void)state;
    test_random_init(&s.random, __func__);
    for (size_t first = 0; first < 140; first++) {
        for (size_t second = 0; second < 140; second += 1 + first % 3) {
            uint8_t data[300];
            memset(data, 'x', sizeof data);
            memcpy(data + first, "\r\n", 2);
            memcpy(data + first + 2 + second, "\r\n", 2);
            run(&s, data, sizeof data, sizeof data);
        }
    }
}

static void a_line_above_the_limit_among_short_ones(void **state)
{
    feed s = {.delimiter = "\n", .max_line = 10};
    uint8_t data[256];

    (void)state;
    test_random_init(&s.random, __func__);
    for (size_t len = 9; len <= 12; len++) {
        memset(data, '\n', sizeof data);
        memset(data + 3, 'x', len);
        run(&s, data, sizeof data, sizeof data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_cut_and_stopped_at_random),
        cmocka_unit_test(lines_of_every_length),
        cmocka_unit_test(a_line_above_the_limit_among_short_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
