#include "proto/framing.h"

#include "core/error.h"
#include "proto/framing_near.h"

#include <assert.h>
#include <string.h>

void yodel_framing_init(yodel_framing *f, const char *delimiter, size_t len, uint32_t max_line)
{
    assert(len >= 1 && len <= YODEL_DELIMITER_MAX);
    assert(max_line <= YODEL_LINE_MAX);
    *f = (yodel_framing){.window = max_line + (uint32_t)len, .delimiter_len = (uint8_t)len};
    memcpy(f->delimiter, delimiter, len);
    f->last = f->delimiter[len - 1];
}

/* Not inlined: short lines must not pay for it. */
static __attribute__((noinline)) ssize_t far_away(yodel_framing *f, const uint8_t *data, size_t len,
                                                  size_t at, size_t *line_len)
{
    ssize_t n = yodel_framing_far(f, data, len, at);
    if (n > 0) {
        *line_len = (size_t)n - f->delimiter_len;
    }
    return n;
}

/*
 * Looks for the last byte of the delimiter and then back, not for the first byte and then ahead:
 * ahead may be where the bytes have not come yet, so that a delimiter in two pieces would need a
 * state of its own, and back is always there. It also is the end of the line that the rule about
 * too long ones asks for. Every place where a delimiter could end is tried, which makes
 * self-overlapping delimiters ("aab" in "aaab") no special case.
 *
 * memchr takes 20 ns for a line of a KiB, where memmem for CRLF takes a microsecond. Short lines
 * are found inline, without its call. What is left, 5 ns for the shortest, is the way from one
 * line's end to the next one's begin: load, compare, count zeroes, add. No search can be faster
 * that goes from line to line.
 */
ssize_t yodel_framing_next(yodel_framing *f, const uint8_t *data, size_t len, size_t *line_len)
{
    size_t at = f->scanned;

    /* Only as long as lines are short: a long one would pay for both ways. */
    if (at == 0 && !f->long_lines) {
        size_t end = len < f->window ? len : f->window;
        const uint8_t *found = yodel_find_near(data, f->last, end);

        if (found == NULL) {
            at = yodel_near(end);
        } else {
            at = (size_t)(found - data) + 1;
            if (yodel_framing_completes(f, data, at - 1)) {
                *line_len = at - f->delimiter_len;
                return (ssize_t)at;
            }
        }
    }
    return far_away(f, data, len, at, line_len);
}
