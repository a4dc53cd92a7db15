/*
 * The user's lines, made into the protocol's: a table, each case cut everywhere, and a random
 * comparison with an oracle that sees the whole input.
 */
#include "client/crlf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/random.h"

/* Converts one piece, into memory exactly as large as promised. */
static void convert(yodel_crlf *c, const char *data, size_t len, net_text *out)
{
    uint8_t *room = malloc(YODEL_CRLF_ROOM(len));
    assert_non_null(room);
    size_t n = yodel_crlf_convert(c, (const uint8_t *)data, len, room);
    assert_true(n <= YODEL_CRLF_ROOM(len));
    net_text_add(out, room, n);
    free(room);
}

static void finish(yodel_crlf *c, net_text *out)
{
    uint8_t room[2];
    net_text_add(out, room, yodel_crlf_finish(c, room));
    assert_int_equal(yodel_crlf_finish(c, room), 0);
}

typedef struct example {
    const char *input, *sent;
    uint64_t lines;
    bool said_goodbye;
} example;

static const example examples[] = {
    {"", "", 0, false},
    {"\n", "\r\n", 1, false},
    {"a\n", "a\r\n", 1, false},
    {"a\nb\n\nc\n", "a\r\nb\r\n\r\nc\r\n", 4, false},
    {"a\nlast", "a\r\nlast\r\n", 2, false},
    {"last", "last\r\n", 1, false},
    /* a file with DOS line ends */
    {"a\r\nb\r\n\r\n", "a\r\nb\r\n\r\n", 3, false},
    {"a\r\nlast\r", "a\r\nlast\r\n", 2, false},
    /* other CRs are text */
    {"a\rb\n", "a\rb\r\n", 1, false},
    {"\rb\n", "\rb\r\n", 1, false},
    {"a\r\r\n", "a\r\r\n", 1, false},
    {"\r\r\r\n\n", "\r\r\r\n\r\n", 2, false},
    {"\r", "\r\n", 1, false},
    {"\ra", "\ra\r\n", 1, false},
    /* the end of a chat */
    {".\n", ".\r\n", 0, true},
    {".", ".\r\n", 0, true},
    {".\r\n", ".\r\n", 0, true},
    {"a\nb\n.\nc\nd\n", "a\r\nb\r\n.\r\nc\r\nd\r\n", 2, true},
    {"a\n.\nb\n.\n", "a\r\n.\r\nb\r\n.\r\n", 1, true},
    {"..\n", "..\r\n", 1, false},
    {". \n", ". \r\n", 1, false},
    {" .\n", " .\r\n", 1, false},
    {"a.\n", "a.\r\n", 1, false},
    {".a\n", ".a\r\n", 1, false},
    {".\r\r\n", ".\r\r\n", 1, false},
    {"\r.\n", "\r.\r\n", 1, false},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        size_t len = strlen(e->input);
        for (size_t piece = 1; piece <= len + 1; piece++) {
            yodel_crlf c;
            net_text sent = {0};
            yodel_crlf_init(&c);
            for (size_t at = 0; at < len; at += piece) {
                convert(&c, e->input + at, piece < len - at ? piece : len - at, &sent);
            }
            finish(&c, &sent);
            net_text_add(&sent, "", 0);
            assert_string_equal(sent.data, e->sent);
            assert_int_equal(c.lines, e->lines);
            assert_int_equal(c.said_goodbye, e->said_goodbye);
            net_text_free(&sent);
        }
    }
}

/* A line counts from its first byte: if the connection ends now, it was not answered. */
static void test_begun_line_counts(void **state)
{
    (void)state;
    yodel_crlf c;
    net_text sent = {0};
    yodel_crlf_init(&c);
    convert(&c, "a\nha", 4, &sent);
    assert_int_equal(c.lines, 2);
    convert(&c, "lf", 2, &sent);
    assert_int_equal(c.lines, 2);
    convert(&c, "\n", 1, &sent);
    assert_int_equal(c.lines, 2);
    assert_string_equal(sent.data, "a\r\nhalf\r\n");
    net_text_free(&sent);
}

/* Text is not kept back until its line is complete. */
static void test_streams(void **state)
{
    (void)state;
    yodel_crlf c;
    net_text sent = {0};
    yodel_crlf_init(&c);
    convert(&c, "half", 4, &sent);
    assert_string_equal(sent.data, "half");
    net_text_free(&sent);
}

/* Line by line, with all of it in sight. */
static net_text oracle(const char *data, size_t len, uint64_t *lines, bool *said_goodbye)
{
    net_text out = {0};
    *lines = 0;
    *said_goodbye = false;
    for (size_t at = 0; at < len;) {
        const char *lf = memchr(data + at, '\n', len - at);
        size_t next = lf != NULL ? (size_t)(lf - data) + 1 : len;
        size_t text = (lf != NULL ? next - 1 : len) - at;
        if (text > 0 && data[at + text - 1] == '\r') {
            text--;
        }
        net_text_add(&out, data + at, text);
        net_text_add(&out, "\r\n", 2);
        *said_goodbye = *said_goodbye || (text == 1 && data[at] == '.');
        *lines += *said_goodbye ? 0 : 1;
        at = next;
    }
    return out;
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    test_random r;
    test_random_init(&r, __func__);
    for (int round = 0; round < 20000; round++) {
        char input[40];
        size_t len = test_random_below(&r, sizeof input + 1);
        for (size_t i = 0; i < len; i++) {
            input[i] = "\n\n\r\r\r..ab\0"[test_random_below(&r, 10)];
        }
        uint64_t lines;
        bool said_goodbye;
        net_text expected = oracle(input, len, &lines, &said_goodbye);
        net_text sent = {0};
        yodel_crlf c;
        yodel_crlf_init(&c);
        for (size_t at = 0, n; at < len; at += n) {
            n = 1 + test_random_below(&r, len - at);
            convert(&c, input + at, n, &sent);
        }
        finish(&c, &sent);
        assert_int_equal(sent.len, expected.len);
        assert_memory_equal(sent.data, expected.data, sent.len);
        assert_int_equal(c.lines, lines);
        assert_int_equal(c.said_goodbye, said_goodbye);
        net_text_free(&sent);
        net_text_free(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_begun_line_counts),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
