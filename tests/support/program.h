/*
 * The real programs, under a test's control.
 *
 * An end-to-end test starts yodel-server or yodel-client as a user would, watches what it prints
 * and how it ends, and never leaves it behind. Output goes into memory files (memfd), so that a
 * program can never block because the test does not read; the test looks at everything printed so
 * far at any time.
 *
 * Every function here is for the thread that runs the cmocka test. What cannot be done, and what
 * does not happen within PROGRAM_TIMEOUT seconds, fails the test and shows the program's command
 * line and its output. Use program_test(name) in the list of tests: it kills whatever the test left
 * running, also when the test failed. A program dies with the test process, too.
 */
#ifndef YODEL_TESTS_PROGRAM_H
#define YODEL_TESTS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The longest that anything here waits for a condition, in seconds. Far more than a healthy program
 * needs on a loaded machine: it is reached only when the test fails. */
#define PROGRAM_TIMEOUT 20.0

typedef struct program program;

typedef enum program_stream { PROGRAM_STDOUT, PROGRAM_STDERR } program_stream;

/* How to start a program; all zero (or NULL) is the usual way. */
typedef struct program_options {
    const char *const *env; /* more environment, "NAME=value", NULL at the end; NULL: none */
    unsigned open_files;    /* RLIMIT_NOFILE, soft and hard; 0: as the test's own */
    bool stdin_pipe;        /* stdin is a pipe for program_write_stdin; otherwise /dev/null */
    /* Own descriptors for the program's 0, 1 and 2, for instance a pseudo terminal or a pipe that
     * nobody reads. 0: the harness's. They stay the caller's. If stdin_fd is a terminal it becomes
     * the program's controlling terminal (the program runs in a session of its own). */
    int stdin_fd, stdout_fd, stderr_fd;
    /* More descriptors, which the program has as 3 and up. They stay the caller's. */
    const int *more_fds;
    size_t more_count;
} program_options;

/* Starts a program; the arguments end with NULL. A name without a slash lies in the directory of
 * the programs under test ($YODEL_BIN_DIR, or where the build put them), one with a slash is taken
 * as it is. The program belongs to the harness until program_kill or the end of the test. */
program *program_start(const program_options *options, const char *name, ...)
    __attribute__((sentinel));

/* The same with an argument vector; argv[0] is the name, the last one is NULL. */
program *program_start_argv(const program_options *options, const char *const argv[]);

/* Its process id; valid until program_wait_exit or program_kill. */
pid_t program_pid(const program *p);

/* Everything it has printed so far, with a NUL behind it. *len (unless NULL) becomes the length.
 * Valid until the next call that names the same program. */
const char *program_output(program *p, program_stream stream, size_t *len);

/* Waits until it has printed `text`, anywhere, also within a line that is not complete. */
void program_wait_text(program *p, program_stream stream, const char *text);

/* Waits for a complete line that contains `text`; returns the first one, without its newline. Valid
 * until the next call that names the same program. */
const char *program_wait_line(program *p, program_stream stream, const char *text);

/* Waits until `n` complete lines contain `text`; returns the n-th (n counts from 1). */
const char *program_wait_lines(program *p, program_stream stream, const char *text, size_t n);

/* How many complete lines contain `text` now; "" counts all lines. */
size_t program_count_lines(program *p, program_stream stream, const char *text);

/* Writes all of it into the program's stdin (stdin_pipe), waiting while the pipe is full. */
void program_write_stdin(program *p, const void *data, size_t len);

/* End of input for a program with stdin_pipe; harmless when done twice. */
void program_close_stdin(program *p);

void program_signal(program *p, int signal_number);

/* Stops it (SIGSTOP) and returns when no thread of it runs any more; SIGCONT lets it go on. */
void program_stop(program *p);

/* True until it has exited. Never waits. */
bool program_running(program *p);

/* Waits until it exits: its exit status, or 128 + N when signal N ended it. May be called again. A
 * report of a sanitizer on its stderr fails the test. The output stays readable. */
int program_wait_exit(program *p);

/* program_wait_exit, and any other status fails the test. */
void program_expect_exit(program *p, int status);

/* Of the running process, from /proc: resident memory and address space in bytes, open file
 * descriptors, processor time used so far in seconds (user and system), threads. */
size_t program_rss(program *p);
size_t program_address_space(program *p);
size_t program_open_fds(program *p);
double program_cpu_seconds(program *p);
size_t program_threads(program *p);

/* The most resident memory since program_forget_peak, or since it started, in bytes. */
size_t program_peak_rss(program *p);
void program_forget_peak(program *p);

/* Waits until it has at most n open file descriptors. (Not exactly: the baseline that a test took
 * may have caught one that the C library opens for a moment, when a thread first calls malloc.) */
void program_wait_open_fds(program *p, size_t n);

/* Fails the test; shows the message (printf), the program's command line and what it printed. */
_Noreturn void program_fail(program *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Kills (SIGKILL, with its children that are still in its process group) and forgets it; NULL is
 * fine. */
void program_kill(program *p);

/* Teardown for cmocka: kills all that the test started. Fails, and shows the output, when a
 * sanitizer complained on the stderr of one of them. */
int program_teardown(void **state);

#define program_test(function) cmocka_unit_test_teardown(function, program_teardown)

/* Seconds of CLOCK_MONOTONIC, for measuring lower bounds and ratios. */
double program_now(void);

/* Lets milliseconds pass. Only between two looks at a condition, or where passing time IS the
 * input (an idle client); never to wait for something that could be looked at. */
void program_pause_ms(unsigned milliseconds);

/* True when the tests (and so the programs beside them) are built with a sanitizer: its shadow
 * memory makes figures of resident memory meaningless. */
bool program_sanitized(void);

#endif
