#include "tests/support/echo_model.h"

#include <string.h>

const char *echo_protocol_name(echo_protocol protocol)
{
    static const char *const names[] = {"chat", "stream", "raw"};
    return names[protocol];
}

/* Known when so many bytes are there that the CRLF would have to be among them, not sooner. */
static void too_long(echo_verdict *v, size_t max_line, size_t at)
{
    net_text_printf(&v->answers, "Error: line longer than %zu bytes\r\n", max_line);
    v->end = ECHO_TOO_LONG;
    v->end_at = at + max_line + 2;
}

static void answer(echo_verdict *v, echo_protocol protocol, const char *line, size_t len)
{
    if (protocol == ECHO_CHAT) {
        net_text_printf(&v->answers, "You sent: ");
    }
    net_text_add(&v->answers, line, len);
    net_text_add(&v->answers, "\r\n", 2);
    v->lines++;
}

echo_verdict echo_judge(echo_protocol protocol, size_t max_line, const char *data, size_t len)
{
    echo_verdict v = {.end_at = len};
    if (protocol == ECHO_RAW) {
        net_text_add(&v.answers, data, len);
        return v;
    }
    for (size_t at = 0; v.end == ECHO_OPEN;) {
        const char *line = data + at;
        const char *crlf = memmem(line, len - at, "\r\n", 2);
        if (crlf == NULL) {
            v.partial = at < len;
            if (len - at >= max_line + 2) {
                too_long(&v, max_line, at);
            }
            break;
        }
        size_t line_len = (size_t)(crlf - line);
        if (line_len > max_line) {
            too_long(&v, max_line, at);
        } else if (line_len == 1 && line[0] == '.') {
            v.end = ECHO_QUIT;
            v.end_at = at + 3;
        } else {
            answer(&v, protocol, line, line_len);
        }
        at += line_len + 2;
    }
    return v;
}
