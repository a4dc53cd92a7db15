/*
 * admin: the HTTP endpoint for who operates the server, --admin HOST:PORT.
 *
 *     /             the status page: the last five minutes, live
 *     /metrics      for Prometheus (metrics.h)
 *     /healthz      200 while every loop turns, 503 when one is stuck for good (health.h): liveness
 *     /readyz       200 while it serves; 503 before, and from the first word of its end on, while
 *                   clients are still accepted: for load balancers. In an upgrade 200 from both
 *                   processes, whichever serves
 *     /status.json  the page's data (status.h)
 *
 * GET and HEAD; without authentication. One thread of its own serves all of it: it only reads what
 * the workers count, and never waits for them nor they for it. At most
 * YODEL_ADMIN_CONNECTIONS clients at a time, more of them queue; one that does nothing for
 * YODEL_ADMIN_TIMEOUT seconds is closed.
 *
 * Except where another is named, functions are for the main thread, and a NULL admin does nothing.
 */
#ifndef YODEL_SERVER_ADMIN_H
#define YODEL_SERVER_ADMIN_H

#include "core/log_fd.h"
#include "core/server.h"
#include "server/endpoint.h"

#include <stdbool.h>

#define YODEL_ADMIN_CONNECTIONS 32u
#define YODEL_ADMIN_TIMEOUT     5u

/* File descriptors that it needs at the most: connections, the listener, epoll, what wakes its
 * thread, files of /proc. For yodel_server_config.other_fds. */
#define YODEL_ADMIN_FDS (YODEL_ADMIN_CONNECTIONS + 8u)

typedef struct yodel_admin yodel_admin;

/* All borrowed until yodel_admin_stop. */
typedef struct yodel_admin_config {
    /* Made with config.measure; started or not. Whether it is ready is told by its state. */
    const yodel_server *server;
    const yodel_endpoint *endpoint; /* where to listen */
    int fd; /* or a socket that listens already, taken over if this succeeds; -1: the endpoint */
    yodel_log_fd *log;
    const char *protocol; /* a name to show */
    /* Another process has the listening sockets, too, and serves until this one does: so who asks
     * this one before that is told of a server that serves. */
    bool replaces;
} yodel_admin_config;

/* Begins to serve, and logs "admin on http://ADDRESS:PORT/", and a warning when others than this
 * machine can reach it. 0 and *out; else a negative code, and the log has one error line that names
 * --admin and the reason. The server must stay until yodel_admin_stop. */
int yodel_admin_start(const yodel_admin_config *config, yodel_admin **out);

/* The listening socket, to pass on to a new process; it stays the admin's. -1 for NULL. */
int yodel_admin_fd(const yodel_admin *admin);

/* The end has begun, though the server itself may not have been told yet (--drain-delay): /readyz
 * says 503 from now on. Any thread, as the next. */
void yodel_admin_set_draining(yodel_admin *admin);

/* Takes no more clients: a new process has the same socket now, and they are to reach that. Those
 * that are connected are served on. */
void yodel_admin_quiesce(yodel_admin *admin);

/* Ends it: clients are cut off, the thread ends, the socket is closed. After yodel_admin_quiesce it
 * waits first until each client has had an answer, up to YODEL_ADMIN_TIMEOUT seconds (and one)
 * after that call: to whoever sent them here they are the new process's. */
void yodel_admin_stop(yodel_admin *admin);

#endif
