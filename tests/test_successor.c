/*
 * A process that gets listening sockets: here a shell, which tells what it has got. In place of
 * sockets there are pipes, for it to say it on.
 */
#include "server/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/inherited.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static size_t fds;

static int setup(void **state)
{
    (void)state;
    fds = count_fds();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return count_fds() == fds ? 0 : -1;
}

static void read_all(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, text + len, size - 1 - len)) > 0) {
        len += (size_t)n;
    }
    assert_int_equal(n, 0);
    text[len] = '\0';
}

/* Exit status, once it has ended. */
static int end(const yodel_successor *successor)
{
    int status;
    assert_int_equal(waitpid(successor->pid, &status, 0), successor->pid);
    close(successor->ready);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run(const char *script, const yodel_passed_fd *passed, size_t count,
                yodel_successor *successor)
{
    char text[1000];
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, text, NULL};
    (void)snprintf(text, sizeof text, "%s", script);
    assert_int_equal(yodel_successor_start("/bin/sh", argv, passed, count, successor), 0);
}

static void test_what_it_has(void **state)
{
    (void)state;
    int ends[2];
    char text[1000];
    yodel_successor successor;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int leak = dup(ends[0]); /* not close-on-exec */
    (void)setenv("LISTEN_FDS", "9", 1);
    (void)setenv("LISTEN_PID", "1", 1);
    (void)setenv("LISTEN_FDNAMES", "stale", 1);
    (void)setenv("LISTEN_PIDFDID", "7", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    (void)setenv("WATCHDOG_USEC", "12345", 1);
    const yodel_passed_fd passed[] = {{ends[1], "admin"}, {ends[0], "kept"}};
    run("echo $LISTEN_FDS $LISTEN_FDNAMES $YODEL_READY_FD ${WATCHDOG_PID-none} "
        "${LISTEN_PIDFDID-none} $WATCHDOG_USEC $((LISTEN_PID - $$)) >&3; "
        "exec ls /proc/self/fd >&3",
        passed, 2, &successor);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
    (void)unsetenv("LISTEN_PIDFDID");
    (void)unsetenv("WATCHDOG_PID");
    (void)unsetenv("WATCHDOG_USEC");
    close(ends[1]);
    close(leak);
    assert_int_equal(end(&successor), 0);
    read_all(ends[0], text, sizeof text);
    assert_string_equal(text,
                        "2 admin:kept 5 none none 12345 0\n0\n1\n2\n3\n4\n5\n6\n"); /* 6 is the
                                                                  directory that ls reads */
    close(ends[0]);
}

/* Each in its place, whatever numbers they had. */
static void test_the_order(void **state)
{
    (void)state;
    enum { PIPES = 6 };
    int ends[PIPES][2];
    yodel_passed_fd passed[PIPES];
    yodel_successor successor;
    for (size_t i = 0; i < PIPES; i++) {
        assert_int_equal(pipe2(ends[i], O_CLOEXEC), 0);
        passed[PIPES - 1 - i] = (yodel_passed_fd){ends[i][1], "x"};
    }
    run("for n in 3 4 5 6 7 8; do eval \"echo $n >&$n\"; done", passed, PIPES, &successor);
    for (size_t i = 0; i < PIPES; i++) {
        close(ends[i][1]);
    }
    assert_int_equal(end(&successor), 0);
    for (size_t i = 0; i < PIPES; i++) {
        char text[100];
        char wanted[10];
        read_all(ends[i][0], text, sizeof text);
        (void)snprintf(wanted, sizeof wanted, "%zu\n", 8 - i);
        assert_string_equal(text, wanted);
        close(ends[i][0]);
    }
}

static void test_its_signals(void **state)
{
    (void)state;
    int ends[2];
    char text[1000];
    sigset_t set, before;
    yodel_successor successor;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    void (*hangup_before)(int) = signal(SIGHUP, SIG_IGN); /* nohup */
    const yodel_passed_fd passed[] = {{ends[1], "x"}};
    run("exec grep -E '^Sig(Blk|Ign)' /proc/self/status >&3", passed, 1, &successor);
    (void)signal(SIGPIPE, pipe_before);
    (void)signal(SIGHUP, hangup_before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    assert_int_equal(end(&successor), 0);
    read_all(ends[0], text, sizeof text);
    unsigned long long blocked = 1, ignored = 0;
    assert_int_equal(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
    assert_true(blocked == 0);
    assert_true((ignored & 1ULL << (SIGPIPE - 1)) == 0);
    assert_true((ignored & 1ULL << (SIGHUP - 1)) != 0);
    close(ends[0]);
}

static void test_its_word(void **state)
{
    (void)state;
    char said = '\0';
    yodel_successor successor;
    run("eval \"printf R >&$YODEL_READY_FD\"; exit 7", NULL, 0, &successor);
    wait_readable(successor.ready, "it says something");
    assert_int_equal(read(successor.ready, &said, 1), 1);
    assert_int_equal(said, YODEL_READY_SAYS);
    assert_int_equal(end(&successor), 7);
}

/* What is not passed on the child has closed before there is a successor: each time. */
static void test_it_is_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        int ends[2];
        yodel_successor successor;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        run("exit 0", NULL, 0, &successor);
        close(ends[1]);
        struct pollfd end_of_file = {.fd = ends[0], .events = POLLIN};
        assert_int_equal(poll(&end_of_file, 1, 0), 1);
        assert_int_equal(end_of_file.revents, POLLHUP);
        close(ends[0]);
        assert_int_equal(end(&successor), 0);
    }
}

static bool stops;

int __real_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags);
int __wrap_close_range(unsigned first, unsigned last, int flags)
{
    if (stops) {
        stops = false;
        (void)raise(SIGSTOP);
    }
    return __real_close_range(first, last, flags);
}

/* It is not waited for for ever; what becomes of it is for who waits until it is ready. */
static void test_it_is_stopped(void **state)
{
    (void)state;
    char said = '\0';
    yodel_successor successor;
    stops = true;
    run("exit 0", NULL, 0, &successor);
    stops = false;
    assert_int_equal(read(successor.ready, &said, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(kill(successor.pid, SIGCONT), 0);
    wait_readable(successor.ready, "it says that it is alone");
    assert_int_equal(read(successor.ready, &said, 1), 1);
    assert_int_equal(said, YODEL_SUCCESSOR_ALONE);
    assert_int_equal(end(&successor), 0);
}

static void test_no_such_program(void **state)
{
    (void)state;
    char message[1 + sizeof(int)];
    int error;
    char *argv[] = {(char[]){"x"}, NULL};
    yodel_successor successor;
    assert_int_equal(yodel_successor_start("/no/such/program", argv, NULL, 0, &successor), 0);
    wait_readable(successor.ready, "the child says something");
    assert_int_equal(read(successor.ready, message, sizeof message), sizeof message);
    assert_int_equal(message[0], YODEL_READY_ERROR);
    memcpy(&error, message + 1, sizeof error);
    assert_int_equal(error, ENOENT);
    assert_int_equal(end(&successor), 127);
}

/* A server that is full has no descriptor left, but for those that this needs itself. */
static void test_no_descriptor_left(void **state)
{
    (void)state;
    enum { LIMIT = 64 };
    int ends[2];
    int filling[LIMIT];
    size_t count = 0;
    char text[100];
    struct rlimit before;
    yodel_successor successor;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const yodel_passed_fd passed[] = {{ends[1], "x"}, {ends[1], "y"}};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit limit = {LIMIT, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while ((filling[count] = fcntl(ends[0], F_DUPFD_CLOEXEC, 0)) >= 0) {
        count++;
    }
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"echo 3 >&3; echo 4 >&4"}, NULL};
    assert_int_equal(yodel_successor_start("/bin/sh", argv, passed, 2, &successor), -EMFILE);
    for (size_t i = 0; i < 2; i++) { /* for the pipe */
        close(filling[--count]);
    }
    assert_int_equal(yodel_successor_start("/bin/sh", argv, passed, 2, &successor), 0);
    while (count > 0) {
        close(filling[--count]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(ends[1]);
    assert_int_equal(end(&successor), 0);
    read_all(ends[0], text, sizeof text);
    assert_string_equal(text, "3\n4\n");
    close(ends[0]);
}

int main(void)
{
#define successor_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        successor_test(test_what_it_has),     successor_test(test_the_order),
        successor_test(test_its_signals),     successor_test(test_its_word),
        successor_test(test_it_is_alone),     successor_test(test_it_is_stopped),
        successor_test(test_no_such_program), successor_test(test_no_descriptor_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
