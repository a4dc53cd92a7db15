/*
 * acceptor: the acceptor thread. It accepts in batches, chooses a worker for each socket and hands
 * the batches over; in reuseport mode the workers accept by themselves and it only keeps house. It
 * also watches over the workers (monitor.h: one that is stuck gets no connection from here), runs
 * the server's background tasks and leads the drain.
 */
#ifndef YODEL_CORE_ACCEPTOR_H
#define YODEL_CORE_ACCEPTOR_H

#include "accept_watch.h"
#include "completion.h"
#include "mailbox.h"
#include "monitor.h"
#include "worker.h"

typedef struct yodel_acceptor {
    yodel_counters counters; /* of failed accepts and stuck workers */
    pthread_t thread;
    bool started;
    yodel_loop *loop;
    yodel_mailbox mailbox;
    yodel_log *log;
    yodel_accept_watch *watches;
    size_t watch_count;
    unsigned backlog;
    yodel_worker *workers;
    unsigned worker_count;
    unsigned next; /* first of the two workers that are candidates for the next socket */
    yodel_monitor monitor;
    uint64_t *handed_over;        /* sockets given to each worker so far */
    yodel_socket_batch **batches; /* being filled, for each worker; NULL: none yet */
    yodel_mail drain;
    yodel_mail leave;
    double grace;
    unsigned running; /* workers that have not stopped */
    yodel_mail *stopped_mails;
    yodel_completion *stopped;
} yodel_acceptor;

/* Makes an acceptor that does not run yet, for worker_count workers (borrowed, not yet initialised:
 * only their address is taken). stopped is completed with 0 when all workers have stopped after a
 * drain. 0, or a negative errno (then there is nothing to destroy). Main thread. */
int yodel_acceptor_init(yodel_acceptor *acceptor, yodel_worker *workers, unsigned worker_count,
                        yodel_log *log, yodel_completion *stopped);

/* Frees what it holds; it was never started or was joined. */
void yodel_acceptor_destroy(yodel_acceptor *acceptor);

/* Gives it listeners to accept on (handoff mode); taken over, all of them or (-ENOMEM) none.
 * backlog: how many connections can have queued on each when it drains; trouble: shared
 * by those who accept for the same server, NULL: nobody. Before it is started. */
int yodel_acceptor_listen(yodel_acceptor *acceptor, const yodel_listener *listeners, size_t count,
                          unsigned backlog, yodel_accept_trouble *trouble);

/* Starts the thread; the workers run already. 0, or a negative errno. Main thread. */
int yodel_acceptor_start(yodel_acceptor *acceptor);

/* Accepts no more and leaves the listeners to another process (accept_watch.h), has every worker do
 * the same, and once their connections have ended by themselves ends as after a drain. Any thread,
 * once. */
void yodel_acceptor_leave(yodel_acceptor *acceptor);

/* The whole drain: accepts what has queued, stops listening, drains every worker, completes
 * `stopped` after the last and ends the thread. Any thread, once, after yodel_acceptor_leave or
 * without it. */
void yodel_acceptor_drain(yodel_acceptor *acceptor, double grace);

/* For yodel_worker_init: a worker tells the acceptor (arg) that it has stopped. */
void yodel_acceptor_worker_stopped(yodel_worker *worker, void *arg);

/* Waits for the thread's end. Main thread. */
void yodel_acceptor_join(yodel_acceptor *acceptor);

#endif
