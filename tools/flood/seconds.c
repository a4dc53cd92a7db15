#include "tools/flood/seconds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/list.h"

/* A moment says nothing about how busy a thread was. */
#define COUNTED_ENOUGH 0.9 /* seconds */

double yodel_seconds_since_warm_up(const yodel_seconds *all, uint64_t at)
{
    double warm_up = all->options->warm_up;
    return at >= all->start ? (double)(at - all->start) / 1e9 - warm_up : -warm_up;
}

/* True when the second belongs to the time that counts: after the warm-up, before the time is
 * over. */
static bool is_counted(const yodel_seconds *all, const yodel_second *s)
{
    bool in_time = all->options->messages > 0 || s->begin < all->options->duration - 0.01;
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

static void fill_usage(yodel_seconds *all, yodel_second *s)
{
    yodel_usage self, other = {0};

    yodel_process_self(&self);
    if (all->server != NULL) {
        yodel_process_look(all->server, &other);
    }
    s->client_cpu = cores(&all->self, &self, s->length);
    s->server_cpu = cores(&all->other, &other, s->length);
    s->server_resident = other.resident;
    all->self = self;
    all->other = other;
}

static void count_usage(yodel_seconds *all, const yodel_second *s)
{
    yodel_result *result = all->result;

    result->client_cpu += s->client_cpu * s->length;
    result->server_cpu += s->server_cpu * s->length; /* once unknown it stays so: NAN */
    if (s->server_resident > result->server_resident_peak) {
        result->server_resident_peak = s->server_resident;
    }
}

static void append(yodel_seconds *all, const yodel_second *s)
{
    yodel_result *result = all->result;

    if (result->timeline_count == all->timeline_room) {
        size_t room = all->timeline_room == 0 ? 64 : 2 * all->timeline_room;
        yodel_second *more = realloc(result->timeline, room * sizeof *more);
        if (more == NULL) {
            return; /* a second is missing in the timeline; the totals have it */
        }
        result->timeline = more;
        all->timeline_room = room;
    }
    result->timeline[result->timeline_count++] = *s;
}

static yodel_interval *take(yodel_seconds_source *from)
{
    yodel_interval *interval = yodel_container_of(from->first, yodel_interval, mail);

    from->first = interval->mail.next;
    if (from->first == NULL) {
        from->last = &from->first;
    }
    return interval;
}

/* The generators' next intervals, one of each that has not ended, are one second. */
static void merge_second(yodel_seconds *all)
{
    yodel_second s = {.begin = yodel_seconds_since_warm_up(all, all->end)};
    uint64_t end = 0;
    double *cpu = calloc(all->options->threads, sizeof *cpu);

    memset(all->merged, 0, sizeof *all->merged);
    for (uint32_t i = 0; i < all->options->threads; i++) {
        if (all->sources[i].first == NULL) {
            continue; /* over */
        }
        yodel_interval *interval = take(&all->sources[i]);
        yodel_tally_add(all->merged, interval->tally);
        s.connections += interval->connections;
        s.in_flight += interval->in_flight;
        end = interval->end > end ? interval->end : end;
        all->progress = interval->progress > all->progress ? interval->progress : all->progress;
        if (cpu != NULL) {
            cpu[i] = interval->cpu;
        }
        yodel_interval_free(interval);
    }
    s.length = end > all->end ? (double)(end - all->end) / 1e9 : 0;
    s.sent = all->merged->sent;
    s.answered = all->merged->answered;
    s.flaws = yodel_tally_flaws(all->merged);
    for (int i = 0; i < YODEL_FAULTS; i++) {
        s.faults += all->merged->faults[i];
    }
    fill_latency(&s, all->merged);
    fill_usage(all, &s);
    if (is_counted(all, &s)) {
        count_usage(all, &s);
        for (uint32_t i = 0; cpu != NULL && i < all->options->threads; i++) {
            all->sources[i].cpu += cpu[i];
        }
        all->counted += s.length;
        all->answered += s.answered;
    }
    free(cpu);
    yodel_tally_add(&all->result->total, all->merged);
    append(all, &s);
    all->end = end;
    if (all->watcher != NULL) {
        all->watcher->on_second(&s, all->watcher->arg);
    }
}

static void merge_seconds(yodel_seconds *all)
{
    for (;;) {
        bool any = false;
        for (uint32_t i = 0; i < all->options->threads; i++) {
            if (all->sources[i].first != NULL) {
                any = true;
            } else if (!all->sources[i].over) {
                return;
            }
        }
        if (!any) {
            return;
        }
        merge_second(all);
    }
}

/* --- from outside ------------------------------------------------------------------------------*/

int yodel_seconds_init(yodel_seconds *all, const yodel_flood_options *options,
                       const yodel_process *server, const yodel_run_watcher *watcher,
                       yodel_result *result)
{
    *all = (yodel_seconds){
        .options = options,
        .server = server,
        .watcher = watcher,
        .result = result,
        .sources = calloc(options->threads, sizeof *all->sources),
        .merged = calloc(1, sizeof *all->merged),
    };
    if (all->sources == NULL || all->merged == NULL) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < options->threads; i++) {
        all->sources[i].last = &all->sources[i].first;
    }
    return 0;
}

void yodel_seconds_begin(yodel_seconds *all, uint64_t start)
{
    all->start = start;
    all->end = start;
    yodel_process_self(&all->self);
    if (all->server != NULL) {
        yodel_process_look(all->server, &all->other);
    }
}

void yodel_seconds_add(yodel_seconds *all, uint32_t index, yodel_interval *interval, bool over)
{
    yodel_seconds_source *from = &all->sources[index];

    from->over = over;
    if (all->start == 0) {
        yodel_tally_add(&all->result->total, interval->tally);
        yodel_interval_free(interval);
        return;
    }
    interval->mail.next = NULL;
    *from->last = &interval->mail;
    from->last = &interval->mail.next;
    merge_seconds(all);
}

double yodel_seconds_rate(const yodel_seconds *all)
{
    return all->counted > 0 ? (double)all->answered / all->counted : 0;
}

double yodel_seconds_busiest(const yodel_seconds *all)
{
    double most = 0;

    for (uint32_t i = 0; i < all->options->threads; i++) {
        most = fmax(most, all->sources[i].cpu);
    }
    return all->counted >= COUNTED_ENOUGH ? most / all->counted : 0;
}

void yodel_seconds_destroy(yodel_seconds *all)
{
    for (uint32_t i = 0; all->sources != NULL && i < all->options->threads; i++) {
        while (all->sources[i].first != NULL) {
            yodel_interval_free(take(&all->sources[i]));
        }
    }
    free(all->sources);
    free(all->merged);
}
