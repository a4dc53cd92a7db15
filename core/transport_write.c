#include "core/transport_internal.h"

#include "core/error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Above the high water mark: the writer has to wait. */
static void pause_if_high(yodel_transport *t)
{
    if (t->writing_paused || yodel_buffer_len(&t->out) <= t->high ||
        t->state != YODEL_TRANSPORT_OPEN)
        return;
    t->writing_paused = true;
    yodel_count(t->group->counters, YODEL_COUNT_PAUSED, 1);
    if (t->ops->pause_writing == NULL) {
        yodel_transport_pause_reading(t);
        return;
    }
    int code = t->ops->pause_writing(yodel_transport_protocol(t));
    if (code < 0)
        yodel_transport_callback_failed(t, "pause_writing", code);
}

static void resume_if_low(yodel_transport *t)
{
    if (!t->writing_paused || yodel_buffer_len(&t->out) > t->low ||
        t->state != YODEL_TRANSPORT_OPEN)
        return;
    t->writing_paused = false;
    if (t->ops->resume_writing == NULL) {
        if (t->ops->pause_writing == NULL)
            yodel_transport_resume_reading(t);
        return;
    }
    int code = t->ops->resume_writing(yodel_transport_protocol(t));
    if (code < 0)
        yodel_transport_callback_failed(t, "resume_writing", code);
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

/* Appends to output that waits already. */
static int write_waiting(yodel_transport *t, const uint8_t *data, size_t len)
{
    int code = yodel_buffer_append(&t->out, data, len);
    if (code < 0) {
        yodel_transport_end(t, code);
        return code;
    }
    pause_if_high(t);
    return 0;
}

/* The kernel took `sent` bytes of the pieces; the rest begins to wait. */
static void wait_with_rest(yodel_transport *t, const struct iovec *piece, int pieces, size_t total,
                           size_t sent)
{
    int code = yodel_buffer_reserve(&t->out, total - sent);
    for (int i = 0; i < pieces && code == 0; i++) {
        size_t skip = sent < piece[i].iov_len ? sent : piece[i].iov_len;
        sent -= skip;
        code = yodel_buffer_append(&t->out, (const uint8_t *)piece[i].iov_base + skip,
                                   piece[i].iov_len - skip);
    }
    if (code < 0) {
        yodel_transport_end(t, code);
        return;
    }
    yodel_transport_watch(t);
    yodel_transport_group_wait(t);
    pause_if_high(t);
}

void yodel_transport_drop_cork(yodel_transport_group *group)
{
    group->corked = NULL;
    group->pieces = 0;
    group->cork_used = 0;
    group->cork_total = 0;
}

void yodel_transport_uncork(yodel_transport_group *group)
{
    yodel_transport *t = group->corked;
    int pieces = group->pieces;
    size_t total = group->cork_total;

    ssize_t sent = send_pieces(t, group->piece, pieces);
    /* Empty before anything is called that may write again; the bytes themselves stay until then.
     */
    yodel_transport_drop_cork(group);
    if (sent < 0)
        yodel_transport_end(t, (int)sent);
    else if ((size_t)sent < total)
        wait_with_rest(t, group->piece, pieces, total, (size_t)sent);
    else if (t->state == YODEL_TRANSPORT_CLOSING)
        yodel_transport_flushed(t);
}

void yodel_transport_send_waiting(yodel_transport *t)
{
    if (yodel_buffer_len(&t->out) == 0)
        return;
    struct iovec rest = {yodel_buffer_data(&t->out), yodel_buffer_len(&t->out)};
    ssize_t sent = send_pieces(t, &rest, 1);
    if (sent < 0) {
        yodel_transport_end(t, (int)sent);
        return;
    }
    if (sent == 0)
        return;
    yodel_buffer_consume(&t->out, (size_t)sent);
    if (yodel_buffer_len(&t->out) > 0) {
        yodel_idle_touch(&t->group->stalled, &t->wait, yodel_loop_now(t->group->loop));
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
    if (group->corked == t)
        return;
    if (group->corked != NULL)
        yodel_transport_uncork(group);
    group->corked = t;
    if (group->window == NULL)
        yodel_loop_defer(group->loop, &group->uncork);
}

static void add_piece(yodel_transport_group *group, const uint8_t *data, size_t len)
{
    struct iovec *last = group->pieces > 0 ? &group->piece[group->pieces - 1] : NULL;
    if (last != NULL && (const uint8_t *)last->iov_base + last->iov_len == data)
        last->iov_len += len;
    else
        group->piece[group->pieces++] = (struct iovec){(void *)(uintptr_t)data, len};
    group->cork_total += len;
}

/* Bytes that data_received is looking at stay where they are until the turn's end. */
static bool in_window(const yodel_transport_group *group, const uint8_t *data, size_t len)
{
    uintptr_t offset = (uintptr_t)data - (uintptr_t)group->window;
    return group->window != NULL && offset < group->window_len && len <= group->window_len - offset;
}

int yodel_transport_write(yodel_transport *t, const void *bytes, size_t len)
{
    yodel_transport_group *group = t->group;
    const uint8_t *data = bytes;

    while (len > 0) {
        if (t->state != YODEL_TRANSPORT_OPEN)
            return -EPIPE;
        if (yodel_buffer_len(&t->out) > 0)
            return write_waiting(t, data, len);
        take_cork(t);

        size_t n = len;
        if (len >= YODEL_GATHER_MIN && in_window(group, data, len)) {
            add_piece(group, data, len);
        } else {
            uint8_t *space = group->cork + group->cork_used;
            if (n > YODEL_CORK_SIZE - group->cork_used)
                n = YODEL_CORK_SIZE - group->cork_used;
            memcpy(space, data, n);
            group->cork_used += n;
            add_piece(group, space, n);
        }
        data += n;
        len -= n;
        /* Not only when the cork is full: a writer that the peer cannot follow has to notice at
         * its high water mark, not a cork later. */
        if (group->cork_total >= t->high || group->cork_used == YODEL_CORK_SIZE ||
            group->pieces == YODEL_CORK_PIECES)
            yodel_transport_uncork(group);
    }
    return 0;
}
