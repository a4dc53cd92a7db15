/*
 * System calls and allocations that fail when the test says so.
 *
 * A test that includes this header must stand in the list tests_with_faults of
 * tests/CMakeLists.txt: it is linked so that the calls below, from the library and from the test
 * itself, come here first (the linker's --wrap). The calls that libev and the C library make are
 * not seen. Without orders everything goes through and is only counted.
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

typedef struct faults {
    /* malloc, calloc, realloc, aligned_alloc: calls so far, and the number of the one that fails
     * (0: none). */
    atomic_size_t allocations;
    atomic_size_t fail_allocation;

    /* recv; send and sendmsg: calls so far, how many bytes one of them takes at the most, and an
     * errno with which each of them fails. 0: none. */
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

    /* pthread_create: calls so far, and the number of the one that fails with EAGAIN; 0: none. */
    atomic_size_t threads;
    atomic_size_t fail_thread;
} faults_state;

extern faults_state faults;

/* No orders, counts at 0. While no other thread runs. */
void faults_reset(void);

/* The n-th allocation from now fails, n >= 1. */
void faults_fail_allocation(size_t n);

/* True when that has happened; afterwards there is no such order any more. */
bool faults_allocation_failed(void);

#endif
