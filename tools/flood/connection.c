#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/loop_memory.h"
#include "tools/flood/fault.h"
#include "tools/flood/generator_internal.h"

/* When a connection failed, or ended before it was of any use. */
#define RETRY_NS UINT64_C(100000000)
/* So long the server may take to close its direction after ours. */
#define FINISH_NS UINT64_C(1000000000)

static void on_event(struct ev_loop *ev, ev_io *io, int events);

void yodel_connection_init(yodel_connection *c, yodel_generator *g, uint32_t number,
                           uint64_t *sent_at)
{
    ev_init(&c->io, on_event);
    c->io.fd = -1;
    c->generator = g;
    yodel_conversation_init(&c->talk, number, sent_at);
    yodel_list_init(&c->queued);
    c->state = YODEL_CONNECTION_DOWN;
    c->since = UINT64_MAX; /* the opener's */
    c->fault = yodel_fault_choose(&g->plan->payload, g->options->faults, number);
    c->talk.faulted = c->fault >= 0;
}

void yodel_connection_free(yodel_connection *c)
{
    if (c->generator != NULL && c->io.fd >= 0) {
        ev_io_stop(yodel_loop_ev(c->generator->loop), &c->io);
        close(c->io.fd);
    }
    yodel_conversation_destroy(&c->talk);
}

/* --- the socket --------------------------------------------------------------------------------*/

static struct ev_loop *ev_of(const yodel_connection *c)
{
    return yodel_loop_ev(c->generator->loop);
}

static void watch(yodel_connection *c, int fd, int events)
{
    ev_io_stop(ev_of(c), &c->io);
    ev_io_set(&c->io, fd, events);
    if (events != 0) {
        ev_io_start(ev_of(c), &c->io);
    }
}

void yodel_connection_watch(yodel_connection *c)
{
    int events =
        (yodel_slow_reads(c) ? 0 : EV_READ) | (c->blocked && c->send_error == 0 ? EV_WRITE : 0);
    watch(c, c->io.fd, events);
}

static void close_socket(yodel_connection *c)
{
    ev_io_stop(ev_of(c), &c->io);
    if (c->io.fd >= 0) {
        close(c->io.fd);
    }
    c->io.fd = -1;
    c->blocked = false;
    c->send_error = 0;
    yodel_list_remove(&c->queued);
}

/* The socket is gone; what becomes of the connection? */
static void go_on(yodel_connection *c, uint64_t retry_in)
{
    yodel_generator *g = c->generator;

    if (g->stopping || c->talk.begun >= yodel_plan_quota(g->plan, c->talk.connection)) {
        c->state = YODEL_CONNECTION_DONE;
        yodel_phases_done(g);
        return;
    }
    c->state = YODEL_CONNECTION_DOWN;
    if (retry_in > 0) {
        c->since = yodel_loop_now(g->loop) + retry_in;
    } else {
        c->since = UINT64_MAX;
        yodel_opener_add(c);
    }
}

/* --- opening -----------------------------------------------------------------------------------*/

/* The last line that this socket is to send. */
static uint64_t choose_last(const yodel_connection *c)
{
    const yodel_flood_options *o = c->generator->options;
    uint64_t last = yodel_plan_quota(c->generator->plan, c->talk.connection);
    uint64_t lines = o->churn > 0 ? o->churn : UINT64_MAX;

    if (c->fault == YODEL_FAULT_HALF_CLOSE || c->fault == YODEL_FAULT_RESET) {
        uint64_t until = yodel_fault_lines(&c->generator->plan->payload, c->talk.connection,
                                           c->sockets, o->depth + 16);
        lines = until < lines ? until : lines;
    }
    return last - c->talk.begun > lines ? c->talk.begun + lines : last;
}

static void settled(yodel_connection *c)
{
    if (!c->tried) {
        c->tried = true;
        c->generator->untried--;
    }
    yodel_opener_settled(c);
}

static void failed(yodel_connection *c, int error)
{
    yodel_generator *g = c->generator;

    if (yodel_dial_next(c)) {
        yodel_connection_open(c);
        return;
    }
    c->address = 0;
    g->error = error;
    g->failed_target = yodel_plan_target_of(g->plan, c->talk.connection);
    g->referee.tally->flaws[YODEL_FLAW_CONNECT]++;
    if (!g->connected && !g->running) {
        yodel_phases_fail(g, error);
        return;
    }
    go_on(c, RETRY_NS);
    settled(c);
}

static void connected(yodel_connection *c)
{
    yodel_generator *g = c->generator;
    uint64_t now = yodel_clock_now();

    yodel_histogram_record(&g->referee.tally->connect, now - c->since, 1);
    g->referee.tally->connected++;
    g->connected = true;
    yodel_dial_worked(c);
    c->sockets++;
    c->state = YODEL_CONNECTION_OPEN;
    c->since = now;
    c->last = choose_last(c);
    settled(c);
    if (yodel_slow_writes(c) || yodel_slow_reads(c)) {
        g->referee.tally->faults[c->fault]++;
        yodel_slow_add(c);
    }
    yodel_connection_watch(c);
    yodel_connection_flush(c, now, now);
}

void yodel_connection_open_again(yodel_connection *c)
{
    int fd = yodel_dial(c);
    if (fd == -EAGAIN) {
        yodel_opener_again(c);
        return;
    }
    if (fd >= 0 && yodel_loop_memory_cover(fd) < 0) {
        close(fd);
        fd = -ENOMEM;
    }
    if (fd < 0) {
        failed(c, fd);
        return;
    }
    watch(c, fd, EV_WRITE);
}

void yodel_connection_open(yodel_connection *c)
{
    c->state = YODEL_CONNECTION_CONNECTING;
    c->since = yodel_clock_now();
    yodel_connection_open_again(c);
}

/* error: an errno, when the socket cannot even be waited for. */
static void on_connect(yodel_connection *c, int error)
{
    socklen_t length = sizeof error;

    if (error == 0 && getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) {
        error = errno;
    }
    if (error != 0) {
        close_socket(c);
        failed(c, -error);
    } else {
        connected(c);
    }
}

/* --- ending ------------------------------------------------------------------------------------*/

/* The server ended it, by a FIN (error 0), or an error did. */
static void ended_by_server(yodel_connection *c, int error)
{
    yodel_generator *g = c->generator;
    bool in_order =
        c->state == YODEL_CONNECTION_FINISHING && yodel_conversation_in_flight(&c->talk) == 0;
    /* One that was of use is opened again at once, as under churn. */
    bool useful = in_order || yodel_loop_now(g->loop) - c->since > RETRY_NS;

    if (error != 0 || c->send_error == ECONNRESET) {
        g->referee.tally->flaws[YODEL_FLAW_RESET]++;
    } else if (!in_order) {
        g->referee.tally->flaws[YODEL_FLAW_CLOSED]++;
    }
    close_socket(c);
    yodel_conversation_ended(&c->talk, &g->referee, false);
    go_on(c, useful ? 0 : RETRY_NS);
}

/* No more lines from us on this socket. */
static void finish(yodel_connection *c)
{
    (void)shutdown(c->io.fd, SHUT_WR);
    c->state = YODEL_CONNECTION_FINISHING;
    c->since = yodel_loop_now(c->generator->loop);
}

/* The server has not closed its direction, and is not waited for; `late`: though a fault of ours
 * may have lines in flight. */
static void close_unfinished(yodel_connection *c, bool late)
{
    close_socket(c);
    yodel_conversation_ended(&c->talk, &c->generator->referee, late && c->talk.faulted);
    go_on(c, 0);
}

/* The planned one: with lines in flight. */
static void reset(yodel_connection *c)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close_socket(c);
    yodel_conversation_ended(&c->talk, &c->generator->referee, true);
    go_on(c, 0);
}

/* Everything that this socket was to send is sent. */
static bool has_sent_all(const yodel_connection *c)
{
    return c->generator->stopping || yodel_conversation_whole(&c->talk) >= c->last;
}

static void finish_if_done(yodel_connection *c)
{
    if (c->state == YODEL_CONNECTION_OPEN && has_sent_all(c) &&
        yodel_conversation_in_flight(&c->talk) == 0) {
        finish(c);
    }
}

void yodel_connection_wind_up(yodel_connection *c)
{
    if (c->state == YODEL_CONNECTION_CONNECTING) {
        close_socket(c);
        yodel_opener_settled(c);
        go_on(c, 0);
    } else if (c->state == YODEL_CONNECTION_DOWN) {
        yodel_list_remove(&c->queued);
        go_on(c, 0);
    } else {
        finish_if_done(c);
    }
}

void yodel_connection_end_by_fault(yodel_connection *c)
{
    bool resets = c->fault == YODEL_FAULT_RESET;

    if ((!resets && c->fault != YODEL_FAULT_HALF_CLOSE) ||
        yodel_conversation_whole(&c->talk) < c->last) {
        return;
    }
    c->generator->referee.tally->faults[c->fault]++;
    if (resets) {
        reset(c);
    } else {
        finish(c);
    }
}

/* --- receiving ---------------------------------------------------------------------------------*/

void yodel_connection_receive(yodel_connection *c, size_t length)
{
    yodel_generator *g = c->generator;
    ssize_t n = recv(c->io.fd, g->in, length, 0);

    if (n > 0) {
        uint64_t now = yodel_clock_now();
        yodel_conversation_received(&c->talk, &g->referee, g->in, (size_t)n, now);
        yodel_connection_flush(c, yodel_loop_now(g->loop), now);
        finish_if_done(c);
    } else if (n == 0) {
        ended_by_server(c, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        ended_by_server(c, errno);
    }
}

static void handle(ev_io *io, int events)
{
    yodel_connection *c = yodel_container_of(io, yodel_connection, io);

    if (c->io.fd < 0) { /* closed in this turn; opening is never done before its end */
        return;
    }
    if (c->state == YODEL_CONNECTION_CONNECTING) {
        on_connect(c, (events & EV_ERROR) != 0 ? ENOMEM : 0);
        return;
    }
    if ((events & EV_ERROR) != 0) { /* it cannot be watched */
        ended_by_server(c, ENOMEM);
        return;
    }
    if ((events & EV_WRITE) != 0 && c->blocked) {
        uint64_t now = yodel_clock_now();
        c->blocked = false;
        yodel_connection_watch(c);
        yodel_connection_flush(c, now, now);
    }
    /* The flush may have ended it, by a planned reset. */
    if ((events & EV_READ) != 0 && c->io.fd >= 0 && c->state != YODEL_CONNECTION_CONNECTING) {
        yodel_connection_receive(c, YODEL_GENERATOR_IN);
    }
}

/* Whose answer came first is measured first: it does not wait for the others. */
static void on_event(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    yodel_connection *c = yodel_container_of(io, yodel_connection, io);
    yodel_loop_in_order(c->generator->loop, io, events, handle);
}

/* --- now and then ------------------------------------------------------------------------------*/

/* No new lines go out, and all that wait for their answers had their time: what still moves, a line
 * that drips or answers that are read slowly, would do so for too long. */
static bool has_overstayed(const yodel_connection *c, uint64_t now)
{
    const yodel_generator *g = c->generator;
    uint64_t patience = g->referee.timeout_ns + FINISH_NS;

    return (g->stopping && now > g->stopped_at && now - g->stopped_at > patience) ||
           (c->state == YODEL_CONNECTION_FINISHING && now > c->since && now - c->since > patience);
}

/* The server does not close its direction either. */
static bool is_silent(const yodel_connection *c, uint64_t now)
{
    return yodel_conversation_in_flight(&c->talk) == 0 && now > c->since &&
           now - c->since > FINISH_NS &&
           (now < c->talk.progress_at || now - c->talk.progress_at > FINISH_NS);
}

void yodel_connection_sweep(yodel_connection *c, uint64_t now)
{
    yodel_generator *g = c->generator;

    switch ((yodel_connection_state)c->state) {
    case YODEL_CONNECTION_DOWN:
        if (now >= c->since) {
            c->since = UINT64_MAX;
            yodel_opener_add(c);
        }
        break;
    case YODEL_CONNECTION_CONNECTING:
        if (now > c->since && now - c->since > g->referee.timeout_ns) {
            close_socket(c);
            failed(c, -ETIMEDOUT);
        }
        break;
    case YODEL_CONNECTION_OPEN:
        if (yodel_conversation_expire(&c->talk, &g->referee, now)) {
            if (g->plan->payload.fixed != NULL) {
                /* Nobody could tell whether the next answer is late or the next line's. */
                close_unfinished(c, false);
                break;
            }
            yodel_connection_flush(c, now, now);
        }
        if (has_overstayed(c, now)) {
            close_unfinished(c, true);
        } else {
            finish_if_done(c);
        }
        break;
    case YODEL_CONNECTION_FINISHING:
        (void)yodel_conversation_expire(&c->talk, &g->referee, now);
        if (is_silent(c, now) || has_overstayed(c, now)) {
            close_unfinished(c, true);
        }
        break;
    case YODEL_CONNECTION_DONE:
        break;
    }
}
