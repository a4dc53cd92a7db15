/*
 * The open loop: says when lines are due, however the server does. Line after line of connection
 * after connection, in one global order, each thread for its own connections. One timerfd, since
 * libev's timers are no finer than a millisecond.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/clock.h"
#include "tools/flood/generator_internal.h"

/* The line that is due next, and when. */
static uint64_t next_due(const yodel_generator *g)
{
    return yodel_conversation_due(&g->connections[g->turn].talk, &g->referee, g->round + 1);
}

static void advance(yodel_generator *g)
{
    if (++g->turn == g->count) {
        g->turn = 0;
        g->round++;
    }
}

/* Whole rounds that are due before `until` are not walked through: at a rate that nobody can keep
 * up with there would be more of them each time. Returns how many connections have lines due by
 * that. */
static uint32_t skip_rounds(yodel_generator *g, uint64_t until)
{
    const yodel_referee *r = &g->referee;
    double rounds = until > r->start ? (double)(until - r->start) / r->slot_ns / r->connections : 0;

    /* One less, and no rounding decides. */
    if (rounds < (double)g->round + 3) {
        return 0;
    }
    g->round = (uint64_t)rounds - 1;
    g->turn = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        g->connections[i].due = g->round;
        g->connections[i].has_due = true;
        g->with_due[i] = &g->connections[i];
    }
    return g->count;
}

/* All lines that are due by now are released before the first is written, so that those of one
 * connection leave in one write. */
static void release(yodel_generator *g)
{
    uint64_t now = yodel_clock_now();
    uint32_t count = skip_rounds(g, now < g->end ? now : g->end);

    for (uint64_t due = next_due(g); due <= now && due < g->end; due = next_due(g)) {
        yodel_connection *c = &g->connections[g->turn];
        c->due = g->round + 1;
        if (!c->has_due) {
            c->has_due = true;
            g->with_due[count++] = c;
        }
        advance(g);
    }
    for (uint32_t i = 0; i < count; i++) {
        g->with_due[i]->has_due = false;
        yodel_connection_flush(g->with_due[i], 0, yodel_clock_now());
    }
}

static void arm(yodel_generator *g)
{
    uint64_t due = next_due(g);
    struct itimerspec at = {
        .it_value =
            {
                .tv_sec = (time_t)(due / YODEL_NS_PER_SEC),
                .tv_nsec = (long)(due % YODEL_NS_PER_SEC),
            },
    };

    (void)timerfd_settime(g->pacer.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Arming it anew makes it unreadable: there is no need to read it. */
static void on_due(struct ev_loop *ev, ev_io *io, int events)
{
    (void)ev;
    (void)events;
    yodel_generator *g = io->data;

    release(g);
    if (g->sending) {
        arm(g);
    }
}

int yodel_pacer_init(yodel_generator *g)
{
    ev_init(&g->pacer, on_due);
    g->pacer.fd = -1;
    g->pacer.data = g;
    if (g->options->rate == 0) {
        return 0;
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ev_io_set(&g->pacer, fd, EV_READ);
    return 0;
}

void yodel_pacer_go(yodel_generator *g)
{
    if (g->pacer.fd >= 0) {
        ev_io_start(yodel_loop_ev(g->loop), &g->pacer);
        arm(g);
    }
}

void yodel_pacer_finish(yodel_generator *g)
{
    if (g->pacer.fd >= 0) {
        release(g);
    }
}

void yodel_pacer_stop(yodel_generator *g)
{
    if (g->pacer.fd >= 0) {
        ev_io_stop(yodel_loop_ev(g->loop), &g->pacer);
    }
}

void yodel_pacer_free(yodel_generator *g)
{
    if (g->pacer.fd >= 0) {
        close(g->pacer.fd);
    }
}
