/*
 * idle: one and the same timeout for a million connections, without a timer for each.
 *
 * A list in the order of last activity: who has been quiet longest stands in front, so only the
 * front is ever looked at. To keep busy connections from being relinked all the time (three cold
 * cache lines each), a touch only notes the time; the node moves to the back at most once a second.
 * The order is therefore exact to that second while the expiry itself is exact to a millisecond.
 * Pure data: the caller brings the time (nanoseconds of CLOCK_MONOTONIC) and the timer.
 */
#ifndef YODEL_CORE_IDLE_H
#define YODEL_CORE_IDLE_H

#include "clock.h"
#include "list.h"

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds in 32 bits, compared by difference: they may wrap (after 49 days), timeouts must be
 * shorter than half of that. */
#define YODEL_IDLE_MAX_SECONDS (24.0 * 86400.0)
#define YODEL_IDLE_NEVER       UINT64_MAX

typedef struct yodel_idle_node {
    yodel_list link;
    uint32_t last_ms;  /* the last touch */
    uint32_t filed_ms; /* when it was put where it stands in the list */
} yodel_idle_node;

typedef struct yodel_idle {
    yodel_list order;
    uint32_t timeout_ms; /* 0: never */
    uint32_t refile_ms;
} yodel_idle;

/* seconds: the timeout, above 0 (fractions allowed, at least a millisecond is used) up to
 * YODEL_IDLE_MAX_SECONDS (longer ones are cut to it); 0: nothing ever expires. */
void yodel_idle_init(yodel_idle *idle, double seconds);

/* Makes a node that stands in no list; for one that does: yodel_idle_remove. */
void yodel_idle_node_init(yodel_idle_node *node);

/* Puts a node that is in no list to the back, active now. Returns true when the list was empty
 * before: then nobody waits for this node's timeout yet, the caller has to. No effect, and false,
 * when the timeout is 0. */
bool yodel_idle_add(yodel_idle *idle, yodel_idle_node *node, uint64_t now_ns);

static inline uint32_t yodel_idle_ms(uint64_t ns)
{
    return (uint32_t)(ns / YODEL_NS_PER_MS);
}

/* Moves a node of this list, touched just now, to its back. For yodel_idle_touch. */
void yodel_idle_refile(yodel_idle *idle, yodel_idle_node *node);

/* Notes activity now of a node of this list; no effect on one in no list. Inline: there is a touch
 * for whatever is received. */
static inline void yodel_idle_touch(yodel_idle *idle, yodel_idle_node *node, uint64_t now_ns)
{
    if (yodel_list_linked(&node->link)) {
        node->last_ms = yodel_idle_ms(now_ns);
        if (node->last_ms - node->filed_ms > idle->refile_ms) {
            yodel_idle_refile(idle, node);
        }
    }
}

/* Takes a node out of its list; no effect when it is in none. */
void yodel_idle_remove(yodel_idle_node *node);

/* Has it been quiet for the timeout? */
static inline bool yodel_idle_is_over(const yodel_idle *idle, const yodel_idle_node *node,
                                      uint64_t now_ns)
{
    return yodel_idle_ms(now_ns) - node->last_ms >= idle->timeout_ms;
}

/* Takes out every node that has been quiet for the timeout and calls expired for it, which may do
 * with this node and all others what it likes: who is touched or removed by then is spared. Returns
 * the instant at which to call again, YODEL_IDLE_NEVER if none is left. */
uint64_t yodel_idle_expire(yodel_idle *idle, uint64_t now_ns,
                           void (*expired)(yodel_idle_node *node, void *arg), void *arg);

#endif
