/*
 * thread: starting a thread the way every thread here is started.
 */
#ifndef YODEL_CORE_THREAD_H
#define YODEL_CORE_THREAD_H

#include <pthread.h>

/* Room for a thread's name, the final NUL included (pthread_setname_np). */
#define YODEL_THREAD_NAME 16

/* Starts run(arg) in a new thread with a name (cut to fit) that ps and gdb show, on one core (cpu
 * >= 0) or any (-1), and with every signal blocked, so that signals reach only the thread that
 * asked for them. The caller joins it. 0, or a negative errno (-EINVAL: no such core); then nothing
 * was started. Any thread. */
int yodel_thread_start(pthread_t *thread, const char *name, int cpu, void *(*run)(void *),
                       void *arg);

#endif
