/*
 * worker: a core at work: thread + loop + mailbox + its connections + its counters.
 *
 * A connection lives and dies on one worker; workers share nothing on the way of the data. Sockets
 * reach a worker in batches from the acceptor (yodel_worker_hand_over), or it accepts them itself
 * on listeners of its own (yodel_worker_listen). Both end in the same adopt.
 */
#ifndef YODEL_CORE_WORKER_H
#define YODEL_CORE_WORKER_H

#include "accept_watch.h"
#include "mailbox.h"
#include "transport_group.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

typedef struct yodel_worker yodel_worker;

/* A drained worker's last word: called on its thread, once, when no connection is left. */
typedef void yodel_worker_stopped_fn(yodel_worker *worker, void *arg);

struct yodel_worker {
    yodel_counters counters; /* first: it has cache lines of its own */
    yodel_durations turns;   /* of the loop, when they are measured */
    yodel_durations lag;     /* what the probes waited */
    yodel_mail probe;
    _Atomic uint64_t probe_sent; /* instant; 0: none is under way */
    atomic_bool ended;
    unsigned index;
    int cpu; /* to run on, -1: any */
    bool started;
    pthread_t thread;
    yodel_log *log;
    yodel_loop *loop;
    yodel_mailbox mailbox;
    yodel_transport_group *group;
    yodel_accept_watch *watches;
    size_t watch_count;
    _Atomic uint64_t accepted; /* by itself, on those; only its thread writes */
    yodel_mail drain;
    yodel_mail leave;
    double grace;
    yodel_mail shed;
    atomic_bool shed_asked; /* and not taken up yet */
    unsigned backlog;
    yodel_timer grace_timer;
    yodel_worker_stopped_fn *stopped;
    void *stopped_arg;
};

/* Sockets on their way to a worker. */
typedef struct yodel_socket_batch {
    yodel_mail mail;
    unsigned count;
    int fds[YODEL_ACCEPT_BATCH];
} yodel_socket_batch;

/* Makes a worker that does not run yet. settings are borrowed until it is destroyed; cpu: the core
 * to run on, or -1. 0, or a negative errno (then there is nothing to destroy). Main thread. */
int yodel_worker_init(yodel_worker *worker, unsigned index, int cpu,
                      const yodel_transport_settings *settings, yodel_worker_stopped_fn *stopped,
                      void *stopped_arg);

/* Frees what a worker holds; it has never been started or was joined. */
void yodel_worker_destroy(yodel_worker *worker);

/* Gives it listeners of its own to accept on; they are taken over, all of them or (-ENOMEM) none.
 * backlog: how many connections can have queued on each when it drains; trouble: shared
 * by those who accept for the same server, NULL: nobody. Before it is started. */
int yodel_worker_listen(yodel_worker *worker, const yodel_listener *listeners, size_t count,
                        unsigned backlog, yodel_accept_trouble *trouble);

/* Starts the thread. 0, or a negative errno. Main thread; every signal that another thread is to
 * handle must be blocked already. */
int yodel_worker_start(yodel_worker *worker);

/* Hands sockets over, with the batch (from malloc) itself. Any thread, before yodel_worker_drain.
 */
void yodel_worker_hand_over(yodel_worker *worker, yodel_socket_batch *batch);

/* Asks it to make room for others' buffers (yodel_transport_group_shed). Any thread; the acceptor's
 * monitor does. */
void yodel_worker_shed(yodel_worker *worker);

/* Has its loop's turns measured (yodel_loop_measure) from its start on. Before it is started. */
void yodel_worker_measure(yodel_worker *worker);

/* Measures the loop's lag: sends a message that does nothing, and what it waits until the loop gets
 * to it is counted in lag. That is what anything waits that comes to this loop: the rest of the
 * turn that it falls into, and until the kernel lets the thread run. No effect while the one before
 * is still under way; one that took YODEL_PROBE_PERIOD or longer counts as the ones in between,
 * too, that were not sent because of it: a loop that hangs for a second shows ten of them, not one.
 * Any thread, one at a time; the acceptor's monitor does. */
void yodel_worker_probe(yodel_worker *worker);

/* How often it is to be called, in seconds. */
#define YODEL_PROBE_PERIOD 0.1

/* What the probe that is under way has waited so far, in ns; 0: none is, or the worker has ended.
 * Any thread. */
uint64_t yodel_worker_probe_waits(const yodel_worker *worker);

/* Ends it when its connections have ended by themselves: no more accepting, the listeners are left
 * to another process (accept_watch.h). Then stopped is called and the thread ends. Any thread,
 * once. */
void yodel_worker_leave(yodel_worker *worker);

/* Ends it in good order: no more accepting, transports drain (transport_group.h), after grace
 * seconds what is left is aborted, then stopped is called and the thread ends. Any thread, once,
 * after yodel_worker_leave or without it. */
void yodel_worker_drain(yodel_worker *worker, double grace);

/* Waits for the thread's end. Main thread. */
void yodel_worker_join(yodel_worker *worker);

#endif
