#include "tools/flood/generator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/thread.h"
#include "tools/flood/generator_internal.h"

void yodel_interval_free(yodel_interval *interval)
{
    if (interval != NULL) {
        free(interval->tally);
        free(interval);
    }
}

yodel_interval *yodel_interval_new(yodel_generator *g)
{
    yodel_interval *interval = calloc(1, sizeof *interval);
    yodel_tally *tally = calloc(1, sizeof *tally);

    if (interval == NULL || tally == NULL) {
        free(interval);
        free(tally);
        return NULL;
    }
    interval->mail.deliver = g->owner.deliver;
    interval->generator = g;
    interval->tally = tally;
    return interval;
}

static void set_referee(yodel_generator *g)
{
    const yodel_flood_options *o = g->options;

    g->referee = (yodel_referee){
        .payload = &g->plan->payload,
        .connections = o->connections,
        .ring_mask = yodel_conversation_ring(o->depth) - 1,
        .timeout_ns = yodel_clock_from_seconds(o->timeout),
        .counted_from = UINT64_MAX,
        .slot_ns = o->rate > 0 ? 1e9 / o->rate : 0,
        .tally = g->interval->tally,
    };
}

static int make(yodel_generator *g)
{
    const yodel_flood_options *o = g->options;

    g->connections = calloc(g->count, sizeof *g->connections);
    g->sent_at = calloc((size_t)g->count * yodel_conversation_ring(o->depth), sizeof *g->sent_at);
    g->with_due = calloc(o->rate > 0 ? g->count : 1, sizeof(yodel_connection *));
    g->working = malloc(o->target_count);
    g->in =
        aligned_alloc(4096, YODEL_GENERATOR_IN); /* a page: core/transport_internal.h says why */
    g->out = malloc(YODEL_GENERATOR_OUT);
    bool is_long = g->plan->payload.length_min >= YODEL_GENERATOR_LONG;
    g->batch = is_long ? malloc(sizeof *g->batch) : NULL;
    g->interval = yodel_interval_new(g);
    if ((is_long && g->batch == NULL) || g->connections == NULL || g->sent_at == NULL ||
        g->with_due == NULL || g->working == NULL || g->in == NULL || g->out == NULL ||
        g->interval == NULL) {
        return -ENOMEM;
    }
    memset(g->working, YODEL_ADDRESS_UNKNOWN, o->target_count);
    int error = yodel_loop_new(&g->loop);
    if (error == 0) {
        error = yodel_mailbox_init(&g->mailbox, g->loop, g);
        if (error < 0) {
            yodel_loop_free(g->loop);
            g->loop = NULL;
        }
    }
    return error < 0 ? error : yodel_pacer_init(g);
}

int yodel_generator_new(const yodel_plan *plan, uint32_t index, const yodel_generator_owner *owner,
                        yodel_generator **out)
{
    yodel_generator *g = calloc(1, sizeof *g);

    if (g == NULL) {
        return -ENOMEM;
    }
    g->plan = plan;
    g->options = plan->options;
    g->index = index;
    g->owner = *owner;
    g->count = yodel_plan_share(plan, index);
    g->untried = g->count;
    g->pacer.fd = -1;
    int error = make(g);
    if (error < 0) {
        yodel_generator_free(g);
        return error;
    }
    set_referee(g);
    yodel_opener_init(g);
    yodel_slow_init(g);
    yodel_phases_init(g);
    for (uint32_t i = 0; i < g->count; i++) {
        yodel_connection_init(&g->connections[i], g, index + i * g->options->threads,
                              g->sent_at + (size_t)i * yodel_conversation_ring(g->options->depth));
    }
    *out = g;
    return 0;
}

int yodel_generator_start(yodel_generator *g)
{
    char name[YODEL_THREAD_NAME];

    snprintf(name, sizeof name, "flood-%u", g->index);
    return yodel_thread_start(&g->thread, name, -1, yodel_phases_run, g);
}

void yodel_generator_go(yodel_generator *g, uint64_t start)
{
    g->start = start;
    yodel_mailbox_post(&g->mailbox, &g->go_mail);
}

void yodel_generator_stop(yodel_generator *g)
{
    if (!g->stop_posted) {
        g->stop_posted = true;
        yodel_mailbox_post(&g->mailbox, &g->stop_mail);
    }
}

void yodel_generator_join(yodel_generator *g)
{
    pthread_join(g->thread, NULL);
}

const yodel_mismatch *yodel_generator_mismatch(const yodel_generator *g)
{
    return g->referee.has_mismatch ? &g->referee.mismatch : NULL;
}

double yodel_generator_mean(const yodel_generator *g, uint32_t i, uint64_t *answers)
{
    const yodel_conversation *talk = &g->connections[i].talk;

    *answers = talk->latency_count;
    return talk->latency_count > 0 ? (double)talk->latency_sum / talk->latency_count / 1e9 : 0;
}

void yodel_generator_free(yodel_generator *g)
{
    if (g == NULL) {
        return;
    }
    for (uint32_t i = 0; g->connections != NULL && i < g->count; i++) {
        yodel_connection_free(&g->connections[i]);
    }
    yodel_pacer_free(g);
    if (g->loop != NULL) {
        yodel_mailbox_destroy(&g->mailbox);
        yodel_loop_free(g->loop);
    }
    yodel_interval_free(g->interval);
    free(g->connections);
    free(g->sent_at);
    free(g->with_due);
    free(g->working);
    free(g->in);
    free(g->out);
    free(g->batch);
    free(g);
}
