#include "tests/support/program_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

program *all_programs;

double program_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void program_pause_ms(unsigned milliseconds)
{
    poll(NULL, 0, (int)milliseconds);
}

bool program_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}

/* --- looking -----------------------------------------------------------------------------------*/

pid_t program_pid(const program *p)
{
    return p->pid;
}

const char *program_output(program *p, program_stream stream, size_t *len)
{
    output *o = &p->outputs[stream];
    struct stat info = {0};
    if (o->fd >= 0 && fstat(o->fd, &info) == 0 && (size_t)info.st_size > o->len) {
        size_t size = (size_t)info.st_size;
        char *text = realloc(o->text, size + 1);
        assert_non_null(text);
        o->text = text;
        while (o->len < size) {
            ssize_t n = pread(o->fd, text + o->len, size - o->len, (off_t)o->len);
            assert_true(n > 0);
            o->len += (size_t)n;
        }
        text[size] = '\0';
    }
    if (len != NULL) {
        *len = o->len;
    }
    return o->text != NULL ? o->text : "";
}

/* Finds the n-th complete line that contains `text`, or counts them all with n == 0. */
static size_t find_line(program *p, program_stream stream, const char *text, size_t n,
                        const char **line, size_t *line_len)
{
    size_t len, found = 0;
    const char *at = program_output(p, stream, &len);
    const char *end = at + len;
    for (const char *newline; at < end && (newline = memchr(at, '\n', (size_t)(end - at))) != NULL;
         at = newline + 1) {
        size_t this_len = (size_t)(newline - at);
        if (memmem(at, this_len, text, strlen(text)) == NULL) {
            continue;
        }
        if (++found == n) {
            *line = at;
            *line_len = this_len;
            break;
        }
    }
    return found;
}

size_t program_count_lines(program *p, program_stream stream, const char *text)
{
    return find_line(p, stream, text, 0, NULL, NULL);
}

bool look_exited(program *p, int ms)
{
    if (p->exited) {
        return true;
    }
    struct pollfd end = {.fd = p->pidfd, .events = POLLIN};
    if (poll(&end, 1, ms) <= 0) {
        return false;
    }
    int status;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    p->exited = true;
    p->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool program_running(program *p)
{
    return !look_exited(p, 0);
}

const char *program_wait_lines(program *p, program_stream stream, const char *text, size_t n)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (;;) {
        bool over = look_exited(p, 0) || program_now() > deadline; /* before the last look */
        const char *line;
        size_t len;
        if (find_line(p, stream, text, n, &line, &len) >= n) {
            char *copy = strndup(line, len);
            assert_non_null(copy);
            free(p->line);
            p->line = copy;
            return copy;
        }
        if (over) {
            program_fail(p, "no line number %zu with \"%s\"", n, text);
        }
        look_exited(p, LOOK_MS);
    }
}

const char *program_wait_line(program *p, program_stream stream, const char *text)
{
    return program_wait_lines(p, stream, text, 1);
}

void program_wait_text(program *p, program_stream stream, const char *text)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (;;) {
        bool over = look_exited(p, 0) || program_now() > deadline;
        size_t len;
        const char *printed = program_output(p, stream, &len);
        if (memmem(printed, len, text, strlen(text)) != NULL) {
            return;
        }
        if (over) {
            program_fail(p, "it did not print \"%s\"", text);
        }
        look_exited(p, LOOK_MS);
    }
}

/* --- acting ------------------------------------------------------------------------------------*/

void program_write_stdin(program *p, const void *data, size_t len)
{
    const char *at = data;
    double deadline = program_now() + PROGRAM_TIMEOUT;
    while (len > 0) {
        ssize_t n = write(p->stdin_fd, at, len);
        if (n < 0 && errno != EAGAIN) {
            program_fail(p, "cannot write into its stdin: %s", strerror(errno));
        }
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        if (program_now() > deadline) {
            program_fail(p, "it does not read its stdin, %zu bytes are left", len);
        }
        struct pollfd room = {.fd = p->stdin_fd, .events = POLLOUT};
        poll(&room, 1, 100);
    }
}

void program_close_stdin(program *p)
{
    if (p->stdin_fd >= 0) {
        close(p->stdin_fd);
        p->stdin_fd = -1;
    }
}

void program_signal(program *p, int signal_number)
{
    if (!program_running(p) || kill(p->pid, signal_number) != 0) {
        program_fail(p, "it has exited before signal %d", signal_number);
    }
}

void program_stop(program *p)
{
    siginfo_t info;
    program_signal(p, SIGSTOP);
    if (waitid(P_PID, (id_t)p->pid, &info, WSTOPPED) != 0) {
        program_fail(p, "it does not stop: %s", strerror(errno));
    }
}

/* The line with which its first report begins; NULL: there is none. */
static const char *sanitizer_report(program *p)
{
    const char *line;
    size_t len;
    return find_line(p, PROGRAM_STDERR, "Sanitizer", 1, &line, &len) > 0 ||
                   find_line(p, PROGRAM_STDERR, "runtime error:", 1, &line, &len) > 0
               ? line
               : NULL;
}

int program_wait_exit(program *p)
{
    if (!look_exited(p, (int)(PROGRAM_TIMEOUT * 1000))) {
        program_fail(p, "it does not exit");
    }
    if (sanitizer_report(p) != NULL) {
        program_fail(p, "a sanitizer complains");
    }
    return p->status;
}

void program_expect_exit(program *p, int status)
{
    int got = program_wait_exit(p);
    if (got != status) {
        program_fail(p, "it exited with status %d, not %d", got, status);
    }
}

static void forget(program *p)
{
    program **link = &all_programs;
    while (*link != p) {
        link = &(*link)->next;
    }
    *link = p->next;
    int fds[] = {p->pidfd, p->stdin_fd, p->outputs[0].fd, p->outputs[1].fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    free(p->outputs[0].text);
    free(p->outputs[1].text);
    free(p->line);
    free(p->command);
    free(p);
}

void program_kill(program *p)
{
    if (p == NULL) {
        return;
    }
    if (!p->exited) {
        kill(-p->pid, SIGKILL); /* its process group; it cannot be another's before waitpid */
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    forget(p);
}

enum { MOST_SHOWN = 4000 };

/* In pieces: cmocka cuts what it prints after a kilobyte. */
static void print_text(const char *text, size_t len)
{
    enum { PIECE = 500 };
    while (len > 0) {
        int n = len > PIECE ? PIECE : (int)len;
        print_error("%.*s", n, text);
        text += n;
        len -= (size_t)n;
    }
    print_error("\n");
}

static void show_output(program *p, program_stream stream, const char *name)
{
    size_t len;
    const char *text = program_output(p, stream, &len);
    size_t shown = len > MOST_SHOWN ? MOST_SHOWN : len;
    print_error("--- its %s%s:\n", name, len > shown ? " (the end of it)" : "");
    print_text(text + (len - shown), shown);
}

/* The first report, which may stand far from the end: processes that it started write there, too.
 */
static void show_complaint(program *p)
{
    const char *report = sanitizer_report(p);
    if (report != NULL) {
        size_t rest = strlen(report);
        print_error("--- what a sanitizer says:\n");
        print_text(report, rest > MOST_SHOWN ? MOST_SHOWN : rest);
    }
}

static void show(program *p, const char *message)
{
    p->shown = true;
    print_error("%s (pid %d): %s\n", p->command, (int)p->pid, message);
    if (look_exited(p, 0)) {
        print_error("it has exited with status %d\n", p->status);
    }
    show_output(p, PROGRAM_STDOUT, "stdout");
    show_output(p, PROGRAM_STDERR, "stderr");
    show_complaint(p);
}

_Noreturn void program_fail(program *p, const char *format, ...)
{
    char message[500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    show(p, message);
    fail();
    abort(); /* not reached: fail() jumps */
}

int program_teardown(void **state)
{
    (void)state;
    int complaints = 0;
    while (all_programs != NULL) {
        program *p = all_programs;
        /* A test that failed on a socket does not know yet that the program crashed. */
        if (!p->shown && sanitizer_report(p) != NULL) {
            show(p, "a sanitizer complains");
            complaints++;
        }
        program_kill(p);
    }
    return complaints > 0 ? -1 : 0;
}
