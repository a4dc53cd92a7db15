#include "client/visible.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "core/utf8.h"

void yodel_visible_init(yodel_visible *v)
{
    *v = (yodel_visible){.held_len = 0};
}

static char hex_digit(uint32_t value)
{
    return "0123456789abcdef"[value & 0xf];
}

static char *put_caret(char *out, uint8_t byte)
{
    *out++ = '^';
    *out++ = (char)(byte ^ 0x40); /* ESC 0x1b -> '[', DEL 0x7f -> '?' */
    return out;
}

static char *put_byte(char *out, uint8_t byte)
{
    *out++ = '\\';
    *out++ = 'x';
    *out++ = hex_digit(byte >> 4);
    *out++ = hex_digit(byte);
    return out;
}

/* All code points that are shown this way have at most four digits. */
static char *put_code_point(char *out, uint32_t point)
{
    *out++ = '<';
    *out++ = 'U';
    *out++ = '+';
    for (int shift = 12; shift >= 0; shift -= 4) {
        *out++ = "0123456789ABCDEF"[(point >> shift) & 0xf];
    }
    *out++ = '>';
    return out;
}

/* How many bytes a character with this first byte has; 0 if there is none. */
static uint8_t expected_length(uint8_t lead)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 2;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        return 4;
    }
    return 0;
}

/* Beyond ASCII: whether a terminal would act on the code point instead of showing it. */
static bool acts_on_terminal(uint32_t point)
{
    return (point >= 0x80 && point <= 0x9f) ||     /* C1 */
           point == 0x061c ||                      /* ARABIC LETTER MARK */
           point == 0x200e || point == 0x200f ||   /* LRM, RLM */
           (point >= 0x2028 && point <= 0x202e) || /* line, paragraph; embeddings, overrides */
           (point >= 0x2066 && point <= 0x2069);   /* isolates */
}

static uint32_t decode(const uint8_t *bytes, size_t len)
{
    uint32_t point = bytes[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++) {
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    return point;
}

/* What is held will not become what it might have become: shown byte by byte. */
static char *give_up_held(yodel_visible *v, char *out)
{
    for (uint8_t i = 0; i < v->held_len; i++) {
        out = v->held[i] == '\r' ? put_caret(out, '\r') : put_byte(out, v->held[i]);
    }
    v->held_len = 0;
    return out;
}

/* As many bytes are held as their first one promised. */
static char *put_held(yodel_visible *v, char *out)
{
    uint32_t point = decode(v->held, v->held_len);

    if (yodel_utf8_length(v->held, v->held_len) == 0) { /* overlong, surrogate, above U+10FFFF */
        return give_up_held(v, out);
    }
    if (acts_on_terminal(point)) {
        out = put_code_point(out, point);
    } else {
        memcpy(out, v->held, v->held_len);
        out += v->held_len;
    }
    v->held_len = 0;
    return out;
}

/* A byte that nothing held precedes. */
static char *start(yodel_visible *v, uint8_t byte, char *out)
{
    uint8_t expected = expected_length(byte);

    if (expected != 0 || byte == '\r') {
        v->held[0] = byte;
        v->held_len = 1;
        v->expected = expected;
    } else if (byte == '\n') {
        out = put_caret(out, byte);
        *out++ = '\n';
    } else if (byte == '\t' || (byte >= 0x20 && byte <= 0x7e)) {
        *out++ = (char)byte;
    } else if (byte < 0x80) {
        out = put_caret(out, byte);
    } else {
        out = put_byte(out, byte);
    }
    return out;
}

size_t yodel_visible_translate(yodel_visible *v, const uint8_t *data, size_t len, char *text)
{
    char *out = text;

    for (size_t i = 0; i < len; i++) {
        uint8_t byte = data[i];

        if (v->held_len == 0) {
            out = start(v, byte, out);
        } else if (v->held[0] == '\r' && byte == '\n') {
            *out++ = '\n';
            v->held_len = 0;
        } else if (v->held[0] != '\r' && (byte & 0xc0) == 0x80) {
            assert(v->held_len < v->expected && v->expected <= sizeof v->held);
            v->held[v->held_len++] = byte;
            if (v->held_len == v->expected) {
                out = put_held(v, out);
            }
        } else {
            out = give_up_held(v, out);
            out = start(v, byte, out);
        }
    }
    return (size_t)(out - text);
}

size_t yodel_visible_finish(yodel_visible *v, char *text)
{
    return (size_t)(give_up_held(v, text) - text);
}
