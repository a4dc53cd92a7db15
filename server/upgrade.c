#include "server/upgrade.h"

#include "core/error.h"
#include "server/inherited.h"
#include "server/program_path.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* One that has closed the pipe without a word is usually about to exit, and how is worth to know. */
#define EXIT_SECONDS 1.0

static void stop_watching(yodel_upgrade *upgrade)
{
    struct ev_loop *ev = yodel_loop_ev(upgrade->loop);
    ev_io_stop(ev, &upgrade->ready);
    ev_io_stop(ev, &upgrade->exited);
    yodel_timer_stop(&upgrade->timer);
    yodel_successor_forget(&upgrade->successor);
    upgrade->under_way = false;
}

static void say_why(const yodel_upgrade *upgrade, const siginfo_t *end)
{
    const yodel_upgrade_config *config = upgrade->config;
    int pid = (int)upgrade->successor.pid;
    char why[160];
    if (upgrade->cannot_run != 0) {
        (void)snprintf(why, sizeof(why), "cannot run it: %s", yodel_strerror(-upgrade->cannot_run));
    } else if (upgrade->killed && upgrade->closed) {
        (void)snprintf(why, sizeof(why), "process %d did not say that it was ready, and was killed",
                       pid);
    } else if (upgrade->killed) {
        (void)snprintf(why, sizeof(why), "process %d was not ready after %g s, and was killed", pid,
                       config->timeout);
    } else if (end->si_code == CLD_EXITED) {
        (void)snprintf(why, sizeof(why), "process %d exited with status %d before it was ready",
                       pid, end->si_status);
    } else {
        (void)snprintf(why, sizeof(why), "process %d was ended by signal %d before it was ready",
                       pid, end->si_status);
    }
    yodel_log_write(config->log, YODEL_LOG_ERROR,
                    "upgrade to %s failed: %s; this process goes on serving", config->program, why);
}

/* Reads what was said: YODEL_READY_SAYS, YODEL_READY_ERROR, or 0: nothing, or nothing yet. */
static char listen_to(yodel_upgrade *upgrade)
{
    char message[1 + sizeof(upgrade->cannot_run)];
    ssize_t n = read(upgrade->successor.ready, message, sizeof(message));
    if (n == (ssize_t)sizeof(message) && message[0] == YODEL_READY_ERROR) {
        memcpy(&upgrade->cannot_run, message + 1, sizeof(upgrade->cannot_run));
        return message[0];
    }
    upgrade->closed = n == 0;
    return n > 0 && message[0] == YODEL_READY_SAYS ? message[0] : '\0';
}

static void on_exited(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)revents;
    yodel_upgrade *upgrade = yodel_container_of(io, yodel_upgrade, exited);
    siginfo_t end = {0};
    if (waitid(P_PIDFD, (id_t)upgrade->successor.pidfd, &end, WEXITED) < 0 && errno == EINTR) {
        return; /* again in the next turn */
    }
    if (!upgrade->killed && upgrade->cannot_run == 0) {
        (void)listen_to(upgrade); /* its last word; that it was ready does not help any more */
    }
    say_why(upgrade, &end);
    stop_watching(upgrade);
    upgrade->config->done(upgrade->config->arg, 0);
}

static bool has_exited(const yodel_upgrade *upgrade)
{
    siginfo_t info = {0};
    return waitid(P_PIDFD, (id_t)upgrade->successor.pidfd, &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid != 0;
}

static void on_ready(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)revents;
    yodel_upgrade *upgrade = yodel_container_of(io, yodel_upgrade, ready);
    char said = listen_to(upgrade);
    if (said == YODEL_READY_SAYS && !has_exited(upgrade)) {
        pid_t pid = upgrade->successor.pid;
        stop_watching(upgrade);
        upgrade->config->done(upgrade->config->arg, pid);
        return;
    }
    if (said != '\0' || upgrade->closed) {
        ev_io_stop(ev, &upgrade->ready); /* its end is near */
        yodel_timer_start(&upgrade->timer, EXIT_SECONDS);
    }
}

static void on_timeout(yodel_timer *timer)
{
    yodel_upgrade *upgrade = yodel_container_of(timer, yodel_upgrade, timer);
    upgrade->killed = true;
    ev_io_stop(yodel_loop_ev(upgrade->loop), &upgrade->ready);
    (void)kill(upgrade->successor.pid, SIGKILL); /* then it exits */
}

void yodel_upgrade_init(yodel_upgrade *upgrade, yodel_loop *loop,
                        const yodel_upgrade_config *config)
{
    *upgrade = (yodel_upgrade){.config = config, .loop = loop};
    yodel_timer_init(&upgrade->timer, loop, on_timeout);
}

static int begin(yodel_upgrade *upgrade, const yodel_passed_fd *fds, size_t count)
{
    const yodel_upgrade_config *config = upgrade->config;
    char path[PATH_MAX];
    int code = yodel_program_path_find(config->program, path);
    return code < 0 ? code
                    : yodel_successor_start(path, config->argv, fds, count, &upgrade->successor);
}

bool yodel_upgrade_start(yodel_upgrade *upgrade, const yodel_passed_fd *fds, size_t count)
{
    const yodel_upgrade_config *config = upgrade->config;
    struct ev_loop *ev = yodel_loop_ev(upgrade->loop);
    int code = begin(upgrade, fds, count);
    if (code < 0) {
        yodel_log_write(config->log, YODEL_LOG_ERROR,
                        "upgrade to %s failed: cannot start it: %s; this process goes on serving",
                        config->program, yodel_strerror(code));
        return false;
    }
    upgrade->under_way = true;
    upgrade->closed = upgrade->killed = false;
    upgrade->cannot_run = 0;
    ev_io_init(&upgrade->ready, on_ready, upgrade->successor.ready, EV_READ);
    ev_io_start(ev, &upgrade->ready);
    ev_io_init(&upgrade->exited, on_exited, upgrade->successor.pidfd, EV_READ);
    ev_io_start(ev, &upgrade->exited);
    yodel_timer_start(&upgrade->timer, config->timeout);
    yodel_log_write(config->log, YODEL_LOG_INFO, "upgrade: process %d starts as %s",
                    (int)upgrade->successor.pid, config->program);
    return true;
}

void yodel_upgrade_give_up(yodel_upgrade *upgrade)
{
    if (!upgrade->under_way) {
        return;
    }
    (void)kill(upgrade->successor.pid, SIGKILL);
    while (waitpid(upgrade->successor.pid, NULL, 0) < 0 && errno == EINTR) {
        /* it ends at once */
    }
    yodel_log_write(upgrade->config->log, YODEL_LOG_WARNING, "upgrade: given up, process %d killed",
                    (int)upgrade->successor.pid);
    stop_watching(upgrade);
}
