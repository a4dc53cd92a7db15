#include "tests/support/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* Between two looks at what a program printed; its end is noticed at once. */
#define LOOK_MS 2

typedef struct output {
    int fd;     /* the memory file, -1 when the caller gave a descriptor of its own */
    char *text; /* what was read from it, NUL behind */
    size_t len;
} output;

struct program {
    program *next; /* in all_programs */
    char *command; /* for messages */
    pid_t pid;
    int pidfd;
    int stdin_fd; /* our end of the pipe, or -1 */
    bool shown;   /* in a message of failure */
    bool exited;
    int status; /* once exited, as program_wait_exit returns it */
    output outputs[2];
    char *line; /* what program_wait_lines returned last */
};

/* What the child needs, all prepared before the fork: between fork and exec only async-signal-safe
 * calls are allowed when the test has threads. */
typedef struct launch {
    const char *path;
    char *const *argv;
    char *const *env;
    int fds[3];
    unsigned open_files;
    pid_t parent;
    int error_fd; /* CLOEXEC: closed by a successful exec, else it gets errno */
} launch;

static program *all_programs;

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

/* --- starting ----------------------------------------------------------------------------------*/

static _Noreturn void run_child(const launch *l)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != l->parent) {
        _exit(127); /* the test died before PDEATHSIG was armed */
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    if (l->open_files > 0) {
        struct rlimit limit = {l->open_files, l->open_files};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(l->fds[i], i) < 0) {
            goto failed;
        }
    }
    if (isatty(0)) {
        ioctl(0, TIOCSCTTY, 0);
    }
    /* The programs must not see what a test leaked: their fd counts are compared. */
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(l->path, l->argv, l->env);

failed:;
    int error = errno;
    if (write(l->error_fd, &error, sizeof error) < 0) {
        _exit(126);
    }
    _exit(127);
}

static const char *bin_dir(void)
{
    const char *dir = getenv("YODEL_BIN_DIR");
#ifdef YODEL_BIN_DIR
    if (dir == NULL) {
        dir = YODEL_BIN_DIR;
    }
#endif
    if (dir == NULL) {
        fail_msg("set YODEL_BIN_DIR to the directory of the programs");
    }
    return dir;
}

static char *find_program(const char *name)
{
    char *path = NULL;
    int n = strchr(name, '/') != NULL ? asprintf(&path, "%s", name)
                                      : asprintf(&path, "%s/%s", bin_dir(), name);
    assert_true(n > 0);
    return path;
}

static char *join_command(const char *const argv[])
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    for (size_t i = 0; argv[i] != NULL; i++) {
        fprintf(file, "%s%s", i > 0 ? " " : "", argv[i]);
    }
    fclose(file);
    return text;
}

/* Our environment and `more`; the strings are borrowed, the array is the caller's. */
static char **make_env(const char *const *more)
{
    size_t own = 0, extra = 0;
    while (environ[own] != NULL) {
        own++;
    }
    while (more != NULL && more[extra] != NULL) {
        extra++;
    }
    char **env = calloc(own + extra + 1, sizeof *env);
    assert_non_null(env);
    size_t n = 0;
    for (size_t i = 0; i < extra; i++) {
        env[n++] = (char *)(uintptr_t)more[i]; /* first: getenv finds these before ours */
    }
    for (size_t i = 0; i < own; i++) {
        env[n++] = environ[i];
    }
    return env;
}

static int memory_file(void)
{
    int fd = memfd_create("program-output", MFD_CLOEXEC);
    assert_true(fd >= 0);
    /* As in `program >>file`: two descriptions of the file would never overwrite each other. */
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    return fd;
}

/* The child's stdin: the caller's descriptor, our pipe or /dev/null. */
static int open_stdin(program *p, const program_options *options)
{
    if (options->stdin_fd > 0) {
        return fcntl(options->stdin_fd, F_DUPFD_CLOEXEC, 3);
    }
    if (!options->stdin_pipe) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    p->stdin_fd = ends[1];
    return ends[0];
}

static int open_output(output *o, int given)
{
    if (given > 0) {
        o->fd = -1;
        return fcntl(given, F_DUPFD_CLOEXEC, 3);
    }
    o->fd = memory_file();
    return fcntl(o->fd, F_DUPFD_CLOEXEC, 3);
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

program *program_start_argv(const program_options *options, const char *const argv[])
{
    static const program_options usual;
    if (options == NULL) {
        options = &usual;
    }
    signal(SIGPIPE, SIG_IGN); /* a program that has gone is for the test to find, not its death */

    program *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->stdin_fd = -1;
    p->pidfd = -1;
    p->command = join_command(argv);

    char *path = find_program(argv[0]);
    char **env = make_env(options->env);
    int errors[2];
    assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
    launch l = {
        .path = path,
        .argv = (char *const *)(uintptr_t)argv,
        .env = env,
        .fds = {open_stdin(p, options), open_output(&p->outputs[0], options->stdout_fd),
                open_output(&p->outputs[1], options->stderr_fd)},
        .open_files = options->open_files,
        .parent = getpid(),
        .error_fd = errors[1],
    };
    for (int i = 0; i < 3; i++) {
        assert_true(l.fds[i] >= 0);
    }

    p->pid = fork();
    if (p->pid == 0) {
        run_child(&l);
    }
    assert_true(p->pid > 0);
    p->next = all_programs;
    all_programs = p;
    p->pidfd = pidfd_open(p->pid, 0); /* CLOEXEC by itself */
    assert_true(p->pidfd >= 0);
    close(errors[1]);
    for (int i = 0; i < 3; i++) {
        close(l.fds[i]);
    }
    int error = 0;
    ssize_t n = read(errors[0], &error, sizeof error);
    close(errors[0]);
    free(env);
    if (n > 0) {
        print_error("cannot start %s: %s\n", path, strerror(error));
        free(path);
        fail();
    }
    free(path);
    return p;
}

program *program_start(const program_options *options, const char *name, ...)
{
    enum { MOST = 64 };
    const char *argv[MOST + 1];
    size_t n = 0;
    va_list args;
    va_start(args, name);
    for (const char *arg = name; arg != NULL; arg = va_arg(args, const char *)) {
        assert_true(n < MOST);
        argv[n++] = arg;
    }
    va_end(args);
    argv[n] = NULL;
    return program_start_argv(options, argv);
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

/* Notices that it exited, waiting for that up to `ms`. */
static bool look_exited(program *p, int ms)
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

static bool sanitizer_complains(program *p)
{
    return program_count_lines(p, PROGRAM_STDERR, "Sanitizer") > 0 ||
           program_count_lines(p, PROGRAM_STDERR, "runtime error:") > 0;
}

int program_wait_exit(program *p)
{
    if (!look_exited(p, (int)(PROGRAM_TIMEOUT * 1000))) {
        program_fail(p, "it does not exit");
    }
    if (sanitizer_complains(p)) {
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

static void show_output(program *p, program_stream stream, const char *name)
{
    enum { MOST = 4000 };
    size_t len;
    const char *text = program_output(p, stream, &len);
    size_t shown = len > MOST ? MOST : len;
    print_error("--- its %s%s:\n%s\n", name, len > shown ? " (the end of it)" : "",
                text + (len - shown));
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
        if (!p->shown && sanitizer_complains(p)) {
            show(p, "a sanitizer complains");
            complaints++;
        }
        program_kill(p);
    }
    return complaints > 0 ? -1 : 0;
}

/* --- /proc -------------------------------------------------------------------------------------*/

static FILE *open_proc(program *p, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)p->pid, name);
    FILE *file = program_running(p) ? fopen(path, "re") : NULL;
    if (file == NULL) {
        program_fail(p, "it has gone, no %s", path);
    }
    return file;
}

static size_t status_number(program *p, const char *key)
{
    FILE *file = open_proc(p, "status");
    char line[256];
    size_t value = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoul(line + strlen(key), NULL, 10);
            break;
        }
    }
    fclose(file);
    return value;
}

size_t program_rss(program *p)
{
    return status_number(p, "VmRSS:") * 1024;
}

size_t program_threads(program *p)
{
    return status_number(p, "Threads:");
}

double program_cpu_seconds(program *p)
{
    FILE *file = open_proc(p, "stat");
    char line[1024] = "";
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    unsigned long user = 0, system = 0;
    const char *rest = strrchr(line, ')'); /* the name before it may hold blanks */
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) != 2) {
        program_fail(p, "cannot read its processor time");
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

size_t program_open_fds(program *p)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)p->pid);
    DIR *dir = program_running(p) ? opendir(path) : NULL;
    if (dir == NULL) {
        program_fail(p, "it has gone, no %s", path);
    }
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

void program_wait_open_fds(program *p, size_t n)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (size_t now; (now = program_open_fds(p)) > n; look_exited(p, LOOK_MS)) {
        if (program_now() > deadline) {
            program_fail(p, "it has %zu open file descriptors, not %zu", now, n);
        }
    }
}
