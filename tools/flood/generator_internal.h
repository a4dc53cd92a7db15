/*
 * What the files of the generator share: the thread's state and its connections'. Not for others.
 */
#ifndef YODEL_FLOOD_GENERATOR_INTERNAL_H
#define YODEL_FLOOD_GENERATOR_INTERNAL_H

#include <ev.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "conversation.h"
#include "core/list.h"
#include "core/loop.h"
#include "core/mailbox.h"
#include "generator.h"
#include "plan.h"

/* Lines from this length on are sent from where they lie: below, a piece more costs the kernel more
 * than copying does. */
#define YODEL_GENERATOR_LONG 4096

/* How much is received and sent at a time. */
#define YODEL_GENERATOR_IN  ((size_t)64 * 1024)
#define YODEL_GENERATOR_OUT ((size_t)128 * 1024)

typedef enum yodel_connection_state {
    YODEL_CONNECTION_DOWN,       /* to be opened (again) at `since`, or waiting in the queue */
    YODEL_CONNECTION_CONNECTING, /* since `since` */
    YODEL_CONNECTION_OPEN,
    YODEL_CONNECTION_FINISHING, /* our direction is closed, since `since`; the server's not yet */
    YODEL_CONNECTION_DONE       /* closed, and stays so */
} yodel_connection_state;

/* About 200 bytes; with the kernel's part of a connection not counted, what one costs. */
typedef struct yodel_connection {
    ev_io io; /* its fd is -1 when there is no socket */
    struct yodel_generator *generator;
    yodel_conversation talk;
    yodel_list queued; /* waiting to be opened, or for its next piece */
    uint64_t since;    /* when this state began, ns; DOWN: when to try again */
    uint64_t
        last; /* the last line that this socket is to send; the conversation goes on in the next */
    uint64_t due;     /* open loop: lines that are due by now */
    uint32_t sockets; /* how many it has had */
    int8_t fault;     /* a yodel_fault, or -1 */
    uint8_t state;
    uint8_t address;    /* which of its target's is being tried, counted from the one that works */
    bool tried;         /* the first attempt is over */
    bool blocked;       /* the kernel takes no more: waiting for EV_WRITE, or for the end */
    int16_t send_error; /* errno of a send that failed: the end is to be read yet */
    bool has_due;       /* on the pacer's list */
} yodel_connection;

struct yodel_generator {
    const yodel_plan *plan;
    const yodel_flood_options *options;
    uint32_t index;
    uint32_t count; /* connections */
    yodel_connection *connections;
    uint64_t *sent_at;
    uint8_t *working; /* for each target: which of its addresses works, see dial.c */

    yodel_loop *loop;
    yodel_mailbox mailbox;
    yodel_mail go_mail, stop_mail;
    yodel_generator_owner owner;
    pthread_t thread;

    yodel_referee referee;
    bool opened;  /* OPENED was reported */
    bool running; /* after go */
    bool
        sending; /* lines may be begun: after go (--idle: at the end of the time), before the end */
    bool stopping;          /* the end: every socket that closes is the last of its connection */
    uint64_t stopped_at;    /* since when */
    bool stop_posted;       /* main's */
    bool connected;         /* at least one connection was made */
    int error;              /* of the last connection that failed; negative */
    uint32_t failed_target; /* and which target it was to reach */
    uint64_t start, end;    /* instants; end is UINT64_MAX with -n */

    /* Opening (opener.c). */
    yodel_list to_open;
    yodel_list no_room; /* CONNECTING, without a socket: to be dialled again */
    yodel_timer dial_again;
    uint32_t connecting;
    uint32_t untried;
    uint64_t next_open_at; /* --connect-rate */
    yodel_deferred open_more;
    yodel_timer open_later;

    /* Open loop (pacer.c). */
    ev_io pacer;    /* a timerfd; fd -1 in the closed loop */
    uint64_t round; /* the next line due is this one of its connection, from 0 ... */
    uint32_t turn;  /* ... of this connection */
    yodel_connection **with_due;

    /* Faults that take their time (slow.c). */
    yodel_list slow;
    yodel_timer slow_tick;
    uint64_t slow_ticks;

    yodel_timer sweep; /* timeouts and retries */
    double sweep_period;
    uint64_t alone_since;     /* no connection is of use */
    yodel_timer second;       /* reports */
    yodel_interval *interval; /* the next report, made ahead */
    double cpu_before;
    uint32_t done;       /* connections that are DONE */
    yodel_deferred over; /* says the last word, and ends the thread */
    bool is_over;
    yodel_phase last_phase;

    char *in, *out;
    yodel_batch *batch; /* instead of out when lines are long; otherwise NULL */
};

/* --- connection.c: a socket's life -------------------------------------------------------------*/

void yodel_connection_init(yodel_connection *c, yodel_generator *g, uint32_t number,
                           uint64_t *sent_at);

/* Begins to connect. When it fails at once that is dealt with. */
void yodel_connection_open(yodel_connection *c);

/* The same once more: the server had no room in its queue. The attempt began then. */
void yodel_connection_open_again(yodel_connection *c);

/* Writes the lines that may be begun. They could have been since `since` (open loop: but not before
 * they were due); the time is `now`. */
void yodel_connection_flush(yodel_connection *c, uint64_t since, uint64_t now);

/* Timeouts, retries: to be called now and then. */
void yodel_connection_sweep(yodel_connection *c, uint64_t now);

/* No new lines: closes when nothing is in flight any more. */
void yodel_connection_wind_up(yodel_connection *c);

/* For connection_send.c: waits for what has to be waited for while it is open; ends the socket if
 * it is time for a half-close or a reset that was planned, after which it may be gone. */
void yodel_connection_watch(yodel_connection *c);
void yodel_connection_end_by_fault(yodel_connection *c);

/* Closes its socket and frees what it holds; its thread does not run any more. */
void yodel_connection_free(yodel_connection *c);

/* For slow.c: sends at most `length` bytes as one piece; receives at most `length` bytes. */
void yodel_connection_send_piece(yodel_connection *c, size_t length);
void yodel_connection_receive(yodel_connection *c, size_t length);

/* --- dial.c: which address a socket connects to ------------------------------------------------*/

/* In `working`: none of the target's addresses has worked yet. */
#define YODEL_ADDRESS_UNKNOWN 255

/* A socket that connects, or a negative errno; -EAGAIN: not now, a unix-domain server has no room.
 */
int yodel_dial(const yodel_connection *c);
/* It failed: true when another of the target's addresses is to be dialled. That is so only until
 * one has worked, which then serves all of the thread's connections to the target. */
bool yodel_dial_next(yodel_connection *c);
/* It is connected. */
void yodel_dial_worked(yodel_connection *c);

/* --- slow.c: connections with a fault that takes its time --------------------------------------*/

void yodel_slow_init(yodel_generator *g);
/* From now on until it is taken off its list. */
void yodel_slow_add(yodel_connection *c);
void yodel_slow_stop(yodel_generator *g);
static inline bool yodel_slow_writes(const yodel_connection *c)
{
    return c->fault == YODEL_FAULT_SPLIT || c->fault == YODEL_FAULT_DRIP;
}
static inline bool yodel_slow_reads(const yodel_connection *c)
{
    return c->fault == YODEL_FAULT_SLOW_READ;
}

/* --- opener.c: which connection is opened when -------------------------------------------------*/

void yodel_opener_init(yodel_generator *g);
/* Puts it in the queue. */
void yodel_opener_add(yodel_connection *c);
/* The queue of a unix-domain server is full, so the kernel does not wait for room in it as it does
 * for TCP: dials again in a moment. */
void yodel_opener_again(yodel_connection *c);
/* An attempt to connect is over, well or badly. */
void yodel_opener_settled(yodel_connection *c);
void yodel_opener_stop(yodel_generator *g);
/* Nanoseconds between two connections of this thread; 0: no limit. */
double yodel_opener_gap(const yodel_generator *g);

/* --- pacer.c: the open loop --------------------------------------------------------------------*/

int yodel_pacer_init(yodel_generator *g);
void yodel_pacer_go(yodel_generator *g);
/* The time is over: releases what was due in it, and has not been for want of a turn. */
void yodel_pacer_finish(yodel_generator *g);
void yodel_pacer_stop(yodel_generator *g);
void yodel_pacer_free(yodel_generator *g);

/* --- phases.c: opening, going, the end; reports ------------------------------------------------*/

/* Once its loop is there. */
void yodel_phases_init(yodel_generator *g);

/* What its thread runs; arg is the generator. */
void *yodel_phases_run(void *arg);

/* This connection is over for good. */
void yodel_phases_done(yodel_generator *g);

/* Already the first connection failed. */
void yodel_phases_fail(yodel_generator *g, int error);

/* Every connection has been tried. */
void yodel_phases_opened(yodel_generator *g);

/* --- generator.c: making and freeing it --------------------------------------------------------*/

/* An empty report, or NULL. */
yodel_interval *yodel_interval_new(yodel_generator *g);

#endif
