/*
 * framing_near: framing for whom even a call a line is too much. Private: not installed.
 */
#ifndef YODEL_PROTO_FRAMING_NEAR_H
#define YODEL_PROTO_FRAMING_NEAR_H

#include "../core/error.h"
#include "find_near.h"
#include "framing.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* Is the delimiter's last byte, found at data[last], the end of a whole delimiter? It must begin in
 * this line too: what lies before data[0] belongs to another one. */
static inline bool yodel_framing_completes(const yodel_framing *f, const uint8_t *data, size_t last)
{
    size_t before = f->delimiter_len - 1U;

    if (last < before) {
        return false;
    }
    if (__builtin_expect(before == 1, 1)) { /* CRLF: asked for every line */
        return data[last - 1] == f->delimiter[0];
    }
    for (size_t i = 0; i < before; i++) { /* at most three: a call of memcmp costs more */
        if (data[last - before + i] != f->delimiter[i]) {
            return false;
        }
    }
    return true;
}

/* The general case of yodel_framing_next: a search that goes on at data[at], a line that is long or
 * may be too long, a byte that only looks like the end of a delimiter. data[0 .. at) holds no end
 * of the line, and of a delimiter's last bytes only some that were looked at. */
static inline ssize_t yodel_framing_far(yodel_framing *f, const uint8_t *data, size_t len,
                                        size_t at)
{
    size_t end = len < f->window ? len : f->window;

    assert(at <= len);
    while (at < end) {
        const uint8_t *found = memchr(data + at, f->last, end - at);

        if (found == NULL) {
            break;
        }
        at = (size_t)(found - data) + 1;
        if (yodel_framing_completes(f, data, at - 1)) {
            f->scanned = 0;
            f->long_lines = at > YODEL_NEAR;
            return (ssize_t)at;
        }
    }
    if (end == f->window) {
        f->scanned = 0;
        return YODEL_ELINETOOLONG;
    }
    f->scanned = (uint32_t)end;
    return 0;
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
    size_t from;   /* where it was looked last */
    uint64_t ends; /* bit i: data[from + i] is what a delimiter ends with */
} yodel_framing_lines;

static inline void yodel_framing_lines_init(yodel_framing_lines *l, yodel_framing *f,
                                            const uint8_t *data, size_t len)
{
    assert(f->scanned <= len); /* what was there is there again */
    *l = (yodel_framing_lines){.data = data, .len = len, .looked = f->scanned};
    f->scanned = 0;
}

/* Looks at the next bytes, YODEL_NEAR at the most. False: no end of a line is near. */
static inline bool yodel_framing_look(yodel_framing_lines *l, const yodel_framing *f)
{
    size_t n = l->len - l->looked;
    if (n > YODEL_NEAR) {
        n = YODEL_NEAR;
    }
    if (n == 0 || l->len < 16 || f->long_lines) {
        return false;
    }
    l->from = l->looked;
    l->ends = yodel_find_all_near(l->data, l->from, n, f->last);
    l->looked += n;
    return l->ends != 0;
}

/* A line that is long, or not complete, or among very few bytes. */
static inline ssize_t yodel_framing_lines_far(yodel_framing_lines *l, yodel_framing *f)
{
    ssize_t n = yodel_framing_far(f, l->data + l->line, l->len - l->line, l->looked - l->line);
    if (n > 0) {
        l->line += (size_t)n;
        l->looked = l->line;
    }
    return n;
}

static inline ssize_t yodel_framing_lines_next(yodel_framing_lines *l, yodel_framing *f,
                                               size_t *line_len)
{
    while (l->ends != 0 || yodel_framing_look(l, f)) {
        size_t next = l->from + (unsigned)__builtin_ctzll(l->ends) + 1;
        size_t whole = next - l->line;
        l->ends &= l->ends - 1;
        if (whole > f->window) {
            return YODEL_ELINETOOLONG;
        }
        if (yodel_framing_completes(f, l->data + l->line, whole - 1)) {
            l->line = next;
            *line_len = whole - f->delimiter_len;
            return (ssize_t)whole;
        }
    }
    ssize_t n = yodel_framing_lines_far(l, f);
    if (n > 0) {
        *line_len = (size_t)n - f->delimiter_len;
    }
    return n;
}

#endif
