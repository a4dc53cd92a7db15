#include "core/task.h"

#include "core/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct yodel_task {
    yodel_timer timer;
    uint64_t due;
    uint64_t period;
    yodel_task_fn *run;
    void *arg;
    bool *stopped; /* set while run is being called: where to note that it stopped its own task */
    char name[];
};

/* Saturating: what the clock cannot hold never comes. */
static uint64_t later(uint64_t instant, uint64_t ns)
{
    return ns < UINT64_MAX - instant ? instant + ns : UINT64_MAX;
}

static void on_due(yodel_timer *timer)
{
    yodel_task *task = yodel_container_of(timer, yodel_task, timer);
    bool stopped = false;
    task->stopped = &stopped;
    task->run(task, task->arg);
    if (stopped) {
        return;
    }
    task->stopped = NULL;
    /* The clock, not the turn's time: the task itself may have taken longer than its period. */
    uint64_t now = yodel_clock_now();
    uint64_t missed = now > task->due ? (now - task->due) / task->period : 0;
    task->due = later(task->due, missed * task->period);
    task->due = later(task->due, task->period);
    yodel_timer_start_at(&task->timer, task->due);
}

int yodel_task_start(yodel_loop *loop, const char *name, double period, yodel_task_fn *run,
                     void *arg, yodel_task **out)
{
    uint64_t period_ns = period > 0 ? yodel_clock_from_seconds(period) : 0;
    if (period_ns == 0) {
        return -EINVAL;
    }
    size_t len = strlen(name) + 1;
    yodel_task *task = calloc(1, sizeof(*task) + len);
    if (task == NULL) {
        return -ENOMEM;
    }
    memcpy(task->name, name, len);
    task->period = period_ns;
    task->due = later(yodel_loop_now(loop), period_ns);
    task->run = run;
    task->arg = arg;
    yodel_timer_init(&task->timer, loop, on_due);
    yodel_timer_start_at(&task->timer, task->due);
    *out = task;
    return 0;
}

void yodel_task_stop(yodel_task *task)
{
    if (task == NULL) {
        return;
    }
    yodel_timer_stop(&task->timer);
    if (task->stopped != NULL) {
        *task->stopped = true;
    }
    free(task);
}

const char *yodel_task_name(const yodel_task *task)
{
    return task->name;
}
