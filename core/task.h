/*
 * task: background tasks with a name and a period on any loop (the articles' daemon_task).
 *
 * A task fires at start + period, start + 2 periods, ... . One that comes late (its loop was busy,
 * the machine slept) fires once and then goes on with the next instant that lies in the future: it
 * never fires twice to catch up, and its rhythm does not drift.
 */
#ifndef YODEL_CORE_TASK_H
#define YODEL_CORE_TASK_H

#include "loop.h"

typedef struct yodel_task yodel_task;

/* What a task does: on the loop's thread; it may stop its own task. */
typedef void yodel_task_fn(yodel_task *task, void *arg);

/* Starts a task, on the loop's thread or before the loop runs. name is copied; period is seconds,
 * above 0. 0 and *out, or -EINVAL, or -ENOMEM. */
int yodel_task_start(yodel_loop *loop, const char *name, double period, yodel_task_fn *run,
                     void *arg, yodel_task **out);

/* Stops and frees it; on the loop's thread, or when the loop no longer runs. NULL is fine. */
void yodel_task_stop(yodel_task *task);

/* The name it was started with; valid as long as the task. */
const char *yodel_task_name(const yodel_task *task);

#endif
