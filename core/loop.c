#include "core/loop.h"

#include "core/clock.h"
#include "core/loop_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define RETRY_US 10000

/* What is put in order at a time: as many as one wait usually tells of. */
#define QUEUE_SIZE 1024

/* Within a turn: I/O (0), then what it has queued, then timers. When a loop is late (a slow
 * callback, a suspended machine) input that came in time is seen before the timeout that waits for
 * it, and may stop it. asyncio has the same order. */
#define READY_PRIORITY (-1)
#define TIMER_PRIORITY (-2)

typedef struct ready {
    ev_io *io;
    int revents;
    yodel_ready_fn *fn;
} ready;

struct yodel_loop {
    struct ev_loop *ev;
    uint64_t now;
    bool running;
    bool several; /* callbacks pend that may be out of order */
    unsigned queued;
    _Atomic uint64_t busy_since; /* written by the loop's thread, read by its monitor */
    yodel_durations *turns;      /* NULL: not measured */
    bool waited;                 /* a turn begins */
    bool in_turn;                /* that is to be measured */
    yodel_list deferred;
    ev_prepare run_deferred; /* active while work is deferred */
    ev_idle awake;           /* likewise: keeps the loop from sleeping */
    ev_async kick;           /* wakes a loop that is about to wait though it has something to do */
    ev_prepare run_ready;    /* never started: fed while something is queued */
    bool unwatchable;        /* what was to be watched could not be */
    ready queue[QUEUE_SIZE];
};

/* Runs what was deferred until now. What that defers in turn has to wait for the next turn, or a
 * piece of work that defers itself would keep the loop from its sockets; but then the loop must not
 * sleep. */
static void on_run_deferred(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    (void)revents;
    yodel_loop *loop = watcher->data;
    yodel_list now;
    yodel_list_init(&now);
    yodel_list_splice(&now, &loop->deferred);
    yodel_list *item;
    while ((item = yodel_list_first(&now)) != NULL) {
        yodel_deferred *deferred = yodel_container_of(item, yodel_deferred, link);
        yodel_list_remove(item);
        deferred->run(deferred);
    }
    if (yodel_list_empty(&loop->deferred)) {
        ev_prepare_stop(ev, &loop->run_deferred);
        ev_idle_stop(ev, &loop->awake);
    }
}

/* Started, it keeps the loop from sleeping; there is nothing to do. */
static void on_awake(struct ev_loop *ev, ev_idle *watcher, int revents)
{
    (void)ev;
    (void)watcher;
    (void)revents;
}

/* The last moment before the wait: libev has told the kernel by now what it wants to hear of. Where
 * that failed (epoll_ctl: no memory) it has stopped the watcher and calls back with EV_ERROR, but
 * only after the wait, which may be long. */
static void on_before_wait(struct ev_loop *ev)
{
    yodel_loop *loop = ev_userdata(ev);
    if (loop->in_turn) {
        yodel_durations_add(loop->turns, yodel_clock_now() - loop->now);
        loop->in_turn = false;
    }
    if (ev_pending_count(ev) > 0) {
        loop->unwatchable = true;
        ev_async_send(ev, &loop->kick);
    }
    atomic_store_explicit(&loop->busy_since, 0, memory_order_relaxed);
    loop->waited = true;
}

/* The last one in was the first that the kernel told of. */
static void run_queue(yodel_loop *loop)
{
    while (loop->queued > 0) {
        ready next = loop->queue[--loop->queued];
        next.fn(next.io, next.revents);
    }
}

/* Calls back, in place of libev's own function. After a wait that begins a turn: before all
 * callbacks, so that each of them sees its time, and after libev has looked at the clock for its
 * timers, so that these may be early by ours but not late, which nobody would notice. */
static void on_pending(struct ev_loop *ev)
{
    yodel_loop *loop = ev_userdata(ev);
    if (loop->waited) {
        loop->waited = false;
        loop->now = yodel_clock_now();
        atomic_store_explicit(&loop->busy_since, loop->now, memory_order_relaxed);
        loop->in_turn = loop->turns != NULL;
    }
    loop->several = ev_pending_count(ev) > 1;
    ev_invoke_pending(ev);
}

static void on_run_ready(struct ev_loop *ev, ev_prepare *watcher, int revents)
{
    (void)ev;
    (void)revents;
    run_queue(watcher->data);
}

void yodel_loop_in_order(yodel_loop *loop, ev_io *io, int revents, yodel_ready_fn *fn)
{
    if (!loop->several) {
        fn(io, revents);
        return;
    }
    if (loop->queued == QUEUE_SIZE) {
        run_queue(loop);
    }
    if (loop->queued == 0) {
        ev_feed_event(loop->ev, &loop->run_ready, EV_CUSTOM);
    }
    loop->queue[loop->queued++] = (ready){io, revents, fn};
}

static void on_kick(struct ev_loop *ev, ev_async *watcher, int revents)
{
    (void)ev;
    (void)watcher;
    (void)revents;
}

/* libev would abort the process. What it tries (to make an epoll set once more) works when another
 * thread has closed a file, at the latest. */
static void on_system_error(const char *what)
{
    (void)what;
    (void)usleep(RETRY_US);
}

/* Between two runs the loop is not busy: there is no wait after the last turn to say so. */
static void run_ev(yodel_loop *loop, int flags)
{
    ev_run(loop->ev, flags);
    atomic_store_explicit(&loop->busy_since, 0, memory_order_relaxed);
}

/* libev makes the eventfd that other threads wake it by when it is first needed, where failing
 * means to abort. So here, and tried before. */
static int make_wakeable(yodel_loop *loop)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    ev_async_init(&loop->kick, on_kick);
    ev_async_start(loop->ev, &loop->kick);
    run_ev(loop, EVRUN_NOWAIT); /* watches it */
    if (!loop->unwatchable) {
        return 0;
    }
    /* libev closes the eventfd at the end only if it is watched, or about to be. */
    ev_async_stop(loop->ev, &loop->kick);
    ev_async_start(loop->ev, &loop->kick);
    return -ENOMEM;
}

static int make_ev(yodel_loop *loop)
{
    ev_set_syserr_cb(on_system_error);
    errno = 0;
    loop->ev = ev_loop_new(EVBACKEND_EPOLL | EVFLAG_NOENV);
    if (loop->ev == NULL) {
        return errno != 0 ? -errno : -ENOMEM;
    }
    ev_set_userdata(loop->ev, loop);
    ev_set_loop_release_cb(loop->ev, on_before_wait, NULL);
    ev_set_invoke_pending_cb(loop->ev, on_pending);
    int code = make_wakeable(loop);
    if (code < 0) {
        ev_loop_destroy(loop->ev);
    }
    return code;
}

int yodel_loop_new(yodel_loop **out)
{
    int code = yodel_loop_memory_begin();
    if (code < 0) {
        return code;
    }
    yodel_loop *loop = calloc(1, sizeof(*loop));
    code = loop != NULL ? make_ev(loop) : -ENOMEM;
    if (code < 0) {
        free(loop);
        yodel_loop_memory_end();
        return code;
    }
    loop->now = yodel_clock_now();
    yodel_list_init(&loop->deferred);

    ev_prepare_init(&loop->run_ready, on_run_ready);
    ev_set_priority(&loop->run_ready, READY_PRIORITY);
    loop->run_ready.data = loop;
    ev_prepare_init(&loop->run_deferred, on_run_deferred);
    loop->run_deferred.data = loop;
    ev_idle_init(&loop->awake, on_awake);
    *out = loop;
    return 0;
}

void yodel_loop_free(yodel_loop *loop)
{
    if (loop == NULL) {
        return;
    }
    ev_loop_destroy(loop->ev);
    free(loop);
    yodel_loop_memory_end();
}

void yodel_loop_run(yodel_loop *loop)
{
    loop->running = true;
    loop->now = yodel_clock_now();
    ev_now_update(loop->ev);
    run_ev(loop, 0);
    loop->running = false;
}

void yodel_loop_stop(yodel_loop *loop)
{
    ev_break(loop->ev, EVBREAK_ALL);
}

uint64_t yodel_loop_now(const yodel_loop *loop)
{
    /* Before the loop runs (and in tests that never run it) there is no turn to have a time of. */
    return loop->running ? loop->now : yodel_clock_now();
}

uint64_t yodel_loop_busy_since(const yodel_loop *loop)
{
    return atomic_load_explicit(&loop->busy_since, memory_order_relaxed);
}

void yodel_loop_measure(yodel_loop *loop, yodel_durations *turns)
{
    loop->turns = turns;
}

struct ev_loop *yodel_loop_ev(yodel_loop *loop)
{
    return loop->ev;
}

void yodel_deferred_init(yodel_deferred *deferred, void (*run)(yodel_deferred *))
{
    yodel_list_init(&deferred->link);
    deferred->run = run;
}

void yodel_loop_defer(yodel_loop *loop, yodel_deferred *deferred)
{
    if (yodel_list_linked(&deferred->link)) {
        return;
    }
    yodel_list_push_back(&loop->deferred, &deferred->link);
    ev_prepare_start(loop->ev, &loop->run_deferred);
    /* It may come too late for this turn: from deferred work, or another ev_prepare. */
    ev_idle_start(loop->ev, &loop->awake);
}

void yodel_deferred_cancel(yodel_deferred *deferred)
{
    yodel_list_remove(&deferred->link);
}

/* What libev's doubles may lose of an instant. */
#define ROUNDING_NS 1000

/* A timer later than this fires a turn later still. */
#define LATE_NS UINT64_C(50000000)

static void arm(yodel_timer *timer)
{
    struct ev_loop *ev = timer->loop->ev;
    uint64_t now = yodel_loop_now(timer->loop);
    ev_timer_stop(ev, &timer->watcher);
    /* libev counts from the turn's begin; a loop that has not run yet has none. */
    if (!timer->loop->running) {
        ev_now_update(ev);
    }
    /* Negative for the past, so that late ones keep their order. An instant may be as far away as
     * "never", UINT64_MAX. */
    double seconds = timer->at_ns >= now ? (double)(timer->at_ns - now) / 1e9
                                         : -(double)(now - timer->at_ns) / 1e9;
    ev_timer_set(&timer->watcher, seconds, 0.0);
    ev_timer_start(ev, &timer->watcher);
}

static void on_timer(struct ev_loop *ev, ev_timer *watcher, int revents)
{
    (void)ev;
    (void)revents;
    yodel_timer *timer = yodel_container_of(watcher, yodel_timer, watcher);
    /* libev took the turn's time a moment before us, so that its timers may be early by ours. */
    uint64_t now = yodel_loop_now(timer->loop);
    if (timer->at_ns > now + ROUNDING_NS) {
        arm(timer);
    } else if (!timer->put_off && now > timer->at_ns + LATE_NS) {
        /* The loop was held up, and a wait that a signal ended (SIGCONT) has not told of the input
         * that came meanwhile. */
        timer->put_off = true;
        arm(timer);
    } else {
        timer->put_off = false;
        timer->fire(timer);
    }
}

void yodel_timer_init(yodel_timer *timer, yodel_loop *loop, void (*fire)(yodel_timer *))
{
    ev_init(&timer->watcher, on_timer);
    ev_set_priority(&timer->watcher, TIMER_PRIORITY);
    timer->loop = loop;
    timer->fire = fire;
    timer->put_off = false;
}

void yodel_timer_start_at(yodel_timer *timer, uint64_t at_ns)
{
    timer->at_ns = at_ns;
    timer->put_off = false;
    arm(timer);
}

void yodel_timer_start(yodel_timer *timer, double seconds)
{
    /* Really from now: a turn that has lasted for long already would eat of the time. */
    yodel_timer_start_at(timer, yodel_clock_after(seconds));
}

void yodel_timer_stop(yodel_timer *timer)
{
    ev_timer_stop(timer->loop->ev, &timer->watcher);
}
