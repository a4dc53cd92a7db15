/*
 * health: is this process alive? For those who would start it anew if not.
 *
 * Alive means that every loop turns. A worker that hangs in a callback for a moment is a nuisance,
 * which the log and the metrics tell; to kill the whole server for it would cut everybody else's
 * connections off. So a loop has to be in one and the same turn for YODEL_HEALTH_PATIENCE: then
 * nothing but a new process will help its clients. A drain, a full server and an idle one are
 * healthy.
 */
#ifndef YODEL_SERVER_HEALTH_H
#define YODEL_SERVER_HEALTH_H

#include "core/server.h"

#include <stdbool.h>

#define YODEL_HEALTH_PATIENCE 10.0 /* seconds */

/* Looks at all loops, the acceptor's too. now_ns: the instant (clock.h). *message (size bytes with
 * the NUL) is a line for people either way. Any thread. */
bool yodel_health_check(const yodel_server *server, uint64_t now_ns, char *message, size_t size);

#endif
