#include "core/transport_internal.h"

#include "core/error.h"
#include "core/memory_budget.h"

#include <inttypes.h>

/* Who has no more than this is not the one to blame when nothing is left. */
#define SMALL 4096u

static uint64_t own_bytes(const yodel_transport_group *group)
{
    return yodel_counters_get(group->counters, YODEL_COUNT_BUFFERED);
}

static uint32_t bytes_of(const yodel_transport *t)
{
    return t->in.capacity + t->out.capacity;
}

/* A buffer of t's has changed: `before` is what t had. */
static void account(yodel_transport *t, uint32_t before)
{
    uint32_t now = bytes_of(t);
    if (now < before) {
        yodel_uncount(t->group->counters, YODEL_COUNT_BUFFERED, before - now);
    } else if (now > before) {
        yodel_count(t->group->counters, YODEL_COUNT_BUFFERED, now - before);
    }
}

int yodel_transport_reserve(yodel_transport *t, yodel_buffer *buffer, size_t n)
{
    if (n <= yodel_buffer_space(buffer)) {
        return yodel_buffer_reserve(buffer, n);
    }
    yodel_transport_group *group = t->group;
    const yodel_memory_budget *budget = group->settings->memory;
    uint32_t before = bytes_of(t);
    if (before + n > SMALL && yodel_memory_budget_above_share(budget, own_bytes(group)) &&
        yodel_memory_budget_exhausted(budget)) {
        return YODEL_EMEMORY;
    }
    int code = yodel_buffer_reserve(buffer, n);
    account(t, before);
    if (yodel_memory_budget_above_share(budget, own_bytes(group)) &&
        yodel_memory_budget_exceeded(budget)) {
        /* Not from here: t itself may be among those that have to go. */
        yodel_loop_defer(group->loop, &group->shed);
    }
    return code;
}

int yodel_transport_append(yodel_transport *t, yodel_buffer *buffer, const void *data, size_t n)
{
    int code = yodel_transport_reserve(t, buffer, n);
    return code < 0 ? code : yodel_buffer_append(buffer, data, n);
}

void yodel_transport_consume(yodel_transport *t, yodel_buffer *buffer, size_t n)
{
    uint32_t before = bytes_of(t);
    yodel_buffer_consume(buffer, n);
    account(t, before);
}

void yodel_transport_shrink(yodel_transport *t, yodel_buffer *buffer)
{
    uint32_t before = bytes_of(t);
    yodel_buffer_shrink(buffer);
    account(t, before);
}

void yodel_transport_forget_memory(yodel_transport *t)
{
    yodel_uncount(t->group->counters, YODEL_COUNT_BUFFERED, bytes_of(t));
}

/* --- making room --- */

/* Sizes that have the same highest bit are taken for equally large: most are powers of two anyway,
 * and so two walks over the list do, however many connections have to go. */
#define MAGNITUDES 33

static unsigned magnitude_of(uint32_t bytes)
{
    return bytes > 0 ? 32 - (unsigned)__builtin_clz(bytes) : 0;
}

/* The magnitude of the smallest connections that have to go so that *excess bytes become free; what
 * is left of *excess is for those of this magnitude to give, the larger ones go all. */
static unsigned smallest_to_go(const yodel_transport_group *group, uint64_t *excess)
{
    uint64_t sums[MAGNITUDES] = {0};
    yodel_list *item;
    yodel_list *next;
    yodel_list_for_each_safe(item, next, &group->live)
    {
        uint32_t bytes = bytes_of(yodel_container_of(item, yodel_transport, link));
        sums[magnitude_of(bytes)] += bytes;
    }
    unsigned magnitude = MAGNITUDES - 1;
    while (magnitude > 1 && sums[magnitude] < *excess) {
        *excess -= sums[magnitude--];
    }
    return magnitude;
}

/* Aborts the largest connections until so many bytes are free. Returns how many it aborted. */
static size_t abort_largest(yodel_transport_group *group, uint64_t excess)
{
    size_t aborted = 0;
    unsigned smallest = smallest_to_go(group, &excess);
    yodel_list *item;
    yodel_list *next;
    yodel_list_for_each_safe(item, next, &group->live) /* calls nobody back */
    {
        yodel_transport *t = yodel_container_of(item, yodel_transport, link);
        uint32_t bytes = bytes_of(t);
        unsigned magnitude = magnitude_of(bytes);
        if (magnitude < smallest || (magnitude == smallest && excess == 0)) {
            continue;
        }
        if (magnitude == smallest) {
            excess -= bytes < excess ? bytes : excess;
        }
        yodel_transport_end(t, YODEL_EMEMORY);
        aborted++;
    }
    return aborted;
}

void yodel_transport_group_shed(yodel_transport_group *group)
{
    const yodel_memory_budget *budget = group->settings->memory;
    uint64_t own = own_bytes(group);
    if (!yodel_memory_budget_above_share(budget, own)) {
        return;
    }
    uint64_t excess = yodel_memory_budget_excess(budget, own);
    if (excess == 0) {
        return;
    }
    size_t aborted = abort_largest(group, excess);
    yodel_log_limited(group->settings->log, &group->sheds, yodel_loop_now(group->loop),
                      YODEL_LOG_WARNING,
                      "connections' buffers take more than %" PRIu64
                      " bytes: aborted the %zu largest of this worker's",
                      budget->max, aborted);
}

void yodel_transport_on_shed(yodel_deferred *deferred)
{
    yodel_transport_group_shed(yodel_container_of(deferred, yodel_transport_group, shed));
}
