/*
 * watched: what the admin endpoint shows, for the writers of its pages.
 */
#ifndef YODEL_SERVER_WATCHED_H
#define YODEL_SERVER_WATCHED_H

#include "core/log_fd.h"
#include "core/server.h"

/* All borrowed. */
typedef struct yodel_watched {
    const yodel_server *server;
    yodel_log_fd *log; /* for lines lost; NULL: unknown */
    const char *protocol;
    /* What its clients find. Draining: it has been told to end, even if it still accepts; running:
     * or another process serves them, which it replaces or which has replaced it. */
    yodel_server_state state;
} yodel_watched;

#endif
