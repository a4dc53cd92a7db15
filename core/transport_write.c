#include "core/transport_internal.h"

#include "core/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Above the high water mark the writer has to wait. Called where nothing is half done: the callback
 * may write, close and abort, this connection and others. */
static void pause_if_high(yodel_transport *t)
{
    if (t->writing_paused || yodel_buffer_len(&t->out) <= t->high ||
        t->state != YODEL_TRANSPORT_OPEN) {
        return;
    }
    t->writing_paused = true;
    yodel_count(t->group->counters, YODEL_COUNT_PAUSED, 1);
    if (t->ops->pause_writing == NULL) {
        t->choked = true;
        yodel_transport_watch(t);
        return;
    }
    int code = t->ops->pause_writing(yodel_transport_protocol(t));
    if (code < 0) {
        yodel_transport_callback_failed(t, "pause_writing", code);
    }
}

static void resume_if_low(yodel_transport *t)
{
    if (!t->writing_paused || yodel_buffer_len(&t->out) > t->low ||
        t->state != YODEL_TRANSPORT_OPEN) {
        return;
    }
    t->writing_paused = false;
    if (t->choked) {
        t->choked = false;
        yodel_transport_read_on(t);
    }
    int code =
        t->ops->resume_writing != NULL ? t->ops->resume_writing(yodel_transport_protocol(t)) : 0;
    if (code < 0) {
        yodel_transport_callback_failed(t, "resume_writing", code);
    }
}

/* send or sendmsg without EINTR and SIGPIPE: bytes taken (0 when the socket is full), or a negated
 * errno. */
static ssize_t send_pieces(yodel_transport *t, struct iovec *piece, int pieces)
{
    ssize_t n;
    do {
        if (pieces == 1) {
            n = send(t->io.fd, piece->iov_base, piece->iov_len, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = piece, .msg_iovlen = (size_t)pieces};
            n = sendmsg(t->io.fd, &message, MSG_NOSIGNAL);
        }
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        yodel_count(t->group->counters, YODEL_COUNT_BYTES_OUT, (uint64_t)n);
        return n;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

/* The connection ends with output that is lost. */
static int fail(yodel_transport *t, int code)
{
    t->lossy = true;
    yodel_transport_end(t, code);
    return code;
}

/* The kernel took `sent` bytes of the pieces; the rest begins to wait. */
static int wait_with_rest(yodel_transport *t, const struct iovec *piece, int pieces, size_t total,
                          size_t sent)
{
    int code = yodel_transport_reserve(t, &t->out, total - sent);
    for (int i = 0; i < pieces && code == 0; i++) {
        size_t skip = sent < piece[i].iov_len ? sent : piece[i].iov_len;
        sent -= skip;
        code = yodel_transport_append(t, &t->out, (const uint8_t *)piece[i].iov_base + skip,
                                      piece[i].iov_len - skip);
    }
    if (code < 0) {
        return fail(t, code);
    }
    yodel_transport_watch(t);
    yodel_transport_group_wait(t);
    return 0;
}

void yodel_transport_drop_cork(yodel_transport_group *group)
{
    group->corked = NULL;
    group->pieces = 0;
    group->cork_used = 0;
    group->cork_total = 0;
}

/* Sends what the cork holds. Calls nobody back. 0, or the code that its transport ended with. */
static int uncork(yodel_transport_group *group)
{
    yodel_transport *t = group->corked;
    int pieces = group->pieces;
    size_t total = group->cork_total;

    ssize_t sent = send_pieces(t, group->piece, pieces);
    /* Empty from here on; the bytes themselves stay until somebody writes again. */
    yodel_transport_drop_cork(group);
    if (sent < 0) {
        return fail(t, (int)sent);
    }
    if ((size_t)sent < total) {
        return wait_with_rest(t, group->piece, pieces, total, (size_t)sent);
    }
    if (t->state == YODEL_TRANSPORT_CLOSING) {
        yodel_transport_flushed(t);
    }
    return 0;
}

void yodel_transport_flush(yodel_transport_group *group)
{
    while (group->corked != NULL) {
        yodel_transport *t = group->corked;
        (void)uncork(group);
        pause_if_high(t); /* may write */
    }
}

void yodel_transport_send_waiting(yodel_transport *t)
{
    if (yodel_buffer_len(&t->out) == 0) {
        return;
    }
    struct iovec rest = {yodel_buffer_data(&t->out), yodel_buffer_len(&t->out)};
    ssize_t sent = send_pieces(t, &rest, 1);
    if (sent < 0) {
        (void)fail(t, (int)sent);
    }
    if (sent <= 0) {
        return;
    }
    yodel_transport_consume(t, &t->out, (size_t)sent);
    if (yodel_buffer_len(&t->out) > 0) {
        yodel_idle_touch(&t->group->stalled, &t->wait, yodel_loop_now(t->group->loop));
        t->queued = yodel_transport_queued(t);
    } else if (t->state == YODEL_TRANSPORT_CLOSING) {
        yodel_transport_flushed(t);
        return;
    } else {
        yodel_transport_watch(t);
        yodel_transport_group_wait(t);
    }
    resume_if_low(t);
}

/* Makes the cork t's. */
static void take_cork(yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    if (group->corked == t) {
        return;
    }
    if (group->corked != NULL) {
        (void)uncork(group);
    }
    group->corked = t;
    if (group->window == NULL) {
        yodel_loop_defer(group->loop, &group->flush);
    }
}

static void add_piece(yodel_transport_group *group, const uint8_t *data, size_t len)
{
    struct iovec *last = group->pieces > 0 ? &group->piece[group->pieces - 1] : NULL;
    if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == data) {
        last->iov_len += len;
    } else {
        group->piece[group->pieces++] = (struct iovec){(void *)(uintptr_t)data, len};
    }
    group->cork_total += len;
}

/* Bytes that data_received is looking at stay where they are until the turn's end. */
static bool in_window(const yodel_transport_group *group, const uint8_t *data, size_t len)
{
    uintptr_t offset = (uintptr_t)data - (uintptr_t)group->window;
    return group->window != NULL && offset < group->window_len && len <= group->window_len - offset;
}

bool yodel_transport_is_received(const yodel_transport *t, const void *data, size_t len)
{
    return in_window(t->group, data, len);
}

/* Into the cork, which becomes t's, as far as that goes: how many bytes it took. */
static size_t cork_some(yodel_transport *t, const uint8_t *data, size_t len)
{
    yodel_transport_group *group = t->group;
    take_cork(t);
    if (len >= YODEL_GATHER_MIN && in_window(group, data, len)) {
        add_piece(group, data, len);
        return len;
    }
    uint8_t *space = group->cork + group->cork_used;
    if (len > YODEL_CORK_SIZE - group->cork_used) {
        len = YODEL_CORK_SIZE - group->cork_used;
    }
    memcpy(space, data, len);
    group->cork_used += len;
    add_piece(group, space, len);
    return len;
}

/* A writer that the peer cannot follow has to notice at its high water mark, not a cork later. */
static bool cork_is_full(const yodel_transport *t)
{
    const yodel_transport_group *group = t->group;
    return group->cork_total >= t->high || group->cork_used == YODEL_CORK_SIZE ||
           group->pieces == YODEL_CORK_PIECES;
}

/* The short way, which most writes of a turn with many lines can take: a few bytes more behind those
 * that the cork ends with, and nothing else to do. False, with nothing done: the long way. */
static inline bool cork_more(yodel_transport *t, const void *data, size_t len)
{
    yodel_transport_group *group = t->group;
    if (group->corked != t || t->state != YODEL_TRANSPORT_OPEN || len == 0 ||
        len >= YODEL_GATHER_MIN || len >= YODEL_CORK_SIZE - group->cork_used ||
        len + group->cork_total >= t->high) {
        return false;
    }
    struct iovec *last = &group->piece[group->pieces - 1];
    uint8_t *space = group->cork + group->cork_used;
    if ((uint8_t *)last->iov_base + last->iov_len != space) {
        return false;
    }
    last->iov_len += len;
    group->cork_used += len;
    group->cork_total += len;
    memcpy(space, data, len); /* last: so there is nothing that the call has to preserve */
    return true;
}

/* Not inlined: the short way must not pay for the registers that this one needs. */
static __attribute__((noinline)) int write_somehow(yodel_transport *t, const uint8_t *next,
                                                   size_t len)
{
    int code = 0;
    if (t->state != YODEL_TRANSPORT_OPEN) {
        return -EPIPE;
    }
    while (len > 0 && code == 0) {
        size_t n = len;
        if (yodel_buffer_len(&t->out) > 0) {
            code = yodel_transport_append(t, &t->out, next, len);
            if (code < 0) {
                (void)fail(t, code);
            }
        } else {
            n = cork_some(t, next, len);
            if (cork_is_full(t)) {
                code = uncork(t->group);
            }
        }
        next += n;
        len -= n;
    }
    pause_if_high(t);
    return code;
}

int yodel_transport_write(yodel_transport *t, const void *data, size_t len)
{
    return cork_more(t, data, len) ? 0 : write_somehow(t, data, len);
}
