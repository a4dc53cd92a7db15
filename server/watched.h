/*
 * watched: what the admin endpoint shows, for the writers of its pages.
 */
#ifndef YODEL_SERVER_WATCHED_H
#define YODEL_SERVER_WATCHED_H

#include "core/log.h"
#include "core/server.h"

/* All borrowed. */
typedef struct yodel_watched {
    const yodel_server *server;
    yodel_log_fd *log; /* for lines lost; NULL: unknown */
    const char *protocol;
    yodel_server_state state; /* draining: it has been told to end, even if it still accepts */
} yodel_watched;

#endif
