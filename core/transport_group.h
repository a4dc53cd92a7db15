/*
 * transport_group: all the transports of one loop and what they share: the receive and the send
 * buffer, the timeouts, the counters, the reaper, the drain.
 *
 * One group belongs to one loop thread; groups share nothing but the limits and the memory budget
 * in their settings.
 */
#ifndef YODEL_CORE_TRANSPORT_GROUP_H
#define YODEL_CORE_TRANSPORT_GROUP_H

#include "client_limit.h"
#include "counters.h"
#include "log.h"
#include "memory_budget.h"
#include "protocol.h"
#include "transport.h"

#include <stdatomic.h>
#include <stddef.h>

typedef struct yodel_transport_group yodel_transport_group;

/* How many refused connections a group lets linger, each with its file descriptor; the rest is
 * closed without waiting for the peer, so that a flood of them does not eat the descriptors. */
#define YODEL_REFUSED_LINGERING 16u

/* How many connections may be open at once, over all groups that are given the same limit. The
 * only word that groups share; touched at a connection's begin and end. */
typedef struct yodel_connection_limit {
    size_t max;
    _Alignas(64) _Atomic size_t open;
} yodel_connection_limit;

/* What a peer can cause to be logged, at most once a second over all groups that are given the
 * same. Zero it to begin. */
typedef struct yodel_transport_warnings {
    yodel_log_limit refused;
    yodel_log_limit refused_client; /* because of its address */
    yodel_log_limit callback_failed;
} yodel_transport_warnings;

typedef struct yodel_transport_settings {
    yodel_protocol_factory factory;
    yodel_write_limits write_limits;
    double idle_timeout;  /* seconds without data_received consuming anything; 0: never */
    double write_timeout; /* seconds in which the peer takes no byte of waiting output; 0: never */
    yodel_connection_limit *limit;      /* shared, must outlive the group */
    const yodel_memory_budget *memory;  /* shared, must outlive the group; NULL: no limit */
    yodel_transport_warnings *warnings; /* shared, must outlive the group; NULL: its own */
    const char *full_message;    /* what a connection above the limit is sent; NULL: nothing */
    yodel_client_limit *clients; /* shared, must outlive the group; NULL: no limit by address */
    const char *client_message;  /* what a connection above that one is sent; NULL: nothing */
    yodel_log *log;              /* NULL: silent */
} yodel_transport_settings;

/* Makes a group on a loop. settings and counters (zeroed, the group is their only writer) are
 * borrowed until it is freed. 0 and *out, or -ENOMEM. */
int yodel_transport_group_new(yodel_loop *loop, const yodel_transport_settings *settings,
                              yodel_counters *counters, yodel_transport_group **out);

/* Frees it, when its loop no longer runs; transports that are left are aborted, connection_lost
 * included. NULL is fine. */
void yodel_transport_group_free(yodel_transport_group *group);

/* The group that a transport belongs to. On the loop's thread. */
yodel_transport_group *yodel_transport_group_of(const yodel_transport *transport);

/* Takes over a connected, non-blocking, close-on-exec stream socket, whatever happens: it is
 * counted as accepted and a transport with one of the factory's protocols begins on it. Above the
 * limit it is sent full_message instead, above that of its address client_message (unless the
 * factory's protocol names the client: yodel_transport_set_client), closed in good order and
 * counted as rejected; without memory it is closed and counted. On the loop's thread. */
void yodel_transport_group_adopt(yodel_transport_group *group, int fd);

/* Ends everything in good order: what each client has sent when the drain reaches it (up to 4 MiB
 * beyond what has arrived) is still answered, then it is closed with YODEL_EDRAIN; idle connections
 * close at once. Connections adopted later are treated likewise. drained(arg) is called, from the
 * reaper, when the last one has ended (at once in the next turn if there is none), once. On the
 * loop's thread. */
void yodel_transport_group_drain(yodel_transport_group *group, void (*drained)(void *arg),
                                 void *arg);

/* Calls back as the drain does, but ends nothing: drained(arg) comes when the last connection has
 * ended by itself (at once in the next turn if there is none), once. A drain may follow, which
 * replaces it. On the loop's thread. */
void yodel_transport_group_when_empty(yodel_transport_group *group, void (*drained)(void *arg),
                                      void *arg);

/* Makes room when the memory budget is exceeded and this group has more than its share: aborts its
 * largest connections with YODEL_EMEMORY. A group does so by itself when its buffers grow; this is
 * for when others need the room. On the loop's thread. */
void yodel_transport_group_shed(yodel_transport_group *group);

/* Until the release no transport's socket is closed, for who forks: see yodel_server_hold. What
 * ends meanwhile is told so by connection_lost; its socket and its place in the limits go at the
 * latest a few milliseconds after the release. Who holds twice releases twice. Any thread; the
 * group is not freed meanwhile. */
void yodel_transport_group_hold(yodel_transport_group *group);
void yodel_transport_group_release(yodel_transport_group *group);

/* Aborts every connection with reason; returns how many. On the loop's thread. */
size_t yodel_transport_group_abort(yodel_transport_group *group, int reason);

#endif
