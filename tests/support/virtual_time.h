/*
 * Time that passes only when somebody waits: for exact tests of timers.
 *
 * A test of a timer against the real clock either takes as long as the timer or fails on a machine
 * that is busy. This header puts its own clock_gettime and epoll_wait in front of the C library's,
 * for this whole program, libev included (which calls both through the dynamic linker). Once
 * virtual_time_begin was called, CLOCK_MONOTONIC and CLOCK_REALTIME stand still; an epoll_wait
 * takes a microsecond, and one that finds nothing ready returns at once and has moved the clock by
 * its timeout. So an hour of timers passes in a moment, and each fires at its very millisecond.
 *
 * For one .c file of a program that has no other threads while virtual time is on. Not for waiting
 * for other threads, processes or the network: they live in real time.
 */
#ifndef YODEL_TESTS_VIRTUAL_TIME_H
#define YODEL_TESTS_VIRTUAL_TIME_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

static struct {
    bool on;
    bool deaf;            /* an epoll_wait finds nothing, as when signals end it */
    uint64_t now_ns;      /* CLOCK_MONOTONIC */
    int64_t wall_less_ns; /* CLOCK_REALTIME less that */
    unsigned looks;       /* until this many at CLOCK_MONOTONIC, then time passes; 0: no more */
    uint64_t held_up_ms;
} virtual_time;

/* The C library's (or the sanitizer's) function of this name, behind ours. */
static inline void virtual_time_next(void *function, size_t size, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        abort();
    }
    memcpy(function, &found, size); /* ISO C has no cast from a data pointer to a function */
}

static inline int virtual_time_real_clock(clockid_t id, struct timespec *now)
{
    static int (*next)(clockid_t, struct timespec *);
    if (next == NULL) {
        virtual_time_next(&next, sizeof next, "clock_gettime");
    }
    return next(id, now);
}

static inline uint64_t virtual_time_read(clockid_t id)
{
    struct timespec now;
    (void)virtual_time_real_clock(id, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* From here on time stands still / runs by itself again. */
static inline void virtual_time_begin(void)
{
    virtual_time.looks = 0;
    virtual_time.deaf = false;
    virtual_time.now_ns = virtual_time_read(CLOCK_MONOTONIC);
    virtual_time.wall_less_ns = (int64_t)(virtual_time_read(CLOCK_REALTIME) - virtual_time.now_ns);
    virtual_time.on = true;
}

static inline void virtual_time_end(void)
{
    virtual_time.on = false;
}

/* Lets time pass while a callback is busy. */
static inline void virtual_time_advance_ms(uint64_t ms)
{
    virtual_time.now_ns += ms * 1000000U;
}

/* The machine takes the core away just before the looks-th look at CLOCK_MONOTONIC from now. */
static inline void virtual_time_hold_up(unsigned looks, uint64_t ms)
{
    virtual_time.looks = looks;
    virtual_time.held_up_ms = ms;
}

/* Somebody sets the wall clock: CLOCK_REALTIME alone jumps. */
static inline void virtual_time_set_wall_clock(int64_t by_seconds)
{
    virtual_time.wall_less_ns += by_seconds * 1000000000;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    if (!virtual_time.on || (id != CLOCK_MONOTONIC && id != CLOCK_REALTIME)) {
        return virtual_time_real_clock(id, now);
    }
    if (id == CLOCK_MONOTONIC && virtual_time.looks > 0 && --virtual_time.looks == 0) {
        virtual_time_advance_ms(virtual_time.held_up_ms);
    }
    uint64_t ns = virtual_time.now_ns;
    if (id == CLOCK_REALTIME) {
        ns += (uint64_t)virtual_time.wall_less_ns;
    }
    now->tv_sec = (time_t)(ns / 1000000000U);
    now->tv_nsec = (long)(ns % 1000000000U);
    return 0;
}

int epoll_wait(int fd, struct epoll_event *events, int size, int timeout_ms)
{
    static int (*next)(int, struct epoll_event *, int, int);
    if (next == NULL) {
        virtual_time_next(&next, sizeof next, "epoll_wait");
    }
    int n = virtual_time.on && virtual_time.deaf
                ? 0
                : next(fd, events, size, virtual_time.on ? 0 : timeout_ms);
    /* A microsecond for the call itself: libev's timers fire when their instant is over, and it
     * looks again and again until it is. */
    if (virtual_time.on) {
        virtual_time.now_ns += 1000;
    }
    if (virtual_time.on && n == 0 && timeout_ms > 0) {
        virtual_time_advance_ms((uint64_t)timeout_ms);
    }
    return n;
}

#endif
