/*
 * connect: opens a connection to another server from a loop, without blocking it (asyncio:
 * create_connection).
 *
 * The name is resolved (resolver.h), then its addresses are tried one after the other, each with
 * its time, until one connects; the connection becomes a transport of the group. A drain does not
 * close it: it is somebody's means to finish, who closes it then.
 */
#ifndef YODEL_CORE_CONNECT_H
#define YODEL_CORE_CONNECT_H

#include "protocol.h"
#include "transport_group.h"

/* An attempt under way. */
typedef struct yodel_connecting yodel_connecting;

/* How it ended: 0 after connection_made of the new protocol, else the last address's error:
 * -ECONNREFUSED, -ETIMEDOUT, YODEL_EAI(EAI_NONAME), ... The attempt is gone when it, or
 * connection_made, is called. */
typedef void yodel_connected_fn(void *arg, int code);

/* Begins to connect to host (a name or an address) and port (decimal). timeout: seconds for the
 * name and for each address, 0: none. The factory is copied. done(arg, code) comes later on the
 * loop, never from inside this call. 0 and *out; -ENOMEM; -EINVAL: a bad port, or a
 * factory without callbacks. On the group's loop thread. */
int yodel_connect(yodel_transport_group *group, const char *host, const char *port, double timeout,
                  const yodel_protocol_factory *factory, yodel_connected_fn *done, void *arg,
                  yodel_connecting **out);

/* Gives up: done will not be called. What has not ended has to be cancelled before the group is
 * freed. */
void yodel_connecting_cancel(yodel_connecting *connecting);

#endif
