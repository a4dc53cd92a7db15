#include "core/transport_near.h"

#include "core/error.h"
#include "core/socket_call.h"

#include <errno.h>
#include <string.h>

/* Bytes received, or a negated errno; goes on after EINTR. */
static ssize_t receive(yodel_transport *t, uint8_t *space, size_t size)
{
    ssize_t n;
    do {
        n = yodel_recv(t->io.fd, space, size);
    } while (n == -EINTR);
    return n;
}

static void end_of_input(yodel_transport *t)
{
    t->held |= YODEL_HELD_EOF;
    int code = t->ops->eof_received != NULL ? t->ops->eof_received(yodel_transport_protocol(t)) : 0;
    if (code < 0) {
        yodel_transport_callback_failed(t, "eof_received", code);
    } else if (code == 0) {
        yodel_transport_close(t, YODEL_EOF);
    }
    yodel_transport_flush(t->group);
    if (t->state == YODEL_TRANSPORT_OPEN) {
        yodel_transport_watch(t);
    }
}

/* data_received failed, or says that it consumed more than there was: it cannot be told what it
 * wants to see again. */
static __attribute__((noinline, cold)) void failed(yodel_transport *t, ssize_t used)
{
    yodel_transport_callback_failed(t, "data_received", used < 0 ? (int)used : -EINVAL);
}

/* Hands len bytes, with `front` free ones in front of them, to the protocol and sends what it
 * wrote. Returns how many it consumed, or -1 when the connection is no longer open (then its input
 * is of no use). */
__attribute__((always_inline)) static inline ssize_t
dispatch(yodel_transport *t, const uint8_t *data, size_t len, size_t front)
{
    yodel_transport_group *group = t->group;
    ssize_t used = (ssize_t)len;

    if (t->ops->data_received != NULL) {
        group->window = data;
        group->window_len = len;
        group->front = front;
        if (group->corked == NULL && yodel_buffer_len(&t->out) == 0) {
            yodel_transport_give_cork(group, t); /* what it writes goes there */
        }
        used = t->ops->data_received(yodel_transport_protocol(t), data, len);
        if ((size_t)used > len) {
            failed(t, used);
        }
        yodel_transport_flush(group);
        group->window = NULL;
    }
    if (t->state != YODEL_TRANSPORT_OPEN) {
        return -1;
    }
    /* While output waits, what counts is that the peer takes it: see yodel_transport_group_wait. */
    if (used > 0 && yodel_buffer_len(&t->out) == 0) {
        yodel_idle_touch(&group->idle, &t->wait, yodel_loop_now(group->loop));
    }
    return used;
}

/* The rest of the turn's input moves into the connection's own buffer. The first kept bytes of data
 * are in there already. */
static int keep_rest(yodel_transport *t, const uint8_t *data, size_t len, size_t kept, size_t used)
{
    if (used == 0) {
        return yodel_transport_append(t, &t->in, data + kept, len - kept);
    }
    if (kept > 0) {
        yodel_transport_consume(t, &t->in, kept);
    }
    return len > used ? yodel_transport_append(t, &t->in, data + used, len - used) : 0;
}

/* Receives into the group's buffer and puts what was kept in front of it. */
static ssize_t read_shared(yodel_transport *t)
{
    uint8_t *space = t->group->receive + YODEL_HEADROOM;
    size_t kept = yodel_buffer_len(&t->in);

    ssize_t n = receive(t, space, YODEL_RECEIVE_SIZE);
    if (n <= 0) {
        return n;
    }
    yodel_count(t->group->counters, YODEL_COUNT_BYTES_IN, (uint64_t)n);
    uint8_t *data = space - kept;
    if (kept > 0) {
        memcpy(data, yodel_buffer_data(&t->in), kept);
    }
    size_t len = kept + (size_t)n;
    ssize_t used = dispatch(t, data, len, YODEL_HEADROOM - kept);
    if (used >= 0) {
        int code = keep_rest(t, data, len, kept, (size_t)used);
        if (code < 0) {
            yodel_transport_end(t, code);
        }
    }
    return n;
}

static __attribute__((noinline)) void dispatch_own(yodel_transport *t)
{
    ssize_t used = dispatch(t, yodel_buffer_data(&t->in), yodel_buffer_len(&t->in), 0);
    if (used > 0) {
        yodel_transport_consume(t, &t->in, (size_t)used);
        yodel_transport_shrink(t, &t->in);
    }
}

/* Receives behind what was kept, in the connection's own buffer. */
static ssize_t read_own(yodel_transport *t)
{
    int code = yodel_transport_reserve(t, &t->in, YODEL_RECEIVE_SIZE);
    if (code < 0) {
        return code;
    }
    ssize_t n = receive(t, yodel_buffer_tail(&t->in), YODEL_RECEIVE_SIZE);
    if (n <= 0) {
        return n;
    }
    yodel_count(t->group->counters, YODEL_COUNT_BYTES_IN, (uint64_t)n);
    yodel_buffer_commit(&t->in, (size_t)n);
    dispatch_own(t);
    return n;
}

bool yodel_transport_read(yodel_transport *t)
{
    size_t kept = yodel_buffer_len(&t->in);
    if (t->redeliver || t->resumed) {
        t->redeliver = t->resumed = false;
        if (kept > 0) {
            dispatch_own(t);
        }
    } else {
        ssize_t n = kept > YODEL_HEADROOM ? read_own(t) : read_shared(t);
        if (n == 0) {
            end_of_input(t);
            return true;
        }
        if (n == -EAGAIN) {
            return false;
        }
        if (n < 0) {
            yodel_transport_end(t, (int)n);
            return true;
        }
        if (t->draining) {
            t->left -= (size_t)n < t->left ? (uint32_t)n : t->left;
        }
    }
    if (t->draining && yodel_transport_is_reading_inline(t) && yodel_transport_nothing_left(t)) {
        yodel_transport_drained(t, false);
    }
    return true;
}

void yodel_transport_discard(yodel_transport *t)
{
    ssize_t n = receive(t, t->group->receive, YODEL_RECEIVE_SIZE);
    if (n == -EAGAIN) {
        return;
    }
    t->left -= n > 0 && (size_t)n < t->left ? (uint32_t)n : t->left;
    if (t->left > 0) {
        return;
    }
    /* Enough thrown away. But closing with unread input is a reset, and would take with it what is
     * still on its way to the peer: then the rest is left unread until that has arrived (see
     * on_lingered). */
    if (n > 0 && yodel_transport_queued(t) > 0) {
        yodel_transport_watch(t);
    } else {
        yodel_transport_end(t, t->reason);
    }
}
