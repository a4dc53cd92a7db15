#include "tests/support/program_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* Descriptors from here on are in nobody's way: a program's own begin at 3. */
#define ASIDE 200

enum { MOST_MORE = 16 };

/* What the child needs, all prepared before the fork: between fork and exec only async-signal-safe
 * calls are allowed when the test has threads. */
typedef struct launch {
    const char *path;
    char *const *argv;
    char *const *env;
    int fds[3];
    unsigned open_files;
    pid_t parent;
    int more[MOST_MORE]; /* from ASIDE on */
    size_t more_count;
    int error_fd; /* CLOEXEC: closed by a successful exec, else it gets errno */
} launch;

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
    for (size_t i = 0; i < l->more_count; i++) {
        if (dup2(l->more[i], 3 + (int)i) < 0) {
            goto failed;
        }
    }
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
        .more_count = options->more_count,
        .error_fd = fcntl(errors[1], F_DUPFD_CLOEXEC, ASIDE),
    };
    assert_true(l.error_fd >= 0 && l.more_count <= MOST_MORE);
    for (size_t i = 0; i < l.more_count; i++) {
        l.more[i] = fcntl(options->more_fds[i], F_DUPFD_CLOEXEC, ASIDE);
        assert_true(l.more[i] >= 0);
    }
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
    close(l.error_fd);
    for (int i = 0; i < 3; i++) {
        close(l.fds[i]);
    }
    for (size_t i = 0; i < l.more_count; i++) {
        close(l.more[i]);
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
