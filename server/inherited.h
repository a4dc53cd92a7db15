/*
 * inherited: what a process gets from the one that started it: listening sockets, from a service
 * manager (sd_listen_fds(3): LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES) or from the server that it is
 * to replace, which uses the same variables (successor.h), and from that one a pipe on which to say
 * that it serves.
 *
 * Names of sockets: "admin" is for --admin; "listener" is one that a former yodel-server has opened
 * and that nobody else has once that one has ended; any other is kept by the service manager
 * (listener.h).
 */
#ifndef YODEL_SERVER_INHERITED_H
#define YODEL_SERVER_INHERITED_H

#include "core/listener_set.h"
#include "core/log.h"

#include <stddef.h>

#define YODEL_INHERITED_ADMIN    "admin"
#define YODEL_INHERITED_LISTENER "listener"
#define YODEL_INHERITED_KEPT     "kept"

/* Names the pipe's file descriptor, in decimal. */
#define YODEL_READY_VARIABLE "YODEL_READY_FD"

/* What is said on it: this byte; or, by the child that could not become the new program, the other
 * one and the errno (int). */
#define YODEL_READY_SAYS  'R'
#define YODEL_READY_ERROR 'E'

typedef struct yodel_inherited {
    yodel_inherited_listener
        *listeners; /* from malloc; the fds are for yodel_server_new to take over */
    size_t count;
    int admin; /* -1: none */
    int ready; /* -1: nobody waits for it */
} yodel_inherited;

/* Takes them out of the environment, which does not name them afterwards, and makes them
 * close-on-exec. 0 and *out; else a negative code, and the log has one error line. Main thread,
 * before others start. */
int yodel_inherited_take(yodel_log *log, yodel_inherited *out);

/* Says that this process serves, to whom it concerns; once. */
void yodel_inherited_say_ready(yodel_inherited *inherited);

/* Frees the array, and closes the pipe if nothing was said. */
void yodel_inherited_free(yodel_inherited *inherited);

#endif
