/*
 * run: one run of flood from the first connection to the last answer: starts the generators, adds
 * up what they report, and makes the result of it.
 */
#ifndef YODEL_FLOOD_RUN_H
#define YODEL_FLOOD_RUN_H

#include <stddef.h>

#include "plan.h"
#include "process.h"
#include "result.h"

/* Who wants to watch. Called on the thread that called yodel_flood_run. */
typedef struct yodel_run_watcher {
    void (*on_second)(const yodel_second *second, void *arg); /* after each second */
    void *arg;
} yodel_run_watcher;

/* Runs, for as long as the options say, or until SIGINT or SIGTERM: then result->interrupted (a
 * second signal ends the process). Blocks both in the calling thread and those it starts; other
 * threads must not have them open. `server` may be NULL.
 *
 * 0 and the result (all zero before; freed with yodel_result_free), or a negative code and one line
 * in message when nothing could be measured: no memory, no descriptors, or the very first
 * connection failed. */
int yodel_flood_run(const yodel_plan *plan, const yodel_process *server,
                    const yodel_run_watcher *watcher, yodel_result *result, char *message,
                    size_t size);

#endif
