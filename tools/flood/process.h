/*
 * process: what a process costs: CPU time and memory, as Linux tells in /proc.
 */
#ifndef YODEL_FLOOD_PROCESS_H
#define YODEL_FLOOD_PROCESS_H

#include <stddef.h>
#include <sys/types.h>

#include "result.h"

/* A process that is looked at again and again. */
typedef struct yodel_process {
    pid_t pid;
    unsigned long long started; /* in clock ticks since boot: a pid is used again */
} yodel_process;

/* Finds the process. 0; or a negative errno and one line in message that names the pid: there is none, or
 * its figures may not be read. */
int yodel_process_find(yodel_process *process, pid_t pid, char *message, size_t size);

/* Looks at it. When it has ended (even if its pid belongs to another process now), usage->known is false. */
void yodel_process_look(const yodel_process *process, yodel_usage *usage);

/* Looks at ourselves: more exact than /proc. */
void yodel_process_self(yodel_usage *usage);

#endif
