/*
 * What yodel_framing_next must return for a line that begins at data[0], said as plainly as it can
 * be: try every place where a delimiter may end. For the unit test and the fuzzer.
 */
#ifndef YODEL_TESTS_FRAMING_ORACLE_H
#define YODEL_TESTS_FRAMING_ORACLE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

static inline ssize_t framing_oracle(const char *delimiter, size_t delimiter_len, size_t max_line,
                                     const uint8_t *data, size_t len, size_t *line_len)
{
    for (size_t end = delimiter_len; end <= len && end <= max_line + delimiter_len; end++) {
        if (memcmp(data + end - delimiter_len, delimiter, delimiter_len) == 0) {
            *line_len = end - delimiter_len;
            return (ssize_t)end;
        }
    }
    return len >= max_line + delimiter_len ? YODEL_ELINETOOLONG : 0;
}

#endif
