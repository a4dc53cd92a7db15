#include "core/monitor.h"

#include "core/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define STUCK_NS ((uint64_t)(YODEL_MONITOR_STUCK * (double)YODEL_NS_PER_SEC))

/* A worker that hangs time and again: a line for it once a second. */
#define COMPLAINT_PERIOD YODEL_NS_PER_SEC

static void found_stuck(yodel_monitor *monitor, unsigned worker, uint64_t now)
{
    yodel_monitored *m = &monitor->monitored[worker];
    m->stuck = true;
    monitor->stuck++;
    yodel_count(monitor->counters, YODEL_COUNT_STUCK, 1);
    m->told = now >= m->limit.next_ns;
    yodel_log_limited(monitor->log, &m->limit, now, YODEL_LOG_WARNING,
                      "worker %u is stuck: its callback has not returned for %" PRIu64 " ms",
                      worker, (now - m->since) / YODEL_NS_PER_MS);
}

static void found_moving(yodel_monitor *monitor, unsigned worker, uint64_t now)
{
    yodel_monitored *m = &monitor->monitored[worker];
    m->stuck = false;
    monitor->stuck--;
    if (m->told) {
        yodel_log_write(monitor->log, YODEL_LOG_WARNING,
                        "worker %u moves again after %" PRIu64 " ms", worker,
                        (now - m->since) / YODEL_NS_PER_MS);
    }
}

/* A worker that needs room has not got it yet from those that have too much: their buffers may not
 * grow any more, and only growth makes them look. */
static void look_at_memory(yodel_monitor *monitor)
{
    const yodel_memory_budget *memory = monitor->memory;
    if (memory == NULL || memory->max == 0 || !yodel_memory_budget_exceeded(memory)) {
        return;
    }
    for (unsigned i = 0; i < monitor->count; i++) {
        yodel_worker *worker = &monitor->workers[i];
        if (yodel_memory_budget_above_share(
                memory, yodel_counters_get(&worker->counters, YODEL_COUNT_BUFFERED))) {
            yodel_worker_shed(worker);
        }
    }
}

void yodel_monitor_look(yodel_monitor *monitor, uint64_t now)
{
    look_at_memory(monitor);
    for (unsigned i = 0; i < monitor->count; i++) {
        yodel_monitored *m = &monitor->monitored[i];
        uint64_t since = yodel_loop_busy_since(monitor->workers[i].loop);
        bool same_turn = since != 0 && since == m->since;
        if (m->stuck && !same_turn) {
            found_moving(monitor, i, now);
        } else if (!m->stuck && same_turn && now > since && now - since >= STUCK_NS) {
            /* Twice in the same turn: when the whole process was stopped for a while, one look
             * after it says nothing. */
            found_stuck(monitor, i, now);
        }
        m->since = since;
        if (monitor->probes) {
            yodel_worker_probe(&monitor->workers[i]);
        }
    }
}

static void on_timer(yodel_timer *timer)
{
    yodel_monitor *monitor = yodel_container_of(timer, yodel_monitor, timer);
    yodel_monitor_look(monitor, yodel_clock_now());
    yodel_timer_start(timer, YODEL_MONITOR_PERIOD);
}

int yodel_monitor_init(yodel_monitor *monitor, yodel_loop *loop, yodel_worker *workers,
                       unsigned count, yodel_counters *counters, yodel_log *log)
{
    yodel_monitored *monitored = calloc(count, sizeof(*monitored));
    if (monitored == NULL) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < count; i++) {
        monitored[i].limit.period_ns = COMPLAINT_PERIOD;
    }
    *monitor = (yodel_monitor){
        .workers = workers,
        .count = count,
        .monitored = monitored,
        .counters = counters,
        .log = log,
    };
    yodel_timer_init(&monitor->timer, loop, on_timer);
    return 0;
}

void yodel_monitor_destroy(yodel_monitor *monitor)
{
    if (monitor->monitored != NULL) {
        yodel_timer_stop(&monitor->timer);
    }
    free(monitor->monitored);
    monitor->monitored = NULL;
}

void yodel_monitor_start(yodel_monitor *monitor)
{
    yodel_timer_start(&monitor->timer, YODEL_MONITOR_PERIOD);
}
