#include "tests/support/faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* NOLINTBEGIN(bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp): the linker's names */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
ssize_t __wrap_yodel_recv(int fd, void *data, size_t len);
ssize_t __wrap_yodel_send(int fd, const void *data, size_t len);
ssize_t __wrap_yodel_sendmsg(int fd, const struct msghdr *message);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
int __wrap_mprotect(void *address, size_t len, int protection);
int __wrap_munmap(void *address, size_t len);

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
ssize_t __real_yodel_recv(int fd, void *data, size_t len);
ssize_t __real_yodel_send(int fd, const void *data, size_t len);
ssize_t __real_yodel_sendmsg(int fd, const struct msghdr *message);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
void *__real_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
int __real_mprotect(void *address, size_t len, int protection);
int __real_munmap(void *address, size_t len);

faults_state faults;

void faults_reset(void)
{
    memset(&faults, 0, sizeof faults);
}

void faults_fail(faults_call call, size_t n, int error)
{
    faults.one[call].error = error;
    faults.one[call].fail_at = faults.one[call].calls + n;
}

bool faults_failed(faults_call call)
{
    size_t at = faults.one[call].fail_at;
    bool failed = at != 0 && faults.one[call].calls >= at;
    faults.one[call].fail_at = 0;
    return failed;
}

/* Counts a call. True, with errno, when it is the one that fails. */
static bool fails(faults_call call)
{
    if (++faults.one[call].calls != faults.one[call].fail_at) {
        return false;
    }
    errno = faults.one[call].error;
    return true;
}

/* --- memory ------------------------------------------------------------------------------------*/

void faults_fail_allocation(size_t n)
{
    faults_fail(FAULTS_ALLOCATE, n, ENOMEM);
}

bool faults_allocation_failed(void)
{
    return faults_failed(FAULTS_ALLOCATE);
}

static bool allocation_fails(void)
{
    return fails(FAULTS_ALLOCATE);
}

void *__wrap_malloc(size_t size)
{
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return allocation_fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    if (faults.no_libev_memory) {
        errno = ENOMEM;
        return NULL;
    }
    return fails(FAULTS_LIBEV_MEMORY) ? NULL : __real_reallocarray(memory, count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return allocation_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* --- mappings ----------------------------------------------------------------------------------*/

void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    faults.maps++;
    if (fails(FAULTS_MMAP)) {
        return MAP_FAILED;
    }
    if (faults.fail_map) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(address, len, protection, flags, fd, offset);
}

int __wrap_mprotect(void *address, size_t len, int protection)
{
    faults.protects++;
    if (faults.fail_protect) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(address, len, protection);
}

int __wrap_munmap(void *address, size_t len)
{
    faults.unmaps++;
    return __real_munmap(address, len);
}

/* --- sockets -----------------------------------------------------------------------------------*/

/* The errno for this call, the n-th of its kind, or 0. */
static int disturbance(faults_call call, size_t n, int error)
{
    size_t every = faults.disturb_every;
    if (fails(call)) {
        return errno;
    }
    if (error != 0) {
        return error;
    }
    if (every != 0 && n % every == 1) {
        return EINTR;
    }
    return every != 0 && n % every == 2 ? EAGAIN : 0;
}

static size_t at_most(size_t len, size_t max)
{
    return max != 0 && len > max ? max : len;
}

ssize_t __wrap_yodel_recv(int fd, void *data, size_t len)
{
    int error = disturbance(FAULTS_RECEIVE, ++faults.receives, faults.receive_error);
    return error != 0 ? -error : __real_yodel_recv(fd, data, at_most(len, faults.receive_max));
}

ssize_t __wrap_yodel_send(int fd, const void *data, size_t len)
{
    int error = disturbance(FAULTS_SEND, ++faults.sends, faults.send_error);
    return error != 0 ? -error : __real_yodel_send(fd, data, at_most(len, faults.send_max));
}

ssize_t __wrap_yodel_sendmsg(int fd, const struct msghdr *message)
{
    int error = disturbance(FAULTS_SEND, ++faults.sends, faults.send_error);
    if (error != 0) {
        return -error;
    }
    /* A part of the first piece that has bytes: a short write for certain. */
    const struct iovec *first = message->msg_iov;
    if (faults.send_max != 0 && first->iov_len > 0) {
        return __real_yodel_send(fd, first->iov_base, at_most(first->iov_len, faults.send_max));
    }
    return __real_yodel_sendmsg(fd, message);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    size_t n = faults.accepts++;
    if (fails(FAULTS_ACCEPT)) {
        return -1;
    }
    if (n < faults.accept_results && faults.accept_result[n] != 0) {
        errno = faults.accept_result[n];
        return -1;
    }
    return __real_accept4(fd, address, len, flags);
}

/* --- threads -----------------------------------------------------------------------------------*/

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg)
{
    if (fails(FAULTS_THREAD)) {
        return errno;
    }
    return __real_pthread_create(thread, attributes, run, arg);
}

/* --- what libev calls by itself ----------------------------------------------------------------*/

/* An executable's functions come before those of shared libraries. The next ones are the C
 * library's, or a sanitizer's. */
static void next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

int eventfd(unsigned count, int flags)
{
    static int (*real)(unsigned, int);
    if (fails(FAULTS_EVENTFD)) {
        return -1;
    }
    next("eventfd", (void *)&real);
    return real(count, flags);
}

int epoll_create1(int flags)
{
    static int (*real)(int);
    if (fails(FAULTS_EPOLL_CREATE)) {
        return -1;
    }
    next("epoll_create1", (void *)&real);
    return real(flags);
}

static int (*real_epoll_ctl)(int, int, int, struct epoll_event *);
static pthread_once_t epoll_ctl_once = PTHREAD_ONCE_INIT;

static void find_epoll_ctl(void)
{
    next("epoll_ctl", (void *)&real_epoll_ctl);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (fails(FAULTS_EPOLL_CTL)) {
        return -1;
    }
    (void)pthread_once(&epoll_ctl_once, find_epoll_ctl); /* by several threads */
    return real_epoll_ctl(epoll, operation, fd, event);
}
/* NOLINTEND(bugprone-reserved-identifier, cert-dcl37-c, cert-dcl51-cpp) */
