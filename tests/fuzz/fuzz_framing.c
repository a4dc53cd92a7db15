/*
 * Fuzzes the framing: any delimiter, any limit, any stream, fed in any pieces; every single result
 * is compared with the oracle's.
 *
 *     byte 0        delimiter length - 1 (2 bits), piece size (6 bits, 0: all at once)
 *     byte 1        max_line
 *     then          the delimiter, then the stream
 */
#include "proto/framing.h"

#include "tests/support/framing_oracle.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNTOUCHED = 12345 };

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

/* As many of the bytes as have come, in memory of exactly that size. */
static ssize_t next(yodel_framing *f, const uint8_t *data, size_t len, size_t *line_len)
{
    uint8_t *copy = malloc(len);
    ssize_t n;

    check(copy != NULL || len == 0);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    n = yodel_framing_next(f, copy, len, line_len);
    free(copy);
    return n;
}

static void feed(const char *delimiter, size_t delimiter_len, uint32_t max_line, size_t piece,
                 const uint8_t *data, size_t len)
{
    size_t start = 0;
    size_t seen = 0;
    yodel_framing f;

    yodel_framing_init(&f, delimiter, delimiter_len, max_line);
    for (;;) {
        size_t line_len = UNTOUCHED;
        size_t expected_len = UNTOUCHED;
        ssize_t n = next(&f, data + start, seen - start, &line_len);

        check(n == framing_oracle(delimiter, delimiter_len, max_line, data + start, seen - start,
                                  &expected_len));
        check(line_len == expected_len);
        if (n > 0) {
            start += (size_t)n;
        } else if (n < 0) {
            start = seen;
        } else if (seen == len) {
            return;
        } else {
            seen += piece < len - seen ? piece : len - seen;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t delimiter_len;
    size_t piece;

    if (size < 2 + YODEL_DELIMITER_MAX || size > 2000) {
        return 0;
    }
    delimiter_len = 1 + data[0] % YODEL_DELIMITER_MAX;
    piece = data[0] / YODEL_DELIMITER_MAX;
    feed((const char *)data + 2, delimiter_len, data[1], piece > 0 ? piece : size,
         data + 2 + delimiter_len, size - 2 - delimiter_len);
    return 0;
}
