#include "core/transport_near.h"

#include "core/error.h"
#include "core/loop_memory.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void handle(ev_io *watcher, int revents)
{
    yodel_transport *t = yodel_container_of(watcher, yodel_transport, io);

    if (revents == EV_READ && yodel_transport_is_reading_inline(t)) { /* nearly always */
        (void)yodel_transport_read(t);
        return;
    }
    if (t->state == YODEL_TRANSPORT_ENDED) { /* by another one's callback in this turn */
        return;
    }
    if (revents & EV_ERROR) { /* it cannot be watched */
        yodel_transport_end(t, -ENOMEM);
        return;
    }
    if (revents & EV_WRITE) {
        yodel_transport_send_waiting(t);
    }
    if (t->state == YODEL_TRANSPORT_LINGERING && (revents & EV_READ)) {
        yodel_transport_discard(t);
    } else if (t->state == YODEL_TRANSPORT_OPEN &&
               (t->redeliver ||
                (yodel_transport_is_reading_inline(t) && (t->resumed || (revents & EV_READ))))) {
        (void)yodel_transport_read(t);
    }
}

static void on_io(struct ev_loop *ev, ev_io *watcher, int revents)
{
    (void)ev;
    yodel_transport *t = yodel_container_of(watcher, yodel_transport, io);
    yodel_loop_in_order(t->group->loop, watcher, revents, handle);
}

/* Keeps the gauge of connections that are not read. */
static void count_pause(yodel_transport *t)
{
    bool waits = t->state == YODEL_TRANSPORT_OPEN &&
                 (t->held & (YODEL_HELD_PAUSED | YODEL_HELD_CHOKED)) != 0;
    if (waits == t->counted_paused) {
        return;
    }
    t->counted_paused = waits;
    if (waits) {
        yodel_count(t->group->counters, YODEL_COUNT_PAUSED_NOW, 1);
    } else {
        yodel_uncount(t->group->counters, YODEL_COUNT_PAUSED_NOW, 1);
    }
}

void yodel_transport_watch(yodel_transport *t)
{
    count_pause(t);
    struct ev_loop *ev = t->group->ev;
    int events = 0;
    bool discards = t->state == YODEL_TRANSPORT_LINGERING && t->left > 0;
    if (yodel_transport_is_reading_inline(t) || discards) {
        events |= EV_READ;
    }
    if (yodel_buffer_len(&t->out) > 0 && t->state != YODEL_TRANSPORT_ENDED) {
        events |= EV_WRITE;
    }

    if (events != (t->io.events & (EV_READ | EV_WRITE)) || !ev_is_active(&t->io)) {
        ev_io_stop(ev, &t->io);
        if (events != 0) {
            ev_io_modify(&t->io, events);
            ev_io_start(ev, &t->io);
        }
    }
    /* Stopping a watcher forgets an event that was fed to it. */
    if ((t->redeliver || t->resumed) && t->state == YODEL_TRANSPORT_OPEN) {
        ev_feed_event(ev, &t->io, EV_CUSTOM);
    }
}

void yodel_transport_read_on(yodel_transport *t)
{
    count_pause(t);
    if (!yodel_transport_is_reading_inline(t)) {
        return;
    }
    t->resumed = true; /* also with nothing kept yet: this turn's rest may be on its way there */
    yodel_transport_watch(t);
}

static void made(yodel_transport *t, const yodel_protocol_factory *factory)
{
    int code = t->ops->connection_made(yodel_transport_protocol(t), t, factory->arg);
    if (code == YODEL_EFULL) {
        yodel_transport_group_refuse(t);
    } else if (code < 0) {
        yodel_transport_callback_failed(t, "connection_made", code);
    }
}

int yodel_transport_begin(yodel_transport_group *group, int fd,
                          const yodel_protocol_factory *factory, enum yodel_transport_origin origin,
                          yodel_client *client)
{
    yodel_transport *t = NULL;
    bool has_client =
        client != NULL || (origin == YODEL_TRANSPORT_ACCEPTED && factory->names_client);
    size_t size = factory->size;
    if (has_client) {
        size = yodel_transport_instance_room(factory) + sizeof(yodel_transport_client);
    }
    if (yodel_loop_memory_cover(fd) == 0) {
        t = calloc(1, sizeof(*t) + size);
    }
    if (t == NULL) {
        close(fd);
        if (origin != YODEL_TRANSPORT_OPENED) {
            yodel_count(group->counters, YODEL_COUNT_CLOSED_MEMORY, 1);
        }
        return -ENOMEM;
    }
    yodel_count(group->counters,
                origin == YODEL_TRANSPORT_OPENED ? YODEL_COUNT_OPENED : YODEL_COUNT_ACTIVE, 1);
    const yodel_write_limits *limits = &group->settings->write_limits;
    t->group = group;
    t->ops = factory->ops;
    t->high = limits->high;
    t->low = limits->low;
    t->origin = (uint8_t)origin;
    t->own_timeouts = factory->own_timeouts;
    t->has_client = has_client;
    if (client != NULL) {
        yodel_transport_client_of(t)->entered = client;
    }
    yodel_buffer_init(&t->in, UINT32_MAX);
    yodel_buffer_init(&t->out, limits->hard);
    yodel_idle_node_init(&t->wait);
    yodel_list_init(&t->link);
    yodel_list_push_back(&group->live, &t->link);
    ev_io_init(&t->io, on_io, fd, EV_READ);
    yodel_transport_watch(t);
    yodel_transport_group_wait(t);
    yodel_transport_log(t);

    made(t, factory);
    if (group->draining) {
        yodel_transport_drain(t);
    }
    return 0;
}

void yodel_transport_set_protocol(yodel_transport *t, const yodel_protocol_factory *factory)
{
    memset(t->protocol, 0, factory->size);
    t->ops = factory->ops;
    t->own_timeouts = factory->own_timeouts;
    yodel_transport_group_wait(t);
    made(t, factory);
}

static const char *name_peer(const yodel_transport *t, char text[YODEL_ADDRESS_TEXT])
{
    yodel_address peer;
    return yodel_transport_peer(t, &peer) == 0 ? yodel_address_format(&peer, text)
                                               : "a peer that is gone";
}

void yodel_transport_log(const yodel_transport *t)
{
    yodel_log *log = t->group->settings->log;
    char text[YODEL_ADDRESS_TEXT];
    if (log != NULL && log->level >= YODEL_LOG_DEBUG) {
        const char *what = t->state != YODEL_TRANSPORT_ENDED ? "begins"
                           : t->reason == 0                  ? "closed"
                                                             : yodel_strerror(t->reason);
        yodel_log_write(log, YODEL_LOG_DEBUG, "connection %d of %s: %s", t->io.fd,
                        name_peer(t, text), what);
    }
}

void yodel_transport_callback_failed(yodel_transport *t, const char *callback, int code)
{
    /* A connection that has failed already makes callbacks fail; that it failed is what counts. One
     * that closed in good order before its callback failed has not. */
    if (t->state == YODEL_TRANSPORT_ENDED && t->reason != 0) {
        return;
    }
    char text[YODEL_ADDRESS_TEXT];
    yodel_log_limited(t->group->settings->log, &t->group->warnings->callback_failed,
                      yodel_loop_now(t->group->loop), YODEL_LOG_WARNING,
                      "connection of %s aborted: %s failed: %s", name_peer(t, text), callback,
                      yodel_strerror(code));
    t->reason = YODEL_EHANDLER;
    yodel_transport_end(t, YODEL_EHANDLER);
}

void yodel_transport_end(yodel_transport *t, int reason)
{
    if (t->state == YODEL_TRANSPORT_ENDED) {
        return;
    }
    yodel_transport_group *group = t->group;
    if (yodel_transport_unsent(t) > 0) {
        t->lossy = true;
    }
    /* A close keeps its reason unless it fails at sending the rest: that is why it ends then. */
    if (t->state == YODEL_TRANSPORT_OPEN || (t->state == YODEL_TRANSPORT_CLOSING && t->lossy)) {
        t->reason = reason;
    }
    if (group->corked == t) {
        yodel_transport_drop_cork(group);
    }
    yodel_transport_forget_memory(t);
    t->state = YODEL_TRANSPORT_ENDED;
    count_pause(t);
    ev_io_stop(group->ev, &t->io);
    yodel_idle_remove(&t->wait);
    yodel_list_remove(&t->link);
    yodel_list_push_back(&group->ended, &t->link);
    yodel_loop_defer(group->loop, &group->reaper);
}

void yodel_transport_flushed(yodel_transport *t)
{
    if ((t->held & YODEL_HELD_EOF) || shutdown(t->io.fd, SHUT_WR) < 0) {
        yodel_transport_end(t, t->reason);
        return;
    }
    t->state = YODEL_TRANSPORT_LINGERING;
    t->left = YODEL_LINGER_BYTES;
    yodel_transport_watch(t);
    yodel_transport_group_wait(t);
}

void yodel_transport_close(yodel_transport *t, int reason)
{
    if (t->state != YODEL_TRANSPORT_OPEN) {
        return;
    }
    t->state = YODEL_TRANSPORT_CLOSING;
    t->reason = reason;
    yodel_transport_measure_room(t);
    if (yodel_transport_unsent(t) == 0) {
        yodel_transport_flushed(t);
    } else {
        yodel_transport_watch(t);
        yodel_transport_group_wait(t);
    }
}

void yodel_transport_close_quiet(yodel_transport *t, int reason)
{
    if (yodel_transport_unsent(t) == 0) {
        yodel_transport_end(t, reason);
    } else {
        yodel_transport_close(t, reason);
    }
}

void yodel_transport_abort(yodel_transport *t, int reason)
{
    yodel_transport_end(t, t->state == YODEL_TRANSPORT_OPEN ? reason : t->reason);
}

bool yodel_transport_is_closing(const yodel_transport *t)
{
    return t->state != YODEL_TRANSPORT_OPEN;
}

uint32_t yodel_transport_queued(const yodel_transport *t)
{
    int queued = 0;
    return ioctl(t->io.fd, SIOCOUTQ, &queued) == 0 && queued > 0 ? (uint32_t)queued : 0;
}

/* Bytes that have arrived and were not received. */
static uint32_t arrived(const yodel_transport *t)
{
    int queued = 0;
    return ioctl(t->io.fd, FIONREAD, &queued) == 0 && queued > 0 ? (uint32_t)queued : 0;
}

bool yodel_transport_nothing_left(const yodel_transport *t)
{
    return t->left == 0 || arrived(t) == 0;
}

bool yodel_transport_look(yodel_transport *t)
{
    if (t->state != YODEL_TRANSPORT_ENDED && yodel_buffer_len(&t->out) > 0) {
        yodel_transport_send_waiting(t);
    }
    /* What is there now, not what a busy peer adds meanwhile; and three more: for what was kept,
     * for the rest and for an end behind it. */
    uint32_t reads = arrived(t) / (uint32_t)YODEL_RECEIVE_SIZE + 3;
    while (reads > 0 && yodel_transport_is_reading_inline(t) && yodel_transport_read(t)) {
        reads--;
    }
    if (t->state == YODEL_TRANSPORT_LINGERING && t->left > 0) {
        yodel_transport_discard(t);
    }
    return t->state != YODEL_TRANSPORT_ENDED;
}

void yodel_transport_drain(yodel_transport *t)
{
    if (t->draining || t->state != YODEL_TRANSPORT_OPEN || t->origin == YODEL_TRANSPORT_OPENED) {
        return;
    }
    t->draining = true;
    /* Answered is what the client has sent by now. A part of it may wait in the client's own
     * kernel, for room in ours: so not only what has arrived is read, but until nothing more comes
     * at once. Who never stops sending must not hold the drain up by that: there is an end. */
    t->left = arrived(t);
    if (t->left > 0) {
        t->left += YODEL_DRAIN_BYTES;
    } else if (yodel_transport_is_reading_inline(t) && !t->redeliver && !t->resumed) {
        yodel_transport_drained(t, true);
    }
}

void yodel_transport_drained(yodel_transport *t, bool idle)
{
    int code = t->ops->drain != NULL ? t->ops->drain(yodel_transport_protocol(t)) : 0;
    if (code < 0) {
        yodel_transport_callback_failed(t, "drain", code);
    } else if (code == 0) {
        if (idle) {
            yodel_transport_close_quiet(t, YODEL_EDRAIN);
        } else {
            yodel_transport_close(t, YODEL_EDRAIN);
        }
    } else if (t->state == YODEL_TRANSPORT_OPEN) {
        t->held |= YODEL_HELD_DRAINED;
        yodel_transport_watch(t);
    } else if (idle && t->state == YODEL_TRANSPORT_LINGERING) {
        yodel_transport_end(t, t->reason); /* as close_quiet: nothing is on its way */
    }
}

void yodel_transport_pause_reading(yodel_transport *t)
{
    if (t->state != YODEL_TRANSPORT_OPEN || (t->held & YODEL_HELD_PAUSED)) {
        return;
    }
    t->held |= YODEL_HELD_PAUSED;
    yodel_transport_watch(t);
}

void yodel_transport_resume_reading(yodel_transport *t)
{
    if (!(t->held & YODEL_HELD_PAUSED)) {
        return;
    }
    t->held &= (uint8_t)~YODEL_HELD_PAUSED;
    yodel_transport_read_on(t);
}

void yodel_transport_redeliver(yodel_transport *t)
{
    if (t->state != YODEL_TRANSPORT_OPEN || yodel_buffer_len(&t->in) == 0) {
        return;
    }
    t->redeliver = true;
    yodel_transport_watch(t);
}

bool yodel_transport_is_reading(const yodel_transport *t)
{
    return yodel_transport_is_reading_inline(t);
}

void yodel_transport_set_limits(yodel_transport *t, yodel_write_limits limits)
{
    t->high = limits.high;
    t->low = limits.low;
    t->out.limit = limits.hard;
    yodel_transport_measure_room(t);
}

size_t yodel_transport_unsent(const yodel_transport *t)
{
    return yodel_buffer_len(&t->out) + yodel_transport_corked(t);
}

size_t yodel_transport_unread(const yodel_transport *t)
{
    return yodel_buffer_len(&t->in);
}

int yodel_transport_peer(const yodel_transport *t, yodel_address *peer)
{
    const yodel_transport_client *client = yodel_transport_client_of(t);
    if (client == NULL || client->len == 0) {
        return yodel_address_of_peer(t->io.fd, peer);
    }
    memset(peer, 0, sizeof(*peer));
    memcpy(&peer->storage, &client->address, client->len);
    peer->len = client->len;
    return 0;
}

yodel_transport *yodel_transport_of(const void *protocol)
{
    return yodel_transport_of_inline(protocol);
}

yodel_loop *yodel_transport_loop(const yodel_transport *t)
{
    return t->group->loop;
}

yodel_counters *yodel_transport_counters(yodel_transport *t)
{
    return yodel_transport_counters_inline(t);
}
