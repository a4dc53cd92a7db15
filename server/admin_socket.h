/*
 * admin_socket: the socket that the admin endpoint listens on.
 *
 * Unlike those of the service (core/listener.h) it shares its port with nobody: were it
 * SO_REUSEPORT, a second server would start happily and every other scrape would show the wrong
 * one.
 */
#ifndef YODEL_SERVER_ADMIN_SOCKET_H
#define YODEL_SERVER_ADMIN_SOCKET_H

#include "core/address.h"
#include "server/endpoint.h"

#include <stdbool.h>

/* Listens on the first address of the endpoint's host that this machine has; blocks while a name is
 * looked up. 0 and *fd (non-blocking, close-on-exec, the caller's); or a negative code:
 * -EADDRINUSE, -EACCES, -EADDRNOTAVAIL, YODEL_EAI(...) and the like. */
int yodel_admin_socket_open(const yodel_endpoint *endpoint, int *fd);

/* Can only this machine reach it? */
bool yodel_admin_socket_is_local(const yodel_address *address);

#endif
