/*
 * framing_near: the short way of yodel_framing_next, for whom even its call is too much. Private:
 * not installed.
 */
#ifndef YODEL_PROTO_FRAMING_NEAR_H
#define YODEL_PROTO_FRAMING_NEAR_H

#include "../core/error.h"
#include "find_near.h"
#include "framing.h"

#include <stdbool.h>

/* framing.c: as yodel_framing_next; data[0 .. at) holds no end of the line, and of a delimiter's
 * last bytes only some that were looked at. */
ssize_t yodel_framing_far(yodel_framing *f, const uint8_t *data, size_t len, size_t at,
                          size_t *line_len);

/* Is the delimiter's last byte, found at data[last], the end of a whole delimiter? It must begin in
 * this line too: what lies before data[0] belongs to another one. */
static inline bool yodel_framing_completes(const yodel_framing *f, const uint8_t *data, size_t last)
{
    size_t before = f->delimiter_len - 1U;

    if (last < before) {
        return false;
    }
    if (before == 1) { /* CRLF: asked for every line */
        return data[last - 1] == f->delimiter[0];
    }
    for (size_t i = 0; i < before; i++) { /* at most three: a call of memcmp costs more */
        if (data[last - before + i] != f->delimiter[i]) {
            return false;
        }
    }
    return true;
}

/* yodel_framing_next, inline. */
static inline ssize_t yodel_framing_next_inline(yodel_framing *f, const uint8_t *data, size_t len,
                                                size_t *line_len)
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
    return yodel_framing_far(f, data, len, at, line_len);
}

/*
 * All lines of one receive, the short ones faster than from line to line: where one ends is known
 * before the one in front of it was handled.
 *
 *     yodel_framing_lines_init(&lines, &framing, data, len);
 *     while ((n = yodel_framing_lines_next(&lines, &framing, &line_len)) > 0) {
 *         ... the line is data[lines.line - n .. + line_len) ...
 *     }
 *
 * Returns, and leaves the framing, as yodel_framing_next, called with what is left of the data,
 * does.
 */
typedef struct yodel_framing_lines {
    const uint8_t *data;
    size_t len;
    size_t line;   /* where the next line begins */
    size_t looked; /* [line, looked) holds no end of a line but those in `ends` */
    uint64_t ends; /* bit i: data[looked - YODEL_NEAR + i] is what a delimiter ends with */
} yodel_framing_lines;

static inline void yodel_framing_lines_init(yodel_framing_lines *l, yodel_framing *f,
                                            const uint8_t *data, size_t len)
{
    *l = (yodel_framing_lines){.data = data, .len = len, .looked = f->scanned};
    f->scanned = 0;
}

/* Looks at the next YODEL_NEAR bytes. False, with nothing done: there are not so many. */
static inline bool yodel_framing_look(yodel_framing_lines *l, const yodel_framing *f)
{
    if ((ptrdiff_t)(l->len - l->looked) < (ptrdiff_t)YODEL_NEAR) { /* signed: there is a 0 */
        return false;
    }
    l->ends = yodel_find_all_near(l->data + l->looked, f->last);
    l->looked += YODEL_NEAR;
    return true;
}

/* From line to line: a line that is long, or among the last bytes. */
static inline ssize_t yodel_framing_lines_far(yodel_framing_lines *l, yodel_framing *f,
                                              size_t *line_len)
{
    ssize_t n;
    f->scanned = (uint32_t)(l->looked - l->line);
    n = yodel_framing_next_inline(f, l->data + l->line, l->len - l->line, line_len);
    if (n > 0) {
        l->line += (size_t)n;
        l->looked = l->line;
    }
    return n;
}

static inline ssize_t yodel_framing_lines_next(yodel_framing_lines *l, yodel_framing *f,
                                               size_t *line_len)
{
    while (l->ends != 0 || (!f->long_lines && yodel_framing_look(l, f))) {
        if (l->ends == 0) {
            break; /* a long line */
        }
        size_t at = l->looked - YODEL_NEAR + (size_t)__builtin_ctzll(l->ends);
        size_t n = at + 1 - l->line;
        l->ends &= l->ends - 1;
        if (n > f->window) {
            return YODEL_ELINETOOLONG;
        }
        if (yodel_framing_completes(f, l->data + l->line, n - 1)) {
            l->line += n;
            *line_len = n - f->delimiter_len;
            return (ssize_t)n;
        }
    }
    return yodel_framing_lines_far(l, f, line_len);
}

#endif
