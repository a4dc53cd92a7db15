#include "core/connect.h"

#include "core/address.h"
#include "core/error.h"
#include "core/loop_memory.h"
#include "core/resolver.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct yodel_connecting {
    yodel_transport_group *group;
    yodel_protocol_factory factory;
    yodel_connected_fn *done;
    void *arg;
    double timeout;
    yodel_timer timer;
    yodel_lookup *lookup; /* NULL: answered */
    yodel_address *list;
    size_t count;
    size_t next; /* address to try */
    ev_io io;    /* its fd is ours while an attempt is under way, else -1 */
};

static void stop_attempt(yodel_connecting *c)
{
    if (c->io.fd < 0) {
        return;
    }
    ev_io_stop(c->group->ev, &c->io);
    close(c->io.fd);
    c->io.fd = -1;
}

void yodel_connecting_cancel(yodel_connecting *c)
{
    if (c->lookup != NULL) {
        yodel_lookup_cancel(c->lookup);
    }
    stop_attempt(c);
    yodel_timer_stop(&c->timer);
    free(c->list);
    free(c);
}

static void finish(yodel_connecting *c, int code)
{
    yodel_connected_fn *done = c->done;
    void *arg = c->arg;
    yodel_connecting_cancel(c);
    done(arg, code);
}

static void connected(yodel_connecting *c)
{
    int fd = c->io.fd;
    yodel_connecting was = *c;
    ev_io_stop(c->group->ev, &c->io);
    c->io.fd = -1; /* so that it stays open */
    yodel_connecting_cancel(c);
    was.done(was.arg,
             yodel_transport_begin(was.group, fd, &was.factory, YODEL_TRANSPORT_OPENED, NULL));
}

/* Begins to connect to one address: 0, or a negated errno when it fails at once. */
static int try_address(yodel_connecting *c, const yodel_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (yodel_loop_memory_cover(fd) < 0) {
        close(fd);
        return -ENOMEM;
    }
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int result = connect(fd, (const struct sockaddr *)&address->storage, address->len);
    if (result < 0 && errno != EINPROGRESS) {
        int code = -errno;
        close(fd);
        return code;
    }
    /* Also when it is connected already: the socket is writable then. */
    ev_io_set(&c->io, fd, EV_WRITE);
    ev_io_start(c->group->ev, &c->io);
    if (c->timeout > 0) {
        yodel_timer_start(&c->timer, c->timeout);
    }
    return 0;
}

/* Goes on to the next address that can be tried; code: why the one before failed. */
static void try_next(yodel_connecting *c, int code)
{
    stop_attempt(c);
    yodel_timer_stop(&c->timer);
    while (c->next < c->count) {
        code = try_address(c, &c->list[c->next++]);
        if (code == 0) {
            return;
        }
    }
    finish(c, code);
}

static void attempted(yodel_connecting *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (getsockopt(c->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0) {
        error = errno;
    }
    if (error == 0) {
        connected(c);
    } else {
        try_next(c, -error);
    }
}

static void on_writable(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    yodel_connecting *c = yodel_container_of(io, yodel_connecting, io);
    if (revents & EV_ERROR) { /* it cannot be watched */
        try_next(c, -ENOMEM);
    } else {
        attempted(c);
    }
}

static void on_resolved(void *arg, int code, yodel_address *list, size_t count)
{
    yodel_connecting *c = arg;
    c->lookup = NULL;
    c->list = list;
    c->count = count;
    try_next(c, code);
}

static void on_timeout(yodel_timer *timer)
{
    yodel_connecting *c = yodel_container_of(timer, yodel_connecting, timer);
    struct pollfd socket = {.fd = c->io.fd, .events = POLLOUT};
    if (c->lookup != NULL) {
        finish(c, YODEL_EAI(EAI_AGAIN));
    } else if (poll(&socket, 1, 0) > 0) { /* there is an answer: as yodel_transport_look */
        attempted(c);
    } else {
        try_next(c, -ETIMEDOUT);
    }
}

int yodel_connect(yodel_transport_group *group, const char *host, const char *port, double timeout,
                  const yodel_protocol_factory *factory, yodel_connected_fn *done, void *arg,
                  yodel_connecting **out)
{
    int code = yodel_protocol_factory_works(factory) ? 0 : -EINVAL;
    if (code == 0 && group->resolver == NULL) {
        code = yodel_resolver_new(group->loop, &group->resolver);
    }
    if (code < 0) {
        return code;
    }
    yodel_connecting *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    c->group = group;
    c->factory = *factory;
    c->done = done;
    c->arg = arg;
    c->timeout = timeout;
    yodel_timer_init(&c->timer, group->loop, on_timeout);
    ev_io_init(&c->io, on_writable, -1, EV_WRITE);
    code = yodel_resolver_lookup(group->resolver, host, port, on_resolved, c, &c->lookup);
    if (code < 0) {
        free(c);
        return code;
    }
    if (timeout > 0) {
        yodel_timer_start(&c->timer, timeout);
    }
    *out = c;
    return 0;
}
