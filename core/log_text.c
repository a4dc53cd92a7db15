#include "core/log_text.h"

#include "core/utf8.h"

#include <stdio.h>
#include <string.h>

bool yodel_log_text_put(yodel_log_text *t, const char *unit, size_t n)
{
    if (n > t->size - t->len) {
        size_t room = t->size - t->cut;
        size_t dots = room < 3 ? room : 3;

        memcpy(t->out + t->cut, "...", dots);
        t->len = t->cut + dots;
        return false;
    }
    memcpy(t->out + t->len, unit, n);
    t->len += n;
    if (t->size - t->len >= 3) {
        t->cut = t->len;
    }
    return true;
}

static size_t hex_escape(char unit[YODEL_LOG_UNIT], const char *prefix, uint8_t byte)
{
    return (size_t)snprintf(unit, YODEL_LOG_UNIT, "%s%02x", prefix, byte);
}

size_t yodel_log_unit_of_byte(char unit[YODEL_LOG_UNIT], uint8_t byte)
{
    static const char letters[] = {['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r'};

    if (byte < sizeof letters && letters[byte] != '\0') {
        unit[0] = '\\';
        unit[1] = letters[byte];
        return 2;
    }
    return hex_escape(unit, "\\x", byte);
}

/* The JSON is written here, not with a JSON library: those allocate, and must not be needed when
 * there is no memory left and that is what has to be said. */
size_t yodel_log_unit(bool json, const uint8_t *s, size_t len, char unit[YODEL_LOG_UNIT], size_t *n)
{
    size_t used = yodel_utf8_length(s, len);

    if (used > 0 && yodel_utf8_is_control(s, used)) {
        if (json) {
            *n = hex_escape(unit, "\\u00", s[used - 1]);
            return used;
        }
        used = 0;
    }
    if (used == 0) { /* a byte that cannot stand for itself */
        *n = json ? hex_escape(unit, "\\\\x", s[0]) : yodel_log_unit_of_byte(unit, s[0]);
        return 1;
    }
    *n = 0;
    if (json && (s[0] == '"' || s[0] == '\\')) {
        unit[(*n)++] = '\\';
    }
    memcpy(unit + *n, s, used);
    *n += used;
    return used;
}
