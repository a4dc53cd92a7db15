/*
 * stream: a connection as a straight-line handler sees it (asyncio: StreamReader and StreamWriter
 * in one, and start_server's client_connected_cb).
 *
 *     static void echo(yodel_stream *s, void *arg)
 *     {
 *         yodel_span line;
 *         while (yodel_stream_read_until(s, "\r\n", 2, 30.0, &line) == 0) {
 *             if (yodel_span_equals(line, "."))
 *                 break;
 *             yodel_stream_write(s, line.data, line.len);
 *             yodel_stream_write(s, "\r\n", 2);
 *             if (yodel_stream_drain(s, 30.0) < 0)
 *                 break;
 *         }
 *     }
 *
 * Each connection runs its handler as a coroutine (core/coroutine.h) on its worker's loop. A call
 * that has to wait suspends the handler, never the loop; a call that need not wait does not even
 * cost a turn: the lines of one segment are read one after the other and their answers leave in one
 * send. Returning from the handler closes the connection; what was written is sent first.
 *
 * Waiting calls take a timeout in seconds; 0 waits for ever. All of them return
 *
 *     0            done
 *     -ETIMEDOUT   not in time; no byte is lost, the call can be made again (asyncio: wait_for,
 *                  which cancels, though)
 *     -ECANCELED   this handler is to end: its client is gone (a reset or an error; an end of
 *                  file is for reading to find, since a client may half-close and wait for its
 *                  answers), or the server drains and nothing more of the client's is to be
 *                  read, or the drain's grace is over. Every later wait returns it at once:
 *                  unwind and return. (asyncio: CancelledError)
 *     YODEL_EOF    the peer sends no more, or the connection is closed
 *     other codes  why the connection ended (-ECONNRESET, YODEL_ESTALLED, ...)
 *
 * A span that a read hands out is borrowed: it is valid until the handler's next call that can
 * wait (on this or any stream). Copy what has to live longer.
 *
 * All functions are for the handler itself, inside its coroutine.
 */
#ifndef YODEL_PROTO_STREAM_H
#define YODEL_PROTO_STREAM_H

#include "../core/protocol.h"
#include "../core/transport.h"
#include "framing.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct yodel_stream yodel_stream;

/* Some bytes that belong to somebody else. */
typedef struct yodel_span {
    const char *data; /* not NUL-terminated */
    size_t len;
} yodel_span;

/* True when the span holds exactly the characters of a string. */
static inline bool yodel_span_equals(yodel_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* What serves a connection; may call anything here, must not block the thread. Its stack is 64 KiB.
 */
typedef void yodel_stream_handler(yodel_stream *stream, void *arg);

typedef struct yodel_stream_config {
    yodel_stream_handler *handler;
    void *arg; /* handed to it */
    /* Bytes: the longest line without its delimiter, at most YODEL_LINE_MAX. (asyncio: limit) */
    uint32_t limit;
} yodel_stream_config;

/* The factory for a server's config. config must outlive the server. The server's idle timeout does
 * not apply to streams: their handler says how long it waits. A connection for which no stack can
 * be had is refused as when the server is full. Without a handler, or with a limit that cannot be,
 * it is a factory without callbacks, which yodel_server_new does not take. Any thread. (asyncio:
 * start_server) */
yodel_protocol_factory yodel_stream_factory(const yodel_stream_config *config);

/* Reads up to a delimiter (1 to 4 bytes), which is not part of *line. (asyncio: readuntil)
 * YODEL_EOF: the end came first; the rest stays readable (IncompleteReadError.partial).
 * YODEL_ELINETOOLONG: more than limit bytes without one; that line is passed over, the next
 * read begins behind it (LimitOverrunError, but the stream goes on). -EINVAL: a bad delimiter. */
int yodel_stream_read_until(yodel_stream *stream, const char *delimiter, size_t delimiter_len,
                            double timeout, yodel_span *line);

/* Reads exactly n bytes, n > 0; the stream's limit is for lines and does not hold for n, which is
 * all in memory then: a handler limits what it lets a peer ask for. (asyncio: readexactly)
 * YODEL_EOF: fewer came before the end; they stay readable. */
int yodel_stream_read_exactly(yodel_stream *stream, size_t n, double timeout, yodel_span *bytes);

/* Reads what is there, 1 to max bytes, waiting only when nothing is. (asyncio: read(n))
 * YODEL_EOF: nothing is left and nothing more comes. */
int yodel_stream_read_some(yodel_stream *stream, size_t max, double timeout, yodel_span *bytes);

/* True when the peer's end of file came and everything before it was read. Never waits. (at_eof) */
bool yodel_stream_at_eof(const yodel_stream *stream);

/* Writes; never waits: what the kernel does not take is kept, see drain. data is free for
 * reuse on return, but for a span of this turn, which is sent from where it lies. (asyncio: write)
 * 0; -EPIPE after close; YODEL_EOVERRUN or -ENOMEM when this write ended the connection; else why
 * it has ended. */
int yodel_stream_write(yodel_stream *stream, const void *data, size_t len);

/* Waits while more than the high water mark is unsent, until it has fallen to the low one: a
 * handler that drains after each answer never keeps more than that for a slow reader. (asyncio:
 * drain) */
int yodel_stream_drain(yodel_stream *stream, double timeout);

/* Sends what was written and ends the connection, in the background. Reading returns YODEL_EOF from
 * now on, writing -EPIPE. No effect when closed or ended. (asyncio: close) */
void yodel_stream_close(yodel_stream *stream);

/* Closes and waits until everything is sent and the connection has ended; 0 or why it failed. Frees
 * a stream of yodel_stream_connect when it returns 0 or a code of an ended connection, that is
 * anything but -ETIMEDOUT and -ECANCELED. (asyncio: wait_closed) */
int yodel_stream_wait_closed(yodel_stream *stream, double timeout);

/* Waits; 0 when the time is over. (asyncio: sleep) */
int yodel_stream_sleep(yodel_stream *stream, double seconds);

/* Opens a connection to another server; the client waits meanwhile. host is a name, resolved
 * without blocking the loop, or an address; its addresses are tried in turn, each for up to timeout
 * seconds (0: as long as the kernel does). The new stream has the limit of this one and belongs to
 * this handler: when the client goes away, waits on it return -ECANCELED; when the handler returns,
 * it is closed. (asyncio: open_connection) 0 and *out; -ECONNREFUSED, -ETIMEDOUT,
 * YODEL_EAI(EAI_NONAME), ...: the last address's error; -EINVAL: a bad port; -ENOMEM. */
int yodel_stream_connect(yodel_stream *stream, const char *host, const char *port, double timeout,
                         yodel_stream **out);

/* The transport below, for its peer, its limits and the like; NULL when the connection has ended.
 */
yodel_transport *yodel_stream_transport(yodel_stream *stream);

#endif
