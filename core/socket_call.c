#include "core/socket_call.h"

#include <errno.h>
#include <sys/syscall.h>

/* Sanitizers see what the C library's functions read and write, not what the kernel does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__x86_64__) && !defined(SANITIZED)

/* The kernel returns a negated errno, too. */
static inline long call(long number, long fd, const void *data, size_t len, long flags)
{
    long result;
    register long r10 __asm__("r10") = flags;
    register long r8 __asm__("r8") = 0; /* no address */
    register long r9 __asm__("r9") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(number), "D"(fd), "S"(data), "d"(len), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

ssize_t yodel_recv(int fd, void *data, size_t len)
{
    return call(SYS_recvfrom, fd, data, len, 0);
}

ssize_t yodel_send(int fd, const void *data, size_t len)
{
    return call(SYS_sendto, fd, data, len, MSG_NOSIGNAL);
}

ssize_t yodel_sendmsg(int fd, const struct msghdr *message)
{
    return call(SYS_sendmsg, fd, message, MSG_NOSIGNAL, 0);
}

#else

static ssize_t negated(ssize_t n)
{
    return n < 0 ? -errno : n;
}

ssize_t yodel_recv(int fd, void *data, size_t len)
{
    return negated(recv(fd, data, len, 0));
}

ssize_t yodel_send(int fd, const void *data, size_t len)
{
    return negated(send(fd, data, len, MSG_NOSIGNAL));
}

ssize_t yodel_sendmsg(int fd, const struct msghdr *message)
{
    return negated(sendmsg(fd, message, MSG_NOSIGNAL));
}

#endif
