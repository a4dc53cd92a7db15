#include "client/crlf.h"

#include <string.h>

void yodel_crlf_init(yodel_crlf *c)
{
    *c = (yodel_crlf){.lines = 0};
}

static void begin_line(yodel_crlf *c)
{
    if (!c->begun && !c->said_goodbye) {
        c->lines++;
    }
    c->begun = true;
}

static uint8_t *end_line(yodel_crlf *c, uint8_t *out)
{
    if (c->only_dot && !c->said_goodbye) {
        c->said_goodbye = true;
        c->lines--;
    }
    c->begun = c->has_text = c->only_dot = c->held_cr = false;
    *out++ = '\r';
    *out++ = '\n';
    return out;
}

/* A piece of a line, without LF. */
static uint8_t *put_text(yodel_crlf *c, const uint8_t *data, size_t len, uint8_t *out)
{
    const uint8_t *text = out;

    if (len == 0) {
        return out;
    }
    begin_line(c);
    if (c->held_cr) {
        *out++ = '\r';
    }
    c->held_cr = data[len - 1] == '\r';
    if (c->held_cr) {
        len--;
    }
    memcpy(out, data, len);
    out += len;
    if (out != text) {
        c->only_dot = !c->has_text && out - text == 1 && text[0] == '.';
        c->has_text = true;
    }
    return out;
}

size_t yodel_crlf_convert(yodel_crlf *c, const uint8_t *data, size_t len, uint8_t *out)
{
    const uint8_t *end = data + len;
    uint8_t *start = out;

    while (data < end) {
        const uint8_t *lf = memchr(data, '\n', (size_t)(end - data));

        if (lf == NULL) {
            out = put_text(c, data, (size_t)(end - data), out);
            break;
        }
        out = put_text(c, data, (size_t)(lf - data), out);
        begin_line(c);
        out = end_line(c, out);
        data = lf + 1;
    }
    return (size_t)(out - start);
}

size_t yodel_crlf_finish(yodel_crlf *c, uint8_t *out)
{
    return c->begun ? (size_t)(end_line(c, out) - out) : 0;
}
