/*
 * What the files of the transport know of each other, and the line protocol through
 * transport_near.h. Private: not installed.
 *
 *   transport_near.h    what is inline
 *   transport_group.c   what a loop's transports share; timeouts, reaper, drain
 *   transport_admit.c   adopting: who is let in, who is refused, and how
 *   transport.c         a connection's life: states, watchers, close, abort, reaper
 *   transport_read.c    a read turn: receive, hand to the protocol, keep the rest
 *   transport_memory.c  what the buffers take, and making room
 *   transport_write.c   the cork: collecting a turn's output, sending it, what is refused
 *
 * States go one way: OPEN -> CLOSING (flushing) -> LINGERING (half-closed, discarding what the
 * peer still sends) -> ENDED (waiting for the reaper), any step may be left out.
 */
#ifndef YODEL_CORE_TRANSPORT_INTERNAL_H
#define YODEL_CORE_TRANSPORT_INTERNAL_H

#include "buffer.h"
#include "client_limit.h"
#include "idle.h"
#include "loop.h"
#include "transport.h"
#include "transport_group.h"

#include <ev.h>
#include <pthread.h>
#include <sys/uio.h>

/* What one recv takes at the most, and the room in front of it where the rest of the turn before
 * is put so that a line cut by segments lies in one piece. A longer rest stays in the connection's
 * own buffer and is received behind: copying it again for every segment would cost more than that
 * memory. */
#define YODEL_RECEIVE_SIZE ((size_t)64 * 1024)
#define YODEL_HEADROOM     ((size_t)32 * 1024)

/* The receive buffer begins with a page, as the kernel's buffers of long input do. With AMD's Zen 3
 * copying (rep movsb, in the kernel, too) takes twenty times as long to an address that within its
 * page is a few bytes above the one copied from. */
#define YODEL_RECEIVE_ALIGNMENT ((size_t)4096)

/* The same goes for loads and stores in general: one that looks as if it read what was just stored,
 * going by the address within the page, waits. So the cork begins half a page off. */
#define YODEL_CORK_APART ((size_t)2048)

/* The cork: bytes copied this turn, and pieces to gather. From GATHER_MIN up sending from where the
 * bytes lie beats copying them: a piece more costs the kernel what copying 2 to 4 KiB does. */
#define YODEL_CORK_SIZE   ((size_t)64 * 1024)
#define YODEL_CORK_PIECES 256
#define YODEL_BUFFERS     (YODEL_HEADROOM + YODEL_RECEIVE_SIZE + YODEL_CORK_SIZE + (size_t)4096)
#define YODEL_GATHER_MIN  4096u

/* What may still come of a client that had sent before a drain: what its kernel can hold for it
 * (net.ipv4.tcp_wmem's usual maximum). */
#define YODEL_DRAIN_BYTES ((uint32_t)4 * 1024 * 1024)

#define YODEL_LINGER_SECONDS 2.0
#define YODEL_LINGER_BYTES   ((uint32_t)64 * 1024)

enum yodel_transport_state {
    YODEL_TRANSPORT_OPEN = 0,
    YODEL_TRANSPORT_CLOSING,
    YODEL_TRANSPORT_LINGERING,
    YODEL_TRANSPORT_ENDED,
};

/* Whose doing a connection is. */
enum yodel_transport_origin {
    YODEL_TRANSPORT_ACCEPTED, /* a client's: counted, holds a place of the limit */
    YODEL_TRANSPORT_REFUSED,  /* a client's above the limit: counted, holds no place */
    YODEL_TRANSPORT_OPENED,   /* our own, to another server (connect.h) */
};

enum yodel_transport_held {
    YODEL_HELD_PAUSED = 1,  /* by the protocol */
    YODEL_HELD_CHOKED = 2,  /* by us: output is above the high water mark */
    YODEL_HELD_EOF = 4,     /* the peer's end of file was received */
    YODEL_HELD_DRAINED = 8, /* a drain has told the protocol, which closes when it has finished */
};

/* What a turn needs stands together, behind what it does not: the caches hold little of it when the
 * connection's next turn comes. */
struct yodel_transport {
    yodel_list link; /* in the group's live, ended or lost list */
    uint32_t low;
    uint32_t left;   /* bytes: draining, to be read at the most; lingering, still to be discarded */
    uint32_t queued; /* in the kernel when the output's wait began or last got on */
    int reason;
    ev_io io;
    yodel_transport_group *group;
    const yodel_protocol_ops *ops;
    yodel_idle_node wait; /* in the group's list of what it waits for: idle, stalled or lingering */
    yodel_buffer in;      /* received, not consumed */
    yodel_buffer out;     /* written, refused by the kernel; its limit is the hard cap */
    uint32_t high;
    uint8_t state;
    uint8_t origin;
    uint8_t held;       /* enum yodel_transport_held, or-ed: why data_received may not be called */
    bool redeliver : 1; /* the kept input has to be handed in, whatever else holds */
    bool resumed : 1;   /* likewise, unless reading is paused again */
    bool counted_paused : 1; /* in the gauge of connections that are not read */
    bool writing_paused : 1;
    bool draining : 1;
    bool own_timeouts : 1; /* the protocol's: no idle timeout */
    bool lossy : 1;        /* ended with output that was never sent: the peer must see a reset */
    bool has_client : 1;   /* a yodel_transport_client stands behind the protocol's instance */
    _Alignas(max_align_t) unsigned char protocol[];
};

/* What is kept of an accepted connection's client besides its socket, where limits by address or a
 * protocol that names the client ask for it. */
typedef struct yodel_transport_client {
    yodel_client *entered; /* in the settings' limit; NULL: not there */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len; /* of the address; 0: nobody has named one */
} yodel_transport_client;

struct yodel_transport_group {
    yodel_loop *loop;
    struct ev_loop *ev;
    const yodel_transport_settings *settings;
    yodel_counters *counters;

    uint8_t *receive;      /* headroom, then YODEL_RECEIVE_SIZE, then the cork: one allocation */
    const uint8_t *window; /* what data_received is looking at just now; NULL between turns */
    size_t window_len;
    size_t front; /* bytes in front of it that are free, too */

    /* The cork: pieces, which lie in its memory or are gathered, and behind them the run, copied
     * bytes that are not a piece yet. Its transport has nothing in its own buffer. */
    yodel_transport *corked; /* whose output goes there; NULL: nobody's */
    uint8_t *cork;
    uint8_t *run;
    uint8_t *cork_next; /* the run's end: where the next byte is copied to */
    size_t room;        /* fewer bytes than this can be composed there; 0 once corked closes */
    int pieces;
    size_t closed_bytes; /* of the pieces */
    yodel_idle idle;     /* here, since every turn looks at it */
    struct iovec piece[YODEL_CORK_PIECES];
    yodel_deferred flush; /* for writes outside a read turn */

    yodel_idle stalled;
    yodel_idle lingering;
    yodel_timer timer;
    uint64_t timer_at;

    struct yodel_resolver *resolver; /* made by the first connect */
    yodel_list live;
    yodel_list ended;
    yodel_list lost; /* connection_lost was called, the socket is still to be closed */
    yodel_deferred reaper;
    yodel_timer reap_again; /* while they are held */
    yodel_deferred shed;
    size_t refused;

    bool draining;
    void (*drained)(void *arg);
    void *drained_arg;
    yodel_transport_warnings *warnings; /* the settings', or own_warnings */
    yodel_transport_warnings own_warnings;
    yodel_log_limit sheds;

    pthread_mutex_t closing; /* locked while a socket is closed, and for holds */
    unsigned holds;          /* not released yet */
};

static inline void *yodel_transport_protocol(yodel_transport *t)
{
    return t->protocol;
}

/* Bytes of an instance with what aligns that which follows it. */
static inline size_t yodel_transport_instance_room(const yodel_protocol_factory *factory)
{
    size_t align = _Alignof(yodel_transport_client);
    return (factory->size + align - 1) / align * align;
}

/* transport.c */

/* Begins a transport on fd (taken over also on failure) and calls connection_made. client: its
 * place in the limit by address, which it gives up when it ends; NULL: none. 0 or -ENOMEM, then
 * client stays the caller's. */
int yodel_transport_begin(yodel_transport_group *group, int fd,
                          const yodel_protocol_factory *factory, enum yodel_transport_origin origin,
                          yodel_client *client);
/* A callback returned a negative code: log it and abort with YODEL_EHANDLER. */
void yodel_transport_callback_failed(yodel_transport *t, const char *callback, int code);
/* For whoever looks at every connection: says, at debug level, that it begins or why it has ended.
 */
void yodel_transport_log(const yodel_transport *t);
/* To ENDED: stops every watcher and leaves the rest to the reaper. */
void yodel_transport_end(yodel_transport *t, int reason);
/* CLOSING with everything flushed: half-close and linger, or end if the peer ended first. */
void yodel_transport_flushed(yodel_transport *t);
/* Closes an idle connection: nothing is on its way to the peer, so there is nothing to linger for.
 */
void yodel_transport_close_quiet(yodel_transport *t, int reason);
/* Makes the io watcher fit the state. */
void yodel_transport_watch(yodel_transport *t);
/* Reading may be possible again (paused or choked was cleared): what was kept is handed in first.
 */
void yodel_transport_read_on(yodel_transport *t);
/* Bytes of ours in the kernel that the peer has not acknowledged. */
uint32_t yodel_transport_queued(const yodel_transport *t);
/* Begins to drain: see yodel_transport_group_drain. */
void yodel_transport_drain(yodel_transport *t);
/* Draining: has everything been received that is to be answered? */
bool yodel_transport_nothing_left(const yodel_transport *t);
/* It has, and was handed to the protocol; idle: there was nothing. */
void yodel_transport_drained(yodel_transport *t, bool idle);

/* transport_group.c */

/* Puts t into the list of what it waits for now. */
void yodel_transport_group_wait(yodel_transport *t);

/* transport_admit.c */

/* No room for t: counts and logs it, tells the peer and closes. */
void yodel_transport_group_refuse(yodel_transport *t);
/* What is known of t's client; NULL: nothing but the socket. */
yodel_transport_client *yodel_transport_client_of(const yodel_transport *t);
/* t ends: its client's place in the limit is free. */
void yodel_transport_leave(yodel_transport *t);

/* transport_memory.c: as the functions of buffer.h, for the buffers of a transport that has not
 * ended; the first two can also return YODEL_EMEMORY. */

int yodel_transport_reserve(yodel_transport *t, yodel_buffer *buffer, size_t n);
int yodel_transport_append(yodel_transport *t, yodel_buffer *buffer, const void *data, size_t n);
void yodel_transport_consume(yodel_transport *t, yodel_buffer *buffer, size_t n);
void yodel_transport_shrink(yodel_transport *t, yodel_buffer *buffer);
/* It ends: its buffers, which the reaper frees, count no more. */
void yodel_transport_forget_memory(yodel_transport *t);
void yodel_transport_on_shed(yodel_deferred *deferred);

/* transport_read.c */

/* A read turn: receives (or, after resume_reading, takes what was kept) and dispatches it. False:
 * there was nothing. */
bool yodel_transport_read(yodel_transport *t);
/* Discards what comes while lingering. */
void yodel_transport_discard(yodel_transport *t);

/* transport_write.c */

/* Sends what the cork holds, whoever wrote it, and pauses writers that are above their high water
 * mark, until nobody has anything in the cork. */
void yodel_transport_flush(yodel_transport_group *group);
/* Has the cork's room fit its transport's state and limits, if that is t. */
void yodel_transport_measure_room(yodel_transport *t);
/* How much the cork holds of t's. */
size_t yodel_transport_corked(const yodel_transport *t);
/* Throws away what the cork holds. */
void yodel_transport_drop_cork(yodel_transport_group *group);
/* The socket takes bytes again: sends what was refused. */
void yodel_transport_send_waiting(yodel_transport *t);

#endif
