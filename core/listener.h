/*
 * Listeners: sockets that wait for connections, with every option already set.
 *
 * Accepted sockets inherit most options of their listener on Linux, so each is set once here and
 * not once per connection:
 *
 *     TCP_NODELAY         answers leave at once; we send one segment a turn anyway
 *     SO_KEEPALIVE        a peer that vanished without a word is noticed in the end
 *     TCP_USER_TIMEOUT    the same for one that vanished while we were sending (RFC 5482)
 *
 * and these are the listener's own:
 *
 *     SO_REUSEADDR        a restart does not wait for connections in TIME_WAIT
 *     SO_REUSEPORT        several listeners, of several workers and processes, share the port
 *     IPV6_V6ONLY         [::]:8007 leaves 0.0.0.0:8007 alone, so both can be listened on
 *
 * Those of the unix domain (yodel_listener_open_unix) have and need none of these; an address has
 * one listener, which whoever accepts shares.
 *
 * O_NONBLOCK and close-on-exec are set on the listener but are not inherited: accept4(2) sets them
 * with its flags.
 */
#ifndef YODEL_CORE_LISTENER_H
#define YODEL_CORE_LISTENER_H

#include "address.h"
#include "socket_file.h"

#include <stdbool.h>

typedef struct yodel_listener {
    int fd;                /* non-blocking, close-on-exec */
    yodel_address address; /* as really bound: with the port that the kernel chose for port 0 */
    bool inherited;        /* somebody else has opened it */
    bool kept; /* and keeps it open, for who serves after us: what has queued when we end is his */
    yodel_socket_file
        file; /* of the unix domain, and opened by us; none: it stays when it is closed */
} yodel_listener;

/*
 * Binds and listens. `backlog` is the queue of connections not yet accepted, which the kernel cuts
 * at net.core.somaxconn. `user_timeout` in seconds is after how long of unacknowledged sending the
 * kernel drops an accepted connection; 0 leaves the kernel's default (15 to 30 minutes). On success
 * *out is to be closed with yodel_listener_close.
 *
 * 0 or a negated errno: -EADDRINUSE (somebody listens there without SO_REUSEPORT, or as another
 * user), -EADDRNOTAVAIL (no such address here), -EACCES (port below 1024). Any thread.
 */
int yodel_listener_open(const yodel_address *address, int backlog, double user_timeout,
                        yodel_listener *out);

/* The same for an address of the unix domain, whose file gets this access (socket_file.h; NULL:
 * mode 0660) and is removed when the listener is closed. 0 or what yodel_socket_file_bind returns.
 */
int yodel_listener_open_unix(const yodel_address *address, int backlog,
                             const yodel_socket_access *access, yodel_listener *out);

/*
 * Takes over a socket that somebody else bound: a service manager, or the server that this process
 * replaces. Makes it non-blocking and close-on-exec and sets the options that accepted sockets
 * inherit; user_timeout as above. On success *out owns the fd, and whether it is kept is the
 * caller's to say; on failure it stays the caller's, as it was. The file of one of the unix domain
 * stays: it belongs to who made it.
 *
 * 0, -EBADF, -ENOTSOCK, -EINVAL (not a stream socket, or not listening), -EAFNOSUPPORT (not IPv4,
 * IPv6 or of the unix domain). Any thread.
 */
int yodel_listener_inherit(int fd, double user_timeout, yodel_listener *out);

/* From now on nobody finds it by its file, which is removed if it is ours; those who did are still
 * accepted. So no client is turned away who has connected before it is closed. Any thread. */
void yodel_listener_hide(yodel_listener *listener);

/* Hides it, closes it and sets its fd to -1. NULL and a listener already closed are fine.
 * Connections that it had not accepted yet are reset by the kernel; one whose handshake ends at
 * that very moment Linux (seen with 6.18) forgets without a word: its client learns of it when it
 * sends, or by its own keepalive. */
void yodel_listener_close(yodel_listener *listener);

#endif
