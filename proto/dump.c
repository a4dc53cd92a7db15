#include "proto/dump.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    (void)transport;
    *(FILE **)self = arg;
    return 0;
}

int yodel_dump_repr(FILE *out, const uint8_t *data, size_t len)
{
    bool single = len > 0 && memchr(data, '\'', len) != NULL;
    char quote = single && memchr(data, '"', len) == NULL ? '"' : '\'';
    (void)fprintf(out, "b%c", quote);
    for (size_t i = 0; i < len; i++) {
        uint8_t byte = data[i];
        if (byte == '\t') {
            (void)fputs("\\t", out);
        } else if (byte == '\n') {
            (void)fputs("\\n", out);
        } else if (byte == '\r') {
            (void)fputs("\\r", out);
        } else if (byte == '\\' || byte == (uint8_t)quote) {
            (void)fprintf(out, "\\%c", byte);
        } else if (byte >= 0x20 && byte < 0x7f) {
            (void)fputc(byte, out);
        } else {
            (void)fprintf(out, "\\x%02x", byte);
        }
    }
    return fputc(quote, out) == EOF || ferror(out) ? EOF : 0;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    FILE *out = *(FILE **)self;
    flockfile(out);
    errno = 0;
    (void)fputs("received [", out);
    (void)yodel_dump_repr(out, data, len);
    (void)fputs("]\n", out);
    bool failed = fflush(out) == EOF || ferror(out);
    int code = errno != 0 ? -errno : -EIO;
    /* The next connection tries again: a full disk may have room then. */
    clearerr(out);
    funlockfile(out);
    return failed ? code : (ssize_t)len;
}

const yodel_protocol_ops yodel_dump_ops = {
    .connection_made = connection_made,
    .data_received = data_received,
};
