#include "core/transport_internal.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Timeouts are checked at most this often: ten thousand connections that fall idle within one
 * second must not mean ten thousand walks over the list. */
#define TIMER_STEP_NS (10 * YODEL_NS_PER_MS)

/* Sockets that are held are not for long, and not to be asked for all the time: the process that
 * they are held for needs a core, too. */
#define REAP_AGAIN_SECONDS 0.001

/* --- timeouts --- */

static void arm(yodel_transport_group *group, uint64_t at)
{
    if (at >= group->timer_at) {
        return;
    }
    group->timer_at = at;
    yodel_timer_start_at(&group->timer, at);
}

void yodel_transport_group_wait(yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    yodel_idle *list = &group->idle;
    if (t->state == YODEL_TRANSPORT_LINGERING) {
        list = &group->lingering;
    } else if (yodel_buffer_len(&t->out) > 0) {
        list = &group->stalled;
    }

    uint64_t now = yodel_loop_now(group->loop);
    yodel_idle_remove(&t->wait);
    if (list == &group->idle && t->own_timeouts) {
        return;
    }
    if (list != &group->idle) {
        t->queued = yodel_transport_queued(t);
    }
    if (yodel_idle_add(list, &t->wait, now)) {
        arm(group, now + (uint64_t)list->timeout_ms * YODEL_NS_PER_MS);
    }
}

static yodel_transport *waiting(yodel_idle_node *node)
{
    return yodel_container_of(node, yodel_transport, wait);
}

static bool is_idle(const yodel_transport *t, uint64_t now)
{
    return t->state == YODEL_TRANSPORT_OPEN && yodel_list_linked(&t->wait.link) &&
           yodel_idle_is_over(&t->group->idle, &t->wait, now);
}

static void on_idle(yodel_idle_node *node, void *arg)
{
    (void)arg;
    yodel_transport *t = waiting(node);
    uint64_t now = yodel_loop_now(t->group->loop);
    yodel_idle_refile(&t->group->idle, node); /* where a touch finds it */
    if (yodel_transport_look(t) && is_idle(t, now)) {
        yodel_transport_close_quiet(t, YODEL_EIDLE);
    }
}

/* Has the peer acknowledged anything since the wait began or was last extended? The kernel asks for
 * more output only when a third of its buffer is free again: megabytes, which a slow but steady
 * reader takes minutes for. */
static bool peer_gets_on(yodel_transport *t)
{
    return yodel_transport_queued(t) < t->queued;
}

static void on_stalled(yodel_idle_node *node, void *arg)
{
    (void)arg;
    if (peer_gets_on(waiting(node))) {
        yodel_transport_group_wait(waiting(node));
    } else {
        yodel_transport_end(waiting(node), YODEL_ESTALLED);
    }
}

static void on_lingered(yodel_idle_node *node, void *arg)
{
    (void)arg;
    yodel_transport *t = waiting(node);
    if (!yodel_transport_look(t)) {
        return;
    }
    if (peer_gets_on(t) && yodel_transport_queued(t) > 0) {
        yodel_transport_group_wait(t);
    } else {
        yodel_transport_end(t, t->reason);
    }
}

static void on_timer(yodel_timer *timer)
{
    yodel_transport_group *group = yodel_container_of(timer, yodel_transport_group, timer);
    uint64_t now = yodel_loop_now(group->loop);
    group->timer_at = YODEL_IDLE_NEVER;
    uint64_t next = YODEL_IDLE_NEVER;
    uint64_t at[3] = {
        yodel_idle_expire(&group->idle, now, on_idle, NULL),
        yodel_idle_expire(&group->stalled, now, on_stalled, NULL),
        yodel_idle_expire(&group->lingering, now, on_lingered, NULL),
    };
    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        next = at[i] < next ? at[i] : next;
    }
    if (next != YODEL_IDLE_NEVER) {
        arm(group, next > now + TIMER_STEP_NS ? next : now + TIMER_STEP_NS);
    }
}

/* --- the reaper --- */

/* False, with nothing done: they are held. */
static bool close_socket(const yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    pthread_mutex_lock(&group->closing);
    bool may = group->holds == 0;
    if (may) {
        if (t->lossy) {
            struct linger reset = {.l_onoff = 1, .l_linger = 0};
            (void)setsockopt(t->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
        close(t->io.fd);
    }
    pthread_mutex_unlock(&group->closing);
    return may;
}

static void forget(yodel_transport *t)
{
    yodel_transport_group *group = t->group;
    yodel_transport_leave(t);
    if (t->origin == YODEL_TRANSPORT_REFUSED) {
        group->refused--;
    } else if (t->origin == YODEL_TRANSPORT_ACCEPTED) {
        atomic_fetch_sub_explicit(&group->settings->limit->open, 1, memory_order_relaxed);
    }
    if (t->origin != YODEL_TRANSPORT_OPENED) {
        yodel_uncount(group->counters, YODEL_COUNT_ACTIVE, 1);
        yodel_count(group->counters, yodel_counter_of_reason(t->reason), 1);
    }
    yodel_buffer_free(&t->in);
    yodel_buffer_free(&t->out);
    free(t);
}

static void on_reap(yodel_deferred *deferred)
{
    yodel_transport_group *group = yodel_container_of(deferred, yodel_transport_group, reaper);
    yodel_list *item;
    while ((item = yodel_list_first(&group->ended)) != NULL) {
        yodel_transport *t = yodel_container_of(item, yodel_transport, link);
        yodel_list_remove(item);
        yodel_list_push_back(&group->lost, item);
        yodel_transport_log(t);
        if (t->ops->connection_lost != NULL) {
            t->ops->connection_lost(yodel_transport_protocol(t), t->reason);
        }
    }
    while ((item = yodel_list_first(&group->lost)) != NULL) {
        yodel_transport *t = yodel_container_of(item, yodel_transport, link);
        if (!close_socket(t)) {
            yodel_timer_start(&group->reap_again, REAP_AGAIN_SECONDS);
            return;
        }
        yodel_list_remove(item);
        forget(t);
    }
    if (group->drained != NULL && yodel_list_empty(&group->live)) {
        void (*drained)(void *) = group->drained;
        group->drained = NULL;
        drained(group->drained_arg);
    }
}

static void on_reap_again(yodel_timer *timer)
{
    on_reap(&yodel_container_of(timer, yodel_transport_group, reap_again)->reaper);
}

static void on_flush(yodel_deferred *deferred)
{
    yodel_transport_flush(yodel_container_of(deferred, yodel_transport_group, flush));
}

/* --- the group --- */

int yodel_transport_group_new(yodel_loop *loop, const yodel_transport_settings *settings,
                              yodel_counters *counters, yodel_transport_group **out)
{
    yodel_transport_group *group = calloc(1, sizeof(*group));
    if (group == NULL) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&group->closing, NULL); /* cannot fail with Linux's C libraries */
    group->receive = aligned_alloc(YODEL_RECEIVE_ALIGNMENT, YODEL_BUFFERS);
    if (group->receive == NULL) {
        yodel_transport_group_free(group);
        return -ENOMEM;
    }
    group->cork = group->receive + YODEL_HEADROOM + YODEL_RECEIVE_SIZE + YODEL_CORK_APART;
    yodel_transport_drop_cork(group);
    group->loop = loop;
    group->ev = yodel_loop_ev(loop);
    group->settings = settings;
    group->counters = counters;
    yodel_idle_init(&group->idle, settings->idle_timeout);
    yodel_idle_init(&group->stalled, settings->write_timeout);
    yodel_idle_init(&group->lingering, YODEL_LINGER_SECONDS);
    yodel_timer_init(&group->timer, loop, on_timer);
    group->timer_at = YODEL_IDLE_NEVER;
    yodel_list_init(&group->live);
    yodel_list_init(&group->ended);
    yodel_list_init(&group->lost);
    yodel_deferred_init(&group->reaper, on_reap);
    yodel_timer_init(&group->reap_again, loop, on_reap_again);
    yodel_deferred_init(&group->flush, on_flush);
    yodel_deferred_init(&group->shed, yodel_transport_on_shed);
    group->warnings = settings->warnings != NULL ? settings->warnings : &group->own_warnings;
    group->warnings->refused.period_ns = YODEL_NS_PER_SEC;
    group->warnings->refused_client.period_ns = YODEL_NS_PER_SEC;
    group->warnings->callback_failed.period_ns = YODEL_NS_PER_SEC;
    group->sheds.period_ns = YODEL_NS_PER_SEC;
    *out = group;
    return 0;
}

void yodel_transport_group_free(yodel_transport_group *group)
{
    if (group == NULL) {
        return;
    }
    if (group->loop != NULL) {
        (void)yodel_transport_group_abort(group, YODEL_EDRAINABORT);
        on_reap(&group->reaper);
        yodel_timer_stop(&group->timer);
        yodel_timer_stop(&group->reap_again);
        yodel_deferred_cancel(&group->reaper);
        yodel_deferred_cancel(&group->flush);
        yodel_deferred_cancel(&group->shed);
        yodel_resolver_free(group->resolver);
    }
    pthread_mutex_destroy(&group->closing);
    free(group->receive);
    free(group);
}

void yodel_transport_group_hold(yodel_transport_group *group)
{
    pthread_mutex_lock(&group->closing);
    group->holds++;
    pthread_mutex_unlock(&group->closing);
}

void yodel_transport_group_release(yodel_transport_group *group)
{
    pthread_mutex_lock(&group->closing);
    group->holds--;
    pthread_mutex_unlock(&group->closing);
}

yodel_transport_group *yodel_transport_group_of(const yodel_transport *t)
{
    return t->group;
}

/* --- ending --- */

void yodel_transport_group_when_empty(yodel_transport_group *group, void (*drained)(void *arg),
                                      void *arg)
{
    group->drained = drained;
    group->drained_arg = arg;
    yodel_loop_defer(group->loop, &group->reaper);
}

void yodel_transport_group_drain(yodel_transport_group *group, void (*drained)(void *arg),
                                 void *arg)
{
    group->draining = true;
    /* The protocol's callback may end any other connection of the group: each is taken out of a
     * list of those still to do, and no place in a list is remembered. */
    yodel_list todo;
    yodel_list *item;
    yodel_list_init(&todo);
    yodel_list_splice(&todo, &group->live);
    while ((item = yodel_list_first(&todo)) != NULL) {
        yodel_list_remove(item);
        yodel_list_push_back(&group->live, item);
        yodel_transport_drain(yodel_container_of(item, yodel_transport, link));
    }
    yodel_transport_group_when_empty(group, drained, arg);
}

size_t yodel_transport_group_abort(yodel_transport_group *group, int reason)
{
    size_t count = 0;
    yodel_list *item;
    yodel_list *next;
    yodel_list_for_each_safe(item, next, &group->live) /* calls nobody back */
    {
        yodel_transport *t = yodel_container_of(item, yodel_transport, link);
        yodel_transport_end(t, reason);
        count++;
    }
    return count;
}
