#include "core/transport_internal.h"

#include "core/error.h"
#include "core/socket_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What a connection that is not let in is told, and what it ends with. */
typedef struct refusal {
    const char *message; /* NULL: nothing */
    int reason;
} refusal;

/* --- saying no --- */

static void count_full(yodel_transport_group *group, const char *why)
{
    yodel_count(group->counters, YODEL_COUNT_REJECTED, 1);
    yodel_log_limited(group->settings->log, &group->warnings->refused, yodel_loop_now(group->loop),
                      YODEL_LOG_WARNING, "connection refused: %s", why);
}

/* code: what yodel_client_limit_enter said. */
static void count_client(yodel_transport_group *group, const yodel_address *client, int code)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_count(group->counters,
                code == YODEL_ETOOMANY ? YODEL_COUNT_REJECTED_PER_IP : YODEL_COUNT_REJECTED_RATE,
                1);
    yodel_log_limited(group->settings->log, &group->warnings->refused_client,
                      yodel_loop_now(group->loop), YODEL_LOG_WARNING,
                      "connection of %s refused: %s", yodel_address_format(client, text),
                      yodel_strerror(code));
}

static void say_and_close(yodel_transport *t, const refusal *no)
{
    if (no->message != NULL) {
        (void)yodel_transport_write(t, no->message, strlen(no->message));
    }
    yodel_transport_close(t, no->reason);
}

void yodel_transport_group_refuse(yodel_transport *t)
{
    count_full(t->group, "the protocol has no room for another one");
    say_and_close(t, &(refusal){t->group->settings->full_message, YODEL_EFULL});
}

static int on_refused(void *self, yodel_transport *transport, void *arg)
{
    (void)self;
    say_and_close(transport, arg);
    return 0;
}

/* Too many linger already: say it, take what the peer has sent so far so that the close is less
 * likely to be a reset, and close. */
static void refuse_now(yodel_transport_group *group, int fd, const refusal *no)
{
    if (no->message != NULL) {
        (void)yodel_send(fd, no->message, strlen(no->message));
    }
    (void)shutdown(fd, SHUT_WR);
    (void)yodel_recv(fd, group->receive, YODEL_RECEIVE_SIZE);
    close(fd);
    yodel_count(group->counters, yodel_counter_of_reason(no->reason), 1);
}

static void refuse(yodel_transport_group *group, int fd, refusal no)
{
    static const yodel_protocol_ops ops = {.connection_made = on_refused};
    const yodel_protocol_factory factory = {.ops = &ops, .arg = &no};
    if (group->refused >= YODEL_REFUSED_LINGERING) {
        refuse_now(group, fd, &no);
    } else if (yodel_transport_begin(group, fd, &factory, YODEL_TRANSPORT_REFUSED, NULL) == 0) {
        group->refused++;
    }
}

static void refuse_full(yodel_transport_group *group, int fd)
{
    char why[64];
    (void)snprintf(why, sizeof(why), "%zu are open, the limit", group->settings->limit->max);
    count_full(group, why);
    refuse(group, fd, (refusal){group->settings->full_message, YODEL_EFULL});
}

/* --- the client --- */

yodel_transport_client *yodel_transport_client_of(const yodel_transport *t)
{
    if (!t->has_client) {
        return NULL;
    }
    /* Where it was put at the begin, for the factory that the connection began with. */
    const yodel_protocol_factory *factory = &t->group->settings->factory;
    const void *place = t->protocol + yodel_transport_instance_room(factory);
    return (yodel_transport_client *)(uintptr_t)place;
}

static int enter(yodel_transport_group *group, const yodel_address *address, yodel_client **client)
{
    return yodel_client_limit_enter(group->settings->clients, address, yodel_loop_now(group->loop),
                                    client);
}

static void leave(yodel_transport_group *group, yodel_client *client)
{
    if (client != NULL &&
        yodel_client_limit_leave(group->settings->clients, client, yodel_loop_now(group->loop))) {
        yodel_count(group->counters, YODEL_COUNT_FORGOTTEN, 1);
    }
}

void yodel_transport_leave(yodel_transport *t)
{
    yodel_transport_client *client = yodel_transport_client_of(t);
    if (client != NULL) {
        leave(t->group, client->entered);
    }
}

/* Lets a new socket's peer in, if there is a limit for it; else the socket is done with. */
static bool let_in(yodel_transport_group *group, int fd, yodel_client **client)
{
    const yodel_transport_settings *settings = group->settings;
    yodel_address peer;
    *client = NULL;
    if (settings->clients == NULL || settings->factory.names_client) {
        return true;
    }
    int code = yodel_address_of_peer(fd, &peer);
    if (code == 0) {
        code = enter(group, &peer, client);
    }
    if (code == YODEL_ETOOMANY || code == YODEL_ETOOOFTEN) {
        count_client(group, &peer, code);
        refuse(group, fd, (refusal){settings->client_message, code});
    } else if (code < 0) { /* it has gone already, or there is no memory */
        close(fd);
        yodel_count(group->counters, yodel_counter_of_reason(code), 1);
    }
    return code == 0;
}

int yodel_transport_set_client(yodel_transport *t, const yodel_address *address)
{
    yodel_transport_group *group = t->group;
    yodel_transport_client *client = yodel_transport_client_of(t);
    client->len = address->len < sizeof(client->address) ? address->len : sizeof(client->address);
    if (address->storage.ss_family != AF_INET && address->storage.ss_family != AF_INET6) {
        client->len = sizeof(client->address.any.sa_family);
    }
    memcpy(&client->address, &address->storage, client->len);

    int code = group->settings->clients != NULL ? enter(group, address, &client->entered) : 0;
    if (code == YODEL_ETOOMANY || code == YODEL_ETOOOFTEN) {
        count_client(group, address, code);
        say_and_close(t, &(refusal){group->settings->client_message, code});
    } else if (code < 0) {
        yodel_transport_abort(t, code);
    }
    return code;
}

/* --- adopting --- */

void yodel_transport_group_adopt(yodel_transport_group *group, int fd)
{
    yodel_connection_limit *limit = group->settings->limit;
    yodel_client *client;
    yodel_count(group->counters, YODEL_COUNT_ACCEPTED, 1);
    if (atomic_fetch_add_explicit(&limit->open, 1, memory_order_relaxed) >= limit->max) {
        atomic_fetch_sub_explicit(&limit->open, 1, memory_order_relaxed);
        refuse_full(group, fd);
        return;
    }
    if (!let_in(group, fd, &client)) {
        atomic_fetch_sub_explicit(&limit->open, 1, memory_order_relaxed);
    } else if (yodel_transport_begin(group, fd, &group->settings->factory, YODEL_TRANSPORT_ACCEPTED,
                                     client) < 0) {
        atomic_fetch_sub_explicit(&limit->open, 1, memory_order_relaxed);
        leave(group, client);
    }
}
