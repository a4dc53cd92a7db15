/*
 * Connections with a fault that takes its time: what they do comes in steps of a millisecond, so
 * that the server really sees piece after piece.
 */
#include "core/clock.h"
#include "tools/flood/generator_internal.h"

#define TICK 0.001 /* seconds */

/* What a slow reader takes at a time, and how many ticks it then waits. */
#define SLOW_READ_BYTES 4096
#define SLOW_READ_TICKS 10

/* How long a piece is: up to and a little beyond the end of a line, so that a cut comes
 * anywhere. */
static size_t next_piece(const yodel_connection *c)
{
    const yodel_payload *p = &c->generator->plan->payload;
    const yodel_conversation *t = &c->talk;

    if (c->fault == YODEL_FAULT_DRIP) {
        return 1;
    }
    uint64_t line = t->cut > 0 ? t->begun : t->begun + 1;
    uint64_t rest = yodel_payload_length(p, t->connection, line) - t->cut;
    return 1 + (size_t)(yodel_payload_chance(p, t->connection, line, 16 + t->cut) % (rest + 2));
}

static void step(yodel_connection *c, uint64_t tick)
{
    if (yodel_slow_writes(c)) {
        yodel_connection_send_piece(c, next_piece(c));
    } else if ((tick + c->talk.connection) % SLOW_READ_TICKS == 0) {
        yodel_connection_receive(c, SLOW_READ_BYTES);
    }
}

static void on_tick(yodel_timer *timer)
{
    yodel_generator *g = yodel_container_of(timer, yodel_generator, slow_tick);
    yodel_list *item, *next;

    g->slow_ticks++;
    yodel_list_for_each_safe(item, next, &g->slow)
    {
        step(yodel_container_of(item, yodel_connection, queued), g->slow_ticks);
    }
    if (!yodel_list_empty(&g->slow)) {
        yodel_timer_start(&g->slow_tick, TICK);
    }
}

void yodel_slow_init(yodel_generator *g)
{
    yodel_list_init(&g->slow);
    yodel_timer_init(&g->slow_tick, g->loop, on_tick);
}

void yodel_slow_add(yodel_connection *c)
{
    yodel_generator *g = c->generator;

    if (yodel_list_empty(&g->slow)) {
        yodel_timer_start(&g->slow_tick, TICK);
    }
    yodel_list_push_back(&g->slow, &c->queued);
}

void yodel_slow_stop(yodel_generator *g)
{
    yodel_timer_stop(&g->slow_tick);
}
