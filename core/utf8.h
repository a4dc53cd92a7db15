/*
 * UTF-8, as far as it is needed to show bytes that somebody else sent: is this a character, and can
 * it be shown as it is?
 */
#ifndef YODEL_CORE_UTF8_H
#define YODEL_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The length (1 to 4) of the UTF-8 character at s, of which `len` >= 1 bytes can be read; 0 when
 * there is no valid and whole one. RFC 3629, section 4: no overlong form, no surrogate, nothing
 * above U+10FFFF. */
static inline size_t yodel_utf8_length(const uint8_t *s, size_t len)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t n;

    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] >= 0xc2 && s[0] <= 0xdf) {
        n = 2;
    } else if (s[0] >= 0xe0 && s[0] <= 0xef) {
        n = 3;
        low = s[0] == 0xe0 ? 0xa0 : low;
        high = s[0] == 0xed ? 0x9f : high;
    } else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        n = 4;
        low = s[0] == 0xf0 ? 0x90 : low;
        high = s[0] == 0xf4 ? 0x8f : high;
    } else {
        return 0;
    }
    if (len < n || s[1] < low || s[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if (s[i] < 0x80 || s[i] > 0xbf) {
            return 0;
        }
    }
    return n;
}

/* Is the character of `n` >= 1 bytes at s a control character: C0, DEL, or one of C1 (U+0080 to
 * U+009F), which terminals obey too: U+009B is as good as ESC [. */
static inline bool yodel_utf8_is_control(const uint8_t *s, size_t n)
{
    if (n == 1) {
        return s[0] < 0x20 || s[0] == 0x7f;
    }
    return s[0] == 0xc2 && s[1] < 0xa0;
}

#endif
