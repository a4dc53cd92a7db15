/*
 * listener_set: a listener on every address that some host names stand for.
 */
#ifndef YODEL_CORE_LISTENER_SET_H
#define YODEL_CORE_LISTENER_SET_H

#include "listener.h"
#include "log.h"

#include <stddef.h>

typedef struct yodel_listener_set {
    yodel_listener *listeners; /* from malloc; who takes the listeners over frees only this */
    size_t count;
} yodel_listener_set;

/* Resolves the hosts (blocking) and opens a listener on each of their addresses, each address once. port is
 * decimal; "0" takes a free one, for all addresses the same if that can be. An address of a name
 * that this machine does not have (::1 without IPv6) is passed over with a warning as long as another of the
 * name's works. backlog and user_timeout as for yodel_listener_open, access (may be NULL) as for
 * yodel_listener_open_unix. 0 and *out; else a negative code,
 * and log (may be NULL) has one error line that names host, port and reason. */
int yodel_listener_set_open(const char *const *hosts, size_t host_count, const char *port,
                            int backlog, double user_timeout, const yodel_socket_access *access,
                            yodel_log *log, yodel_listener_set *out);

/* Opens one more listener on each address of the first set, which the kernel balances against the others
 * there (SO_REUSEPORT), but for those of the unix domain, which can have only one. As above; order and
 * addresses are the first's. */
int yodel_listener_set_repeat(const yodel_listener_set *first, int backlog, double user_timeout,
                              yodel_log *log, yodel_listener_set *out);

/* Moves those of the unix domain, whose addresses can have only one listener, to *only (overwritten). 0;
 * -ENOMEM, and nothing has moved. */
int yodel_listener_set_split(yodel_listener_set *set, yodel_listener_set *only);

/* Closes all and frees the array; zero and NULL are fine. */
void yodel_listener_set_close(yodel_listener_set *set);

#endif
