/*
 * A server and those that replace it one after the other (SIGUSR2), all of which log into the first
 * one's stderr. The last one is what "it" means here.
 *
 * As with program.h: for the thread that runs the cmocka test, which fails when something does not
 * happen in time. Use generations_test(name) in the list of tests, so that none is left behind.
 */
#ifndef YODEL_TESTS_GENERATIONS_H
#define YODEL_TESTS_GENERATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "program.h"
#include "server.h"

enum { GENERATIONS_MOST = 32 };

typedef struct generations {
    program *first;
    uint16_t port;
    pid_t pid[GENERATIONS_MOST];   /* in their order */
    bool exited[GENERATIONS_MOST]; /* as was expected */
    size_t count;
} generations;

/* The arguments as for server_start_argv. */
generations generations_start(const program_options *options, const char *const argv[]);

/* Its process id. */
pid_t generations_pid(const generations *g);

void generations_signal(const generations *g, int signal_number);

/* Has it replaced, and waits until the new one serves. */
void generations_upgrade(generations *g);

/* The same in two steps: a test may look at what happens in between. */
void generations_begin_upgrade(const generations *g);
bool generations_is_upgraded(const generations *g);
void generations_end_upgrade(generations *g);

/* Waits until n lines of the log contain `text`, whoever runs. */
void generations_wait_lines(const generations *g, const char *text, size_t n);

/* Waits until the index-th has exited, which has to be with this status; no effect the second time.
 */
void generations_expect_exit(generations *g, size_t index, int status);

/* Ends it by SIGTERM; all must exit with status 0, every connection accounted for, and no error in
 * the log. */
void generations_stop(generations *g);

/* Open file descriptors of a process, whose output the message shows. */
size_t generations_open_fds(const generations *g, pid_t pid);

/* A line of /proc/PID/status, "SigBlk:\t0000000000000000"; in a buffer of its own until the next
 * call. */
const char *generations_status_line(const generations *g, pid_t pid, const char *key);

int generations_setup(void **state);
int generations_teardown(void **state);

#define generations_test(function)                                                                 \
    cmocka_unit_test_setup_teardown(function, generations_setup, generations_teardown)

#endif
