/*
 * A connection's way out: which lines may go now, in which write, and how late they are.
 */
#include <errno.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "tools/flood/generator_internal.h"

/* The last line that may be begun now. */
static uint64_t last_line(const yodel_connection *c)
{
    const yodel_generator *g = c->generator;
    uint64_t last = c->talk.begun;

    if (!g->sending) {
        return last; /* but its rest, if it is cut */
    }
    last += g->options->depth - yodel_conversation_in_flight(&c->talk);
    last = last < c->last ? last : c->last;
    if (g->referee.slot_ns > 0 && c->due < last) {
        last = c->due > c->talk.begun ? c->due : c->talk.begun;
    }
    return last;
}

/* flood's own part in the delay of the lines after `before`. */
static void record_lag(yodel_connection *c, uint64_t before, uint64_t since, uint64_t now)
{
    const yodel_referee *r = &c->generator->referee;

    if (c->talk.faulted || c->talk.begun == before || now < r->counted_from) {
        return;
    }
    if (r->slot_ns == 0) {
        yodel_histogram_record(&r->tally->lag, now - since, c->talk.begun - before);
        return;
    }
    for (uint64_t line = before + 1; line <= c->talk.begun; line++) {
        uint64_t due = yodel_conversation_due(&c->talk, r, line);
        uint64_t from = due > since ? due : since;
        yodel_histogram_record(&r->tally->lag, now > from ? now - from : 0, 1);
    }
}

static void block(yodel_connection *c)
{
    c->blocked = true;
    yodel_connection_watch(c);
}

/* What came of a send: false when not all of the bytes went. */
static bool has_sent(yodel_connection *c, ssize_t n, size_t length, uint64_t now)
{
    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            /* Answers may be waiting still: reading finds them, and then the end. */
            c->send_error = (int16_t)errno;
        }
        block(c);
        return false;
    }
    yodel_conversation_sent(&c->talk, &c->generator->referee, (size_t)n, now);
    if ((size_t)n < length) {
        block(c);
        return false;
    }
    return true;
}

/* Sends lines up to `last`, at most `room` bytes of them, in one write. True when all of that went
 * and there may be more. */
static bool send_lines(yodel_connection *c, uint64_t last, size_t room, uint64_t now)
{
    yodel_generator *g = c->generator;
    size_t length = yodel_conversation_compose(&c->talk, &g->referee, last, g->out, room);

    return length > 0 && has_sent(c, send(c->io.fd, g->out, length, MSG_NOSIGNAL), length, now);
}

/* The same for long lines, from where they lie. */
static bool send_long_lines(yodel_connection *c, uint64_t last, uint64_t now)
{
    yodel_generator *g = c->generator;
    size_t length = yodel_conversation_gather(&c->talk, &g->referee, last, g->batch);
    struct msghdr message = {.msg_iov = g->batch->pieces, .msg_iovlen = g->batch->count};

    return length > 0 && has_sent(c, sendmsg(c->io.fd, &message, MSG_NOSIGNAL), length, now);
}

void yodel_connection_flush(yodel_connection *c, uint64_t since, uint64_t now)
{
    yodel_generator *g = c->generator;

    if (c->state != YODEL_CONNECTION_OPEN || c->blocked || yodel_slow_writes(c)) {
        return;
    }
    uint64_t before = c->talk.begun;
    uint64_t last = last_line(c);
    bool more;
    do {
        more = g->batch != NULL ? send_long_lines(c, last, now)
                                : send_lines(c, last, YODEL_GENERATOR_OUT, now);
    } while (more && yodel_conversation_whole(&c->talk) < last);
    record_lag(c, before, since, now);
    yodel_connection_end_by_fault(c);
}

void yodel_connection_send_piece(yodel_connection *c, size_t length)
{
    if (length > YODEL_GENERATOR_OUT) {
        length = YODEL_GENERATOR_OUT;
    }
    if (c->state == YODEL_CONNECTION_OPEN && !c->blocked) {
        (void)send_lines(c, last_line(c), length, yodel_clock_now());
    }
}
