/*
 * transport: one connection, as its protocol sees it (asyncio: Transport).
 *
 * A transport reads into its loop's shared receive buffer, hands the bytes to the protocol in
 * place, collects what is written during that turn and sends it with one system call at the turn's
 * end. Only an incomplete rest of input, or output that the kernel would not take, moves into
 * memory of the connection's own, and that goes back when it is empty: an idle connection owns no
 * buffer.
 *
 * Everything here is for the transport's own loop thread only. A transport is valid from
 * connection_made until connection_lost returns.
 */
#ifndef YODEL_CORE_TRANSPORT_H
#define YODEL_CORE_TRANSPORT_H

#include "address.h"
#include "counters.h"
#include "protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct yodel_loop yodel_loop; /* loop.h */

/* Output that the kernel has not taken yet, in bytes: above high the writer is paused, at or below
 * low it is resumed, above hard the connection is aborted. (asyncio: set_write_buffer_limits) */
typedef struct yodel_write_limits {
    uint32_t high;
    uint32_t low;
    uint32_t hard;
} yodel_write_limits;

/* Writes len bytes. They are sent at the end of the turn, in the order of writing; what the kernel
 * does not take then waits in the connection's buffer. data is free for reuse on return, unless it
 * lies in what data_received was given: that is sent from where it lies, so it must not be changed
 * before data_received returns. (asyncio: write)
 * 0; -EPIPE after close or when the connection has ended; another code when this very write ended
 * it (connection_lost will come with the same): -ENOMEM, YODEL_EOVERRUN, -ECONNRESET and the like.
 */
int yodel_transport_write(yodel_transport *transport, const void *data, size_t len);

/* Room for len bytes behind what was written, for a writer that composes them in place: they count
 * as written, so fill them in before anything else is done with this transport. YODEL_COMPOSE_SLACK
 * bytes behind them may be written, too, and mean nothing. NULL, with nothing done: there is no
 * such room just now, or so many bytes are better not copied, or the connection is closing;
 * yodel_transport_write them. */
#define YODEL_COMPOSE_SLACK 8
void *yodel_transport_compose(yodel_transport *transport, size_t len);

/* Do these bytes lie in what data_received is looking at just now? Then they can be read, and
 * written without being copied. */
bool yodel_transport_is_received(const yodel_transport *transport, const void *data, size_t len);

/* Ends the connection in good order: no more is read, everything written is sent, the peer sees an
 * end of file, and what it still sends for up to 2 s or 64 KiB is thrown away so that no reset
 * destroys what is on its way to it. reason is what connection_lost gets: 0, or a negative code. No
 * effect when it is closing or has ended. (asyncio: close) */
void yodel_transport_close(yodel_transport *transport, int reason);

/* Ends the connection at once; what has not been sent is lost, and where something is lost the peer
 * sees a reset rather than an end of file that looks complete. connection_lost comes later, with
 * reason, unless it has one already. (asyncio: abort) */
void yodel_transport_abort(yodel_transport *transport, int reason);

/* True once close or abort was called or the connection has ended. (asyncio: is_closing) */
bool yodel_transport_is_closing(const yodel_transport *transport);

/* Stops data_received until resume_reading. What was received already is kept; the kernel's
 * buffer fills, and the peer has to wait. No effect when paused or closing. (asyncio:
 * pause_reading) */
void yodel_transport_pause_reading(yodel_transport *transport);

/* Goes on: first, still in this turn but not from inside this call, data_received gets what
 * was kept, then reading resumes. No effect when not paused. (asyncio: resume_reading) */
void yodel_transport_resume_reading(yodel_transport *transport);

/* Has data_received called with what was received and not consumed, still in this turn but not from
 * inside this call, as if more had come; also while paused and after the end of file. No effect
 * when there is nothing, or when closing. */
void yodel_transport_redeliver(yodel_transport *transport);

/* True while data_received may be called; a protocol that loops over its input stops when it turns
 * false. (asyncio: is_reading) */
bool yodel_transport_is_reading(const yodel_transport *transport);

/* A last look at the peer before giving up on it: receives what the kernel has of it by now and
 * sends what waits for room, as if the loop had just been told; data_received, eof_received and all
 * that they may do come from inside this. The loop is told of so many connections in a turn, and of
 * none when a signal ends its wait: a timeout alone does not say that nothing came in time. False:
 * the connection has ended, and connection_lost is still to come. For timers, not from inside
 * another callback of a transport. */
bool yodel_transport_look(yodel_transport *transport);

/* Sets the water marks and the hard cap for this connection, low <= high <= hard; output above the
 * new high mark pauses at the next write only. (asyncio: set_write_buffer_limits) */
void yodel_transport_set_limits(yodel_transport *transport, yodel_write_limits limits);

/* Bytes written that the kernel has not taken, this turn's included. (get_write_buffer_size) */
size_t yodel_transport_unsent(const yodel_transport *transport);

/* Bytes received that the protocol has not consumed; between callbacks. */
size_t yodel_transport_unread(const yodel_transport *transport);

/* Puts another protocol in the place of the one whose data_received calls this, on a connection
 * that is not closing. The factory works (protocol.h). The new instance takes the old one's memory
 * (factory->size is at most that of the factory that the connection began with), so the caller must
 * not touch its own any more and returns; the new one's connection_made is called from inside this.
 * The idle timeout begins anew.
 * What the caller does not consume is the new one's; to have it delivered in this very turn, the
 * caller hands it to the new one's data_received itself while yodel_transport_is_reading, and adds
 * what that returns to its own. (asyncio: set_protocol, and the same hand-over by its callers) */
void yodel_transport_set_protocol(yodel_transport *transport,
                                  const yodel_protocol_factory *factory);

/* Says who the client is behind the proxy that the connection comes from: what yodel_transport_peer
 * tells, and logs, from now on, and whom the limits of client_limit.h count. Once, by a protocol
 * whose factory has names_client, from one of its callbacks. An address of neither IP family is
 * kept without its name. 0; YODEL_ETOOMANY, YODEL_ETOOOFTEN or -ENOMEM: it is not let in; it has
 * been told so, counted and logged, and the connection is closing. */
int yodel_transport_set_client(yodel_transport *transport, const yodel_address *address);

/* The address of the client: the peer's, or what yodel_transport_set_client said. 0, or a negative
 * errno (-ENOTCONN when the peer is gone). (get_extra_info) */
int yodel_transport_peer(const yodel_transport *transport, yodel_address *peer);

/* The transport of a protocol instance, the self of its callbacks. */
yodel_transport *yodel_transport_of(const void *protocol);

/* The loop it runs on, for timers and tasks. */
yodel_loop *yodel_transport_loop(const yodel_transport *transport);

/* Its worker's counters, for protocols that count lines. */
yodel_counters *yodel_transport_counters(yodel_transport *transport);

#endif
