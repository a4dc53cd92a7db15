/*
 * accept_watch: accepts connections on one listener, on whichever loop it is started.
 *
 * The acceptor thread has one per listener (--accept handoff), or every worker has (reuseport).
 * When the process has no file descriptor or memory left for another socket it stops listening to
 * events and tries again after 100 ms, then 200, up to 1 s: the sockets wait in the backlog and no
 * loop spins. (A spare fd to accept and close with does not work with several threads.) One
 * log line a minute says so; each failure is counted (counters.h). What only concerns the one
 * connection (ECONNABORTED, EPROTO, network errors that Linux passes on, accept(2)) is passed over.
 */
#ifndef YODEL_CORE_ACCEPT_WATCH_H
#define YODEL_CORE_ACCEPT_WATCH_H

#include "counters.h"
#include "listener.h"
#include "log.h"
#include "loop.h"

/* A turn accepts at most this many, so that a storm of connects does not hold up its loop. */
#define YODEL_ACCEPT_BATCH 64

typedef struct yodel_accept_watch yodel_accept_watch;

/* What watches that share it log once between them: file descriptors and memory are the whole
 * process's. Zero it to begin. */
typedef struct yodel_accept_trouble {
    _Atomic uint64_t quiet_until; /* instant of CLOCK_MONOTONIC, in ns */
} yodel_accept_trouble;

struct yodel_accept_watch {
    ev_io io;
    yodel_timer retry;
    double delay; /* seconds to the next retry; 0: not in trouble */
    yodel_loop *loop;
    yodel_listener listener;
    yodel_counters *counters;
    yodel_log *log;
    yodel_accept_trouble *trouble; /* NULL: its own, below */
    yodel_accept_trouble own_trouble;
    /* One accepted socket, non-blocking and close-on-exec, now the callee's. */
    void (*accepted)(yodel_accept_watch *watch, int fd);
    /* After the last of a turn's; may be NULL. */
    void (*batch_done)(yodel_accept_watch *watch);
    void *owner;
};

/* Starts watching. The caller has set accepted, batch_done, owner and trouble (the rest zero); the
 * listener is taken over, counters (for accept_errors) and log (may be NULL) are borrowed. On the
 * loop's thread, or before the loop runs; the struct stays where it is until it was finished. */
void yodel_accept_watch_start(yodel_accept_watch *watch, yodel_loop *loop,
                              const yodel_listener *listener, yodel_counters *counters,
                              yodel_log *log);

/* The end: accepts what has queued already (max at the most), then closes the listener. One that is
 * kept (listener.h) is left as it is instead, see below. No effect when it was finished, left or
 * never started (all zero). On the loop's thread, or when it no longer runs. */
void yodel_accept_watch_finish(yodel_accept_watch *watch, unsigned max);

/* Stops accepting and leaves the listener, with what has queued on it, to another process that has
 * the same one. It is closed here: should the other one end before this process does, the address
 * is free, and nobody's connection waits for somebody who does not accept any more. The loop gets a
 * new epoll set, once for each turn with such an end. No effect as above. On the loop's thread. */
void yodel_accept_watch_leave(yodel_accept_watch *watch);

/* Closes the listener if it is still open. No effect when it was never started (all zero). When the
 * loop no longer runs. */
void yodel_accept_watch_close(yodel_accept_watch *watch);

#endif
