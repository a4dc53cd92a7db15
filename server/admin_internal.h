/*
 * What the admin endpoint's two files know of each other.
 *
 *   admin.c        its life: socket, thread, samples
 *   admin_http.c   requests and answers
 */
#ifndef YODEL_SERVER_ADMIN_INTERNAL_H
#define YODEL_SERVER_ADMIN_INTERNAL_H

#include "server/admin.h"
#include "server/status.h"
#include "server/watched.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct yodel_admin {
    yodel_admin_config config;
    struct MHD_Daemon *http;
    yodel_status *status; /* the thread's */
    double started;       /* yodel_process_stats */
    unsigned unanswered;  /* connections that have had no answer yet; as the callbacks */
    pthread_t thread;
    int fd;   /* the listening socket */
    int wake; /* eventfd: one of the flags below has changed */
    atomic_bool draining;
    atomic_bool quiesce;
    atomic_bool stop;
};

/* For MHD_start_daemon; arg is the admin. On its thread, and at last, when that has ended, on the
 * one that stops it. The second and the third keep `unanswered`, with a connection's own bool
 * behind *waits. */
enum MHD_Result yodel_admin_on_request(void *arg, struct MHD_Connection *connection,
                                       const char *url, const char *method, const char *version,
                                       const char *upload, size_t *upload_size, void **request);
void yodel_admin_on_connection(void *arg, struct MHD_Connection *connection, void **waits,
                               enum MHD_ConnectionNotificationCode what);
void yodel_admin_on_answered(void *arg, struct MHD_Connection *connection, void **request,
                             enum MHD_RequestTerminationCode how);

#endif
