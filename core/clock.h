/*
 * Time: instants are uint64_t nanoseconds of CLOCK_MONOTONIC, durations in configs are double
 * seconds. The monotonic clock never jumps when somebody sets the wall clock, so no timeout fires
 * or sticks because of that; what it counts from is unspecified, so an instant means something only
 * inside this boot of this machine. Wall clock time is used for the time stamps of log lines alone.
 *
 * Any thread may call these; none of them can fail.
 */
#ifndef YODEL_CORE_CLOCK_H
#define YODEL_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define YODEL_NS_PER_SEC UINT64_C(1000000000)
#define YODEL_NS_PER_MS  (YODEL_NS_PER_SEC / 1000)

/* Now. A vDSO call, not a system call: about 20 ns. */
static inline uint64_t yodel_clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * YODEL_NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* A duration in nanoseconds. Saturates: what is longer than 584 years (infinity included) is
 * UINT64_MAX, negative durations and NaN are 0. */
static inline uint64_t yodel_clock_from_seconds(double seconds)
{
    double ns = seconds * (double)YODEL_NS_PER_SEC;

    if (!(ns > 0.0)) {
        return 0;
    }
    return ns >= (double)UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

/* The instant `seconds` from now: a deadline. UINT64_MAX, which never comes, when it is too far. */
static inline uint64_t yodel_clock_after(double seconds)
{
    uint64_t now = yodel_clock_now();
    uint64_t ns = yodel_clock_from_seconds(seconds);

    return ns > UINT64_MAX - now ? UINT64_MAX : now + ns;
}

#endif
