#include "tools/flood/run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/error.h"
#include "core/loop.h"
#include "core/mailbox.h"
#include "tools/flood/generator.h"
#include "tools/flood/seconds.h"
#include "tools/flood/verdict.h"

/* From the last connection's opening to the first line: so that all threads hear of it before. */
#define START_DELAY_NS 2000000

typedef struct run {
    const yodel_plan *plan;
    const yodel_flood_options *options;
    yodel_result *result;

    yodel_loop *loop;
    yodel_mailbox mailbox;
    ev_io signals; /* a signalfd */
    sigset_t old_mask;
    yodel_generator **generators; /* one of each thread */
    uint32_t started, opened, over;
    int error;       /* why the first connection failed */
    uint32_t target; /* and which target it was to reach */

    yodel_seconds seconds;
    uint64_t stopped_at; /* when it was interrupted, 0: never */
} run;

/* --- the generators ----------------------------------------------------------------------------*/

static void stop_all(run *r)
{
    for (uint32_t i = 0; i < r->started; i++) {
        yodel_generator_stop(r->generators[i]);
    }
}

static void go_all(run *r)
{
    uint64_t start = yodel_clock_now() + START_DELAY_NS;

    yodel_seconds_begin(&r->seconds, start);
    for (uint32_t i = 0; i < r->started; i++) {
        yodel_generator_go(r->generators[i], start);
    }
}

static uint32_t index_of(const run *r, const yodel_generator *generator)
{
    uint32_t i = 0;

    while (r->generators[i] != generator) {
        i++;
    }
    return i;
}

static void note_error(run *r, int error)
{
    if (error < 0) {
        snprintf(r->result->connect_error, sizeof r->result->connect_error, "%s",
                 yodel_strerror(error));
    }
}

static void on_interval(yodel_mail *mail, void *owner)
{
    run *r = owner;
    yodel_interval *interval = yodel_container_of(mail, yodel_interval, mail);
    yodel_phase phase = interval->phase;
    bool over = phase == YODEL_PHASE_FAILED || phase == YODEL_PHASE_OVER;

    note_error(r, interval->error);
    if (phase == YODEL_PHASE_FAILED) {
        r->error = interval->error;
        r->target = interval->target;
        stop_all(r);
    }
    yodel_seconds_add(&r->seconds, index_of(r, interval->generator), interval, over);
    if (phase == YODEL_PHASE_OPENED && ++r->opened == r->started && r->error == 0) {
        go_all(r);
    }
    r->over += over;
    if (r->over == r->started) {
        yodel_loop_stop(r->loop);
    }
}

/* The first one ends the run in order; after that signals do what they usually do. */
static void on_signal(struct ev_loop *ev, ev_io *io, int events)
{
    (void)events;
    run *r = io->data;
    struct signalfd_siginfo info;

    if (read(io->fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    ev_io_stop(ev, io);
    r->result->interrupted = true;
    r->stopped_at = yodel_clock_now();
    stop_all(r);
    pthread_sigmask(SIG_SETMASK, &r->old_mask, NULL);
}

static int watch_signals(run *r)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, &r->old_mask);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    ev_io_init(&r->signals, on_signal, fd, EV_READ);
    r->signals.data = r;
    if (fd < 0) {
        return -errno;
    }
    ev_io_start(yodel_loop_ev(r->loop), &r->signals);
    return 0;
}

/* --- the result --------------------------------------------------------------------------------*/

static void find_mismatch(run *r)
{
    yodel_result *result = r->result;

    for (uint32_t i = 0; i < r->started; i++) {
        const yodel_mismatch *m = yodel_generator_mismatch(r->generators[i]);
        if (m != NULL && (!result->has_mismatch || m->at_ns < result->mismatch.at_ns)) {
            result->has_mismatch = true;
            result->mismatch = *m;
        }
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Fewer answers than this say nothing about a connection. */
#define ANSWERS_ENOUGH 10

static void find_slowest(run *r)
{
    yodel_result *result = r->result;
    double *means = calloc(r->options->connections, sizeof *means);
    size_t count = 0;

    for (uint32_t i = 0; means != NULL && i < r->started; i++) {
        uint32_t share = yodel_plan_share(r->plan, i);
        for (uint32_t k = 0; k < share; k++) {
            uint64_t answers;
            double mean = yodel_generator_mean(r->generators[i], k, &answers);
            if (answers < ANSWERS_ENOUGH) {
                continue;
            }
            means[count++] = mean;
            if (mean > result->slowest_mean) {
                result->slowest_mean = mean;
                result->slowest = i + k * r->options->threads;
            }
        }
    }
    if (count > 0) {
        qsort(means, count, sizeof *means, compare_doubles);
        result->median_mean = (means[(count - 1) / 2] + means[count / 2]) / 2;
    }
    free(means);
}

/* How long it was measured. */
static double measured(const run *r)
{
    uint64_t end = r->options->messages > 0 ? r->seconds.progress : r->stopped_at;
    double seconds = end > 0 ? yodel_seconds_since_warm_up(&r->seconds, end) : r->options->duration;

    if (r->options->messages == 0 && seconds > r->options->duration) {
        seconds = r->options->duration;
    }
    return r->seconds.start > 0 && seconds > 0 ? seconds : 0;
}

/* Lines answered per second. With a number of lines (-n) its time ends with the last answer. */
static double rate_of(const run *r)
{
    const yodel_result *result = r->result;

    if (r->options->messages > 0 || r->options->idle) {
        return result->seconds > 0 ? (double)result->total.counted / result->seconds : 0;
    }
    return yodel_seconds_rate(&r->seconds);
}

static void finish(run *r)
{
    yodel_result *result = r->result;

    result->seconds = measured(r);
    result->counted_rate = rate_of(r);
    find_mismatch(r);
    find_slowest(r);
    yodel_verdict(result, r->options, yodel_seconds_busiest(&r->seconds));
}

/* --- all of it ---------------------------------------------------------------------------------*/

static int make(run *r)
{
    const yodel_generator_owner owner = {&r->mailbox, on_interval};
    int error = yodel_loop_new(&r->loop);

    if (error < 0) {
        return error;
    }
    error = yodel_mailbox_init(&r->mailbox, r->loop, r);
    if (error < 0) {
        yodel_loop_free(r->loop);
        r->loop = NULL;
        return error;
    }
    r->generators = calloc(r->options->threads, sizeof(yodel_generator *));
    if (r->generators == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; error == 0 && i < r->options->threads; i++) {
        error = yodel_generator_new(r->plan, i, &owner, &r->generators[i]);
    }
    return error < 0 ? error : watch_signals(r);
}

static int start_all(run *r)
{
    for (uint32_t i = 0; i < r->options->threads; i++) {
        int error = yodel_generator_start(r->generators[i]);
        if (error < 0) {
            return error;
        }
        r->started++;
    }
    return 0;
}

static void destroy(run *r)
{
    if (r->signals.fd > 0) {
        ev_io_stop(yodel_loop_ev(r->loop), &r->signals);
        close(r->signals.fd);
        pthread_sigmask(SIG_SETMASK, &r->old_mask, NULL);
    }
    for (uint32_t i = 0; r->generators != NULL && i < r->options->threads; i++) {
        yodel_generator_free(r->generators[i]);
    }
    if (r->loop != NULL) {
        yodel_mailbox_destroy(&r->mailbox);
        yodel_loop_free(r->loop);
    }
    free(r->generators);
    yodel_seconds_destroy(&r->seconds);
}

int yodel_flood_run(const yodel_plan *plan, const yodel_process *server,
                    const yodel_run_watcher *watcher, yodel_result *result, char *message,
                    size_t size)
{
    run r = {
        .plan = plan,
        .options = plan->options,
        .result = result,
    };
    yodel_usage before = {0};

    time(&result->started);
    result->connections = plan->options->connections;
    if (server != NULL) {
        yodel_process_look(server, &before);
    }
    result->server_resident_before = before.resident;
    result->server_cpu = server != NULL ? 0 : NAN;
    int error = yodel_seconds_init(&r.seconds, plan->options, server, watcher, result);
    if (error == 0) {
        error = make(&r);
    }
    if (error == 0) {
        error = start_all(&r);
        if (error < 0) {
            stop_all(&r);
        }
        if (r.started > 0) {
            yodel_loop_run(r.loop);
        }
        for (uint32_t i = 0; i < r.started; i++) {
            yodel_generator_join(r.generators[i]);
        }
    }
    if (error < 0) {
        snprintf(message, size, "cannot start: %s", yodel_strerror(error));
    } else if (r.error < 0 && !result->interrupted) {
        char target[YODEL_FLOOD_TARGET_TEXT];
        error = r.error;
        snprintf(message, size, "cannot connect to %s: %s",
                 yodel_flood_target_text(&plan->options->targets[r.target], target),
                 yodel_strerror(error));
    } else {
        finish(&r);
    }
    destroy(&r);
    return error;
}
