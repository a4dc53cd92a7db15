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
#include "tools/flood/verdict.h"

/* From the last connection's opening to the first line: so that all threads hear of it before. */
#define START_DELAY_NS 2000000

/* A generator, and what it reported but the others have not yet. */
typedef struct source {
    yodel_generator *generator;
    yodel_mail *first; /* linked by next; intervals */
    yodel_mail **last;
    bool over;  /* nothing more will come */
    double cpu; /* seconds, of the counted time */
} source;

typedef struct run {
    const yodel_plan *plan;
    const yodel_flood_options *options;
    const yodel_process *server;
    const yodel_run_watcher *watcher;
    yodel_result *result;

    yodel_loop *loop;
    yodel_mailbox mailbox;
    ev_io signals; /* a signalfd */
    sigset_t old_mask;
    source *sources;
    uint32_t started, opened, over;
    int error;       /* why the first connection failed */
    uint32_t target; /* and which target it was to reach */

    uint64_t start;          /* instant of the first line, 0 before */
    uint64_t second_end;     /* up to when the timeline is made */
    uint64_t progress;       /* when the last answer came */
    uint64_t stopped_at;     /* when it was interrupted, 0: never */
    yodel_usage self, other; /* at second_end */
    yodel_tally *merged;     /* of one second */
    size_t timeline_room;
    double counted_seconds; /* of the timeline */
} run;

/* --- a second ----------------------------------------------------------------------------------*/

static double since_warm_up(const run *r, uint64_t at)
{
    double warm_up = r->options->warm_up;
    return at >= r->start ? (double)(at - r->start) / 1e9 - warm_up : -warm_up;
}

/* True when the second belongs to the time that counts: after the warm-up, before the time is over. */
static bool is_counted(const run *r, const yodel_second *s)
{
    bool in_time = r->options->messages > 0 || s->begin < r->options->duration - 0.01;
    return s->begin > -0.01 && in_time;
}

static void fill_latency(yodel_second *s, const yodel_tally *t)
{
    const yodel_histogram *h = t->intended.count > 0 ? &t->intended : &t->service;

    s->p50 = yodel_histogram_percentile(h, 50);
    s->p90 = yodel_histogram_percentile(h, 90);
    s->p99 = yodel_histogram_percentile(h, 99);
    s->most = h->most;
    s->lag99 = yodel_histogram_percentile(&t->lag, 99);
}

static double cores(const yodel_usage *before, const yodel_usage *after, double seconds)
{
    return before->known && after->known && seconds > 0 ? (after->cpu - before->cpu) / seconds
                                                        : NAN;
}

static void fill_usage(run *r, yodel_second *s)
{
    yodel_usage self, other = {0};

    yodel_process_self(&self);
    if (r->server != NULL) {
        yodel_process_look(r->server, &other);
    }
    s->client_cpu = cores(&r->self, &self, s->length);
    s->server_cpu = cores(&r->other, &other, s->length);
    s->server_resident = other.resident;
    r->self = self;
    r->other = other;
}

static void count_usage(run *r, const yodel_second *s)
{
    yodel_result *result = r->result;

    result->client_cpu += s->client_cpu * s->length;
    result->server_cpu += s->server_cpu * s->length; /* once unknown it stays so: NAN */
    if (s->server_resident > result->server_resident_peak) {
        result->server_resident_peak = s->server_resident;
    }
}

static void append(run *r, const yodel_second *s)
{
    yodel_result *result = r->result;

    if (result->timeline_count == r->timeline_room) {
        size_t room = r->timeline_room == 0 ? 64 : 2 * r->timeline_room;
        yodel_second *more = realloc(result->timeline, room * sizeof *more);
        if (more == NULL) {
            return; /* a second is missing in the timeline; the totals have it */
        }
        result->timeline = more;
        r->timeline_room = room;
    }
    result->timeline[result->timeline_count++] = *s;
}

static yodel_interval *take(source *from)
{
    yodel_interval *interval = yodel_container_of(from->first, yodel_interval, mail);

    from->first = interval->mail.next;
    if (from->first == NULL) {
        from->last = &from->first;
    }
    return interval;
}

/* The generators' next intervals, one of each that has not ended, are one second. */
static void merge_second(run *r)
{
    yodel_second s = {.begin = since_warm_up(r, r->second_end)};
    uint64_t end = 0;
    double *cpu = calloc(r->started, sizeof *cpu);

    memset(r->merged, 0, sizeof *r->merged);
    for (uint32_t i = 0; i < r->started; i++) {
        if (r->sources[i].first == NULL) {
            continue; /* over */
        }
        yodel_interval *interval = take(&r->sources[i]);
        yodel_tally_add(r->merged, interval->tally);
        s.connections += interval->connections;
        s.in_flight += interval->in_flight;
        end = interval->end > end ? interval->end : end;
        r->progress = interval->progress > r->progress ? interval->progress : r->progress;
        if (cpu != NULL) {
            cpu[i] = interval->cpu;
        }
        yodel_interval_free(interval);
    }
    s.length = end > r->second_end ? (double)(end - r->second_end) / 1e9 : 0;
    s.sent = r->merged->sent;
    s.answered = r->merged->answered;
    s.flaws = yodel_tally_flaws(r->merged);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        s.faults += r->merged->faults[i];
    }
    fill_latency(&s, r->merged);
    fill_usage(r, &s);
    if (is_counted(r, &s)) {
        count_usage(r, &s);
        for (uint32_t i = 0; cpu != NULL && i < r->started; i++) {
            r->sources[i].cpu += cpu[i];
        }
        r->counted_seconds += s.length;
    }
    free(cpu);
    yodel_tally_add(&r->result->total, r->merged);
    append(r, &s);
    r->second_end = end;
    if (r->watcher != NULL) {
        r->watcher->on_second(&s, r->watcher->arg);
    }
}

static void merge_seconds(run *r)
{
    for (;;) {
        bool any = false;
        for (uint32_t i = 0; i < r->started; i++) {
            if (r->sources[i].first != NULL) {
                any = true;
            } else if (!r->sources[i].over) {
                return;
            }
        }
        if (!any) {
            return;
        }
        merge_second(r);
    }
}

/* --- the generators ----------------------------------------------------------------------------*/

static void stop_all(run *r)
{
    for (uint32_t i = 0; i < r->started; i++) {
        yodel_generator_stop(r->sources[i].generator);
    }
}

static void go_all(run *r)
{
    r->start = yodel_clock_now() + START_DELAY_NS;
    r->second_end = r->start;
    yodel_process_self(&r->self);
    if (r->server != NULL) {
        yodel_process_look(r->server, &r->other);
    }
    for (uint32_t i = 0; i < r->started; i++) {
        yodel_generator_go(r->sources[i].generator, r->start);
    }
}

static source *source_of(run *r, const yodel_generator *generator)
{
    for (uint32_t i = 0; i < r->started; i++) {
        if (r->sources[i].generator == generator) {
            return &r->sources[i];
        }
    }
    return NULL;
}

/* What came before the first second is in the totals only. */
static void add_opening(run *r, yodel_interval *interval)
{
    yodel_tally_add(&r->result->total, interval->tally);
    yodel_interval_free(interval);
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
    source *from = source_of(r, interval->generator);

    note_error(r, interval->error);
    if (phase == YODEL_PHASE_FAILED) {
        r->error = interval->error;
        r->target = interval->target;
        stop_all(r);
    }
    if (phase == YODEL_PHASE_OPENED || r->start == 0) {
        add_opening(r, interval);
    } else {
        mail->next = NULL;
        *from->last = mail;
        from->last = &mail->next;
    }
    if (phase == YODEL_PHASE_OPENED && ++r->opened == r->started && r->error == 0) {
        go_all(r);
    }
    if (phase == YODEL_PHASE_FAILED || phase == YODEL_PHASE_OVER) {
        from->over = true;
        r->over++;
    }
    if (r->start > 0) {
        merge_seconds(r);
    }
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
        const yodel_mismatch *m = yodel_generator_mismatch(r->sources[i].generator);
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
            double mean = yodel_generator_mean(r->sources[i].generator, k, &answers);
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
    uint64_t end = r->options->messages > 0 ? r->progress : r->stopped_at;
    double seconds = end > 0 ? since_warm_up(r, end) : r->options->duration;

    if (r->options->messages == 0 && seconds > r->options->duration) {
        seconds = r->options->duration;
    }
    return r->start > 0 && seconds > 0 ? seconds : 0;
}

static void finish(run *r)
{
    yodel_result *result = r->result;
    double busiest = 0;

    for (uint32_t i = 0; i < r->started; i++) {
        busiest = r->sources[i].cpu > busiest ? r->sources[i].cpu : busiest;
    }
    /* A moment says nothing. */
    busiest = r->counted_seconds >= 0.9 ? busiest / r->counted_seconds : 0;
    result->seconds = measured(r);
    result->counted_rate =
        result->seconds > 0 ? (double)result->total.counted / result->seconds : 0;
    find_mismatch(r);
    find_slowest(r);
    yodel_verdict(result, r->options, busiest);
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
    r->merged = calloc(1, sizeof *r->merged);
    r->sources = calloc(r->options->threads, sizeof *r->sources);
    if (r->merged == NULL || r->sources == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; error == 0 && i < r->options->threads; i++) {
        r->sources[i].last = &r->sources[i].first;
        error = yodel_generator_new(r->plan, i, &owner, &r->sources[i].generator);
    }
    return error < 0 ? error : watch_signals(r);
}

static int start_all(run *r)
{
    for (uint32_t i = 0; i < r->options->threads; i++) {
        int error = yodel_generator_start(r->sources[i].generator);
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
    for (uint32_t i = 0; r->sources != NULL && i < r->options->threads; i++) {
        yodel_generator_free(r->sources[i].generator);
    }
    if (r->loop != NULL) {
        yodel_mailbox_destroy(&r->mailbox);
        yodel_loop_free(r->loop);
    }
    free(r->sources);
    free(r->merged);
}

static void describe_target(const yodel_flood_target *t, char *text, size_t size)
{
    snprintf(text, size, strchr(t->host, ':') != NULL ? "[%s]:%s" : "%s:%s", t->host, t->port);
}

int yodel_flood_run(const yodel_plan *plan, const yodel_process *server,
                    const yodel_run_watcher *watcher, yodel_result *result, char *message,
                    size_t size)
{
    run r = {
        .plan = plan,
        .options = plan->options,
        .server = server,
        .watcher = watcher,
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
    int error = make(&r);
    if (error == 0) {
        error = start_all(&r);
        if (error < 0) {
            stop_all(&r);
        }
        if (r.started > 0) {
            yodel_loop_run(r.loop);
        }
        for (uint32_t i = 0; i < r.started; i++) {
            yodel_generator_join(r.sources[i].generator);
        }
    }
    if (error < 0) {
        snprintf(message, size, "cannot start: %s", yodel_strerror(error));
    } else if (r.error < 0 && !result->interrupted) {
        char target[300];
        describe_target(&plan->options->targets[r.target], target, sizeof target);
        error = r.error;
        snprintf(message, size, "cannot connect to %s: %s", target, yodel_strerror(error));
    } else {
        finish(&r);
    }
    destroy(&r);
    return error;
}
