/*
 * The test as a service manager: it has the listening sockets, passes them on, and hears what is
 * said to it (sd_notify(3)).
 */
#ifndef YODEL_TESTS_MANAGER_H
#define YODEL_TESTS_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "program.h"

typedef struct manager {
    int socket;         /* of the messages */
    char variable[300]; /* NOTIFY_SOCKET=PATH */
} manager;

typedef struct manager_message {
    pid_t sender;
    char text[1000];
} manager_message;

/* In the directory of files.h. */
void manager_open(manager *m);
void manager_close(manager *m);

/* The next message, which must begin with this text. */
manager_message manager_expect(manager *m, const char *beginning);

/* Takes all messages that have come; how many of them were this one. */
size_t manager_take(manager *m, const char *text);

/* A listening socket on 127.0.0.1 with SO_REUSEPORT; port 0 becomes a free one. */
int manager_listen(uint16_t *port);

/* Starts a program as a service manager would: LISTEN_PID is its own. names: LISTEN_FDNAMES, or
 * NULL. The arguments of the program follow, its name first, NULL at the end. */
program *manager_start(const int *fds, size_t count, const char *names, const char *const *env,
                       const char *const argv[]);

#endif
