#include "server/successor.h"

#include "server/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* Variables of this process's own start. WATCHDOG_PID is this one's number: without it the watchdog
 * is whoever's (sd_watchdog_enabled(3)). */
static const char *const stale[] = {
    "LISTEN_FDS",     "LISTEN_PID",   "LISTEN_PIDFDID",
    "LISTEN_FDNAMES", "WATCHDOG_PID", YODEL_READY_VARIABLE,
};

enum { NEW_VARIABLES = 4, NUMBER_TEXT = 12 };

/* Everything that the child needs, made before the fork: between that and exec only
 * async-signal-safe calls are allowed. */
typedef struct launch {
    const char *path;
    char *const *argv;
    char **env;
    char *fresh[NEW_VARIABLES]; /* from malloc */
    char *listen_pid;           /* where in the environment its number goes */
    int *fds;                   /* the sockets, and the pipe's end last */
    size_t count;               /* of these */
} launch;

/* --- the environment --- */

static bool is_stale(const char *variable)
{
    for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++) {
        size_t len = strlen(stale[i]);
        if (strncmp(variable, stale[i], len) == 0 && variable[len] == '=') {
            return true;
        }
    }
    return false;
}

static char *join_names(const yodel_passed_fd *fds, size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *file = open_memstream(&text, &len);
    if (file == NULL) {
        return NULL;
    }
    (void)fputs("LISTEN_FDNAMES=", file);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file, "%s%s", i > 0 ? ":" : "", fds[i].name);
    }
    if (fclose(file) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int make_env(launch *l, const yodel_passed_fd *fds, size_t count)
{
    size_t n = 0;
    while (environ[n] != NULL) {
        n++;
    }
    l->env = calloc(n + NEW_VARIABLES + 1, sizeof(*l->env));
    if (l->env == NULL || asprintf(&l->fresh[0], "LISTEN_FDS=%zu", count) < 0 ||
        asprintf(&l->fresh[1], YODEL_READY_VARIABLE "=%zu", SD_LISTEN_FDS_START + count) < 0 ||
        asprintf(&l->fresh[2], "LISTEN_PID=%*s", NUMBER_TEXT, "") < 0 ||
        (l->fresh[3] = join_names(fds, count)) == NULL) {
        return -ENOMEM;
    }
    l->listen_pid = strchr(l->fresh[2], '=') + 1;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_stale(environ[i])) {
            l->env[kept++] = environ[i];
        }
    }
    for (size_t i = 0; i < NEW_VARIABLES; i++) {
        l->env[kept++] = l->fresh[i];
    }
    return 0;
}

static void destroy(launch *l)
{
    for (size_t i = 0; i < NEW_VARIABLES; i++) {
        free(l->fresh[i]);
    }
    free(l->env);
    free(l->fds);
}

/* --- the child --- */

static void write_number(char *text, pid_t number)
{
    char digits[NUMBER_TEXT];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (n > 0) {
        *text++ = digits[--n];
    }
    *text = '\0';
}

/* What this process has done to its signals; what it was started with (nohup) stays. */
static void reset_signals(void)
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    (void)sigaction(SIGPIPE, &usual, NULL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Everything but standard input, output, error and what is passed on: also what a library forgot to
 * make close-on-exec; and there is room for copies then, even where the limit was reached. */
static void close_others(const launch *l)
{
    unsigned from = SD_LISTEN_FDS_START;
    for (;;) {
        unsigned next = ~0U;
        for (size_t i = 0; i < l->count; i++) {
            unsigned fd = (unsigned)l->fds[i];
            next = fd >= from && fd < next ? fd : next;
        }
        if (next > from) {
            (void)close_range(from, next == ~0U ? next : next - 1, 0);
        }
        if (next == ~0U) {
            return;
        }
        from = next + 1;
    }
}

/* Moves them to 3 and up, not close-on-exec. 0 or an errno. */
static int arrange_fds(launch *l)
{
    int behind = SD_LISTEN_FDS_START + (int)l->count;
    /* First out of the way: one's place may be another's present number. */
    for (size_t i = 0; i < l->count; i++) {
        l->fds[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC, behind);
        if (l->fds[i] < 0) {
            return errno;
        }
    }
    for (size_t i = 0; i < l->count; i++) {
        if (dup2(l->fds[i], SD_LISTEN_FDS_START + (int)i) < 0) {
            return errno;
        }
    }
    return 0; /* what is behind them closes with exec */
}

static _Noreturn void become(launch *l)
{
    int pipe_end = l->fds[l->count - 1];
    close_others(l);
    ssize_t told = write(pipe_end, &(char){YODEL_SUCCESSOR_ALONE}, 1);
    (void)told; /* a parent that has gone does not wait for it */
    write_number(l->listen_pid, getpid());
    reset_signals();
    int error = arrange_fds(l);
    if (error == 0) {
        pipe_end = SD_LISTEN_FDS_START + (int)l->count - 1;
        (void)execve(l->path, l->argv, l->env);
        error = errno;
    }
    char message[1 + sizeof(error)] = {YODEL_READY_ERROR};
    memcpy(message + 1, &error, sizeof(error));
    _exit(write(pipe_end, message, sizeof(message)) < 0 ? 126 : 127);
}

/* --- the parent --- */

/* That takes about as long as the fork did. A child that has ended is alone, too; one that does not
 * get on (stopped, out of memory) must not keep this process from its work. */
static void wait_until_alone(int ready)
{
    char word;
    struct pollfd readable = {.fd = ready, .events = POLLIN};
    if (poll(&readable, 1, YODEL_SUCCESSOR_ALONE_MS) == 1) {
        ssize_t heard = read(ready, &word, sizeof(word));
        (void)heard; /* the word, or the end of file */
    }
}

int yodel_successor_start(const char *path, char *const argv[], const yodel_passed_fd *fds,
                          size_t count, yodel_successor *out)
{
    launch l = {.path = path, .argv = argv, .count = count + 1};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    l.fds = calloc(l.count, sizeof(*l.fds));
    int code = l.fds != NULL ? make_env(&l, fds, count) : -ENOMEM;
    if (code == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        code = -errno;
    }
    if (code == 0) {
        for (size_t i = 0; i < count; i++) {
            l.fds[i] = fds[i].fd;
        }
        l.fds[count] = ends[1];
        pid_t pid = fork();
        if (pid == 0) {
            become(&l);
        }
        code = pid < 0 ? -errno : 0;
        if (code == 0) {
            *out = (yodel_successor){.pid = pid, .ready = ends[0]};
        }
    }
    destroy(&l);
    close(ends[1]);
    if (code < 0) {
        close(ends[0]);
        return code;
    }
    wait_until_alone(ends[0]);
    return 0;
}
