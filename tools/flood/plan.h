/*
 * plan: what all threads of a run need to know: where to, where from, which lines. Made before they
 * start, then only read.
 */
#ifndef YODEL_FLOOD_PLAN_H
#define YODEL_FLOOD_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "options.h"
#include "payload.h"

/* All addresses of one HOST[:PORT]; tried in this order until one answers. */
typedef struct yodel_plan_target {
    yodel_address *addresses;
    size_t count;
} yodel_plan_target;

typedef struct yodel_plan {
    const yodel_flood_options *options;
    yodel_payload payload;
    yodel_plan_target *targets; /* of options->targets */
    yodel_address *sources;     /* options->source_count addresses with port 0 */
} yodel_plan;

/* Resolves the names and looks whether the process may have enough file descriptors and local ports
 * for so many connections; raises the limit of the former first. 0 and *plan; or a negative code,
 * and one line in message that says what does not suffice and what would. May block while it
 * resolves. The options must live as long as the plan. */
int yodel_plan_make(yodel_plan *plan, const yodel_flood_options *options, char *message,
                    size_t size);
void yodel_plan_destroy(yodel_plan *plan);

/* How many of the run's connections thread `index` has: they differ by at most one, and none is
 * left out. Thread t has connections t, t + threads, t + 2 threads ... */
uint32_t yodel_plan_share(const yodel_plan *plan, uint32_t index);

/* Where connection `c` goes and where it comes from (NULL: wherever the kernel likes). Neighbours
 * go to different targets; each pair of target and source gets as many. */
uint32_t yodel_plan_target_of(const yodel_plan *plan, uint32_t c);
const yodel_address *yodel_plan_source_of(const yodel_plan *plan, uint32_t c);

/* How many lines connection `c` is to send in all (-n, --idle); UINT64_MAX: no limit. */
uint64_t yodel_plan_quota(const yodel_plan *plan, uint32_t c);

#endif
