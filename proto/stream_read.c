#include "core/error.h"
#include "proto/stream.h"
#include "proto/stream_internal.h"

#include <errno.h>
#include <string.h>

/* Longer than any line: for passing over the rest of one that was too long. */
#define NO_LIMIT YODEL_LINE_MAX

/* What a read wants. */
typedef struct request {
    /* Looks at what is in view: 1 taken, 0 not enough there, or a negative code that is the answer.
     */
    int (*take)(yodel_stream *s, const struct request *r, yodel_span *out);
    size_t n;              /* exactly, or at the most */
    const char *delimiter; /* n bytes */
} request;

static size_t in_view(const yodel_stream *s)
{
    return s->view_len - s->view_used;
}

static void hand_out(yodel_stream *s, size_t len, size_t advance, yodel_span *out)
{
    *out = (yodel_span){(const char *)s->view + s->view_used, len};
    s->view_used += advance;
}

/* Begins to look for the same delimiter with another limit. */
static void limit_lines(yodel_stream *s, uint32_t limit)
{
    char delimiter[YODEL_DELIMITER_MAX];
    memcpy(delimiter, s->framing.delimiter, sizeof(delimiter));
    yodel_framing_init(&s->framing, delimiter, s->framing.delimiter_len, limit);
}

/* Passes over the rest of a line that was too long; false: it goes on behind what is there. */
static bool skip_rest(yodel_stream *s)
{
    size_t ignored;
    ssize_t n = yodel_framing_next(&s->framing, s->view + s->view_used, in_view(s), &ignored);
    if (n > 0) {
        s->view_used += (size_t)n;
        s->skipping = false;
        limit_lines(s, s->limit);
        return true;
    }
    /* All but what may be the first bytes of the delimiter. */
    size_t keep = s->framing.delimiter_len - 1u;
    if (in_view(s) > keep) {
        s->view_used += in_view(s) - keep;
    }
    yodel_framing_reset(&s->framing);
    return false;
}

/* A loop: for so few bytes a call of memcmp costs more. */
static bool same_delimiter(const yodel_framing *framing, const request *r)
{
    if (framing->delimiter_len != r->n) {
        return false;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (framing->delimiter[i] != (uint8_t)r->delimiter[i]) {
            return false;
        }
    }
    return true;
}

static int take_line(yodel_stream *s, const request *r, yodel_span *out)
{
    if (!same_delimiter(&s->framing, r)) {
        yodel_framing_init(&s->framing, r->delimiter, r->n, s->limit);
    }
    size_t len;
    ssize_t n = yodel_framing_next(&s->framing, s->view + s->view_used, in_view(s), &len);
    if (n > 0) {
        hand_out(s, len, (size_t)n, out);
        yodel_count(s->counters, YODEL_COUNT_LINES_IN, 1);
        return 1;
    }
    if (n < 0) {
        s->skipping = true;
        limit_lines(s, NO_LIMIT);
    }
    return (int)n;
}

static int take_exactly(yodel_stream *s, const request *r, yodel_span *out)
{
    if (in_view(s) < r->n) {
        return 0;
    }
    hand_out(s, r->n, r->n, out);
    yodel_framing_reset(&s->framing);
    return 1;
}

static int take_some(yodel_stream *s, const request *r, yodel_span *out)
{
    size_t n = in_view(s) < r->n ? in_view(s) : r->n;
    if (n == 0) {
        return 0;
    }
    hand_out(s, n, n, out);
    yodel_framing_reset(&s->framing);
    return 1;
}

/* Has what the transport keeps handed in again. */
static void look_again(yodel_stream *s)
{
    if (s->reading_paused) {
        yodel_transport_resume_reading(s->transport);
    }
    s->reading_paused = false;
    yodel_transport_redeliver(s->transport);
}

/* Waits for more to look at. 0: look; else the read's answer. */
static int wait_for_more(yodel_stream *s, uint64_t deadline)
{
    if (s->transport == NULL) {
        return s->handler->cancelled ? -ECANCELED : s->reason;
    }
    bool all_seen = s->view != NULL || yodel_transport_unread(s->transport) == 0;
    if (all_seen && s->eof) {
        /* Of a line that was too long nothing is to be read any more, the last byte neither. */
        if (s->skipping && s->view != NULL) {
            s->view_used = s->view_len;
        }
        return YODEL_EOF;
    }
    if (all_seen && s->draining) {
        s->handler->cancelled = true; /* nothing more is to come: see drain in stream.c */
    }
    if (!all_seen && !s->handler->cancelled) {
        look_again(s);
    }
    return yodel_handler_wait(s->handler, YODEL_WAIT_INPUT, s, deadline);
}

/* Inlined, so that each kind of read calls its take directly: pipelined lines notice. */
__attribute__((always_inline)) static inline int read_request(yodel_stream *s, const request *r,
                                                              double timeout, yodel_span *out)
{
    uint64_t deadline = 0; /* none yet: what is there already needs no clock */
    int code = s->closed ? YODEL_EOF : 0;
    while (code == 0) {
        if (s->view != NULL && (!s->skipping || skip_rest(s))) {
            code = r->take(s, r, out);
        }
        if (code == 0) {
            if (deadline == 0) {
                deadline = yodel_handler_deadline(s->handler, timeout);
            }
            code = wait_for_more(s, deadline);
        }
    }
    s->last = code < 0 ? code : 0;
    return s->last;
}

int yodel_stream_read_until(yodel_stream *s, const char *delimiter, size_t len, double timeout,
                            yodel_span *line)
{
    if (len < 1 || len > YODEL_DELIMITER_MAX) {
        return -EINVAL;
    }
    request r = {.take = take_line, .n = len, .delimiter = delimiter};
    return read_request(s, &r, timeout, line);
}

int yodel_stream_read_exactly(yodel_stream *s, size_t n, double timeout, yodel_span *bytes)
{
    request r = {.take = take_exactly, .n = n};
    return n > 0 ? read_request(s, &r, timeout, bytes) : -EINVAL;
}

int yodel_stream_read_some(yodel_stream *s, size_t max, double timeout, yodel_span *bytes)
{
    request r = {.take = take_some, .n = max};
    return max > 0 ? read_request(s, &r, timeout, bytes) : -EINVAL;
}

bool yodel_stream_at_eof(const yodel_stream *s)
{
    if (s->closed || s->transport == NULL) {
        return true;
    }
    size_t left = s->view != NULL ? in_view(s) : yodel_transport_unread(s->transport);
    return s->eof && left == 0;
}
