/*
 * A kernel in its worst mood, for LD_PRELOAD: recv, send and sendmsg take a few bytes at a time,
 * and every now and then they fail with EINTR or, though the socket is ready, with EAGAIN.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static _Thread_local uint32_t state = 2463534242;

/* xorshift (Marsaglia, 2003) */
static uint32_t next(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* True: fail now, errno says with what. */
static int fails(void)
{
    uint32_t n = next() % 8;
    errno = n == 0 ? EINTR : EAGAIN;
    return n < 2;
}

/* How many of len bytes: mostly few. */
static size_t take(size_t len)
{
    size_t most = 1 + next() % (next() % 4 == 0 ? 5000 : 20);
    return len < most ? len : most;
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_recvfrom, fd, data, take(len), flags, NULL, NULL);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    return fails() ? -1 : (ssize_t)syscall(SYS_sendto, fd, data, take(len), flags, NULL, 0);
}

/* A part of its first piece with bytes in it. */
ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        const struct iovec *piece = &message->msg_iov[i];
        if (piece->iov_len > 0) {
            return send(fd, piece->iov_base, piece->iov_len, flags);
        }
    }
    return 0;
}
