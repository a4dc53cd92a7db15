#include "server/upgrade.h"

#include "core/clock.h"
#include "core/error.h"
#include "server/inherited.h"
#include "server/program_path.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How often it is looked at whether the new process is still there, in seconds. */
#define LOOK_PERIOD 0.05

/* One that has closed the pipe without a word is usually about to exit, and how is worth to know.
 */
#define EXIT_SECONDS 1.0

static void stop_watching(yodel_upgrade *upgrade)
{
    ev_io_stop(yodel_loop_ev(upgrade->loop), &upgrade->ready);
    yodel_timer_stop(&upgrade->look);
    close(upgrade->successor.ready);
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
    int error;
    char word;
    ssize_t n;
    do {
        n = read(upgrade->successor.ready, &word, 1);
    } while (n == 1 && word == YODEL_SUCCESSOR_ALONE);
    upgrade->closed = n == 0;
    if (n == 1 && word == YODEL_READY_ERROR &&
        read(upgrade->successor.ready, &error, sizeof(error)) == (ssize_t)sizeof(error)) {
        upgrade->cannot_run = error;
        return word;
    }
    return n == 1 && word == YODEL_READY_SAYS ? word : '\0';
}

/* Whether it has, and how; it stays to be waited for. */
static bool has_exited(const yodel_upgrade *upgrade, siginfo_t *end)
{
    *end = (siginfo_t){0};
    return waitid(P_PID, (id_t)upgrade->successor.pid, end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           end->si_pid != 0;
}

static void reap(const yodel_upgrade *upgrade)
{
    while (waitpid(upgrade->successor.pid, NULL, 0) < 0 && errno == EINTR) {
        /* it has exited, or was killed */
    }
}

static void on_exited(yodel_upgrade *upgrade, const siginfo_t *end)
{
    if (!upgrade->killed && upgrade->cannot_run == 0) {
        (void)listen_to(upgrade); /* its last word; that it was ready does not help any more */
    }
    reap(upgrade);
    say_why(upgrade, end);
    stop_watching(upgrade);
    upgrade->config->done(upgrade->config->arg, 0);
}

static void on_look(yodel_timer *timer)
{
    yodel_upgrade *upgrade = yodel_container_of(timer, yodel_upgrade, look);
    siginfo_t end;
    if (has_exited(upgrade, &end)) {
        on_exited(upgrade, &end);
        return;
    }
    if (!upgrade->killed && yodel_clock_now() >= upgrade->deadline) {
        upgrade->killed = true;
        ev_io_stop(yodel_loop_ev(upgrade->loop), &upgrade->ready);
        (void)kill(upgrade->successor.pid, SIGKILL); /* then it exits */
    }
    yodel_timer_start(timer, LOOK_PERIOD);
}

static void hand_over(yodel_upgrade *upgrade)
{
    stop_watching(upgrade);
    upgrade->config->done(upgrade->config->arg, upgrade->successor.pid);
}

static void on_ready(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)revents;
    yodel_upgrade *upgrade = yodel_container_of(io, yodel_upgrade, ready);
    siginfo_t end;
    char said = listen_to(upgrade);
    if (said == YODEL_READY_SAYS && !has_exited(upgrade, &end)) {
        hand_over(upgrade);
        return;
    }
    if (said != '\0' || upgrade->closed) {
        ev_io_stop(ev, &upgrade->ready); /* its end is near */
        upgrade->deadline = yodel_clock_after(EXIT_SECONDS);
    }
}

void yodel_upgrade_init(yodel_upgrade *upgrade, yodel_loop *loop,
                        const yodel_upgrade_config *config)
{
    *upgrade = (yodel_upgrade){.config = config, .loop = loop};
    yodel_timer_init(&upgrade->look, loop, on_look);
}

static int begin(yodel_upgrade *upgrade, const yodel_passed_fd *fds, size_t count)
{
    const yodel_upgrade_config *config = upgrade->config;
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    char path[PATH_MAX];
    (void)sigaction(SIGCHLD, &usual, NULL);
    int code = yodel_program_path_find(config->program, path);
    return code < 0 ? code
                    : yodel_successor_start(path, config->argv, fds, count, &upgrade->successor);
}

bool yodel_upgrade_start(yodel_upgrade *upgrade, const yodel_passed_fd *fds, size_t count)
{
    const yodel_upgrade_config *config = upgrade->config;
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
    ev_io_start(yodel_loop_ev(upgrade->loop), &upgrade->ready);
    upgrade->deadline = yodel_clock_after(config->timeout);
    yodel_timer_start(&upgrade->look, LOOK_PERIOD);
    yodel_log_write(config->log, YODEL_LOG_INFO, "upgrade: process %d starts as %s",
                    (int)upgrade->successor.pid, config->program);
    return true;
}

void yodel_upgrade_give_up(yodel_upgrade *upgrade)
{
    siginfo_t end;
    if (!upgrade->under_way) {
        return;
    }
    /* It may serve already, and what it has accepted would be lost with it. */
    if (!upgrade->killed && listen_to(upgrade) == YODEL_READY_SAYS && !has_exited(upgrade, &end)) {
        hand_over(upgrade);
        return;
    }
    (void)kill(upgrade->successor.pid, SIGKILL);
    reap(upgrade);
    yodel_log_write(upgrade->config->log, YODEL_LOG_WARNING, "upgrade: given up, process %d killed",
                    (int)upgrade->successor.pid);
    stop_watching(upgrade);
}
