/*
 * A generator's way through its phases, on its thread: opening, going, its end; the reports that it
 * makes of them every second, and what has to be looked at now and then.
 */
#include <errno.h>
#include <time.h>

#include "core/clock.h"
#include "tools/flood/generator_internal.h"

/* How often timeouts are looked for: an eighth of the timeout, within these. */
#define SWEEP_MIN_S 0.005
#define SWEEP_MAX_S 0.1

/* --- reports -----------------------------------------------------------------------------------*/

static double thread_cpu(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

static void take_stock(const yodel_generator *g, yodel_interval *interval)
{
    for (uint32_t i = 0; i < g->count; i++) {
        const yodel_connection *c = &g->connections[i];
        interval->connections +=
            c->state == YODEL_CONNECTION_OPEN || c->state == YODEL_CONNECTION_FINISHING;
        interval->in_flight += yodel_conversation_in_flight(&c->talk);
        if (c->talk.progress_at > interval->progress) {
            interval->progress = c->talk.progress_at;
        }
    }
}

/* Hands over what was counted. Without memory for the next interval this one goes on; the last
 * report needs no next. */
static void report(yodel_generator *g, yodel_phase phase)
{
    bool last = phase == YODEL_PHASE_OVER || phase == YODEL_PHASE_FAILED;
    yodel_interval *next = last ? NULL : yodel_interval_new(g);
    yodel_interval *interval = g->interval;

    if (next == NULL && !last) {
        if (phase == YODEL_PHASE_OPENED) {
            yodel_phases_fail(g, -ENOMEM);
        }
        return;
    }
    double cpu = thread_cpu();
    interval->phase = phase;
    interval->error = g->error;
    interval->target = g->failed_target;
    interval->end = yodel_clock_now();
    interval->cpu = cpu - g->cpu_before;
    take_stock(g, interval);
    g->cpu_before = cpu;
    g->interval = next;
    if (next != NULL) {
        g->referee.tally = next->tally;
    }
    yodel_mailbox_post(g->owner.mailbox, &interval->mail);
}

/* --- from begin to end
 * --------------------------------------------------------------------------*/

/* Deferred, so that nobody who still counts is left without a tally. */
static void on_over(yodel_deferred *deferred)
{
    yodel_generator *g = yodel_container_of(deferred, yodel_generator, over);

    yodel_pacer_stop(g);
    yodel_slow_stop(g);
    yodel_opener_stop(g);
    yodel_timer_stop(&g->sweep);
    yodel_timer_stop(&g->second);
    report(g, g->last_phase);
    yodel_loop_stop(g->loop);
}

static void end_thread(yodel_generator *g, yodel_phase phase)
{
    if (!g->is_over) {
        g->is_over = true;
        g->last_phase = phase;
        yodel_loop_defer(g->loop, &g->over);
    }
}

void yodel_phases_done(yodel_generator *g)
{
    if (++g->done == g->count) {
        end_thread(g, YODEL_PHASE_OVER);
    }
}

void yodel_phases_fail(yodel_generator *g, int error)
{
    g->error = error;
    end_thread(g, YODEL_PHASE_FAILED);
}

void yodel_phases_opened(yodel_generator *g)
{
    g->opened = true;
    report(g, YODEL_PHASE_OPENED);
}

static void flush_all(yodel_generator *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        uint64_t now = yodel_clock_now();
        yodel_connection_flush(&g->connections[i], now, now);
    }
}

static void stop(yodel_generator *g)
{
    g->sending = false;
    if (!g->stopping) {
        g->stopping = true;
        g->stopped_at = yodel_clock_now();
    }
    yodel_pacer_stop(g);
    for (uint32_t i = 0; i < g->count; i++) {
        if (g->connections[i].state != YODEL_CONNECTION_DONE) {
            yodel_connection_wind_up(&g->connections[i]);
        }
    }
}

/* The time is over: --idle says its one line now, everybody else ends. */
static void end_of_time(yodel_generator *g)
{
    if (g->options->idle && !g->stopping) {
        g->end = UINT64_MAX;
        g->sending = true;
        flush_all(g);
    } else {
        yodel_pacer_finish(g);
        stop(g);
    }
}

static void on_go(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_generator *g = owner;
    const yodel_flood_options *o = g->options;
    uint64_t warm_up = yodel_clock_from_seconds(o->warm_up);

    g->running = true;
    if (g->stopping || g->is_over) {
        return;
    }
    g->alone_since = g->start;
    g->referee.start = g->start;
    g->referee.counted_from = g->start + warm_up;
    if (o->messages == 0) {
        g->end = g->referee.counted_from + yodel_clock_from_seconds(o->duration);
    }
    yodel_timer_start_at(&g->second, g->start);
}

static void begin(yodel_generator *g)
{
    g->sending = !g->options->idle;
    if (g->options->rate > 0) {
        yodel_pacer_go(g);
    } else {
        flush_all(g);
    }
}

static void on_stop(yodel_mail *mail, void *owner)
{
    (void)mail;
    yodel_generator *g = owner;

    if (!g->is_over) {
        stop(g);
    }
}

/* --- now and then ------------------------------------------------------------------------------*/

/* No line can go out on it, and no answer is waited for. */
static bool is_of_no_use(const yodel_connection *c)
{
    switch ((yodel_connection_state)c->state) {
    case YODEL_CONNECTION_OPEN:
        return c->blocked && yodel_conversation_in_flight(&c->talk) == 0;
    case YODEL_CONNECTION_FINISHING:
        return false;
    default:
        return true;
    }
}

/* A number of lines (-n, --idle in the end) has no end when there is nobody left to send them
 * to. */
static void give_up_alone(yodel_generator *g, bool alone, uint64_t now)
{
    bool by_number = g->options->messages > 0 || (g->options->idle && g->sending);
    uint64_t patience = g->referee.timeout_ns + (uint64_t)yodel_opener_gap(g);

    if (!alone) {
        g->alone_since = now;
    } else if (by_number && g->running && !g->stopping && now > g->alone_since &&
               now - g->alone_since > patience) {
        stop(g);
    }
}

static void on_sweep(yodel_timer *timer)
{
    yodel_generator *g = yodel_container_of(timer, yodel_generator, sweep);
    uint64_t now = yodel_loop_now(g->loop);
    bool alone = true;

    for (uint32_t i = 0; i < g->count; i++) {
        yodel_connection_sweep(&g->connections[i], now);
        alone = alone && is_of_no_use(&g->connections[i]);
    }
    give_up_alone(g, alone, now);
    yodel_timer_start(&g->sweep, g->sweep_period);
}

/* The first whole second, counted from the end of the warm-up, after this instant; not beyond the
 * end of the time. */
static uint64_t next_second(const yodel_generator *g, uint64_t now)
{
    uint64_t from = g->referee.counted_from;
    uint64_t at;

    if (now < from) {
        at = from - (from - now - 1) / YODEL_NS_PER_SEC * YODEL_NS_PER_SEC;
    } else {
        at = from + ((now - from) / YODEL_NS_PER_SEC + 1) * YODEL_NS_PER_SEC;
    }
    return now < g->end && g->end < at ? g->end : at;
}

static void on_second(yodel_timer *timer)
{
    yodel_generator *g = yodel_container_of(timer, yodel_generator, second);
    uint64_t at = timer->at_ns;

    if (at > g->start) {
        report(g, YODEL_PHASE_RUNNING);
    } else if (!g->stopping) {
        begin(g);
    }
    if (at >= g->end) {
        end_of_time(g);
    }
    yodel_timer_start_at(&g->second, next_second(g, at));
}

/* --- the thread --------------------------------------------------------------------------------*/

void yodel_phases_init(yodel_generator *g)
{
    double eighth = g->options->timeout / 8;

    g->end = UINT64_MAX;
    g->go_mail.deliver = on_go;
    g->stop_mail.deliver = on_stop;
    g->sweep_period = eighth < SWEEP_MIN_S   ? SWEEP_MIN_S
                      : eighth > SWEEP_MAX_S ? SWEEP_MAX_S
                                             : eighth;
    yodel_timer_init(&g->sweep, g->loop, on_sweep);
    yodel_timer_init(&g->second, g->loop, on_second);
    yodel_deferred_init(&g->over, on_over);
}

void *yodel_phases_run(void *arg)
{
    yodel_generator *g = arg;

    for (uint32_t i = 0; i < g->count; i++) {
        yodel_opener_add(&g->connections[i]);
    }
    yodel_timer_start(&g->sweep, g->sweep_period);
    yodel_loop_run(g->loop);
    return NULL;
}
