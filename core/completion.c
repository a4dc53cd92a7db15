#include "core/completion.h"

#include "core/clock.h"

#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A condition variable whose deadlines are of the monotonic clock; by default the wall clock's. */
static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error != 0) {
        return error;
    }
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0) {
        error = pthread_cond_init(condition, &attributes);
    }
    pthread_condattr_destroy(&attributes);
    return error;
}

int yodel_completion_init(yodel_completion *c)
{
    int error;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0) {
        return -errno;
    }
    error = pthread_mutex_init(&c->mutex, NULL);
    if (error != 0) {
        close(fd);
        return -error;
    }
    error = init_condition(&c->changed);
    if (error != 0) {
        pthread_mutex_destroy(&c->mutex);
        close(fd);
        return -error;
    }
    c->fd = fd;
    c->value = 0;
    c->done = false;
    return 0;
}

void yodel_completion_destroy(yodel_completion *c)
{
    if (c == NULL) {
        return;
    }
    /* Who saw the fd become readable can be here while the completer still holds the mutex. */
    pthread_mutex_lock(&c->mutex);
    pthread_mutex_unlock(&c->mutex);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->mutex);
    close(c->fd);
}

bool yodel_completion_complete(yodel_completion *c, int value)
{
    bool first;

    /* All of it under the mutex: see yodel_completion_destroy. */
    pthread_mutex_lock(&c->mutex);
    first = !c->done;
    if (first) {
        c->value = value;
        c->done = true;
        pthread_cond_broadcast(&c->changed);
        (void)eventfd_write(c->fd, 1); /* fails only when the counter is full: it is 0 */
    }
    pthread_mutex_unlock(&c->mutex);
    return first;
}

int yodel_completion_wait(yodel_completion *c)
{
    int value;

    pthread_mutex_lock(&c->mutex);
    while (!c->done) {
        pthread_cond_wait(&c->changed, &c->mutex);
    }
    value = c->value;
    pthread_mutex_unlock(&c->mutex);
    return value;
}

int yodel_completion_wait_until(yodel_completion *c, uint64_t deadline_ns, int *value)
{
    const struct timespec deadline = {
        .tv_sec = (time_t)(deadline_ns / YODEL_NS_PER_SEC),
        .tv_nsec = (long)(deadline_ns % YODEL_NS_PER_SEC),
    };
    int code = 0;

    pthread_mutex_lock(&c->mutex);
    while (!c->done && code == 0) {
        code = -pthread_cond_timedwait(&c->changed, &c->mutex, &deadline);
    }
    if (c->done) {
        *value = c->value;
        code = 0;
    }
    pthread_mutex_unlock(&c->mutex);
    return code;
}

bool yodel_completion_done(yodel_completion *c)
{
    bool done;

    pthread_mutex_lock(&c->mutex);
    done = c->done;
    pthread_mutex_unlock(&c->mutex);
    return done;
}

int yodel_completion_fd(const yodel_completion *c)
{
    return c->fd;
}
