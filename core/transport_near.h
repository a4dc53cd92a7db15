/*
 * transport_near: what a turn does for every line or for every receive, inline: for the transport's
 * own files and for the library's protocols, to which a call a line is too much. Private: not
 * installed.
 *
 * Whatever ends in _inline does what the function of transport.h does that has its name without it.
 */
#ifndef YODEL_CORE_TRANSPORT_NEAR_H
#define YODEL_CORE_TRANSPORT_NEAR_H

#include "transport_internal.h"

static inline yodel_transport *yodel_transport_of_inline(const void *protocol)
{
    uintptr_t at = (uintptr_t)protocol - offsetof(yodel_transport, protocol);
    return (yodel_transport *)at; /* NOLINT(performance-no-int-to-ptr) */
}

static inline yodel_counters *yodel_transport_counters_inline(const yodel_transport *t)
{
    return t->group->counters;
}

static inline bool yodel_transport_is_reading_inline(const yodel_transport *t)
{
    return (t->state | t->held) == 0;
}

/* How far bytes are below most; 0: not at all. */
static inline size_t yodel_transport_below(size_t bytes, size_t most)
{
    return most > bytes ? most - bytes : 0;
}

/*
 * How much more may be copied into the cork, which is t's and holds so many bytes, some copied and
 * some not, before it is sent, as it is at the turn's end anyway. At the high water mark: a writer
 * that the peer cannot follow has to notice there, not a cork later. What is gathered does not
 * count for that, it takes no memory; but should the kernel refuse everything, there must be room
 * for it below the hard cap, and for as much again, since the writer notices only then.
 */
static inline size_t yodel_transport_room(const yodel_transport *t, size_t copied, size_t corked)
{
    size_t room = yodel_transport_below(copied, YODEL_CORK_SIZE);
    size_t high = yodel_transport_below(copied, t->high);
    size_t hard = yodel_transport_below(corked, t->out.limit / 2);
    high = high < hard ? high : hard;
    return room < high ? room : high;
}

/* Makes the empty cork t's, whose output can go there: it is open, and none waits. */
static inline void yodel_transport_give_cork(yodel_transport_group *group, yodel_transport *t)
{
    group->corked = t;
    group->room = yodel_transport_room(t, 0, 0);
}

/* Room in a cork that is t's already, and nothing else to do. False, with nothing done: there may
 * be another way. */
__attribute__((always_inline)) static inline bool
yodel_transport_compose_more(yodel_transport *t, size_t len, void **space)
{
    yodel_transport_group *group = t->group;
    if (__builtin_expect(group->corked != t || len >= group->room || len >= YODEL_GATHER_MIN, 0)) {
        return false;
    }
    *space = group->cork_next;
    group->cork_next += len;
    group->room -= len;
    return true;
}

#endif
