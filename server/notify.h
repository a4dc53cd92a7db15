/*
 * notify: tells the service manager how it stands with this process (sd_notify(3)), and that it is
 * alive. Without one ($NOTIFY_SOCKET) nothing happens.
 *
 * It listens to one process, the main one of the unit (NotifyAccess=main). So of two in an upgrade
 * the old one speaks, the last word of which is that the new one is main now; from then on that one
 * does.
 */
#ifndef YODEL_SERVER_NOTIFY_H
#define YODEL_SERVER_NOTIFY_H

#include "core/loop.h"
#include "core/server.h"

#include <stdbool.h>
#include <sys/types.h>

/* It serves; also: it serves on, an upgrade has come to nothing. */
void yodel_notify_ready(void);

/* It was told to end. */
void yodel_notify_stopping(void);

/* It starts a new process; ends with yodel_notify_ready or _replaced. */
void yodel_notify_reloading(void);

/* That process is main now, and serves. */
void yodel_notify_replaced(pid_t pid);

/* Signs of life, twice in each $WATCHDOG_USEC, but only while every loop turns: when a worker's or
 * the acceptor's has been in one turn for YODEL_MONITOR_STUCK there is none until it turns again.
 */
typedef struct yodel_watchdog {
    yodel_timer timer;
    const yodel_server *server;
    double period; /* seconds; 0: nobody asked for it */
} yodel_watchdog;

/* On the loop's thread: main's, whose life is told with it. */
void yodel_watchdog_start(yodel_watchdog *watchdog, yodel_loop *loop, const yodel_server *server);
void yodel_watchdog_stop(yodel_watchdog *watchdog);

#endif
