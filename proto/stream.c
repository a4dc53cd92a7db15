#include "proto/stream.h"

#include "core/clock.h"
#include "core/error.h"
#include "proto/stream_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* What may pile up for a handler that does not read before the client has to wait. (asyncio pauses
 * at twice its limit of 64 KiB.) */
#define UNREAD_MAX ((size_t)128 * 1024)

/* A client's connection: instance, stream and handler live and die with its transport. */
typedef struct served {
    yodel_stream_instance instance; /* first: what the callbacks expect */
    yodel_stream stream;
    yodel_handler handler;
    const yodel_stream_config *config;
} served;

/* --- the handler --- */

/* Why a handler that has returned did so, as far as it concerns its client. */
static int closing_reason(const yodel_stream *s)
{
    if (s->draining) {
        return YODEL_EDRAIN;
    }
    switch (s->last) {
    case -ETIMEDOUT:
        return YODEL_EIDLE;
    case YODEL_EOF:
    case YODEL_ELINETOOLONG:
        return s->last;
    default:
        return 0;
    }
}

static void run(void *arg)
{
    served *v = arg;
    yodel_stream *s = &v->stream;
    v->config->handler(s, v->config->arg);

    yodel_list *item;
    while ((item = yodel_list_first(&v->handler.opened)) != NULL) {
        yodel_stream_release(yodel_container_of(item, yodel_stream, link));
    }
    yodel_timer_stop(&v->handler.timer);
    s->handler = NULL;
    if (s->transport != NULL) {
        yodel_transport_close(s->transport, closing_reason(s));
    }
}

static void resume(yodel_handler *h)
{
    if (!yodel_coroutine_resume(h->coroutine)) {
        h->coroutine = NULL;
    }
}

uint64_t yodel_handler_deadline(const yodel_handler *h, double timeout)
{
    uint64_t ns = yodel_clock_from_seconds(timeout);
    uint64_t now = yodel_loop_now(h->loop);
    return timeout <= 0 || ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

int yodel_handler_wait(yodel_handler *h, yodel_wait what, yodel_stream *s, uint64_t deadline)
{
    if (h->cancelled) {
        return -ECANCELED;
    }
    h->waiting = what;
    h->waiting_on = s;
    h->deadline = deadline;
    if (deadline < h->timer_at) {
        h->timer_at = deadline;
        yodel_timer_start_at(&h->timer, deadline);
    }
    yodel_coroutine_suspend();
    return h->result;
}

void yodel_handler_wake(yodel_handler *h, int result)
{
    h->waiting = YODEL_WAIT_NONE;
    h->waiting_on = NULL;
    h->result = result;
    resume(h);
}

static void cancel(yodel_handler *h, int result)
{
    h->cancelled = true;
    if (h->waiting != YODEL_WAIT_NONE) {
        yodel_handler_wake(h, result);
    }
}

static bool is_due(const yodel_handler *h, uint64_t at)
{
    return h->waiting != YODEL_WAIT_NONE && h->deadline <= at;
}

/* False: what it waits for has ended, and wakes it. */
static bool look(const yodel_handler *h)
{
    const yodel_stream *s = h->waiting_on;
    return s == NULL || s->transport == NULL || yodel_transport_look(s->transport);
}

static void on_timer(yodel_timer *timer)
{
    yodel_handler *h = yodel_container_of(timer, yodel_handler, timer);
    uint64_t at = timer->at_ns; /* a wait may start it anew */
    h->timer_at = UINT64_MAX;
    if (is_due(h, at) && !look(h)) {
        return;
    }
    if (is_due(h, at)) {
        yodel_handler_wake(h, h->waiting == YODEL_WAIT_TIME ? 0 : -ETIMEDOUT);
    } else if (h->waiting != YODEL_WAIT_NONE && h->deadline < h->timer_at) {
        h->timer_at = h->deadline;
        yodel_timer_start_at(timer, h->deadline);
    }
}

static bool waits_for(const yodel_stream *s, yodel_wait what)
{
    return s->handler != NULL && s->handler->waiting == what && s->handler->waiting_on == s;
}

/* --- the protocol --- */

void yodel_stream_init(yodel_stream *s, yodel_stream_instance *instance, yodel_transport *transport,
                       yodel_handler *handler, uint32_t limit)
{
    s->transport = transport;
    s->instance = instance;
    s->handler = handler;
    s->counters = yodel_transport_counters(transport);
    s->limit = limit;
    yodel_list_init(&s->link);
    instance->stream = s;
}

static int opened_connection_made(void *self, yodel_transport *transport, void *arg)
{
    yodel_stream *s = arg;
    yodel_stream_init(s, self, transport, s->handler, s->limit);
    return 0;
}

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    served *v = self;
    yodel_handler *h = &v->handler;
    v->config = arg;
    h->loop = yodel_transport_loop(transport);
    h->timer_at = UINT64_MAX;
    yodel_timer_init(&h->timer, h->loop, on_timer);
    yodel_list_init(&h->opened);
    if (yodel_coroutine_new(run, v, &h->coroutine) < 0) {
        return YODEL_EFULL;
    }
    yodel_stream_init(&v->stream, &v->instance, transport, h, v->config->limit);
    resume(h);
    return 0;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    yodel_stream_instance *instance = self;
    yodel_stream *s = instance->stream;
    if (s == NULL) {
        return (ssize_t)len;
    }
    s->view = data;
    s->view_len = len;
    s->view_used = 0;
    if (waits_for(s, YODEL_WAIT_INPUT)) {
        yodel_handler_wake(s->handler, 0);
    }
    if (instance->stream == NULL) {
        return (ssize_t)len; /* the handler has returned and s with it */
    }
    size_t used = s->view_used;
    s->view = NULL;
    if (len - used > UNREAD_MAX && !waits_for(s, YODEL_WAIT_INPUT)) {
        s->reading_paused = true;
        yodel_transport_pause_reading(s->transport);
    }
    return (ssize_t)used;
}

static int eof_received(void *self)
{
    yodel_stream *s = ((yodel_stream_instance *)self)->stream;
    if (s == NULL) {
        return 0;
    }
    s->eof = true;
    if (waits_for(s, YODEL_WAIT_INPUT)) {
        yodel_handler_wake(s->handler, 0);
    }
    return 1; /* the handler may still have answers to give; it closes by returning */
}

static int pause_writing(void *self)
{
    yodel_stream *s = ((yodel_stream_instance *)self)->stream;
    if (s != NULL) {
        s->writing_paused = true;
    }
    return 0;
}

static int resume_writing(void *self)
{
    yodel_stream *s = ((yodel_stream_instance *)self)->stream;
    if (s == NULL) {
        return 0;
    }
    s->writing_paused = false;
    if (waits_for(s, YODEL_WAIT_DRAIN)) {
        yodel_handler_wake(s->handler, 0);
    }
    return 0;
}

/* A stream of yodel_stream_connect is its handler's business: it ends with that. */
static bool is_client(const yodel_stream *s)
{
    return s->handler != NULL && !yodel_list_linked(&s->link);
}

static int drain(void *self)
{
    yodel_stream *s = ((yodel_stream_instance *)self)->stream;
    if (s == NULL || s->handler == NULL) {
        return 0;
    }
    s->draining = true;
    /* A handler that does something else just now is busy with what the client sent: it may
     * finish that, and learns of the drain when it wants more. */
    if (is_client(s) && waits_for(s, YODEL_WAIT_INPUT)) {
        cancel(s->handler, -ECANCELED);
    }
    return 1;
}

static void connection_lost(void *self, int reason)
{
    yodel_stream *s = ((yodel_stream_instance *)self)->stream;
    if (s == NULL) {
        return;
    }
    /* -ETIMEDOUT, from the kernel, would look like a wait that can be made again. */
    s->end = reason == -ETIMEDOUT ? YODEL_ESTALLED : reason;
    s->reason = s->end == 0 ? YODEL_EOF : s->end;
    if (reason == YODEL_EDRAIN || reason == YODEL_EDRAINABORT) {
        s->reason = -ECANCELED;
    }
    s->transport = NULL;
    s->instance = NULL;
    yodel_handler *h = s->handler;
    if (h == NULL) {
        return;
    }
    int result = waits_for(s, YODEL_WAIT_END) ? s->end : s->reason;
    if (is_client(s)) {
        cancel(h, h->waiting_on == s ? result : -ECANCELED);
        assert(h->coroutine == NULL); /* no wait suspends a cancelled handler */
    } else if (h->waiting_on == s) {
        yodel_handler_wake(h, result);
    }
}

#define CALLBACKS                                                                                  \
    .data_received = data_received, .eof_received = eof_received, .pause_writing = pause_writing,  \
    .resume_writing = resume_writing, .drain = drain, .connection_lost = connection_lost

static const yodel_protocol_ops served_ops = {.connection_made = connection_made, CALLBACKS};
const yodel_protocol_ops yodel_stream_opened_ops = {.connection_made = opened_connection_made,
                                                    CALLBACKS};

yodel_protocol_factory yodel_stream_factory(const yodel_stream_config *config)
{
    if (config->handler == NULL || config->limit > YODEL_LINE_MAX) {
        return (yodel_protocol_factory){0};
    }
    return (yodel_protocol_factory){
        .ops = &served_ops,
        .size = sizeof(served),
        .arg = (void *)(uintptr_t)config,
        .own_timeouts = true,
    };
}

/* --- what a handler calls --- */

int yodel_stream_write(yodel_stream *s, const void *data, size_t len)
{
    if (s->closed) {
        return -EPIPE;
    }
    if (s->transport == NULL) {
        return s->reason;
    }
    return yodel_transport_write(s->transport, data, len);
}

int yodel_stream_drain(yodel_stream *s, double timeout)
{
    if (s->transport == NULL) {
        return s->reason;
    }
    if (!s->writing_paused) {
        return 0;
    }
    return yodel_handler_wait(s->handler, YODEL_WAIT_DRAIN, s,
                              yodel_handler_deadline(s->handler, timeout));
}

void yodel_stream_close(yodel_stream *s)
{
    if (s->closed) {
        return;
    }
    s->closed = true;
    if (s->transport != NULL) {
        yodel_transport_close(s->transport, 0);
    }
}

int yodel_stream_wait_closed(yodel_stream *s, double timeout)
{
    yodel_stream_close(s);
    if (s->transport != NULL) {
        int code = yodel_handler_wait(s->handler, YODEL_WAIT_END, s,
                                      yodel_handler_deadline(s->handler, timeout));
        if (s->transport != NULL) {
            return code; /* not in time, or cancelled */
        }
    }
    int end = s->end;
    if (yodel_list_linked(&s->link)) {
        yodel_stream_release(s);
    }
    return end;
}

int yodel_stream_sleep(yodel_stream *s, double seconds)
{
    uint64_t now = yodel_loop_now(s->handler->loop);
    uint64_t ns = yodel_clock_from_seconds(seconds);
    return yodel_handler_wait(s->handler, YODEL_WAIT_TIME, NULL,
                              ns < UINT64_MAX - now ? now + ns : UINT64_MAX);
}

yodel_transport *yodel_stream_transport(yodel_stream *s)
{
    return s->transport;
}

void yodel_stream_release(yodel_stream *s)
{
    yodel_list_remove(&s->link);
    if (s->instance != NULL) {
        s->instance->stream = NULL;
    }
    if (s->transport != NULL) {
        yodel_transport_close(s->transport, 0);
    }
    free(s);
}
