#include "core/acceptor.h"

#include "core/error.h"
#include "core/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Connections that a worker has, or has on their way to it; those, too, that it accepted itself. It
 * may count on between our two looks, so that more seem to have ended than begun. */
static uint64_t load(const yodel_acceptor *acceptor, unsigned worker)
{
    const yodel_worker *w = &acceptor->workers[worker];
    uint64_t closed = yodel_counters_closed(&w->counters);
    uint64_t begun =
        acceptor->handed_over[worker] + atomic_load_explicit(&w->accepted, memory_order_relaxed);
    return begun > closed ? begun - closed : 0;
}

/* The least loaded of the workers that are not stuck, or of all when all are. */
static unsigned choose_around_stuck(const yodel_acceptor *acceptor)
{
    bool all = acceptor->monitor.stuck == acceptor->worker_count;
    unsigned chosen = acceptor->worker_count;
    for (unsigned i = 0; i < acceptor->worker_count; i++) {
        if ((all || !yodel_monitor_stuck(&acceptor->monitor, i)) &&
            (chosen == acceptor->worker_count || load(acceptor, i) < load(acceptor, chosen))) {
            chosen = i;
        }
    }
    return chosen;
}

/* The less loaded of two candidates; the pair moves on with each socket. Long-lived connections
 * come out exactly even, and however many workers there are, only two are looked at. */
static unsigned choose(yodel_acceptor *acceptor)
{
    if (acceptor->monitor.stuck > 0) {
        return choose_around_stuck(acceptor);
    }
    unsigned first = acceptor->next;
    unsigned second = (first + 1) % acceptor->worker_count;
    acceptor->next = second;
    return load(acceptor, second) < load(acceptor, first) ? second : first;
}

static void hand_over(yodel_acceptor *acceptor, unsigned worker)
{
    yodel_worker_hand_over(&acceptor->workers[worker], acceptor->batches[worker]);
    acceptor->batches[worker] = NULL;
}

static void on_accepted(yodel_accept_watch *watch, int fd)
{
    yodel_acceptor *acceptor = watch->owner;
    unsigned worker = choose(acceptor);
    yodel_socket_batch *batch = acceptor->batches[worker];
    if (batch == NULL) {
        batch = malloc(sizeof(*batch));
        if (batch == NULL) {
            /* This connection ends, the server lives: counted as one that came and went. */
            yodel_count(&acceptor->counters, YODEL_COUNT_ACCEPTED, 1);
            yodel_count(&acceptor->counters, YODEL_COUNT_CLOSED_MEMORY, 1);
            close(fd);
            return;
        }
        batch->count = 0;
        acceptor->batches[worker] = batch;
    }
    batch->fds[batch->count++] = fd;
    acceptor->handed_over[worker]++;
    if (batch->count == YODEL_ACCEPT_BATCH) {
        hand_over(acceptor, worker);
    }
}

static void on_batch_done(yodel_accept_watch *watch)
{
    yodel_acceptor *acceptor = watch->owner;
    for (unsigned i = 0; i < acceptor->worker_count; i++) {
        if (acceptor->batches[i] != NULL) {
            hand_over(acceptor, i);
        }
    }
}

static void on_drain(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_acceptor *acceptor = owner;
    if (acceptor->running == 0) {
        return; /* all connections had ended by themselves */
    }
    for (size_t i = 0; i < acceptor->watch_count; i++) {
        yodel_accept_watch_finish(&acceptor->watches[i], acceptor->backlog);
    }
    for (unsigned i = 0; i < acceptor->worker_count; i++) {
        yodel_worker_drain(&acceptor->workers[i], acceptor->grace);
    }
}

static void on_leave(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_acceptor *acceptor = owner;
    for (size_t i = 0; i < acceptor->watch_count; i++) {
        yodel_accept_watch_leave(&acceptor->watches[i]);
    }
    for (unsigned i = 0; i < acceptor->worker_count; i++) {
        yodel_worker_leave(&acceptor->workers[i]);
    }
}

static void on_worker_stopped(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_acceptor *acceptor = owner;
    if (--acceptor->running > 0) {
        return;
    }
    yodel_loop_stop(acceptor->loop);
    yodel_completion_complete(acceptor->stopped, 0);
}

void yodel_acceptor_worker_stopped(yodel_worker *worker, void *arg)
{
    yodel_acceptor *acceptor = arg;
    yodel_mail *mail = &acceptor->stopped_mails[worker->index];
    mail->deliver = on_worker_stopped;
    yodel_mailbox_post(&acceptor->mailbox, mail);
}

static void free_arrays(yodel_acceptor *acceptor)
{
    free(acceptor->handed_over);
    free(acceptor->batches);
    free(acceptor->stopped_mails);
}

int yodel_acceptor_init(yodel_acceptor *acceptor, yodel_worker *workers, unsigned worker_count,
                        yodel_log *log, yodel_completion *stopped)
{
    memset(acceptor, 0, sizeof(*acceptor));
    acceptor->workers = workers;
    acceptor->worker_count = acceptor->running = worker_count;
    acceptor->log = log;
    acceptor->stopped = stopped;
    acceptor->handed_over = calloc(worker_count, sizeof(*acceptor->handed_over));
    acceptor->batches = calloc(worker_count, sizeof(*acceptor->batches));
    acceptor->stopped_mails = calloc(worker_count, sizeof(*acceptor->stopped_mails));
    int code = -ENOMEM;
    if (acceptor->handed_over != NULL && acceptor->batches != NULL &&
        acceptor->stopped_mails != NULL) {
        code = yodel_loop_new(&acceptor->loop);
    }
    if (code == 0) {
        code = yodel_monitor_init(&acceptor->monitor, acceptor->loop, workers, worker_count,
                                  &acceptor->counters, log);
    }
    if (code == 0) {
        code = yodel_mailbox_init(&acceptor->mailbox, acceptor->loop, acceptor);
    }
    if (code < 0) {
        yodel_monitor_destroy(&acceptor->monitor);
        yodel_loop_free(acceptor->loop);
        free_arrays(acceptor);
    }
    return code;
}

void yodel_acceptor_destroy(yodel_acceptor *acceptor)
{
    yodel_mailbox_destroy(&acceptor->mailbox); /* first: what it still delivers uses the rest */
    for (size_t i = 0; i < acceptor->watch_count; i++) {
        yodel_accept_watch_close(&acceptor->watches[i]);
    }
    free(acceptor->watches);
    yodel_monitor_destroy(&acceptor->monitor);
    yodel_loop_free(acceptor->loop);
    free_arrays(acceptor);
}

int yodel_acceptor_listen(yodel_acceptor *acceptor, const yodel_listener *listeners, size_t count,
                          unsigned backlog, yodel_accept_trouble *trouble)
{
    acceptor->watches = calloc(count, sizeof(*acceptor->watches));
    if (acceptor->watches == NULL) {
        return -ENOMEM;
    }
    acceptor->watch_count = count;
    acceptor->backlog = backlog;
    for (size_t i = 0; i < count; i++) {
        yodel_accept_watch *watch = &acceptor->watches[i];
        watch->accepted = on_accepted;
        watch->batch_done = on_batch_done;
        watch->owner = acceptor;
        watch->trouble = trouble;
        yodel_accept_watch_start(watch, acceptor->loop, &listeners[i], &acceptor->counters,
                                 acceptor->log);
    }
    return 0;
}

static void *run(void *arg)
{
    yodel_acceptor *acceptor = arg;
    yodel_loop_run(acceptor->loop);
    return NULL;
}

int yodel_acceptor_start(yodel_acceptor *acceptor)
{
    yodel_monitor_start(&acceptor->monitor);
    int code = yodel_thread_start(&acceptor->thread, "acceptor", -1, run, acceptor);
    acceptor->started = code == 0;
    return code;
}

void yodel_acceptor_leave(yodel_acceptor *acceptor)
{
    acceptor->leave.deliver = on_leave;
    yodel_mailbox_post(&acceptor->mailbox, &acceptor->leave);
}

void yodel_acceptor_drain(yodel_acceptor *acceptor, double grace)
{
    acceptor->grace = grace;
    acceptor->drain.deliver = on_drain;
    yodel_mailbox_post(&acceptor->mailbox, &acceptor->drain);
}

void yodel_acceptor_join(yodel_acceptor *acceptor)
{
    if (acceptor->started) {
        pthread_join(acceptor->thread, NULL);
    }
    acceptor->started = false;
}
