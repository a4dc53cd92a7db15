/*
 * What the files of the stream know of each other. Private: not installed.
 *
 *   stream.c           the handler's coroutine, its waits, the protocol's callbacks
 *   stream_read.c      reading: what to look for, when to wait, what an end means
 *   stream_connect.c   connections that a handler opens itself
 */
#ifndef YODEL_PROTO_STREAM_INTERNAL_H
#define YODEL_PROTO_STREAM_INTERNAL_H

#include "../core/coroutine.h"
#include "../core/list.h"
#include "../core/loop.h"
#include "framing.h"
#include "stream.h"

typedef enum yodel_wait {
    YODEL_WAIT_NONE,
    YODEL_WAIT_INPUT,
    YODEL_WAIT_DRAIN,
    YODEL_WAIT_END,
    YODEL_WAIT_TIME,
    YODEL_WAIT_CONNECT,
} yodel_wait;

/* A handler: a coroutine that waits for one thing at a time. */
typedef struct yodel_handler {
    yodel_coroutine *coroutine; /* NULL: it has returned */
    yodel_loop *loop;
    yodel_wait waiting;
    yodel_stream *waiting_on;
    int result; /* of the wait */
    bool cancelled;
    uint64_t deadline; /* of the wait */
    yodel_timer
        timer; /* set for the deadline or earlier: most waits end long before it, and moving */
    uint64_t timer_at; /* it for each would cost more than now and then looking in vain */
    yodel_list opened; /* streams of yodel_stream_connect */
} yodel_handler;

/* The protocol instance: connection_lost and the stream's end may come in either order. */
typedef struct yodel_stream_instance {
    yodel_stream *stream; /* NULL: nobody reads or writes any more */
} yodel_stream_instance;

struct yodel_stream {
    yodel_transport *transport; /* NULL: ended */
    yodel_stream_instance *instance;
    yodel_handler *handler;   /* NULL: it has returned */
    yodel_counters *counters; /* the worker's */
    yodel_list link;          /* in handler->opened, if it is one of these */
    const uint8_t *view;      /* what data_received was given; NULL outside of it */
    size_t view_len;
    size_t view_used;
    yodel_framing framing;
    uint32_t limit;
    int reason; /* once transport is NULL: why it ended, as reads and writes say it */
    int end;    /* and as wait_closed says it: 0 when it was in good order */
    int last;   /* what the last read returned: says why a handler returned */
    bool eof : 1;
    bool closed : 1;         /* by the handler */
    bool reading_paused : 1; /* by us: more came than a handler that does something else should let
                                pile up */
    bool writing_paused : 1; /* by the transport: above the high water mark */
    bool draining : 1;
    bool skipping : 1; /* the rest of a line that was too long */
};

/* The protocol of a stream that its handler opens; factory.arg is the stream, zeroed but for
 * handler and limit. */
extern const yodel_protocol_ops yodel_stream_opened_ops;

/* Prepares a zeroed stream for an instance on a transport. */
void yodel_stream_init(yodel_stream *stream, yodel_stream_instance *instance,
                       yodel_transport *transport, yodel_handler *handler, uint32_t limit);

/* Suspends the handler until it is woken or the instant is there (UINT64_MAX: never); stream may be
 * NULL. The wake's result, -ETIMEDOUT, or at once -ECANCELED. */
int yodel_handler_wait(yodel_handler *handler, yodel_wait what, yodel_stream *stream,
                       uint64_t deadline);

/* Ends the wait, on the loop. */
void yodel_handler_wake(yodel_handler *handler, int result);

/* A timeout as an instant; 0 seconds is never. */
uint64_t yodel_handler_deadline(const yodel_handler *handler, double timeout);

/* Ends a stream of yodel_stream_connect: closes it if need be and frees it. */
void yodel_stream_release(yodel_stream *stream);

#endif
