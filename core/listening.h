/*
 * listening: all that a server listens on, opened or inherited, and who accepts on what.
 */
#ifndef YODEL_CORE_LISTENING_H
#define YODEL_CORE_LISTENING_H

#include "acceptor.h"
#include "listener_set.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct yodel_listening_config {
    /* Either what is inherited, or hosts and port (listener_set.h). */
    const yodel_inherited_listener *inherited;
    size_t inherited_count;
    const char *const *hosts;
    size_t host_count;
    const char *port;
    int backlog;
    double user_timeout;               /* listener.h */
    const yodel_socket_access *access; /* of unix-domain sockets; NULL: socket_file.h's */
    bool by_workers; /* each worker accepts on listeners of its own; otherwise the acceptor does */
    yodel_acceptor *acceptor;
    yodel_worker *workers;
    unsigned worker_count;
    yodel_accept_trouble *trouble; /* of all of them */
    yodel_log *log;
} yodel_listening_config;

typedef struct yodel_listening {
    /* Copies: the listeners themselves belong to who accepts on them, and are open until he has
     * ended or left (accept_watch.h). */
    yodel_listener_set set;
    yodel_address *addresses; /* each once */
    size_t address_count;
} yodel_listening;

/* Opens or takes over the listeners and gives them to the acceptor or the workers. Workers that
 * accept for themselves have one each on every address: of inherited ones that are more than the
 * workers some get several, so that none is without somebody who accepts; are they fewer, more are
 * opened. That works only where the first have SO_REUSEPORT and the same user has opened them:
 * otherwise the log has a warning and the acceptor accepts for all. Where there can be only one, in
 * the unix domain, the acceptor accepts, too, unless there is only one worker. 0 and *out; else a
 * negative code, log has one error line, and everything that was not given away yet, inherited or
 * not, is closed. Main thread, before others start. */
int yodel_listening_open(const yodel_listening_config *config, yodel_listening *out);

/* "listening on ADDRESS" for each, with " (inherited)" where that is so. */
void yodel_listening_log(const yodel_listening *listening, yodel_log *log);

/* Frees the copies; zero is fine. */
void yodel_listening_free(yodel_listening *listening);

#endif
