#include "core/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>

static int set_cpu(pthread_attr_t *attributes, int cpu)
{
    cpu_set_t *set = CPU_ALLOC((size_t)cpu + 1);
    if (set == NULL) {
        return ENOMEM;
    }
    size_t size = CPU_ALLOC_SIZE((size_t)cpu + 1);
    CPU_ZERO_S(size, set);
    CPU_SET_S((size_t)cpu, size, set);
    int error = pthread_attr_setaffinity_np(attributes, size, set);
    CPU_FREE(set);
    return error;
}

int yodel_thread_start(pthread_t *thread, const char *name, int cpu, void *(*run)(void *),
                       void *arg)
{
    pthread_attr_t attributes;
    pthread_t started;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return -error;
    }
    if (cpu >= 0) {
        error = set_cpu(&attributes, cpu);
    }
    if (error == 0) {
        /* A thread inherits the mask of its creator: blocked here, no signal can slip in between.
         */
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&started, &attributes, run, arg);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attributes);
    if (error != 0) {
        return -error;
    }
    char short_name[YODEL_THREAD_NAME];
    (void)snprintf(short_name, sizeof(short_name), "%s", name);
    (void)pthread_setname_np(started, short_name);
    *thread = started;
    return 0;
}
