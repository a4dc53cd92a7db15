/*
 * line_protocol: line servers without any buffering of one's own (the articles' ChatProtocol):
 * turns data_received into line_received, and has write_line.
 *
 *     static int line_received(yodel_line_protocol *p, const char *line, size_t len)
 *     {
 *         return yodel_line_write_line(p, line, len) < 0 ? -1 : 1;
 *     }
 *     static const yodel_line_ops ops = {.line_received = line_received};
 *     static const yodel_line_config config = {.ops = &ops, .max_line = 512};
 *     ...
 *     server_config.factory = yodel_line_factory(&config);
 *
 * Lines end with CRLF exactly unless the config names another delimiter; a bare LF, a bare CR, NUL
 * and bytes above 127 are payload. A protocol in which a number of bytes of any value follows a
 * line (HTTP's or memcached's bodies) is one for stream.h. All functions are for the connection's
 * own loop thread.
 */
#ifndef YODEL_PROTO_LINE_PROTOCOL_H
#define YODEL_PROTO_LINE_PROTOCOL_H

#include "../core/protocol.h"
#include "../core/transport.h"
#include "framing.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One connection of a line protocol. */
typedef struct yodel_line_protocol yodel_line_protocol;

/* Callbacks; all but line_received may be NULL. One that returns a negative code aborts this
 * connection only, which is logged and counted. */
typedef struct yodel_line_ops {
    size_t state_size; /* bytes of state per connection, zeroed; yodel_line_state returns it */

    /* The place for a greeting. 0, or a negative code. */
    int (*connection_made)(yodel_line_protocol *p);

    /* One complete line without its delimiter; borrowed until the return, not NUL-terminated.
     * > 0 (not the 0 that writing returns): go on with the next line; 0: stop dispatching, for a
     * protocol that has closed or paused reading (lines that came already are delivered after
     * yodel_transport_resume_reading); < 0: drop the connection. */
    int (*line_received)(yodel_line_protocol *p, const char *line, size_t len);

    /* A line is longer than max_line. Usually writes an error line; afterwards the connection is
     * closed in good order with YODEL_ELINETOOLONG. NULL writes
     * "Error: line longer than N bytes". 0, or a negative code. */
    int (*line_too_long)(yodel_line_protocol *p);

    /* The client sends no more; every complete line was delivered, a partial one was dropped and
     * counted. 0: close after everything is sent (as NULL does); 1: stay open for writing, the
     * protocol closes. */
    int (*eof_received)(yodel_line_protocol *p);

    /* The end; reason as in protocol.h. p is gone afterwards. */
    void (*connection_lost)(yodel_line_protocol *p, int reason);
} yodel_line_ops;

typedef struct yodel_line_config {
    const yodel_line_ops *ops;
    const char *delimiter; /* 1 to 4 characters; NULL: CRLF */
    uint32_t max_line;     /* bytes without the delimiter, at most YODEL_LINE_MAX */
    void *arg;             /* yodel_line_arg returns it */
} yodel_line_config;

/* The factory for a server's config. config must outlive the server. One without line_received, or
 * with a delimiter or a max_line that cannot be, makes a factory without callbacks, which
 * yodel_server_new and yodel_connect do not take. Any thread. */
yodel_protocol_factory yodel_line_factory(const yodel_line_config *config);

/* Writes bytes as they are: part of a line. Returns what yodel_transport_write returns. */
int yodel_line_write(yodel_line_protocol *p, const void *data, size_t len);

/* Room for a line of len bytes, to be filled in before anything else is written; the delimiter is
 * behind it and the line is counted. NULL, with nothing done: no room just now, or closing; write
 * it. */
char *yodel_line_compose(yodel_line_protocol *p, size_t len);

/* Writes head and data (either may be empty) and the delimiter by themselves, and counts a line.
 * Returns what yodel_transport_write returns. What yodel_line_reply does where there is no room to
 * compose. */
int yodel_line_write_pieces(yodel_line_protocol *p, const void *head, size_t head_len,
                            const void *data, size_t len);

/* Writes a line that begins with head, as most answers do ("250 " in SMTP), goes on with data, and
 * ends with the delimiter; counts it. Inline, so that a constant head costs no call. Returns what
 * yodel_transport_write returns. */
__attribute__((always_inline)) static inline int yodel_line_reply(yodel_line_protocol *p,
                                                                  const void *head, size_t head_len,
                                                                  const void *data, size_t len)
{
    char *line = yodel_line_compose(p, head_len + len);
    if (line == NULL) {
        return yodel_line_write_pieces(p, head, head_len, data, len);
    }
    memcpy(line, head, head_len);
    memcpy(line + head_len, data, len);
    return 0;
}

/* Writes bytes and the delimiter, and counts a line. Returns what yodel_transport_write returns. */
static inline int yodel_line_write_line(yodel_line_protocol *p, const void *data, size_t len)
{
    return yodel_line_reply(p, "", 0, data, len);
}

/* Closes once everything written is sent; lines that came already are not delivered any more. */
void yodel_line_close(yodel_line_protocol *p);

/* The connection's state (ops.state_size bytes, aligned for any type), the config's arg, and the
 * transport below, for its peer, pause_reading and the like. */
void *yodel_line_state(yodel_line_protocol *p);
void *yodel_line_arg(const yodel_line_protocol *p);
yodel_transport *yodel_line_transport(const yodel_line_protocol *p);

#endif
