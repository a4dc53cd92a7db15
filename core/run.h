/*
 * run: a server's life in a program that has nothing else to do: serve until told to stop.
 *
 * The main thread has a loop of its own meanwhile, on which the signals are received; what else a
 * program does beside serving (status messages, a watchdog, a replacement by a newer one) can live
 * there, too.
 *
 *     SIGTERM, SIGINT,    it is told to end: on_ending, then, after drain_delay, the drain
 *     SIGHUP
 *     a second one        it ends at once
 *     config.signal       on_signal
 *
 * SIGHUP, which comes when the terminal goes, is left alone when it is ignored (nohup). Who ends a
 * process often signals it and then its process group (timeout(1)): what comes within
 * YODEL_RUN_SAME_SIGNAL_MS of the first one is the same, not a second one.
 */
#ifndef YODEL_CORE_RUN_H
#define YODEL_CORE_RUN_H

#include "loop.h"
#include "server.h"

#define YODEL_RUN_SAME_SIGNAL_MS 100

typedef struct yodel_run yodel_run;

/* Callbacks may be NULL; all are called on main's thread. */
typedef struct yodel_run_config {
    double grace; /* seconds for what is busy in the drain */
    /* Seconds between being told to end and the drain: clients are still accepted, so that who
     * sends them here has time to hear of it. */
    double drain_delay;
    int signal; /* one more that is received, SIGUSR2 for instance; 0: none */
    void (*on_begin)(yodel_run *run, void *arg);  /* nothing runs yet; to start watchers */
    void (*on_ready)(yodel_run *run, void *arg);  /* clients are served */
    void (*on_signal)(yodel_run *run, void *arg); /* while it serves, and later, too */
    void (*on_ending)(yodel_run *run, void *arg); /* by a signal; once, before the delay */
    void (*on_end)(yodel_run *run, void *arg);    /* nothing runs any more, or could be started;
                                                   * to stop watchers. Not after a second signal */
    void *arg;
} yodel_run_config;

/* Starts the server and serves until it is told to end, which it logs, then drains it (asyncio:
 * serve_forever, and what every program adds to it). Blocks those signals for the process; call it
 * in the main thread while no other thread runs.
 * 0: drained. -EINTR: a second signal came: the threads still run, so leave with
 * _exit, not exit. Any other negative code: it did not start, the log says why,
 * and nothing runs. */
int yodel_server_run(yodel_server *server, const yodel_run_config *config);

/* Main's loop, for timers and watchers; from on_begin until on_end has returned. */
yodel_loop *yodel_run_loop(yodel_run *run);

/* Has it been told to end? */
bool yodel_run_is_ending(const yodel_run *run);

/* Another process has taken over: from now on it accepts (yodel_server_leave). The connections
 * that are left have grace seconds to end by themselves and are drained then; a signal drains them
 * at once. */
void yodel_run_replaced(yodel_run *run);

#endif
