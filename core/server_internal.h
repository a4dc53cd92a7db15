/*
 * What the files of the server know of each other. Private: not installed.
 *
 *   server.c        making, starting, draining and ending it
 *   server_look.c   what can be seen of it from outside
 */
#ifndef YODEL_CORE_SERVER_INTERNAL_H
#define YODEL_CORE_SERVER_INTERNAL_H

#include "acceptor.h"
#include "client_limit.h"
#include "completion.h"
#include "listening.h"
#include "server.h"
#include "transport_group.h"
#include "worker.h"

#include <pthread.h>

struct yodel_server {
    yodel_acceptor acceptor;
    yodel_worker *workers;
    unsigned worker_count;
    unsigned workers_made;
    yodel_server_config config;
    yodel_transport_settings settings;
    yodel_connection_limit limit;
    yodel_client_limit *clients; /* NULL: none asked for */
    yodel_memory_budget memory;
    yodel_accept_trouble trouble;
    yodel_transport_warnings warnings;
    yodel_completion stopped;
    yodel_listening listening;
    /* A drain may be asked for at any time, by any thread; it begins once, and not before the
     * threads run. */
    pthread_mutex_t drain_lock;
    bool drain_asked;
    bool drain_begun;
    bool left;
    bool running;
    _Atomic yodel_server_state state; /* written with the lock held */
    double grace;
};

#endif
