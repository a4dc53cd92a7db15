#include "core/run.h"

#include "core/clock.h"
#include "core/error.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct yodel_run {
    yodel_server *server;
    const yodel_run_config *config;
    yodel_loop *loop;
    ev_io signals;
    ev_io stopped;
    yodel_timer until_drain;
    uint64_t told_at; /* when the signal that ends it was dealt with; 0: none yet */
    bool replaced;
    int code;
};

static void call(yodel_run *run, void (*callback)(yodel_run *, void *))
{
    if (callback != NULL) {
        callback(run, run->config->arg);
    }
}

static void drain(yodel_run *run)
{
    yodel_timer_stop(&run->until_drain);
    yodel_server_drain(run->server, run->config->grace);
}

static void on_drain_due(yodel_timer *timer)
{
    drain(yodel_container_of(timer, yodel_run, until_drain));
}

static const char *name_of(int signal)
{
    return signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "SIGHUP";
}

static void say_so(const yodel_run *run, int signal, double delay)
{
    yodel_counters sum;
    char when[40] = "";
    yodel_server_totals(run->server, &sum);
    if (delay > 0) {
        (void)snprintf(when, sizeof(when), " in %g s", delay);
    }
    yodel_log_write(yodel_server_log(run->server), YODEL_LOG_INFO,
                    "%s: draining%s; connections open: %" PRIu64 ", grace: %g s", name_of(signal),
                    when, yodel_counters_get(&sum, YODEL_COUNT_ACTIVE), run->config->grace);
}

static void told_to_end(yodel_run *run, int signal)
{
    uint64_t now = yodel_clock_now();
    if (run->told_at != 0) {
        if (now - run->told_at >= YODEL_RUN_SAME_SIGNAL_MS * YODEL_NS_PER_MS) {
            run->code = -EINTR;
            yodel_loop_stop(run->loop);
        }
        return;
    }
    run->told_at = now;
    call(run, run->config->on_ending); /* may find out that it is replaced, and may take its time */
    run->told_at = yodel_clock_now();
    double delay = run->replaced ? 0 : run->config->drain_delay;
    say_so(run, signal, delay);
    if (delay > 0) {
        yodel_timer_start(&run->until_drain, delay);
    } else {
        drain(run);
    }
}

static void on_signals(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)revents;
    yodel_run *run = yodel_container_of(io, yodel_run, signals);
    struct signalfd_siginfo signal;
    if (read(io->fd, &signal, sizeof(signal)) != (ssize_t)sizeof(signal)) {
        return;
    }
    if (run->config->signal != 0 && signal.ssi_signo == (uint32_t)run->config->signal) {
        call(run, run->config->on_signal);
    } else {
        told_to_end(run, (int)signal.ssi_signo);
    }
}

static void on_stopped(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    (void)revents;
    yodel_loop_stop(yodel_container_of(io, yodel_run, stopped)->loop);
}

/* A signalfd, all of whose signals are blocked from here on, or a negative errno. */
static int receive_signals(const yodel_run_config *config)
{
    sigset_t set;
    struct sigaction hangup;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
        sigaddset(&set, SIGHUP);
    }
    if (config->signal != 0) {
        sigaddset(&set, config->signal);
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

/* Starts, serves, ends. */
static int live(yodel_run *run, int signals)
{
    struct ev_loop *ev = yodel_loop_ev(run->loop);
    call(run, run->config->on_begin);
    run->code = yodel_server_start(run->server);
    if (run->code == 0) {
        yodel_timer_init(&run->until_drain, run->loop, on_drain_due);
        ev_io_init(&run->signals, on_signals, signals, EV_READ);
        ev_io_start(ev, &run->signals);
        ev_io_init(&run->stopped, on_stopped, yodel_server_stopped_fd(run->server), EV_READ);
        ev_io_start(ev, &run->stopped);
        call(run, run->config->on_ready);
        yodel_loop_run(run->loop);
        yodel_timer_stop(&run->until_drain);
        ev_io_stop(ev, &run->signals);
        ev_io_stop(ev, &run->stopped);
    }
    if (run->code != -EINTR) {
        if (run->code == 0) {
            yodel_server_wait(run->server);
        }
        call(run, run->config->on_end);
    }
    return run->code;
}

int yodel_server_run(yodel_server *server, const yodel_run_config *config)
{
    yodel_run run = {.server = server, .config = config};
    int signals = receive_signals(config);
    int code = signals < 0 ? signals : yodel_loop_new(&run.loop);
    if (code < 0) {
        yodel_log_write(yodel_server_log(server), YODEL_LOG_ERROR, "cannot wait for signals: %s",
                        yodel_strerror(code));
    } else {
        code = live(&run, signals);
    }
    if (code != -EINTR) {
        yodel_loop_free(run.loop); /* what else watches on it goes with the process */
    }
    if (signals >= 0) {
        close(signals);
    }
    return code;
}

yodel_loop *yodel_run_loop(yodel_run *run)
{
    return run->loop;
}

bool yodel_run_is_ending(const yodel_run *run)
{
    return run->told_at != 0;
}

void yodel_run_replaced(yodel_run *run)
{
    run->replaced = true;
    if (run->told_at == 0) {
        yodel_server_leave(run->server);
        yodel_timer_start(&run->until_drain, run->config->grace);
    }
}
