/*
 * What the files of the status know of each other.
 *
 *   status.c        taking samples, keeping them
 *   status_json.c   the page's data
 *   status_html.c   the page without JavaScript
 */
#ifndef YODEL_SERVER_STATUS_INTERNAL_H
#define YODEL_SERVER_STATUS_INTERNAL_H

#include "server/status.h"

/* One worker in one sample; see status.h. */
typedef struct yodel_status_cell {
    uint32_t active;
    float lines;
    float busy;
    float lag; /* seconds; negative: not measured */
    float longest;
} yodel_status_cell;

/* A sample's own. */
typedef struct yodel_status_head {
    int64_t at_ms; /* since 1970 */
    double bytes_in;
    double bytes_out;
} yodel_status_head;

/* What a worker's counts were at the last sample. */
typedef struct yodel_status_last {
    uint64_t lines;
    yodel_durations_seen lag;
    uint64_t busy_ns; /* with the turn that it was in */
} yodel_status_last;

struct yodel_status {
    const yodel_server *server;
    unsigned workers;
    uint64_t taken; /* samples so far; number n (from 1) lies at (n - 1) % YODEL_STATUS_SAMPLES */
    uint64_t taken_at; /* the last one, ns */
    uint64_t bytes_in;
    uint64_t bytes_out;
    yodel_status_last *last; /* of each worker */
    yodel_status_head head[YODEL_STATUS_SAMPLES];
    yodel_status_cell *cells; /* a row of workers for each sample */
};

/* Sample number n, which is kept still, of a worker. */
static inline const yodel_status_cell *yodel_status_cell_at(const yodel_status *status, uint64_t n,
                                                            unsigned worker)
{
    return &status->cells[(n - 1) % YODEL_STATUS_SAMPLES * status->workers + worker];
}

static inline const yodel_status_head *yodel_status_head_at(const yodel_status *status, uint64_t n)
{
    return &status->head[(n - 1) % YODEL_STATUS_SAMPLES];
}

/* "starting", "serving" or "draining". */
const char *yodel_status_word(yodel_server_state state);

#endif
