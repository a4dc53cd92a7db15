/*
 * process_stats: what the operating system knows of this process, as every Prometheus client tells
 * it (process_*).
 */
#ifndef YODEL_SERVER_PROCESS_STATS_H
#define YODEL_SERVER_PROCESS_STATS_H

#include <stdint.h>

/* Bytes and seconds; 0 is what /proc does not tell. */
typedef struct yodel_process_stats {
    double cpu; /* of all threads, in user and system mode */
    double
        started; /* since 1970; to be read once, since the wall clock it is reckoned by may jump */
    uint64_t open_fds;
    uint64_t max_fds; /* the soft limit */
    uint64_t resident_bytes;
    uint64_t virtual_bytes;
} yodel_process_stats;

/* Looks now. Takes some ten microseconds; before Linux 6.2 also the counting of /proc/self/fd. Any
 * thread. */
void yodel_process_stats_get(yodel_process_stats *stats);

#endif
