/*
 * life: the server's life in the hands of an operator or a service manager: readiness, the
 * watchdog, SIGTERM with its delay, SIGUSR2 for an upgrade.
 */
#ifndef YODEL_SERVER_LIFE_H
#define YODEL_SERVER_LIFE_H

#include "core/server.h"
#include "server/admin.h"
#include "server/inherited.h"
#include "server/options.h"

/* All borrowed. */
typedef struct yodel_life_config {
    yodel_server *server;
    const yodel_server_options *options; /* of which the times are for here */
    yodel_inherited *inherited; /* by the server already, but for who waits for it to be ready */
    char *const *argv;
    yodel_admin *admin; /* NULL: none */
    yodel_log *log;
} yodel_life_config;

/* First of all: a SIGUSR2 that comes between this and yodel_life_run waits for that instead of
 * ending the process. */
void yodel_life_begin(void);

/* Runs the server to its end. As yodel_server_run. */
int yodel_life_run(const yodel_life_config *config);

#endif
