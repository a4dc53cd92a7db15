/*
 * listener_set: a listener on every address that some host names stand for.
 */
#ifndef YODEL_CORE_LISTENER_SET_H
#define YODEL_CORE_LISTENER_SET_H

#include "listener.h"
#include "log.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct yodel_listener_set {
    yodel_listener *listeners; /* from malloc; who takes the listeners over frees only this */
    size_t count;
} yodel_listener_set;

/* Resolves the hosts (blocking) and opens a listener on each of their addresses, each address once.
 * port is decimal; "0" takes a free one, for all addresses the same if that can be. An address of a
 * name that this machine does not have (::1 without IPv6) is passed over with a warning as long as
 * another of the name's works. backlog and user_timeout as for yodel_listener_open, access (may be
 * NULL) as for yodel_listener_open_unix. 0 and *out; else a negative code, and log (may be NULL)
 * has one error line that names host, port and reason. */
int yodel_listener_set_open(const char *const *hosts, size_t host_count, const char *port,
                            int backlog, double user_timeout, const yodel_socket_access *access,
                            yodel_log *log, yodel_listener_set *out);

/* A listening socket that somebody else has opened, a service manager or the server that this
 * process replaces. */
typedef struct yodel_inherited_listener {
    int fd;
    bool kept; /* listener.h */
} yodel_inherited_listener;

/* Takes such sockets over, whatever happens: on failure they are closed. Several may have the same
 * address (SO_REUSEPORT). user_timeout as for yodel_listener_open. 0 and *out, in the order given;
 * else a negative code, and log (may be NULL) has one error line that names the file descriptor and
 * what is wrong with it. */
int yodel_listener_set_inherit(const yodel_inherited_listener *inherited, size_t count,
                               double user_timeout, yodel_log *log, yodel_listener_set *out);

/* How many listeners before the index-th have the same address as that one. */
size_t yodel_listener_set_ordinal(const yodel_listener_set *set, size_t index);

/* Opens more listeners on each address of the set until it has `each` of them there, between which
 * the kernel balances (SO_REUSEPORT), and adds them at the end; but for addresses of the unix
 * domain, which can have only one. 0; else a negative code, log (may be NULL) has one line of this
 * level that names address and reason, and what was added until then stays added. */
int yodel_listener_set_extend(yodel_listener_set *set, size_t each, int backlog,
                              double user_timeout, yodel_log *log, yodel_log_level level);

/* Closes all and frees the array; zero and NULL are fine. */
void yodel_listener_set_close(yodel_listener_set *set);

#endif
