#include "tools/flood/markup.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/utf8.h"

/* The reference for a character of HTML's own, or NULL. */
static const char *reference(uint8_t byte)
{
    switch (byte) {
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '&':
        return "&amp;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static bool is_unwanted(const uint8_t *character, size_t length)
{
    return yodel_utf8_is_control(character, length) && *character != '\n' && *character != '\t';
}

void yodel_markup_text(FILE *out, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t length = yodel_utf8_length(bytes, left);
        const char *instead = reference(*bytes);

        if (instead != NULL) {
            fputs(instead, out);
        } else if (length == 0 || is_unwanted(bytes, length)) {
            length = length == 0 ? 1 : length;
            for (size_t i = 0; i < length; i++) {
                fprintf(out, "\\x%02x", bytes[i]);
            }
        } else {
            fwrite(bytes, 1, length, out);
        }
        bytes += length;
        left -= length;
    }
}
