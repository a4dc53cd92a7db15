/*
 * protocol: what a connection's user implements; the one interface of core that points upwards.
 *
 * A protocol instance belongs to one transport, lives in the same allocation and is called on that
 * transport's own loop thread only (asyncio: Protocol). No callback comes from inside another one,
 * but for pause_writing, which comes from inside the yodel_transport_write that went above the
 * mark. The order is
 *
 *     connection_made  (data_received | pause_writing | resume_writing)*  eof_received?  drain?
 * connection_lost
 *
 * with connection_lost exactly once after every connection_made, also when that one failed.
 *
 * A protocol may put another one in its place (yodel_transport_set_protocol): then its own next
 * callback is the other's connection_made, and connection_lost comes to that one alone.
 *
 * Every callback but connection_made may be NULL. One that returns int returns 0, or a negative
 * code (error.h): then this connection, and no other, is aborted with YODEL_EHANDLER, logged and
 * counted. Any callback may close or abort its own connection or another one of the same loop.
 */
#ifndef YODEL_CORE_PROTOCOL_H
#define YODEL_CORE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct yodel_transport yodel_transport;

typedef struct yodel_protocol_ops {
    /* The connection is there. self is the instance: factory.size zero bytes, aligned for any type;
     * arg is factory.arg. May write already. YODEL_EFULL: there is no room for another one; the
     * peer is told that the server is full, and closed in good order. (asyncio: connection_made) */
    int (*connection_made)(void *self, yodel_transport *transport, void *arg);

    /* Bytes came: len > 0 of them, everything that this protocol has not consumed yet followed by
     * what is new. Returns how many it is done with (0..len), from the front; the rest is kept
     * and handed in again, in one piece, with the bytes that follow or after resume_reading. A
     * return above 0 restarts the idle timeout. data may be read until the callback returns and
     * must not be changed; what is written to a transport out of it needs no copy.
     * (asyncio: data_received, with the protocol's own buffer folded into the transport) */
    ssize_t (*data_received)(void *self, const uint8_t *data, size_t len);

    /* The peer will send no more. 0: close once everything written is sent (also what NULL does);
     * 1: stay open for writing, the protocol closes. (asyncio: eof_received) */
    int (*eof_received)(void *self);

    /* The unsent output rose above the high water mark / fell to the low one. NULL for both
     * pauses and resumes reading of this same connection, which is what a protocol that answers
     * what it reads wants. (asyncio: pause_writing, resume_writing) */
    int (*pause_writing)(void *self);
    int (*resume_writing)(void *self);

    /* The server drains, and everything that had arrived by then was handed in. 0: close once
     * everything written is sent (also what NULL does); 1: stay open for writing only, the protocol
     * closes when it has finished, or is aborted when the drain's grace is over. */
    int (*drain)(void *self);

    /* The end: called by the loop's reaper, never from inside another callback. The transport must
     * not be used any more and goes, with self, once this has returned. reason: 0 closed by
     * yodel_transport_close(t, 0), YODEL_EOF the client ended, else why. (asyncio: connection_lost)
     */
    void (*connection_lost)(void *self, int reason);
} yodel_protocol_ops;

/* Makes protocol instances: asyncio's protocol_factory. A value, copied by those who take it;
 * what ops and arg point to must outlive the server. */
typedef struct yodel_protocol_factory {
    const yodel_protocol_ops *ops;
    size_t size;       /* bytes of one instance */
    void *arg;         /* handed to connection_made */
    bool own_timeouts; /* the protocol watches the time itself: no idle timeout */
    bool names_client; /* the protocol finds out who the client is: yodel_transport_set_client */
} yodel_protocol_factory;

/* False for a factory that makes nothing: yodel_server_new and yodel_connect refuse it with
 * -EINVAL. */
static inline bool yodel_protocol_factory_works(const yodel_protocol_factory *factory)
{
    return factory->ops != NULL && factory->ops->connection_made != NULL;
}

#endif
