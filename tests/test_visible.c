/*
 * What a server sent, made safe to look at: a table of cases, every character of Unicode, and
 * random streams cut at random against an oracle that sees the whole.
 */
#include "client/visible.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/random.h"

/* Translates data in pieces of `piece` bytes (0: in one). */
static net_text translate(const void *data, size_t len, size_t piece)
{
    const uint8_t *at = data;
    net_text all = {0};
    yodel_visible v;

    yodel_visible_init(&v);
    for (size_t n; len > 0; at += n, len -= n) {
        n = piece > 0 && piece < len ? piece : len;
        /* Exactly as large as promised: asan would see one byte too many. */
        char *text = malloc(YODEL_VISIBLE_ROOM(n));
        assert_non_null(text);
        size_t text_len = yodel_visible_translate(&v, at, n, text);
        assert_true(text_len <= YODEL_VISIBLE_ROOM(n));
        net_text_add(&all, text, text_len);
        free(text);
    }
    char rest[YODEL_VISIBLE_ROOM(0)];
    net_text_add(&all, rest, yodel_visible_finish(&v, rest));
    assert_int_equal(yodel_visible_finish(&v, rest), 0);
    return all;
}

typedef struct example {
    const char *name, *input, *text;
} example;

/* No NUL in these; string literals are split where a hex digit follows an escape. */
static const example examples[] = {
    {"plain", "hello, world ~", "hello, world ~"},
    {"tab", "a\tb", "a\tb"},
    {"CRLF is a new line", "a\r\nb\r\n", "a\nb\n"},
    {"empty lines", "\r\n\r\n", "\n\n"},
    {"bare LF", "a\nb", "a^J\nb"},
    {"lone CR", "good\rbad", "good^Mbad"},
    {"lone CR at the end", "good\r", "good^M"},
    {"CR CR LF", "a\r\r\n", "a^M\n"},
    {"CR before a character", "\r\xc3\xa9", "^M\xc3\xa9"},
    {"CR before a bad byte", "\r\xff", "^M\\xff"},
    {"ESC", "\x1b[2J", "^[[2J"},
    {"OSC with BEL", "\x1b]0;owned\x07", "^[]0;owned^G"},
    {"OSC with ST", "\x1b]52;c;!\x1b\\", "^[]52;c;!^[\\"},
    {"SO, SI, BS", "\x0e\x0f\x08", "^N^O^H"},
    {"DEL", "a\x7f", "a^?"},
    {"C1 as a byte",
     "\x9b"
     "31m",
     "\\x9b31m"},
    {"C1 as a character",
     "\xc2\x9b"
     "31m",
     "<U+009B>31m"},
    {"first and last of C1", "\xc2\x80\xc2\x9f\xc2\xa0", "<U+0080><U+009F>\xc2\xa0"},
    {"umlaut",
     "gr\xc3\xbc\xc3\x9f"
     "e",
     "gr\xc3\xbc\xc3\x9f"
     "e"},
    {"euro", "\xe2\x82\xac", "\xe2\x82\xac"},
    {"emoji", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"U+10FFFF", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
    {"above it", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    {"F5 and up", "\xf5\x80\x80\x80\xfe\xff", "\\xf5\\x80\\x80\\x80\\xfe\\xff"},
    {"stray continuation",
     "\x80"
     "a\xbf",
     "\\x80a\\xbf"},
    {"overlong slash", "\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
     "\\xc0\\xaf\\xe0\\x80\\xaf\\xf0\\x80\\x80\\xaf"},
    {"overlong ESC", "\xc0\x9b", "\\xc0\\x9b"},
    {"overlong C1", "\xe0\x82\x9b", "\\xe0\\x82\\x9b"},
    {"surrogates", "\xed\xa0\x80\xed\xbf\xbf", "\\xed\\xa0\\x80\\xed\\xbf\\xbf"},
    {"below them", "\xed\x9f\xbf", "\xed\x9f\xbf"},
    {"cut off by a letter",
     "\xe2\x82"
     "A",
     "\\xe2\\x82A"},
    {"cut off by a character", "\xe2\x82\xc3\xa9", "\\xe2\\x82\xc3\xa9"},
    {"cut off by CRLF", "\xf0\x9f\x98\r\n", "\\xf0\\x9f\\x98\n"},
    {"cut off by ESC", "\xc3\x1b", "\\xc3^["},
    {"cut off by the end", "a\xf0\x9f\x98", "a\\xf0\\x9f\\x98"},
    {"right-to-left override",
     "\xe2\x80\xae"
     "gpj.exe",
     "<U+202E>gpj.exe"},
    {"embeddings, isolates", "\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9", "<U+202A><U+2066><U+2069>"},
    {"marks", "\xe2\x80\x8e\xe2\x80\x8f\xd8\x9c", "<U+200E><U+200F><U+061C>"},
    {"line and paragraph", "\xe2\x80\xa8\xe2\x80\xa9", "<U+2028><U+2029>"},
    {"their neighbours", "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
     "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
    {"the notation itself passes", "\\x1b ^[ <U+202E>", "\\x1b ^[ <U+202E>"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        const example *e = &examples[i];
        for (size_t piece = 0; piece <= strlen(e->input); piece++) {
            net_text text = translate(e->input, strlen(e->input), piece);
            if (strcmp(text.data, e->text) != 0) {
                fail_msg("%s, in pieces of %zu: \"%s\", not \"%s\"", e->name, piece, text.data,
                         e->text);
            }
            net_text_free(&text);
        }
    }
}

static void test_nul(void **state)
{
    (void)state;
    net_text text = translate("a\0b", 3, 0);
    assert_string_equal(text.data, "a^@b");
    net_text_free(&text);
}

/* What a CR or the start of a character will become is not known before the next byte; everything
 * else is shown at once, since a person is waiting for it. */
static void test_holds_back_no_more_than_it_must(void **state)
{
    (void)state;
    yodel_visible v;
    char text[YODEL_VISIBLE_ROOM(8)];

    yodel_visible_init(&v);
    assert_int_equal(yodel_visible_translate(&v, (const uint8_t *)"login: ", 7, text), 7);
    assert_int_equal(yodel_visible_translate(&v, (const uint8_t *)"\r", 1, text), 0);
    assert_int_equal(yodel_visible_translate(&v, (const uint8_t *)"\n", 1, text), 1);
    assert_int_equal(yodel_visible_translate(&v, (const uint8_t *)"\xf0\x9f\x98", 3, text), 0);
    assert_int_equal(yodel_visible_translate(&v, (const uint8_t *)"\x80", 1, text), 4);
    assert_int_equal(yodel_visible_finish(&v, text), 0);
}

static size_t encode(uint32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; point >>= 6) {
        out[i] = (char)(0x80 | (point & 0x3f));
    }
    out[0] = (char)((0xf00 >> len & 0xff) | point);
    return len;
}

/* What terminals act upon, as a list rather than as the code has it. */
static bool dangerous(uint32_t p)
{
    static const uint32_t points[] = {0x061c, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b,
                                      0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069};

    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        if (p == points[i]) {
            return true;
        }
    }
    return (p < 0x20 && p != '\t') || (p >= 0x7f && p <= 0x9f);
}

static void test_every_character(void **state)
{
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char input[4];
        size_t len = encode(point, input);
        if (point >= 0xd800 && point <= 0xdfff) {
            continue;
        }
        net_text text = translate(input, len, 0);
        bool passed = text.len == len && memcmp(text.data, input, len) == 0;
        if (passed == dangerous(point)) {
            fail_msg("U+%04X became \"%s\"", point, text.data);
        }
        net_text_free(&text);
    }
}

/* The whole at once: at each place either a good character or one byte that is shown as such. */
static net_text oracle(const uint8_t *s, size_t len)
{
    net_text out = {0};

    for (size_t i = 0; i < len;) {
        size_t n = 0;
        uint32_t point = 0;
        for (size_t length = 1; length <= 4 && i + length <= len && n == 0; length++) {
            uint32_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
            uint32_t candidate = s[i] & masks[length - 1];
            char again[4];
            for (size_t k = 1; k < length; k++) {
                candidate = candidate << 6 | (s[i + k] & 0x3f);
            }
            bool surrogate = candidate >= 0xd800 && candidate <= 0xdfff;
            if (candidate <= 0x10ffff && !surrogate && encode(candidate, again) == length &&
                memcmp(again, s + i, length) == 0) {
                n = length;
                point = candidate;
            }
        }
        if (n == 0) {
            net_text_printf(&out, "\\x%02x", s[i]);
            n = 1;
        } else if (point == '\r' && i + 1 < len && s[i + 1] == '\n') {
            net_text_add(&out, "\n", 1);
            n = 2;
        } else if (!dangerous(point)) {
            net_text_add(&out, s + i, n);
        } else if (point < 0x80) {
            net_text_printf(&out, "^%c%s", (int)(point ^ 0x40), point == '\n' ? "\n" : "");
        } else {
            net_text_printf(&out, "<U+%04X>", point);
        }
        i += n;
    }
    net_text_add(&out, "", 0);
    return out;
}

/* Bytes that meet each other often in ways that matter. */
static size_t random_stream(test_random *r, uint8_t *s, size_t size)
{
    static const uint8_t likely[] = "\r\n\r\n\x1b[a\xc2\x9b\xe2\x80\xae\xed\xa0\x80\xf0\x9f\x98\x80"
                                    "\xf4\x8f\xbf\xbf\xc0\xe0\x82\xac\x7f\t";
    size_t len = test_random_below(r, size + 1);

    for (size_t i = 0; i < len; i++) {
        s[i] = test_random_below(r, 4) == 0 ? (uint8_t)test_random_next(r)
                                            : likely[test_random_below(r, sizeof likely - 1)];
    }
    return len;
}

static void test_cut_anywhere(void **state)
{
    (void)state;
    test_random r;
    test_random_init(&r, __func__);
    for (int round = 0; round < 20000; round++) {
        uint8_t stream[64];
        size_t len = random_stream(&r, stream, sizeof stream);
        net_text expected = oracle(stream, len);
        net_text got = {0};
        yodel_visible v;
        char text[YODEL_VISIBLE_ROOM(sizeof stream)];

        yodel_visible_init(&v);
        for (size_t i = 0, n; i < len; i += n) {
            n = 1 + test_random_below(&r, len - i);
            net_text_add(&got, text, yodel_visible_translate(&v, stream + i, n, text));
        }
        net_text_add(&got, text, yodel_visible_finish(&v, text));
        if (got.len != expected.len || memcmp(got.data, expected.data, got.len) != 0) {
            fail_msg("round %d: got \"%s\", wanted \"%s\"", round, got.data, expected.data);
        }
        net_text_free(&got);
        net_text_free(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_holds_back_no_more_than_it_must),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
