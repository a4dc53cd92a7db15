/*
 * System calls and allocations that fail when the test says so.
 *
 * A test that includes this header must stand in the list tests_with_faults of
 * tests/CMakeLists.txt: it is linked so that the calls below, from the library and from the test
 * itself, come here first (the linker's --wrap). Calls that the C library makes are not seen, and
 * of libev's only these: its memory, which comes from core/loop_memory.c, and epoll_create1,
 * epoll_ctl and eventfd, for which this puts functions in place of the C library's. Without orders
 * everything goes through and is only counted.
 *
 * Reading and writing is disturbed, and counted, on non-blocking sockets only: those of the
 * library, while the clients of net.h and fixture.h are blocking ones.
 */
#ifndef YODEL_TESTS_FAULTS_H
#define YODEL_TESTS_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define FAULTS_ACCEPTS 128

/* Kinds of calls of which one can be made to fail. */
typedef enum faults_call {
    FAULTS_ALLOCATE,     /* malloc, calloc, realloc, aligned_alloc */
    FAULTS_LIBEV_MEMORY, /* reallocarray, which loop_memory.c takes */
    FAULTS_MMAP,
    FAULTS_ACCEPT,
    FAULTS_RECEIVE,
    FAULTS_SEND, /* yodel_send, yodel_sendmsg */
    FAULTS_THREAD,
    FAULTS_EVENTFD,
    FAULTS_EPOLL_CREATE,
    FAULTS_EPOLL_CTL,
    FAULTS_CALLS
} faults_call;

typedef struct faults {
    /* Calls so far; the number of the one that fails (0: none), and with what. */
    struct {
        atomic_size_t calls;
        atomic_size_t fail_at;
        atomic_int error;
    } one[FAULTS_CALLS];

    /* yodel_recv; yodel_send and yodel_sendmsg: calls so far, how many bytes one of them takes at
     * the most, and an errno with which each of them fails. 0: none. */
    atomic_size_t receives;
    atomic_size_t sends;
    atomic_size_t receive_max;
    atomic_size_t send_max;
    atomic_int receive_error;
    atomic_int send_error;
    /* Of so many of these calls one fails with EINTR and one with EAGAIN; 0: none. */
    atomic_size_t disturb_every;

    /* accept4: calls so far, and what comes of the first ones: an errno, or 0 for the real call. */
    atomic_size_t accepts;
    size_t accept_results;
    int accept_result[FAULTS_ACCEPTS];

    /* mmap, mprotect, munmap: calls so far, and whether the first two fail with ENOMEM. */
    atomic_size_t maps;
    atomic_size_t protects;
    atomic_size_t unmaps;
    atomic_bool fail_map;
    atomic_bool fail_protect;

    /* All calls of FAULTS_LIBEV_MEMORY fail with ENOMEM. */
    atomic_bool no_libev_memory;
} faults_state;

extern faults_state faults;

/* No orders, counts at 0. While no other thread runs. */
void faults_reset(void);

/* The n-th call of this kind from now fails with the error, n >= 1. */
void faults_fail(faults_call call, size_t n, int error);

/* True when that has happened; afterwards there is no such order any more. */
bool faults_failed(faults_call call);

/* The same for FAULTS_ALLOCATE. */
void faults_fail_allocation(size_t n);
bool faults_allocation_failed(void);

#endif
