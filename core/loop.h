/*
 * loop: one libev loop and the things that belong to its thread: a clock, timers, deferred work.
 *
 * A loop is made in the main thread before any other starts, then run and used by one thread only.
 * What another thread has to say comes through a mailbox (mailbox.h). (asyncio: event loop)
 */
#ifndef YODEL_CORE_LOOP_H
#define YODEL_CORE_LOOP_H

#include "durations.h"
#include "list.h"

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct yodel_loop yodel_loop;

/* Makes a loop (epoll). 0 and *out, or -ENOMEM, or -EMFILE and the like. It sets libev's allocator
 * (loop_memory.h) and its syserr callback, which are the whole process's: instead of aborting, what
 * fails is tried again; and the libev loop's user data, release and invoke_pending callbacks.
 *
 * Who starts an ev_io of his own: when the kernel has no memory to watch its descriptor, it is
 * stopped and called back with EV_ERROR, in the next turn, which does not wait. */
int yodel_loop_new(yodel_loop **out);

/* Frees it; NULL is fine. It must not be running and nothing may be started on it any more. */
void yodel_loop_free(yodel_loop *loop);

/* Runs until yodel_loop_stop. (asyncio: run_forever) */
void yodel_loop_run(yodel_loop *loop);

/* Makes yodel_loop_run return at the end of this turn; on the loop's thread. What is deferred in
 * this turn then waits until the loop runs again. (asyncio: stop) */
void yodel_loop_stop(yodel_loop *loop);

/* CLOCK_MONOTONIC in nanoseconds as of this turn's begin: no system call, and a wall clock that
 * jumps changes nothing. (asyncio: loop.time) */
uint64_t yodel_loop_now(const yodel_loop *loop);

/* When the turn began that the loop is in, in nanoseconds of CLOCK_MONOTONIC; 0 while it waits for
 * something to do or does not run. What lies far back is a callback that blocks (monitor.h). Any
 * thread. */
uint64_t yodel_loop_busy_since(const yodel_loop *loop);

/* From now on the duration of each turn goes into turns (borrowed; the loop's thread is its only
 * writer): from the moment that the kernel tells what there is to do to the moment that it is asked
 * again, so callbacks, deferred work and changes of what is watched, but no waiting. Who asks for
 * it pays with a look at the clock per turn. An event that comes in a turn waits for the rest of
 * it, so long turns are what makes answers late. Before the loop runs. */
void yodel_loop_measure(yodel_loop *loop, yodel_durations *turns);

/* The libev loop below, for rooms that start watchers of their own. */
struct ev_loop *yodel_loop_ev(yodel_loop *loop);

/* For the callback of an ev_io that is one of many: calls fn(io, revents) in its place. libev calls
 * those that became ready at once in the reverse of the order in which the kernel tells of them:
 * who came first would wait for all the others. This puts them in order: fn is called at once where
 * there is nothing else, else later in the turn, before timers. Meanwhile somebody may stop the
 * watcher, which fn has to expect; its memory stays until the turn's deferred work. */
typedef void yodel_ready_fn(ev_io *io, int revents);
void yodel_loop_in_order(yodel_loop *loop, ev_io *io, int revents, yodel_ready_fn *fn);

/* Deferred work: run once, after the callbacks of this turn and before the loop waits again; what
 * deferred work defers runs in the next turn, which does not wait, and so may what an ev_prepare
 * defers.
 * The item is the caller's, embedded in something that lives until it has run or was cancelled. */
typedef struct yodel_deferred {
    yodel_list link;
    void (*run)(struct yodel_deferred *deferred);
} yodel_deferred;

void yodel_deferred_init(yodel_deferred *deferred, void (*run)(yodel_deferred *));

/* Schedules it; again while it is scheduled: no effect. (asyncio: call_soon) */
void yodel_loop_defer(yodel_loop *loop, yodel_deferred *deferred);

/* Takes it back; no effect when it is not scheduled. */
void yodel_deferred_cancel(yodel_deferred *deferred);

/* A timer that fires once, after the I/O of the turn in which it is due. That is what the kernel
 * has told of, which need not be all that is ready: who gives up on a peer looks once more before
 * (yodel_transport_look). The struct is the caller's and must live while it is started. */
typedef struct yodel_timer {
    ev_timer watcher;
    yodel_loop *loop;
    void (*fire)(struct yodel_timer *timer);
    uint64_t at_ns;
    bool put_off; /* once already, because the loop was late */
} yodel_timer;

void yodel_timer_init(yodel_timer *timer, yodel_loop *loop, void (*fire)(yodel_timer *));

/* Fires at an instant of CLOCK_MONOTONIC, give or take a microsecond, or after it (a past one: in
 * the next turn). A timer that is started already is moved. (asyncio: call_at) */
void yodel_timer_start_at(yodel_timer *timer, uint64_t at_ns);

/* The same, seconds from now. (asyncio: call_later) */
void yodel_timer_start(yodel_timer *timer, double seconds);

/* Stops it; no effect when it is not started. (asyncio: TimerHandle.cancel) */
void yodel_timer_stop(yodel_timer *timer);

#endif
