/*
 * yodel-server: options, log, signals; the serving itself is core/server.
 */
#include "core/error.h"
#include "core/fd_limit.h"
#include "core/std_fds.h"
#include "core/task.h"
#include "proto/proxy_protocol.h"
#include "proto/registry.h"
#include "server/admin.h"
#include "server/inherited.h"
#include "server/life.h"
#include "server/options.h"
#include "server/stats.h"
#include "yodel_version.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define EXIT_OK     0
#define EXIT_FAILED 1
#define EXIT_USAGE  2

static int print(const char *text)
{
    return fputs(text, stdout) == EOF || fflush(stdout) == EOF ? EXIT_FAILED : EXIT_OK;
}

static int print_protocols(void)
{
    size_t count;
    const yodel_protocol_entry *entries = yodel_protocol_entries(&count);
    for (size_t i = 0; i < count; i++) {
        printf("%-8s %s\n", entries[i].name, entries[i].summary);
    }
    return fflush(stdout) == EOF ? EXIT_FAILED : EXIT_OK;
}

typedef struct stats_context {
    yodel_log *log;
    yodel_server *server;
} stats_context;

static void on_stats(yodel_task *task, void *arg)
{
    (void)task;
    stats_context *context = arg;
    yodel_stats_log(context->log, context->server);
}

static int serve(yodel_server_options *options, yodel_log_fd *log_fd, yodel_inherited *inherited,
                 char *argv[])
{
    yodel_log *log = &log_fd->log;
    yodel_protocol_options protocol = {
        .max_line = options->max_line,
        .idle_timeout = options->server.idle_timeout,
        .dump = stdout,
    };
    (void)yodel_protocol_factory_for(options->protocol, &protocol, &options->server.factory);
    yodel_proxy_config proxy = {
        .factory = options->server.factory,
        .trusted = options->trusted,
        .trusted_count = options->trusted_count,
        .log = log,
    };
    if (options->proxy_protocol) {
        options->server.factory = yodel_proxy_factory(&proxy);
    }
    options->server.full_message = "Error: server is full\r\n";
    options->server.per_ip_message = "Error: too many connections from your address\r\n";
    options->server.log = log;
    options->server.inherited = inherited->listeners;
    options->server.inherited_count = inherited->count;
    bool has_admin = options->admin || inherited->admin >= 0;
    if (has_admin) {
        options->server.measure = true;
        options->server.other_fds = YODEL_ADMIN_FDS;
    }

    yodel_server *server;
    if (yodel_server_new(&options->server, &server) < 0) {
        return EXIT_FAILED; /* the log says why */
    }
    const yodel_admin_config admin_config = {
        .server = server,
        .endpoint = &options->admin_endpoint,
        .fd = inherited->admin,
        .log = log_fd,
        .protocol = options->protocol,
        .replaces = inherited->ready >= 0,
    };
    yodel_admin *admin = NULL;
    /* Everything that may need root is open then. */
    if ((has_admin && yodel_admin_start(&admin_config, &admin) < 0) ||
        (options->user.text != NULL && yodel_user_become(&options->user, log) < 0)) {
        yodel_admin_stop(admin);
        yodel_server_free(server);
        return EXIT_FAILED;
    }
    stats_context context = {log, server};
    yodel_task *stats = NULL;
    if (options->stats > 0 && yodel_task_start(yodel_server_loop(server), "stats", options->stats,
                                               on_stats, &context, &stats) < 0) {
        yodel_log_write(log, YODEL_LOG_WARNING, "no memory for --stats");
    }

    const yodel_life_config life = {
        .server = server,
        .options = options,
        .inherited = inherited,
        .argv = argv,
        .admin = admin,
        .log = log,
    };
    int code = yodel_life_run(&life);
    if (code == -EINTR) {
        yodel_log_write(log, YODEL_LOG_WARNING, "a second signal: not waiting for the drain");
        _exit(EXIT_FAILED);
    }
    if (code == 0) {
        yodel_stats_log(log, server);
    }
    yodel_task_stop(stats);
    yodel_admin_stop(admin);
    yodel_server_free(server);
    return code == 0 ? EXIT_OK : EXIT_FAILED;
}

int main(int argc, char *argv[])
{
    yodel_life_begin();
    int code = yodel_std_fds_open();
    if (code < 0) {
        return EXIT_FAILED;
    }
    yodel_server_options options;
    char message[256];
    if (yodel_server_options_parse(&options, argc, argv, message, sizeof(message)) < 0) {
        (void)fprintf(stderr, "yodel-server: %s (see --help)\n", message);
        return EXIT_USAGE;
    }
    switch (options.action) {
    case YODEL_SERVER_HELP:
        return print(yodel_server_help);
    case YODEL_SERVER_VERSION:
        return print("yodel-server " YODEL_VERSION " (" YODEL_COMMIT ")\n");
    case YODEL_SERVER_PROTOCOLS:
        return print_protocols();
    case YODEL_SERVER_SERVE:
        break;
    }
    /* A reader of our output that goes away is an error of that write, not our end. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)yodel_fd_limit_raise();

    yodel_log_fd log;
    code = yodel_log_fd_init(&log, STDERR_FILENO, options.log_level, options.log_format);
    if (code < 0) {
        (void)fprintf(stderr, "yodel-server: cannot make the log: %s\n", yodel_strerror(code));
        return EXIT_FAILED;
    }
    yodel_inherited inherited;
    int status = EXIT_FAILED;
    if (yodel_inherited_take(&log.log, &inherited) == 0) {
        status = serve(&options, &log, &inherited, argv);
        yodel_inherited_free(&inherited);
    }
    yodel_log_fd_destroy(&log);
    return status;
}
