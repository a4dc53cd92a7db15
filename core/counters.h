/*
 * counters: what one worker counts, on cache lines of its own.
 *
 * Only the owning thread writes (yodel_count and friends are a plain add, no locked instruction);
 * any thread may read a single counter at any time. Values of different counters read while the
 * owner runs may be a few events apart; once the owner has stopped they are exact.
 *
 * The list below is the one place that names them: yodel_counter_name and yodel_counter_help give
 * the same words to log lines, status pages and metrics.
 */
#ifndef YODEL_CORE_COUNTERS_H
#define YODEL_CORE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#define YODEL_COUNTERS(X)                                                                          \
    X(ACCEPTED, "accepted", "connections taken over, refused ones included")                       \
    X(ACTIVE, "active", "connections that are open now")                                           \
    X(REJECTED, "rejected", "connections refused because the server was full")                     \
    X(REJECTED_PER_IP, "rejected_per_ip", "connections refused: their address had too many")       \
    X(REJECTED_RATE, "rejected_rate", "connections refused: their address connected too often")    \
    X(REJECTED_UNTRUSTED, "rejected_untrusted", "connections refused: not from a trusted proxy")   \
    X(FORGOTTEN, "forgotten", "addresses forgotten for want of room before they could be")         \
    X(OPENED, "opened", "connections opened to other servers")                                     \
    X(ACCEPT_ERRORS, "accept_errors", "accept4 calls that failed for want of fds or memory")       \
    X(BYTES_IN, "bytes_in", "bytes received")                                                      \
    X(BYTES_OUT, "bytes_out", "bytes the kernel took from us")                                     \
    X(LINES_IN, "lines_in", "complete lines received (counted by line protocols)")                 \
    X(LINES_OUT, "lines_out", "lines written (counted by line protocols)")                         \
    X(PARTIAL, "partial", "lines dropped because the client ended in the middle of them")          \
    X(PAUSED, "paused", "times that reading or a writer was paused above the high water mark")     \
    X(PAUSED_NOW, "paused_now", "connections that are not read now, though they are open")         \
    X(BUFFERED, "buffered", "bytes of memory that connections' buffers take now")                  \
    X(STUCK, "stuck", "times that a worker was found stuck in a callback")                         \
    X(CLOSED_QUIT, "closed_quit", "closed by the protocol, at the client's word")                  \
    X(CLOSED_EOF, "closed_eof", "closed after the client's end of file")                           \
    X(CLOSED_IDLE, "closed_idle", "closed for want of a complete line in time")                    \
    X(CLOSED_STALLED, "closed_stalled", "aborted: the client took no byte for the write timeout")  \
    X(CLOSED_OVERRUN, "closed_overrun", "aborted: output above the hard cap")                      \
    X(CLOSED_LINE_TOO_LONG, "closed_line_too_long", "closed: a line above the limit")              \
    X(CLOSED_RESET, "closed_reset", "ended by the client's reset or a network error")              \
    X(CLOSED_DRAIN, "closed_drain", "closed by a drain, everything answered")                      \
    X(CLOSED_DRAIN_ABORT, "closed_drain_abort", "aborted when a drain's grace was over")           \
    X(CLOSED_HANDLER, "closed_handler", "aborted because a callback failed")                       \
    X(CLOSED_MEMORY, "closed_memory",                                                              \
      "aborted for want of memory, or as the largest above the limit")                             \
    X(CLOSED_PROXY, "closed_proxy", "closed for want of a valid PROXY header in time")             \
    X(CLOSED_REFUSED, "closed_refused", "refused because of the address they came from")           \
    X(CLOSED_FULL, "closed_full", "refused because the server was full")

typedef enum yodel_counter {
#define YODEL_COUNTER_ENUM(id, name, help) YODEL_COUNT_##id,
    YODEL_COUNTERS(YODEL_COUNTER_ENUM)
#undef YODEL_COUNTER_ENUM
        YODEL_COUNTER_COUNT
} yodel_counter;

#define YODEL_COUNT_CLOSED_FIRST YODEL_COUNT_CLOSED_QUIT
#define YODEL_COUNT_CLOSED_LAST  YODEL_COUNT_CLOSED_FULL

/* What accept4 fails with is counted one by one: what concerns the process or the machine
 * (ACCEPT_ERRORS is their sum) and what concerns only the connection that was to be accepted. */
#define YODEL_ACCEPT_ERROR_COUNT 16

/* 64-byte aligned so that two workers' counters never share a cache line. Zero it to begin. */
typedef struct yodel_counters {
    _Alignas(64) _Atomic uint64_t value[YODEL_COUNTER_COUNT];
    _Atomic uint64_t accept_error[YODEL_ACCEPT_ERROR_COUNT]; /* which: yodel_accept_error_name */
} yodel_counters;

/* Adds n to a counter. The owning thread only. */
static inline void yodel_count(yodel_counters *counters, yodel_counter counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(&counters->value[counter], memory_order_relaxed);
    atomic_store_explicit(&counters->value[counter], old + n, memory_order_relaxed);
}

/* Takes n from a gauge. The owning thread only. */
static inline void yodel_uncount(yodel_counters *counters, yodel_counter counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(&counters->value[counter], memory_order_relaxed);
    atomic_store_explicit(&counters->value[counter], old - n, memory_order_relaxed);
}

/* One counter's value. Any thread. */
static inline uint64_t yodel_counters_get(const yodel_counters *counters, yodel_counter counter)
{
    return atomic_load_explicit(&counters->value[counter], memory_order_relaxed);
}

/* Counts what accept4 failed with, an errno. The owning thread only. */
void yodel_count_accept_error(yodel_counters *counters, int error);

/* How often accept4 failed with the index-th of the errors that are told apart, index below
 * YODEL_ACCEPT_ERROR_COUNT, and that error's name: "EMFILE"; "other" is the last. Any thread. */
uint64_t yodel_counters_accept_error(const yodel_counters *counters, unsigned index);
const char *yodel_accept_error_name(unsigned index);

/* Adds every value of from to the same counter of into (which the caller owns). Any thread. */
void yodel_counters_add(yodel_counters *into, const yodel_counters *from);

/* Connections ended for whatever reason: the sum of the closed_* counters. Any thread. */
uint64_t yodel_counters_closed(const yodel_counters *counters);

/* The counter for a closing reason as connection_lost gets it (protocol.h): 0 is a quit, YODEL_EOF
 * the client's end, any errno but -ENOMEM (which counts with YODEL_EMEMORY) as a reset. Any thread.
 */
yodel_counter yodel_counter_of_reason(int reason);

/* A counter's word, "bytes_in", and its one-line explanation. Static storage, never NULL. */
const char *yodel_counter_name(yodel_counter counter);
const char *yodel_counter_help(yodel_counter counter);

#endif
