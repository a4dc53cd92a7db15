#include "core/transport_near.h"

#include "core/error.h"
#include "core/socket_call.h"

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
        t->held |= YODEL_HELD_CHOKED;
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
    if (t->held & YODEL_HELD_CHOKED) {
        t->held &= (uint8_t)~YODEL_HELD_CHOKED;
        yodel_transport_read_on(t);
    }
    int code =
        t->ops->resume_writing != NULL ? t->ops->resume_writing(yodel_transport_protocol(t)) : 0;
    if (code < 0) {
        yodel_transport_callback_failed(t, "resume_writing", code);
    }
}

static __attribute__((noinline)) ssize_t send_many(int fd, struct iovec *piece, int pieces)
{
    struct msghdr message = {.msg_iov = piece, .msg_iovlen = (size_t)pieces};
    return yodel_sendmsg(fd, &message);
}

/* Bytes taken (0 when the socket is full), or a negated errno; goes on after EINTR. */
static inline ssize_t send_pieces(yodel_transport *t, struct iovec *piece, int pieces)
{
    ssize_t n;
    do {
        n = pieces == 1 ? yodel_send(t->io.fd, piece->iov_base, piece->iov_len)
                        : send_many(t->io.fd, piece, pieces);
    } while (n == -EINTR);
    if (n >= 0) {
        yodel_count(t->group->counters, YODEL_COUNT_BYTES_OUT, (uint64_t)n);
        return n;
    }
    return n == -EAGAIN ? 0 : n;
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

/* --- the cork: see transport_internal.h --- */

static size_t corked_bytes(const yodel_transport_group *group)
{
    return group->closed_bytes + (size_t)(group->cork_next - group->run);
}

size_t yodel_transport_corked(const yodel_transport *t)
{
    return t->group->corked == t ? corked_bytes(t->group) : 0;
}

static size_t copied_bytes(const yodel_transport_group *group)
{
    return (size_t)(group->cork_next - group->cork);
}

static size_t room_left(const yodel_transport *t)
{
    return yodel_transport_room(t, copied_bytes(t->group), corked_bytes(t->group));
}

void yodel_transport_measure_room(yodel_transport *t)
{
    if (t->group->corked != t) {
        return;
    }
    t->group->room = t->state == YODEL_TRANSPORT_OPEN ? room_left(t) : 0;
}

void yodel_transport_drop_cork(yodel_transport_group *group)
{
    group->corked = NULL;
    group->pieces = 0;
    group->closed_bytes = 0;
    group->run = group->cork_next = group->cork;
}

static void add_piece(yodel_transport_group *group, const uint8_t *data, size_t len)
{
    group->piece[group->pieces++] = (struct iovec){(void *)(uintptr_t)data, len};
    group->closed_bytes += len;
}

/* What was copied since the last piece becomes one. */
static void close_run(yodel_transport_group *group)
{
    size_t len = (size_t)(group->cork_next - group->run);
    if (len > 0) {
        add_piece(group, group->run, len);
        group->run = group->cork_next;
    }
}

/* What was in the cork is not all sent, or was the last of a connection that closes. */
static __attribute__((noinline)) int uncork_end(yodel_transport *t, int pieces, size_t total,
                                                ssize_t sent)
{
    if (sent < 0) {
        return fail(t, (int)sent);
    }
    if ((size_t)sent < total) {
        return wait_with_rest(t, t->group->piece, pieces, total, (size_t)sent);
    }
    if (t->state == YODEL_TRANSPORT_CLOSING) {
        yodel_transport_flushed(t);
    }
    return 0;
}

/* Sends what the cork, which is t's, holds. Calls nobody back. 0, or the code that t ended with. */
static inline int uncork(yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    close_run(group);
    int pieces = group->pieces;
    size_t total = group->closed_bytes;

    ssize_t sent = pieces > 0 ? send_pieces(t, group->piece, pieces) : 0;
    /* Empty from here on; the bytes themselves stay until somebody writes again. */
    yodel_transport_drop_cork(group);
    if (sent == (ssize_t)total && t->state == YODEL_TRANSPORT_OPEN) {
        return 0;
    }
    return uncork_end(t, pieces, total, sent);
}

void yodel_transport_flush(yodel_transport_group *group)
{
    while (group->corked != NULL) {
        yodel_transport *t = group->corked;
        (void)uncork(t);
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

/* Makes the cork t's, for a write. False: its output cannot go there. */
static bool take_cork(yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    if (t->state != YODEL_TRANSPORT_OPEN || yodel_buffer_len(&t->out) > 0) {
        return false;
    }
    if (group->corked != NULL) {
        (void)uncork(group->corked);
    }
    yodel_transport_give_cork(group, t);
    if (group->window == NULL) {
        yodel_loop_defer(group->loop, &group->flush);
    }
    return true;
}

void *yodel_transport_compose(yodel_transport *t, size_t len)
{
    void *space;
    bool mine = t->group->corked == t || take_cork(t);
    return mine && yodel_transport_compose_more(t, len, &space) ? space : NULL;
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

/* The answer of a turn to its first line: what has been written, a few bytes, is put in front of
 * the line where that lies, which makes it one piece. False: it cannot be. */
static bool put_in_front(yodel_transport_group *group, const uint8_t *data, size_t len)
{
    size_t head = (size_t)(group->cork_next - group->run);
    if (group->pieces > 0 || data != group->window || head > group->front) {
        return false;
    }
    uint8_t *start = (uint8_t *)(uintptr_t)data - head;
    memcpy(start, group->run, head);
    group->cork_next = group->run;
    add_piece(group, start, head + len);
    return true;
}

/* Into the cork, which is t's, as far as that goes: how many bytes it took. */
static size_t cork_some(yodel_transport_group *group, const uint8_t *data, size_t len)
{
    if (len >= YODEL_GATHER_MIN && in_window(group, data, len)) {
        if (!put_in_front(group, data, len)) {
            close_run(group);
            add_piece(group, data, len);
        }
        return len;
    }
    size_t space = yodel_transport_below(copied_bytes(group), YODEL_CORK_SIZE);
    if (len > space) {
        len = space;
    }
    memcpy(group->cork_next, data, len);
    group->cork_next += len;
    return len;
}

/* The long way, of bytes that do not fit, are gathered, or have to wait behind others. */
static __attribute__((noinline)) int write_somehow(yodel_transport *t, const uint8_t *next,
                                                   size_t len)
{
    yodel_transport_group *group = t->group;
    int code = 0;
    if (t->state != YODEL_TRANSPORT_OPEN) {
        return -EPIPE;
    }
    while (len > 0 && code == 0) {
        size_t n = len;
        if (group->corked == t || take_cork(t)) {
            n = cork_some(group, next, len);
            group->room = room_left(t);
            if (group->room == 0 || group->pieces > YODEL_CORK_PIECES - 3) { /* a run, one, a run */
                code = uncork(t);
            }
        } else {
            code = yodel_transport_append(t, &t->out, next, len);
            if (code < 0) {
                (void)fail(t, code);
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
    void *space;
    if (!yodel_transport_compose_more(t, len, &space)) {
        return write_somehow(t, data, len);
    }
    memcpy(space, data, len);
    return 0;
}
