/*
 * Making a connection's socket: to which of its target's addresses, from where, with which options.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/flood/generator_internal.h"

/* What a slow reader's kernel takes: the least that it allows. */
#define SLOW_RECEIVE_BUFFER 2048

static uint32_t target_of(const yodel_connection *c)
{
    return yodel_plan_target_of(c->generator->plan, c->talk.connection);
}

static const yodel_address *address_of(const yodel_connection *c)
{
    const yodel_generator *g = c->generator;
    uint32_t target = target_of(c);
    const yodel_plan_target *t = &g->plan->targets[target];
    uint8_t first = g->working[target] == YODEL_ADDRESS_UNKNOWN ? 0 : g->working[target];

    return &t->addresses[(first + c->address) % t->count];
}

bool yodel_dial_next(yodel_connection *c)
{
    const yodel_generator *g = c->generator;
    uint32_t target = target_of(c);

    if (g->working[target] != YODEL_ADDRESS_UNKNOWN ||
        c->address + 1U >= g->plan->targets[target].count) {
        return false;
    }
    c->address++;
    return true;
}

int yodel_dial(const yodel_connection *c)
{
    const yodel_address *to = address_of(c);
    const yodel_address *from = yodel_plan_source_of(c->generator->plan, c->talk.connection);
    int on = 1, small = SLOW_RECEIVE_BUFFER;
    int fd = socket(to->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (yodel_slow_reads(c)) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    }
    if (from != NULL) {
        /* The port is chosen by connect, which knows where to: each may be used once per target. */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    }
    if ((from != NULL && bind(fd, (const struct sockaddr *)&from->storage, from->len) < 0) ||
        (connect(fd, (const struct sockaddr *)&to->storage, to->len) < 0 && errno != EINPROGRESS)) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

void yodel_dial_worked(yodel_connection *c)
{
    uint8_t *working = &c->generator->working[target_of(c)];

    if (*working == YODEL_ADDRESS_UNKNOWN) {
        *working = c->address;
    }
    c->address = 0;
}
