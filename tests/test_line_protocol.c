/*
 * The line protocol on real transports: what is a line, and what is too long to be one. How it
 * pauses: test_line_protocol_pause; how it ends: test_line_protocol_end.
 */
#include "proto/line_protocol.h"

#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/line_recorder.h"
#include "tests/support/random.h"

/* --- what is a line ----------------------------------------------------------------------------*/

static void test_lines(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "one\r\ntwo\r\n\r\nthree\r\n");
    fixture_expect_text(f, client, "<one>\r\n<two>\r\n<>\r\n<three>\r\n");
    assert_string_equal(seen.lines, "[one][two][][three]");
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 4);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 4);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), 19);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), 5 + 5 + 2 + 7 + 8);
}

static void test_byte_by_byte(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    const char text[] = "ab\r\n\r\nc\rd\ne\r\r\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        fixture_feed(f, client, text + i, 1);
    }
    assert_string_equal(seen.lines, "[ab][][c\rd\ne\r]");
    fixture_expect_text(f, client, "<ab>\r\n<>\r\n<c\rd\ne\r>\r\n");
}

/* What is not CRLF is payload, and comes back byte for byte. */
static void test_payload(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    size_t n = 0;
    char line[64];
    /* All 256 bytes, in lines of 40 at the most, with LF first and CR last in theirs. */
    for (unsigned byte = 0; byte < 256;) {
        size_t len = 0;
        while (len < MAX_LINE && byte < 256) {
            line[len++] = (char)byte++;
        }
        memcpy(line + len, "\r\n", 2);
        fixture_feed(f, client, line, len + 2);
        char expected[64];
        expected[0] = '<';
        memcpy(expected + 1, line, len);
        memcpy(expected + 1 + len, ">\r\n", 3);
        fixture_expect(f, client, expected, len + 4);
        n++;
    }
    assert_int_equal(seen.count, n);

    seen.lines[0] = '\0';
    FEED(f, client, "\n\r\n\r\r\n\r\n\n\r\n");
    assert_string_equal(seen.lines, "[\n][\r][][\n]");
    fixture_expect_text(f, client, "<\n>\r\n<\r>\r\n<>\r\n<\n>\r\n");
}

static void check_delimiter(void **state, const char *delimiter, const char *stream,
                            const char *lines, const char *answer)
{
    yodel_line_config other = {
        .ops = &line_recorder_ops, .delimiter = delimiter, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = line_recorder_start_with(state, &other, 0);
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, strlen(stream));
    assert_string_equal(seen.lines, lines);
    fixture_expect_text(f, client, answer);
    fixture_expect_nothing(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
}

static void test_delimiter_lf(void **state)
{
    check_delimiter(state, "\n", "a\r\n\nb\n", "[a\r][][b]", "<a\r>\n<>\n<b>\n");
}

static void test_delimiter_of_four(void **state)
{
    check_delimiter(state, "\r\n\r\n", "a\r\nb\r\n\r\nc\r\n\r\n\r\n\r\n", "[a\r\nb][c][]",
                    "<a\r\nb>\r\n\r\n<c>\r\n\r\n<>\r\n\r\n");
}

static void test_delimiter_overlaps_itself(void **state)
{
    check_delimiter(state, "aab", "aaabxaabaa", "[a][x]", "<a>aab<x>aab");
}

/* Each line whole, and cut in two at every place. */
static int echo_parts(yodel_line_protocol *p, const char *line, size_t len)
{
    for (size_t i = 0; i <= len; i++) {
        if (yodel_line_write_line(p, line, i) < 0 ||
            yodel_line_write_line(p, line + i, len - i) < 0) {
            return -1;
        }
    }
    return 1;
}

static void test_parts_of_a_line_get_delimiters(void **state)
{
    static const yodel_line_ops ops = {.line_received = echo_parts};
    yodel_line_config config = {.ops = &ops, .max_line = MAX_LINE};
    fixture *f = line_recorder_start_with(state, &config, 0);
    int client = fixture_connect(f);
    FEED(f, client, "ab\r\nc\r\r\n");
    fixture_expect_text(f, client,
                        "\r\nab\r\n"
                        "a\r\nb\r\n"
                        "ab\r\n\r\n"
                        "\r\nc\r\r\n"
                        "c\r\n\r\r\n"
                        "c\r\r\n\r\n");
    fixture_expect_nothing(f, client);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 12);
}

static void test_state_of_each_connection(void **state)
{
    fixture *f = line_recorder_start(state);
    int a = fixture_connect(f);
    int b = fixture_connect(f);
    FEED(f, a, "x\r\nx\r\ncount\r\n");
    FEED(f, b, "count\r\n");
    FEED(f, a, "count\r\n");
    fixture_expect_text(f, a, "<x>\r\n<x>\r\n3\r\n4\r\n");
    fixture_expect_text(f, b, "1\r\n");
    assert_int_equal(seen.made, 2);
    assert_false(seen.bad_state);
    assert_false(seen.bad_access);
    assert_ptr_equal(yodel_line_arg(seen.last), &seen);
}

/* --- too long ----------------------------------------------------------------------------------*/

#define LINE_40 "0123456789012345678901234567890123456789"
static void test_longest_line(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40 "\r\n" LINE_40 "\r\n");
    fixture_expect_text(f, client, "<" LINE_40 ">\r\n<" LINE_40 ">\r\n");
    /* The last byte of a delimiter that ends just in time comes last. */
    FEED(f, client, LINE_40);
    FEED(f, client, "\r");
    FEED(f, client, "\n");
    fixture_expect_text(f, client, "<" LINE_40 ">\r\n");
}

static void test_line_too_long(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "before\r\n" LINE_40 "x\r\nafter\r\n");
    fixture_expect_text(f, client, "<before>\r\n" TOO_LONG);
    fixture_expect_eof(f, client);
    assert_string_equal(seen.lines, "[before]");
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 2);
}

/* Known as soon as it is certain, without waiting for a delimiter that may never come. */
static void test_line_too_long_without_end(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40);
    FEED(f, client, "x");
    fixture_expect_nothing(f, client); /* it may be CR: nobody knows yet */
    FEED(f, client, "y");
    fixture_expect_text(f, client, TOO_LONG);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
    assert_int_equal(seen.eofs, 0);
}

/* The error line arrives, and no reset, although the client has gone on sending. */
static void test_line_too_long_is_told(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    static char much[50000];
    memset(much, 'x', sizeof much);
    net_send(client, much, sizeof much);
    fixture_expect_text(f, client, TOO_LONG);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

static int too_long(yodel_line_protocol *p)
{
    seen.last_write = yodel_line_write(p, "no!", 3);
    return seen.too_long_code;
}

static void test_line_too_long_own_answer(void **state)
{
    yodel_line_ops own = line_recorder_ops;
    own.line_too_long = too_long;
    yodel_line_config with = {.ops = &own, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = line_recorder_start_with(state, &with, 0);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40 "xyz");
    fixture_expect_text(f, client, "no!");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

/* A failing callback is a failing callback, also this one. */
static void test_line_too_long_fails(void **state)
{
    yodel_line_ops own = line_recorder_ops;
    own.line_too_long = too_long;
    yodel_line_config with = {.ops = &own, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = line_recorder_start_with(state, &with, 0);
    int client = fixture_connect(f);
    seen.too_long_code = -ENOSPC;
    FEED(f, client, LINE_40 "xyz");
    line_recorder_check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
    assert_true(fixture_logged(f, "No space left on device"));
}

static void test_no_lines_at_all(void **state)
{
    yodel_line_config narrow = {.ops = &line_recorder_ops, .max_line = 0, .arg = &seen};
    fixture *f = line_recorder_start_with(state, &narrow, 0);
    int client = fixture_connect(f);
    FEED(f, client, "\r\n\r\n");
    fixture_expect_text(f, client, "<>\r\n<>\r\n");
    FEED(f, client, "xy");
    fixture_expect_text(f, client, "Error: line longer than 0 bytes\r\n");
    fixture_expect_eof(f, client);
}

/* --- random ------------------------------------------------------------------------------------*/

typedef struct bytes_wanted {
    const fixture *f;
    uint64_t n;
} bytes_wanted;

static bool has_bytes(void *arg)
{
    const bytes_wanted *wanted = arg;
    return fixture_count(wanted->f, YODEL_COUNT_BYTES_IN) >= wanted->n;
}

/* Runs the loop until so many bytes have been received. */
static void wait_bytes_in(fixture *f, uint64_t n)
{
    bytes_wanted wanted = {f, n};
    fixture_run_until(f, has_bytes, &wanted, "all bytes are received");
}

/* Any stream, cut anywhere: what is received is what a simple loop finds in the whole. */
static void test_random_streams(void **state)
{
    static const char *const delimiters[] = {"\r\n", "\n", "aab", "\r\n\r\n", "aa"};
    fixture *f = line_recorder_start(state);
    test_random r;
    test_random_init(&r, "test_line_protocol");
    for (int round = 0; round < 60; round++) {
        const char *delimiter = delimiters[test_random_below(&r, 5)];
        line_recorder_used.delimiter = delimiter;
        line_recorder_used.max_line = 1000;
        seen.lines[0] = '\0';

        char stream[600];
        size_t len = test_random_below(&r, sizeof stream);
        for (size_t i = 0; i < len; i++) {
            stream[i] = "ab\r\nab\r\nc"[test_random_below(&r, 9)];
        }
        net_text expected = {0};
        size_t from = 0;
        size_t end;
        for (end = 0; end + strlen(delimiter) <= len;) {
            if (memcmp(stream + end, delimiter, strlen(delimiter)) == 0) {
                net_text_printf(&expected, "[%.*s]", (int)(end - from), stream + from);
                end += strlen(delimiter);
                from = end;
            } else {
                end++;
            }
        }
        int client = fixture_connect(f);
        uint64_t begin = fixture_count(f, YODEL_COUNT_BYTES_IN);
        for (size_t at = 0; at < len;) {
            size_t n = 1 + test_random_below(&r, 40);
            n = n < len - at ? n : len - at;
            net_send(client, stream + at, n);
            at += n;
            if (test_random_below(&r, 3) > 0) {
                wait_bytes_in(f, begin + at);
            }
        }
        net_finish_sending(client);
        fixture_wait_active(f, 0);
        assert_string_equal(seen.lines, expected.data != NULL ? expected.data : "");
        fixture_disconnect(f, client, false);
        net_text_free(&expected);
    }
}

/* What cannot be is not made. */
static void test_bad_configs(void **state)
{
    (void)state;
    static const yodel_line_ops none = {0};
    const yodel_line_config good = {
        .ops = &line_recorder_ops, .delimiter = "abcd", .max_line = YODEL_LINE_MAX};
    yodel_line_config bad[] = {good, good, good, good, good};
    bad[0].ops = NULL;
    bad[1].ops = &none;
    bad[2].delimiter = "";
    bad[3].delimiter = "abcde";
    bad[4].max_line = YODEL_LINE_MAX + 1;
    assert_non_null(yodel_line_factory(&good).ops);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(yodel_line_factory(&bad[i]).ops);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_lines),
        fixture_test(test_byte_by_byte),
        fixture_test(test_payload),
        fixture_test(test_delimiter_lf),
        fixture_test(test_delimiter_of_four),
        fixture_test(test_delimiter_overlaps_itself),
        fixture_test(test_parts_of_a_line_get_delimiters),
        fixture_test(test_state_of_each_connection),
        fixture_test(test_longest_line),
        fixture_test(test_line_too_long),
        fixture_test(test_line_too_long_without_end),
        fixture_test(test_line_too_long_is_told),
        fixture_test(test_line_too_long_own_answer),
        fixture_test(test_line_too_long_fails),
        fixture_test(test_no_lines_at_all),
        fixture_test(test_random_streams),
        cmocka_unit_test(test_bad_configs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
