#include "tests/support/fuzz_bytes.h"

#include <stdbool.h>
#include <string.h>

/* One in n. */
static bool one_in(test_random *r, size_t n)
{
    return test_random_below(r, n) == 0;
}

/* Bytes of one of some alphabets, from all CR and LF to any byte at all. */
static void add_bytes(net_text *t, test_random *r, size_t len)
{
    static const char *const alphabets[] = {"\r\n", "\r\n.",         ".", "a\r",
                                            "ab\n", "abcdefgh 0123", NULL};
    const char *alphabet = alphabets[test_random_below(r, sizeof alphabets / sizeof alphabets[0])];
    size_t letters = alphabet != NULL ? strlen(alphabet) : 0;
    char block[512];
    while (len > 0) {
        size_t n = len < sizeof block ? len : sizeof block;
        for (size_t i = 0; i < n; i++) {
            block[i] = alphabet != NULL ? alphabet[test_random_below(r, letters)]
                                        : (char)test_random_next(r);
        }
        net_text_add(t, block, n);
        len -= n;
    }
}

/* Exactly so many bytes that hold no CRLF, and CRLF. */
static void add_line(net_text *t, test_random *r, size_t len)
{
    size_t from = t->len;
    net_text_add(t, "", 0);
    for (size_t i = 0; i < len; i++) {
        char byte = one_in(r, 20) ? "\r\n.\0\x1b\xff"[test_random_below(r, 6)]
                                  : (char)('a' + test_random_below(r, 26));
        bool crlf = byte == '\n' && i > 0 && t->data[from + i - 1] == '\r';
        net_text_add(t, crlf ? "n" : &byte, 1);
    }
    net_text_add(t, "\r\n", 2);
}

/* A length around the limit, where mistakes live; or a short one. */
static size_t near(test_random *r, size_t max_line)
{
    size_t around = max_line + test_random_below(r, 4);
    return around > 1 ? around - 2 : around;
}

static void add_piece(net_text *t, test_random *r, size_t max_line)
{
    static const char *const texts[] = {"\r\n",   "..\r\n",   ". \r\n", "\r\r\n",
                                        "\n\r\n", "a\nb\r\n", ".\n",    "\r"};
    size_t short_one = test_random_below(r, 1 + (max_line < 100 ? max_line : 100));
    switch (test_random_below(r, 16)) {
    case 0:
        add_bytes(t, r, test_random_below(r, 40));
        break;
    case 1:
        add_bytes(t, r, test_random_below(r, one_in(r, 10) ? 100000 : 1000));
        break;
    case 2:
    case 3: {
        const char *text = texts[test_random_below(r, sizeof texts / sizeof texts[0])];
        net_text_add(t, text, strlen(text));
        break;
    }
    case 4:
        if (one_in(r, 3)) {
            net_text_add(t, ".\r\n", 3);
        }
        break;
    case 5:
        add_line(t, r, max_line > 4096 && !one_in(r, 20) ? short_one : near(r, max_line));
        break;
    case 6:
        for (size_t n = test_random_below(r, one_in(r, 20) ? 5000 : 50); n > 0; n--) {
            if (max_line < 4) {
                net_text_add(t, "\r\n", 2);
            } else {
                net_text_add(t, "many\r\n", 6);
            }
        }
        break;
    default:
        add_line(t, r, short_one);
    }
}

void fuzz_bytes(net_text *t, test_random *r, size_t max_line)
{
    for (size_t pieces = test_random_below(r, one_in(r, 10) ? 200 : 20); pieces > 0; pieces--) {
        add_piece(t, r, max_line);
    }
    net_text_add(t, "", 0);
}
