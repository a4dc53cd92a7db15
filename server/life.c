#include "server/life.h"

#include "core/error.h"
#include "core/run.h"
#include "server/notify.h"
#include "server/program_path.h"
#include "server/upgrade.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

typedef struct life {
    const yodel_life_config *config;
    yodel_run *run;
    yodel_upgrade_config upgrade_config;
    yodel_upgrade upgrade;
    yodel_watchdog watchdog;
    bool replaced;
} life;

static void on_begin(yodel_run *run, void *arg)
{
    life *l = arg;
    l->run = run;
    yodel_upgrade_init(&l->upgrade, yodel_run_loop(run), &l->upgrade_config);
}

static void on_ready(yodel_run *run, void *arg)
{
    life *l = arg;
    yodel_inherited *inherited = l->config->inherited;
    /* Where another process waits for that, it tells the service manager, which does not know this
     * one yet. */
    if (inherited->ready >= 0) {
        yodel_inherited_say_ready(inherited);
    } else {
        yodel_notify_ready();
    }
    yodel_watchdog_start(&l->watchdog, yodel_run_loop(run), l->config->server);
}

static void on_ending(yodel_run *run, void *arg)
{
    life *l = arg;
    (void)run;
    yodel_upgrade_give_up(&l->upgrade);
    if (!l->replaced) {
        yodel_admin_set_draining(l->config->admin);
        yodel_notify_stopping();
    }
}

static void on_end(yodel_run *run, void *arg)
{
    life *l = arg;
    (void)run;
    yodel_upgrade_give_up(&l->upgrade);
    yodel_watchdog_stop(&l->watchdog);
}

/* --- the upgrade --- */

static void on_upgraded(void *arg, pid_t pid)
{
    life *l = arg;
    if (pid == 0) {
        yodel_notify_ready();
        return;
    }
    yodel_log_write(l->config->log, YODEL_LOG_INFO,
                    "upgrade: process %d serves now, this one ends with its connections", (int)pid);
    l->replaced = true;
    yodel_watchdog_stop(&l->watchdog);
    yodel_admin_quiesce(l->config->admin);
    yodel_notify_replaced(pid);
    yodel_run_replaced(l->run);
}

/* The sockets to pass on: from malloc, or NULL. */
static yodel_passed_fd *collect(const yodel_life_config *config, size_t *count)
{
    size_t listener_count;
    const yodel_listener *listeners = yodel_server_listeners(config->server, &listener_count);
    yodel_passed_fd *fds = calloc(listener_count + 1, sizeof(*fds));
    if (fds == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < listener_count; i++) {
        fds[i] = (yodel_passed_fd){
            .fd = listeners[i].fd,
            .name = listeners[i].kept ? YODEL_INHERITED_KEPT : YODEL_INHERITED_LISTENER,
        };
    }
    *count = listener_count;
    int admin = yodel_admin_fd(config->admin);
    if (admin >= 0) {
        fds[(*count)++] = (yodel_passed_fd){.fd = admin, .name = YODEL_INHERITED_ADMIN};
    }
    return fds;
}

static void begin_upgrade(life *l)
{
    size_t count;
    yodel_passed_fd *fds = collect(l->config, &count);
    if (fds == NULL) {
        yodel_log_write(l->config->log, YODEL_LOG_ERROR, "no memory for an upgrade");
        return;
    }
    yodel_notify_reloading();
    yodel_server_hold(l->config->server);
    bool started = yodel_upgrade_start(&l->upgrade, fds, count);
    yodel_server_release(l->config->server);
    if (!started) {
        yodel_notify_ready();
    }
    free(fds);
}

static void on_signal(yodel_run *run, void *arg)
{
    life *l = arg;
    const char *why_not = yodel_run_is_ending(run) ? "this process was told to end"
                          : l->replaced            ? "this process was replaced already"
                          : l->upgrade.under_way   ? "one is under way"
                                                   : NULL;
    if (why_not != NULL) {
        yodel_log_write(l->config->log, YODEL_LOG_WARNING, "no upgrade: %s", why_not);
    } else {
        begin_upgrade(l);
    }
}

void yodel_life_begin(void)
{
    sigset_t upgrade;
    sigemptyset(&upgrade);
    sigaddset(&upgrade, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &upgrade, NULL);
}

int yodel_life_run(const yodel_life_config *config)
{
    char *program = NULL;
    int code = yodel_program_path_remember(config->argv[0], &program);
    if (code < 0) {
        yodel_log_write(config->log, YODEL_LOG_ERROR, "cannot tell where this program is: %s",
                        yodel_strerror(code));
        return code;
    }
    life l = {
        .config = config,
        .upgrade_config =
            {
                .program = program,
                .argv = config->argv,
                .timeout = config->options->upgrade_timeout,
                .log = config->log,
                .done = on_upgraded,
                .arg = &l,
            },
    };
    const yodel_run_config run = {
        .grace = config->options->grace,
        .drain_delay = config->options->drain_delay,
        .signal = SIGUSR2,
        .on_begin = on_begin,
        .on_ready = on_ready,
        .on_signal = on_signal,
        .on_ending = on_ending,
        .on_end = on_end,
        .arg = &l,
    };
    code = yodel_server_run(config->server, &run);
    free(program);
    return code;
}
