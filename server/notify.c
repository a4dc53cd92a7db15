#include "server/notify.h"

#include "core/clock.h"
#include "core/monitor.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

/* Seconds until the next look at loops of which one did not turn; or less, when the watchdog is so
 * impatient. */
#define LOOK_AGAIN 0.1

void yodel_notify_ready(void)
{
    (void)sd_notify(0, "READY=1\nSTATUS=Serving");
}

void yodel_notify_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Draining");
}

void yodel_notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Starting a new process",
                     yodel_clock_now() / 1000);
}

void yodel_notify_replaced(pid_t pid)
{
    (void)sd_notifyf(0, "MAINPID=%d\nREADY=1\nSTATUS=Serving", (int)pid);
}

static bool all_turn(const yodel_server *server)
{
    const uint64_t patience = yodel_clock_from_seconds(YODEL_MONITOR_STUCK);
    uint64_t now = yodel_clock_now();
    for (unsigned i = 0; i <= yodel_server_workers(server); i++) { /* the acceptor's is the last */
        if (yodel_server_busy_for(server, i, now) >= patience) {
            return false;
        }
    }
    return true;
}

static void on_due(yodel_timer *timer)
{
    yodel_watchdog *watchdog = yodel_container_of(timer, yodel_watchdog, timer);
    if (all_turn(watchdog->server)) {
        (void)sd_notify(0, "WATCHDOG=1");
        yodel_timer_start(timer, watchdog->period);
    } else {
        yodel_timer_start(timer, watchdog->period < LOOK_AGAIN ? watchdog->period : LOOK_AGAIN);
    }
}

void yodel_watchdog_start(yodel_watchdog *watchdog, yodel_loop *loop, const yodel_server *server)
{
    uint64_t usec = 0;
    *watchdog = (yodel_watchdog){.server = server};
    if (sd_watchdog_enabled(0, &usec) <= 0) {
        return;
    }
    watchdog->period = (double)usec / 2e6;
    yodel_timer_init(&watchdog->timer, loop, on_due);
    yodel_timer_start(&watchdog->timer, watchdog->period);
}

void yodel_watchdog_stop(yodel_watchdog *watchdog)
{
    if (watchdog->period > 0) {
        yodel_timer_stop(&watchdog->timer);
    }
}
