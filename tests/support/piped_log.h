/*
 * A log that writes into a pipe, and what a test needs to look at what comes out of it.
 */
#ifndef YODEL_TESTS_PIPED_LOG_H
#define YODEL_TESTS_PIPED_LOG_H

#include "core/log_fd.h"

/* The ends are blocking for the log and non-blocking for the test. */
typedef struct piped_log {
    yodel_log_fd log;
    int read_end;  /* -1 when a test has closed it */
    int write_end; /* the same */
} piped_log;

/* A log with level DEBUG. SIGPIPE is ignored from here on, as in the programs. */
void piped_log_open(piped_log *p, yodel_log_format format);
void piped_log_close(piped_log *p);

/* Takes everything that is in the pipe; a string that lives until the next call. */
const char *piped_log_drain(piped_log *p);

/* Logs until the pipe is full and the first line is lost. */
void piped_log_fill(piped_log *p);

/* The text begins with a time stamp like 2026-11-21T03:40:34.123Z, or with `expected`; both return
 * what comes behind. */
const char *expect_time(const char *text);
const char *expect_text(const char *text, const char *expected);

#endif
