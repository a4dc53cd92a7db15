/*
 * What tests of things with threads of their own need: waiting for what another thread does.
 */
#ifndef YODEL_TESTS_THREADS_H
#define YODEL_TESTS_THREADS_H

#include "core/counters.h"
#include "core/listener.h"
#include "core/log.h"
#include "net.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Looks at the condition every millisecond until it holds; after NET_TIMEOUT seconds the test
 * fails. what: for the message. */
void wait_until(bool (*condition)(void *arg), void *arg, const char *what);

/* Waits until a counter has this value. */
void wait_counter(const yodel_counters *counters, yodel_counter counter, uint64_t value);

/* Waits until an fd, of a completion for instance, is readable. */
void wait_readable(int fd, const char *what);

/* How many file descriptors this process has. */
size_t count_fds(void);

/* A listener on 127.0.0.1 and a free port. */
yodel_listener listen_on_loopback(int backlog);

/* Sends a text to an echo server and gets it back. */
void expect_echo(int client, const char *text);

/* A log for many threads that keeps every line. Zero it and give it to threads_log_init. */
typedef struct threads_log {
    yodel_log log; /* first */
    pthread_mutex_t lock;
    net_text text;
    size_t lines;
    size_t errors; /* lines of level ERROR */
} threads_log;

void threads_log_init(threads_log *log);
void threads_log_free(threads_log *log);

/* How many lines contain the text. */
size_t threads_log_count(threads_log *log, const char *text);

#endif
