#include "core/idle.h"

/* Busy nodes move at most this often; a shorter timeout refiles more often, so that few busy
 * nodes stand among the expiring ones. */
#define REFILE_MS 1000u

void yodel_idle_init(yodel_idle *idle, double seconds)
{
    yodel_list_init(&idle->order);
    if (seconds > YODEL_IDLE_MAX_SECONDS) {
        seconds = YODEL_IDLE_MAX_SECONDS;
    }
    idle->timeout_ms = (uint32_t)(seconds * 1000.0);
    if (idle->timeout_ms == 0 && seconds > 0) {
        idle->timeout_ms = 1;
    }
    idle->refile_ms = idle->timeout_ms / 8 < REFILE_MS ? idle->timeout_ms / 8 : REFILE_MS;
}

void yodel_idle_node_init(yodel_idle_node *node)
{
    yodel_list_init(&node->link);
}

bool yodel_idle_add(yodel_idle *idle, yodel_idle_node *node, uint64_t now_ns)
{
    if (idle->timeout_ms == 0) {
        return false;
    }
    bool was_empty = yodel_list_empty(&idle->order);
    node->last_ms = node->filed_ms = yodel_idle_ms(now_ns);
    yodel_list_push_back(&idle->order, &node->link);
    return was_empty;
}

void yodel_idle_refile(yodel_idle *idle, yodel_idle_node *node)
{
    node->filed_ms = node->last_ms;
    yodel_list_remove(&node->link);
    yodel_list_push_back(&idle->order, &node->link);
}

void yodel_idle_remove(yodel_idle_node *node)
{
    yodel_list_remove(&node->link);
}

/* Moves those that are over into a list. Returns after how many milliseconds the next one may be;
 * UINT32_MAX: none is left. */
static uint32_t take_expired(yodel_idle *idle, uint64_t now_ns, yodel_list *expired)
{
    uint32_t now = yodel_idle_ms(now_ns);
    uint32_t soonest = UINT32_MAX;
    yodel_list *item;
    yodel_list *next;

    yodel_list_for_each_safe(item, next, &idle->order)
    {
        yodel_idle_node *node = yodel_container_of(item, yodel_idle_node, link);
        uint32_t quiet = now - node->last_ms;
        if (quiet >= idle->timeout_ms) {
            yodel_list_remove(item);
            yodel_list_push_back(expired, item);
            continue;
        }
        if (idle->timeout_ms - quiet < soonest) {
            soonest = idle->timeout_ms - quiet;
        }
        /* Whoever stands behind a node filed less than a timeout ago was filed later still. A
         * node filed earlier but touched since is passed over where it stands. */
        if (now - node->filed_ms < idle->timeout_ms) {
            uint32_t front = idle->timeout_ms - (now - node->filed_ms);
            if (front < soonest) {
                soonest = front;
            }
            break;
        }
    }
    return soonest;
}

uint64_t yodel_idle_expire(yodel_idle *idle, uint64_t now_ns,
                           void (*expired)(yodel_idle_node *node, void *arg), void *arg)
{
    yodel_list over;
    yodel_list_init(&over);
    uint32_t soonest = take_expired(idle, now_ns, &over);
    yodel_list *item;
    /* A touch in between puts a node back: it was filed long ago. */
    while ((item = yodel_list_first(&over)) != NULL) {
        yodel_list_remove(item);
        expired(yodel_container_of(item, yodel_idle_node, link), arg);
    }
    if (soonest == UINT32_MAX) {
        if (yodel_list_empty(&idle->order)) {
            return YODEL_IDLE_NEVER;
        }
        soonest = idle->timeout_ms; /* they have come back since */
    }
    return now_ns + (uint64_t)soonest * YODEL_NS_PER_MS;
}
