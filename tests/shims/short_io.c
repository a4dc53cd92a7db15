/*
 * A kernel in its worst mood, in place of core/socket_call.c: it gives and takes a few bytes at a
 * time, and every now and then fails with EINTR or, though the socket is ready, with EAGAIN.
 */
#include "core/socket_call.h"

#include <errno.h>
#include <stdint.h>
#include <sys/uio.h>

static _Thread_local uint32_t state = 2463534242;

/* xorshift (Marsaglia, 2003) */
static uint32_t next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* 0, or what to fail with now. */
static int fails(void)
{
    uint32_t n = next() % 8;
    return n == 0 ? -EINTR : n == 1 ? -EAGAIN : 0;
}

/* How many of len bytes: mostly few. */
static size_t take(size_t len)
{
    size_t most = 1 + next() % (next() % 4 == 0 ? 5000 : 20);
    return len < most ? len : most;
}

ssize_t yodel_recv(int fd, void *data, size_t len)
{
    int code = fails();
    ssize_t n = code == 0 ? recv(fd, data, take(len), 0) : code;
    return n == -1 ? -errno : n;
}

ssize_t yodel_send(int fd, const void *data, size_t len)
{
    int code = fails();
    ssize_t n = code == 0 ? send(fd, data, take(len), MSG_NOSIGNAL) : code;
    return n == -1 ? -errno : n;
}

/* A part of its first piece with bytes in it. */
ssize_t yodel_sendmsg(int fd, const struct msghdr *message)
{
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *piece = &message->msg_iov[i];
        if (piece->iov_len > 0) {
            return yodel_send(fd, piece->iov_base, piece->iov_len);
        }
    }
    return 0;
}
