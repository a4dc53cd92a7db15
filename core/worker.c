#include "core/worker.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/thread.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_drained(void *arg)
{
    yodel_worker *worker = arg;
    yodel_timer_stop(&worker->grace_timer);
    atomic_store(&worker->ended, true);
    yodel_loop_stop(worker->loop);
    worker->stopped(worker, worker->stopped_arg);
}

static void on_grace_over(yodel_timer *timer)
{
    yodel_worker *worker = yodel_container_of(timer, yodel_worker, grace_timer);
    size_t count = yodel_transport_group_abort(worker->group, YODEL_EDRAINABORT);
    if (count > 0) { /* else what has ended is held still */
        yodel_log_write(worker->log, YODEL_LOG_WARNING,
                        "worker %u: the grace is over; connections cut off: %zu", worker->index,
                        count);
    }
}

static void on_drain(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_worker *worker = owner;
    if (atomic_load(&worker->ended)) {
        return; /* all connections had ended by themselves */
    }
    for (size_t i = 0; i < worker->watch_count; i++) {
        yodel_accept_watch_finish(&worker->watches[i], worker->backlog);
    }
    yodel_timer_start(&worker->grace_timer, worker->grace);
    yodel_transport_group_drain(worker->group, on_drained, worker);
}

static void on_leave(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_worker *worker = owner;
    for (size_t i = 0; i < worker->watch_count; i++) {
        yodel_accept_watch_leave(&worker->watches[i]);
    }
    yodel_transport_group_when_empty(worker->group, on_drained, worker);
}

static void on_shed(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_worker *worker = owner;
    atomic_store(&worker->shed_asked, false);
    yodel_transport_group_shed(worker->group);
}

static void on_probe(yodel_mail *mail, void *owner)
{
    (void)mail;
    const uint64_t period = (uint64_t)(YODEL_PROBE_PERIOD * (double)YODEL_NS_PER_SEC);
    yodel_worker *worker = owner;
    uint64_t waited = yodel_clock_now() - atomic_load(&worker->probe_sent);
    atomic_store(&worker->probe_sent, 0);
    yodel_durations_add(&worker->lag, waited);
    while (waited >= period) {
        waited -= period;
        yodel_durations_add(&worker->lag, waited);
    }
}

static void on_sockets(yodel_mail *mail, void *owner)
{
    yodel_worker *worker = owner;
    yodel_socket_batch *batch = yodel_container_of(mail, yodel_socket_batch, mail);
    for (unsigned i = 0; i < batch->count; i++) {
        yodel_transport_group_adopt(worker->group, batch->fds[i]);
    }
    free(batch);
}

static void on_accepted(yodel_accept_watch *watch, int fd)
{
    yodel_worker *worker = watch->owner;
    uint64_t accepted = atomic_load_explicit(&worker->accepted, memory_order_relaxed);
    atomic_store_explicit(&worker->accepted, accepted + 1, memory_order_relaxed);
    yodel_transport_group_adopt(worker->group, fd);
}

int yodel_worker_init(yodel_worker *worker, unsigned index, int cpu,
                      const yodel_transport_settings *settings, yodel_worker_stopped_fn *stopped,
                      void *stopped_arg)
{
    memset(worker, 0, sizeof(*worker));
    worker->index = index;
    worker->cpu = cpu;
    worker->log = settings->log;
    worker->stopped = stopped;
    worker->stopped_arg = stopped_arg;

    int code = yodel_loop_new(&worker->loop);
    if (code < 0) {
        return code;
    }
    code = yodel_transport_group_new(worker->loop, settings, &worker->counters, &worker->group);
    if (code == 0) {
        code = yodel_mailbox_init(&worker->mailbox, worker->loop, worker);
        if (code < 0) {
            yodel_transport_group_free(worker->group);
        }
    }
    if (code < 0) {
        yodel_loop_free(worker->loop);
        return code;
    }
    yodel_timer_init(&worker->grace_timer, worker->loop, on_grace_over);
    return 0;
}

void yodel_worker_destroy(yodel_worker *worker)
{
    yodel_mailbox_destroy(&worker->mailbox); /* first: what it still delivers uses the rest */
    for (size_t i = 0; i < worker->watch_count; i++) {
        yodel_accept_watch_close(&worker->watches[i]);
    }
    free(worker->watches);
    yodel_transport_group_free(worker->group);
    yodel_loop_free(worker->loop);
}

int yodel_worker_listen(yodel_worker *worker, const yodel_listener *listeners, size_t count,
                        unsigned backlog, yodel_accept_trouble *trouble)
{
    worker->watches = calloc(count, sizeof(*worker->watches));
    if (worker->watches == NULL) {
        return -ENOMEM;
    }
    worker->watch_count = count;
    worker->backlog = backlog;
    for (size_t i = 0; i < count; i++) {
        yodel_accept_watch *watch = &worker->watches[i];
        watch->accepted = on_accepted;
        watch->owner = worker;
        watch->trouble = trouble;
        yodel_accept_watch_start(watch, worker->loop, &listeners[i], &worker->counters,
                                 worker->log);
    }
    return 0;
}

static void *run(void *arg)
{
    yodel_worker *worker = arg;
    yodel_loop_run(worker->loop);
    return NULL;
}

int yodel_worker_start(yodel_worker *worker)
{
    char name[YODEL_THREAD_NAME];
    (void)snprintf(name, sizeof(name), "worker %u", worker->index);
    int code = yodel_thread_start(&worker->thread, name, worker->cpu, run, worker);
    if (code == 0) {
        worker->started = true;
    }
    return code;
}

void yodel_worker_hand_over(yodel_worker *worker, yodel_socket_batch *batch)
{
    batch->mail.deliver = on_sockets;
    yodel_mailbox_post(&worker->mailbox, &batch->mail);
}

void yodel_worker_shed(yodel_worker *worker)
{
    if (!atomic_exchange(&worker->shed_asked, true)) {
        worker->shed.deliver = on_shed;
        yodel_mailbox_post(&worker->mailbox, &worker->shed);
    }
}

void yodel_worker_measure(yodel_worker *worker)
{
    yodel_loop_measure(worker->loop, &worker->turns);
}

void yodel_worker_probe(yodel_worker *worker)
{
    if (atomic_load(&worker->probe_sent) != 0 || atomic_load(&worker->ended)) {
        return;
    }
    atomic_store(&worker->probe_sent, yodel_clock_now());
    worker->probe.deliver = on_probe;
    yodel_mailbox_post(&worker->mailbox, &worker->probe);
}

uint64_t yodel_worker_probe_waits(const yodel_worker *worker)
{
    uint64_t sent = atomic_load(&worker->probe_sent);
    return sent != 0 && !atomic_load(&worker->ended) ? yodel_clock_now() - sent : 0;
}

void yodel_worker_leave(yodel_worker *worker)
{
    worker->leave.deliver = on_leave;
    yodel_mailbox_post(&worker->mailbox, &worker->leave);
}

void yodel_worker_drain(yodel_worker *worker, double grace)
{
    worker->grace = grace;
    worker->drain.deliver = on_drain;
    yodel_mailbox_post(&worker->mailbox, &worker->drain);
}

void yodel_worker_join(yodel_worker *worker)
{
    if (worker->started) {
        pthread_join(worker->thread, NULL);
    }
    worker->started = false;
}
