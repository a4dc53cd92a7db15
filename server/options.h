/*
 * The command line of yodel-server, made into a struct. Nothing is printed and nothing is opened
 * here: main decides what to do with the result.
 */
#ifndef YODEL_SERVER_OPTIONS_H
#define YODEL_SERVER_OPTIONS_H

#include "core/cidr.h"
#include "core/log_fd.h"
#include "core/server.h"
#include "server/endpoint.h"
#include "server/user.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YODEL_MAX_HOSTS   64
#define YODEL_MAX_THREADS 1024
#define YODEL_MAX_TRUSTED 64

typedef enum yodel_server_action {
    YODEL_SERVER_SERVE,
    YODEL_SERVER_HELP,
    YODEL_SERVER_VERSION,
    YODEL_SERVER_PROTOCOLS, /* --protocol help */
} yodel_server_action;

typedef struct yodel_server_options {
    yodel_server_action action;
    /* All but factory, full_message, per_ip_message and log, which main adds; hosts points to the
     * array below. */
    yodel_server_config server;
    const char *hosts[YODEL_MAX_HOSTS]; /* pointing into argv */
    const char *protocol;               /* a name that the registry knows */
    bool proxy_protocol;
    yodel_cidr trusted[YODEL_MAX_TRUSTED]; /* with proxy_protocol: one at the least */
    size_t trusted_count;
    bool admin; /* serve HTTP at admin_endpoint */
    yodel_endpoint admin_endpoint;
    uint32_t max_line;      /* bytes */
    double grace;           /* seconds */
    double drain_delay;     /* seconds, 0: none */
    double upgrade_timeout; /* seconds */
    yodel_user user;        /* its text NULL: whoever starts it */
    double stats;           /* seconds between lines of counters, 0: none */
    yodel_log_level log_level;
    yodel_log_format log_format;
} yodel_server_options;

/* What --help prints. */
extern const char yodel_server_help[];

/* Reads argv, whose argv[0] is skipped and whose strings are borrowed. Uses getopt's global state:
 * for one thread at a time. 0; or -EINVAL with one line without newline in message (at most size
 * bytes with the NUL) that names the option or value and what is wrong with it; *options is
 * undefined then. */
int yodel_server_options_parse(yodel_server_options *options, int argc, char *argv[], char *message,
                               size_t size);

#endif
