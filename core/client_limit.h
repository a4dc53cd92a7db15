/*
 * client_limit: how many connections one client may have, and how often it may connect.
 *
 * A client is an IPv4 address (an IPv4-mapped one, too), or the first 64 bits of an IPv6 address:
 * who is given IPv6 is given at least that many addresses. Clients of other families, unix-domain
 * ones, are not limited: the socket's file says who may connect.
 *
 * How often is a token bucket: `rate` tokens a second flow in, one is taken for each connection
 * that is let in, and as many as one second brings can pile up. A client is known as long as it has
 * a connection or its bucket is not full. Those without a connection are looked at when others come
 * and go, and are kept YODEL_CLIENTS_GONE at the most; above that the one that left first is
 * forgotten, that is, it may connect as if it had not done so before. So memory is bounded by the
 * connections and that number, whatever addresses an attacker has.
 *
 * Shared by all threads: the clients are spread over shards with a lock each, taken twice in a
 * connection's life.
 */
#ifndef YODEL_CORE_CLIENT_LIMIT_H
#define YODEL_CORE_CLIENT_LIMIT_H

#include "address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YODEL_CLIENTS_GONE 65536u

#define YODEL_CLIENT_RATE_MAX 1000000u

typedef struct yodel_client_limit yodel_client_limit;
typedef struct yodel_client yodel_client;

/* Makes one. max: connections of one client at a time, 0: any number; rate: connections a second,
 * YODEL_CLIENT_RATE_MAX at the most, 0: any number. 0 and *out, or -ENOMEM, or what getrandom(2)
 * says. Main thread. */
int yodel_client_limit_new(size_t max, uint32_t rate, yodel_client_limit **out);

/* Frees it, with all clients; no thread may use it any more. NULL is fine. */
void yodel_client_limit_free(yodel_client_limit *limit);

/* A client connects, at an instant of CLOCK_MONOTONIC in ns (yodel_loop_now). 0: let it in; *client
 * is for yodel_client_limit_leave when that connection has ended, and NULL for a client that is not
 * limited. YODEL_ETOOMANY: it has max already. YODEL_ETOOOFTEN: its bucket is empty. -ENOMEM. Any
 * thread. */
int yodel_client_limit_enter(yodel_client_limit *limit, const yodel_address *address,
                             uint64_t now_ns, yodel_client **client);

/* A connection that was let in has ended; client NULL is fine. True when to make room a client
 * had to be forgotten that would have been remembered. Any thread. */
bool yodel_client_limit_leave(yodel_client_limit *limit, yodel_client *client, uint64_t now_ns);

/* How many clients it knows. Takes every lock in turn: for now and then. Any thread. */
size_t yodel_client_limit_known(yodel_client_limit *limit);

#endif
