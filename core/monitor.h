/*
 * monitor: watches over the workers, ten times a second.
 *
 * A callback that blocks (a file on a dead network drive, a lock, a long computation) holds up
 * every connection of its worker. Each loop notes when its turn began and that it waits (loop.h);
 * the monitor, a timer on the acceptor's loop, looks at these notes every YODEL_MONITOR_PERIOD. A
 * worker that has been in one turn for YODEL_MONITOR_STUCK or longer is stuck: that is logged, with
 * its name and for how long, and counted. Once it moves again that is logged, too. In between the
 * acceptor gives it no new connections. With --accept reuseport a worker accepts for itself, and
 * what the kernel has queued for it waits for it.
 *
 * What moves again in less time than lies between two looks may not be seen: at YODEL_MONITOR_STUCK
 * and YODEL_MONITOR_PERIOD together it is for certain.
 *
 * It also asks the workers whose connections' buffers take more than their share to make room when
 * all of them together take more than they may (memory_budget.h), and sends the probes that measure
 * the loops' lag (worker.h) when somebody wants to know it.
 */
#ifndef YODEL_CORE_MONITOR_H
#define YODEL_CORE_MONITOR_H

#include "log.h"
#include "worker.h"

#include <stdbool.h>
#include <stdint.h>

#define YODEL_MONITOR_PERIOD YODEL_PROBE_PERIOD
#define YODEL_MONITOR_STUCK  0.2

/* What the monitor knows of one worker. */
typedef struct yodel_monitored {
    uint64_t since;    /* the turn that it was in when it was last looked at; 0: it waited */
    atomic_bool stuck; /* written by the loop's thread */
    bool told;         /* that it is stuck: then also that it moves again */
    yodel_log_limit limit;
} yodel_monitored;

typedef struct yodel_monitor {
    yodel_timer timer;
    yodel_worker *workers;
    const yodel_memory_budget *memory; /* of the workers; NULL: no limit. Set before it starts */
    bool probes;                       /* sends them. Set before it starts */
    unsigned count;
    unsigned stuck; /* how many are */
    yodel_monitored *monitored;
    yodel_counters *counters;
    yodel_log *log;
} yodel_monitor;

/* Makes a monitor that will run on the loop. The workers need not be initialised yet; counters (for
 * "stuck"; the loop's thread is their only writer) and log (NULL: silent) are borrowed. 0 or
 * -ENOMEM. Main thread. */
int yodel_monitor_init(yodel_monitor *monitor, yodel_loop *loop, yodel_worker *workers,
                       unsigned count, yodel_counters *counters, yodel_log *log);

/* Ends it: when the loop no longer runs. No effect on one that is all zero. */
void yodel_monitor_destroy(yodel_monitor *monitor);

/* Begins to look, on the loop's thread or before the loop runs. */
void yodel_monitor_start(yodel_monitor *monitor);

/* Looks once. now_ns: the instant (clock.h). The timer calls it; on the loop's thread. */
void yodel_monitor_look(yodel_monitor *monitor, uint64_t now_ns);

/* Was the worker stuck at the last look? Any thread. */
static inline bool yodel_monitor_stuck(const yodel_monitor *monitor, unsigned worker)
{
    return monitor->monitored[worker].stuck;
}

#endif
