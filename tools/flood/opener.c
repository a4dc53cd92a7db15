/*
 * Which connection is opened when: in the order of asking, at most at --connect-rate, and never so
 * many at once that the server's backlog runs over while its thread has not had a chance to accept.
 */
#include "core/clock.h"
#include "tools/flood/generator_internal.h"

/* Connections being made at a time, and opened in a turn of the loop. */
#define AT_ONCE 64

/* Seconds. */
#define DIAL_AGAIN 0.001

double yodel_opener_gap(const yodel_generator *g)
{
    const yodel_flood_options *o = g->options;

    return o->connect_rate > 0 ? 1e9 / o->connect_rate * o->connections / g->count : 0;
}

static bool may_open(yodel_generator *g, uint64_t now)
{
    double gap = yodel_opener_gap(g);

    if (g->is_over || yodel_list_empty(&g->to_open) || g->connecting >= AT_ONCE) {
        return false;
    }
    if (gap > 0) {
        if (now < g->next_open_at) {
            yodel_timer_start_at(&g->open_later, g->next_open_at);
            return false;
        }
        /* What was missed in a pause is not made up for in a burst of more than 10 ms. */
        uint64_t floor = now > 10000000 ? now - 10000000 : 0;
        g->next_open_at = (g->next_open_at > floor ? g->next_open_at : floor) + (uint64_t)gap;
    }
    return true;
}

static void open_some(yodel_generator *g)
{
    uint64_t now = yodel_clock_now();

    for (int i = 0; i < AT_ONCE && may_open(g, now); i++) {
        yodel_connection *c =
            yodel_container_of(yodel_list_first(&g->to_open), yodel_connection, queued);
        yodel_list_remove(&c->queued);
        g->connecting++;
        yodel_connection_open(c);
    }
    if (!yodel_list_empty(&g->to_open) && g->connecting < AT_ONCE && yodel_opener_gap(g) == 0) {
        yodel_loop_defer(g->loop, &g->open_more);
    }
}

static void on_deferred(yodel_deferred *deferred)
{
    open_some(yodel_container_of(deferred, yodel_generator, open_more));
}

static void on_timer(yodel_timer *timer)
{
    open_some(yodel_container_of(timer, yodel_generator, open_later));
}

static void on_dial_again(yodel_timer *timer)
{
    yodel_generator *g = yodel_container_of(timer, yodel_generator, dial_again);
    yodel_list again;
    yodel_list *item;

    yodel_list_init(&again);
    yodel_list_splice(&again, &g->no_room);
    while ((item = yodel_list_first(&again)) != NULL) {
        yodel_list_remove(item);
        yodel_connection_open_again(yodel_container_of(item, yodel_connection, queued));
    }
}

void yodel_opener_init(yodel_generator *g)
{
    yodel_list_init(&g->no_room);
    yodel_timer_init(&g->dial_again, g->loop, on_dial_again);
    yodel_list_init(&g->to_open);
    yodel_deferred_init(&g->open_more, on_deferred);
    yodel_timer_init(&g->open_later, g->loop, on_timer);
}

void yodel_opener_add(yodel_connection *c)
{
    yodel_list_push_back(&c->generator->to_open, &c->queued);
    yodel_loop_defer(c->generator->loop, &c->generator->open_more);
}

void yodel_opener_again(yodel_connection *c)
{
    yodel_generator *g = c->generator;

    if (yodel_list_empty(&g->no_room)) {
        yodel_timer_start(&g->dial_again, DIAL_AGAIN);
    }
    yodel_list_push_back(&g->no_room, &c->queued);
}

void yodel_opener_settled(yodel_connection *c)
{
    yodel_generator *g = c->generator;

    g->connecting--;
    if (!yodel_list_empty(&g->to_open)) {
        yodel_loop_defer(g->loop, &g->open_more);
    }
    if (g->untried == 0 && !g->opened) {
        yodel_phases_opened(g);
    }
}

void yodel_opener_stop(yodel_generator *g)
{
    yodel_deferred_cancel(&g->open_more);
    yodel_timer_stop(&g->open_later);
    yodel_timer_stop(&g->dial_again);
}
