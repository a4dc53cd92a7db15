#include "core/accept_watch.h"

#include "core/clock.h"
#include "core/error.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#define RETRY_FIRST      0.1
#define RETRY_MAX        1.0
#define COMPLAINT_PERIOD (60 * YODEL_NS_PER_SEC)

/* Errors of the one connection that was taken off the queue, not of accepting. */
static bool concerns_one_connection(int error)
{
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

/* Accepts up to max; 0, or the negated errno that accepting as a whole fails with. */
static int accept_some(yodel_accept_watch *watch, unsigned max)
{
    int code = 0;
    while (max-- > 0) {
        int fd = accept4(watch->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            watch->accepted(watch, fd);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            break;
        } else if (!concerns_one_connection(errno)) {
            code = -errno;
            break;
        } else if (errno != EINTR) {
            yodel_count_accept_error(watch->counters, errno);
        }
    }
    if (watch->batch_done != NULL) {
        watch->batch_done(watch);
    }
    return code;
}

static void complain(yodel_accept_watch *watch, int code)
{
    uint64_t now = yodel_loop_now(watch->loop);
    uint64_t quiet_until = atomic_load(&watch->trouble->quiet_until);
    if (now < quiet_until ||
        !atomic_compare_exchange_strong(&watch->trouble->quiet_until, &quiet_until,
                                        now + COMPLAINT_PERIOD)) {
        return;
    }
    yodel_log_write(watch->log, YODEL_LOG_WARNING, "cannot accept connections: %s; trying again",
                    yodel_strerror(code));
}

static void pause_and_retry(yodel_accept_watch *watch, int code)
{
    yodel_count(watch->counters, YODEL_COUNT_ACCEPT_ERRORS, 1);
    yodel_count_accept_error(watch->counters, -code);
    complain(watch, code);
    watch->delay = watch->delay > 0 ? watch->delay * 2 : RETRY_FIRST;
    if (watch->delay > RETRY_MAX) {
        watch->delay = RETRY_MAX;
    }
    ev_io_stop(yodel_loop_ev(watch->loop), &watch->io);
    yodel_timer_start(&watch->retry, watch->delay);
}

static void accept_batch(yodel_accept_watch *watch)
{
    int code = accept_some(watch, YODEL_ACCEPT_BATCH);
    if (code < 0) {
        pause_and_retry(watch, code);
    } else {
        watch->delay = 0;
    }
}

static void on_ready(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    yodel_accept_watch *watch = yodel_container_of(io, yodel_accept_watch, io);
    if (revents & EV_ERROR) { /* it cannot be watched */
        pause_and_retry(watch, -ENOMEM);
    } else {
        accept_batch(watch);
    }
}

static void on_retry(yodel_timer *timer)
{
    yodel_accept_watch *watch = yodel_container_of(timer, yodel_accept_watch, retry);
    ev_io_start(yodel_loop_ev(watch->loop), &watch->io);
    accept_batch(watch);
}

void yodel_accept_watch_start(yodel_accept_watch *watch, yodel_loop *loop,
                              const yodel_listener *listener, yodel_counters *counters,
                              yodel_log *log)
{
    watch->loop = loop;
    watch->listener = *listener;
    watch->counters = counters;
    watch->log = log;
    if (watch->trouble == NULL) {
        watch->trouble = &watch->own_trouble;
    }
    yodel_timer_init(&watch->retry, loop, on_retry);
    ev_io_init(&watch->io, on_ready, listener->fd, EV_READ);
    ev_io_start(yodel_loop_ev(loop), &watch->io);
}

static void stop(yodel_accept_watch *watch)
{
    if (watch->loop != NULL) {
        ev_io_stop(yodel_loop_ev(watch->loop), &watch->io);
        yodel_timer_stop(&watch->retry);
        watch->loop = NULL;
    }
}

void yodel_accept_watch_leave(yodel_accept_watch *watch)
{
    struct ev_loop *ev = watch->loop != NULL ? yodel_loop_ev(watch->loop) : NULL;
    if (ev == NULL) {
        return;
    }
    stop(watch);
    watch->listener.file = (yodel_socket_file){0}; /* the other one's now: it stays */
    yodel_listener_close(&watch->listener);
    /* The old epoll set would go on telling of the socket, which lives in the other process. */
    ev_loop_fork(ev);
}

void yodel_accept_watch_finish(yodel_accept_watch *watch, unsigned max)
{
    if (watch->loop == NULL) {
        return;
    }
    stop(watch);
    if (!watch->listener.kept) {
        yodel_listener_hide(&watch->listener);
        (void)accept_some(watch, max);
        yodel_listener_close(&watch->listener);
    }
}

void yodel_accept_watch_close(yodel_accept_watch *watch)
{
    if (watch->counters != NULL) {
        stop(watch);
        yodel_listener_close(&watch->listener);
    }
}
