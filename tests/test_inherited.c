/*
 * What a process is given by the one that starts it. In a child, which has the descriptors from 3
 * on and the environment for itself; it says through its exit status where it was not as expected.
 */
#include "server/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* What the child logged, in a pipe. */
static int log_pipe[2];

static void keep(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    (void)log;
    (void)level;
    if (write(log_pipe[1], msg, len) != (ssize_t)len || write(log_pipe[1], "\n", 1) != 1) {
        _exit(99);
    }
}

static yodel_log child_log = {.level = YODEL_LOG_DEBUG, .sink = keep};

/* The child: has so many sockets and, behind them, the writing end of a pipe. */
static void arrange(int sockets)
{
    char number[20];
    for (int i = 0; i < sockets; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || listen(fd, 1) < 0 || dup2(fd, 3 + i) != 3 + i) {
            _exit(90);
        }
    }
    (void)snprintf(number, sizeof number, "%d", (int)getpid());
    (void)setenv("LISTEN_PID", number, 1);
    (void)snprintf(number, sizeof number, "%d", sockets);
    (void)setenv("LISTEN_FDS", number, 1);
}

/* Runs it in a child; its exit status, and what it logged. */
static int in_child(int (*run)(void), char *logged, size_t size)
{
    int status;
    int ends[2];
    /* Out of the way of the child's descriptors. */
    assert_int_equal(pipe(ends), 0);
    for (int i = 0; i < 2; i++) {
        log_pipe[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 100);
        close(ends[i]);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(run());
    }
    close(log_pipe[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    ssize_t n = read(log_pipe[0], logged, size - 1);
    assert_true(n >= 0);
    logged[n] = '\0';
    close(log_pipe[0]);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int nothing(void)
{
    yodel_inherited inherited;
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv(YODEL_READY_VARIABLE);
    if (yodel_inherited_take(&child_log, &inherited) != 0) {
        return 1;
    }
    if (inherited.count != 0 || inherited.admin != -1 || inherited.ready != -1) {
        return 2;
    }
    yodel_inherited_say_ready(&inherited); /* no effect */
    yodel_inherited_free(&inherited);
    return 0;
}

static int for_another(void)
{
    arrange(2);
    (void)setenv("LISTEN_PID", "1", 1);
    yodel_inherited inherited;
    return yodel_inherited_take(&child_log, &inherited) == 0 && inherited.count == 0 ? 0 : 1;
}

static int sockets(void)
{
    yodel_inherited inherited;
    arrange(4);
    (void)setenv("LISTEN_FDNAMES", "yodel.socket:admin:listener:kept", 1);
    if (yodel_inherited_take(&child_log, &inherited) != 0) {
        return 1;
    }
    if (inherited.count != 3 || inherited.admin != 4 || inherited.ready != -1) {
        return 2;
    }
    static const int fds[] = {3, 5, 6};
    static const bool kept[] = {true, false, true};
    for (size_t i = 0; i < 3; i++) {
        if (inherited.listeners[i].fd != fds[i] || inherited.listeners[i].kept != kept[i] ||
            (fcntl(fds[i], F_GETFD) & FD_CLOEXEC) == 0) {
            return 3;
        }
    }
    if ((fcntl(4, F_GETFL) & O_NONBLOCK) == 0) {
        return 6;
    }
    if (getenv("LISTEN_FDS") != NULL || getenv("LISTEN_PID") != NULL ||
        getenv("LISTEN_FDNAMES") != NULL) {
        return 4;
    }
    yodel_inherited_free(&inherited);
    return inherited.count == 0 && fcntl(3, F_GETFD) >= 0 ? 0 : 5;
}

static int without_names(void)
{
    yodel_inherited inherited;
    arrange(1);
    (void)unsetenv("LISTEN_FDNAMES");
    return yodel_inherited_take(&child_log, &inherited) == 0 && inherited.count == 1 &&
                   inherited.listeners[0].kept
               ? 0
               : 1;
}

static int two_admins(void)
{
    yodel_inherited inherited = {.count = 77};
    arrange(2);
    (void)setenv("LISTEN_FDNAMES", "admin:admin", 1);
    return yodel_inherited_take(&child_log, &inherited) < 0 && inherited.count == 77 ? 0 : 1;
}

static int wrong_admin(void)
{
    yodel_inherited inherited;
    arrange(2);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setenv("LISTEN_FDNAMES", "x:admin", 1);
    return dup2(fd, 4) == 4 && yodel_inherited_take(&child_log, &inherited) == -EINVAL ? 0 : 1;
}

static int not_open(void)
{
    yodel_inherited inherited;
    arrange(1);
    close(3);
    return yodel_inherited_take(&child_log, &inherited) == -EBADF ? 0 : 1;
}

/* Sockets, a pipe, and what it hears. */
static int ready(void)
{
    int ends[2];
    char said[2];
    yodel_inherited inherited;
    arrange(1);
    if (pipe(ends) != 0 || dup2(ends[1], 50) != 50) {
        return 1;
    }
    close(ends[1]);
    (void)setenv(YODEL_READY_VARIABLE, "50", 1);
    if (yodel_inherited_take(&child_log, &inherited) != 0) {
        return 2;
    }
    if (inherited.ready != 50 || getenv(YODEL_READY_VARIABLE) != NULL ||
        (fcntl(50, F_GETFD) & FD_CLOEXEC) == 0) {
        return 3;
    }
    yodel_inherited_say_ready(&inherited);
    yodel_inherited_say_ready(&inherited); /* once */
    if (read(ends[0], said, 2) != 1 || said[0] != YODEL_READY_SAYS || read(ends[0], said, 2) != 0) {
        return 4;
    }
    yodel_inherited_free(&inherited);
    return 0;
}

/* Somebody who does not become ready: the pipe ends without a word. */
static int not_ready(void)
{
    int ends[2];
    char said;
    yodel_inherited inherited;
    arrange(1);
    if (pipe(ends) != 0 || dup2(ends[1], 50) != 50) {
        return 1;
    }
    close(ends[1]);
    (void)setenv(YODEL_READY_VARIABLE, "50", 1);
    if (yodel_inherited_take(&child_log, &inherited) != 0) {
        return 2;
    }
    yodel_inherited_free(&inherited);
    return read(ends[0], &said, 1) == 0 ? 0 : 3;
}

static int ready_without_sockets(void)
{
    int ends[2];
    yodel_inherited inherited;
    char number[20];
    (void)unsetenv("LISTEN_FDS");
    if (pipe(ends) != 0) {
        return 1;
    }
    (void)snprintf(number, sizeof number, "%d", ends[1]);
    (void)setenv(YODEL_READY_VARIABLE, number, 1);
    if (yodel_inherited_take(&child_log, &inherited) != -EINVAL) {
        return 2;
    }
    return fcntl(ends[1], F_GETFD) < 0 ? 0 : 3;
}

static int wrong_ready(void)
{
    static const char *const texts[] = {"", "x", "3x", "-1", "0", "2", "60", "99999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        yodel_inherited inherited;
        (void)setenv(YODEL_READY_VARIABLE, texts[i], 1);
        if (yodel_inherited_take(&child_log, &inherited) != -EBADF ||
            getenv(YODEL_READY_VARIABLE) != NULL) {
            return (int)i + 1;
        }
    }
    return 0;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++) {
        n++;
    }
    return n;
}

static void expect(int (*run)(void), size_t lines, const char *text)
{
    char logged[2000];
    assert_int_equal(in_child(run, logged, sizeof logged), 0);
    assert_int_equal(count_lines(logged), lines);
    assert_non_null(strstr(logged, text));
}

static void test_nothing(void **state)
{
    (void)state;
    expect(nothing, 0, "");
    expect(for_another, 0, "");
}

static void test_sockets(void **state)
{
    (void)state;
    expect(sockets, 0, "");
    expect(without_names, 0, "");
}

static void test_wrong_sockets(void **state)
{
    (void)state;
    expect(two_admins, 1, "more than one inherited socket is named admin");
    expect(wrong_admin, 1, "the inherited socket named admin is not a listening stream socket");
    expect(not_open, 1, "LISTEN_FDS: Bad file descriptor");
}

static void test_ready(void **state)
{
    (void)state;
    expect(ready, 0, "");
    expect(not_ready, 0, "");
}

static void test_wrong_ready(void **state)
{
    (void)state;
    expect(ready_without_sockets, 1, "a script that starts it has to use exec");
    expect(wrong_ready, 8, "YODEL_READY_FD: Bad file descriptor");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),       cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_wrong_sockets), cmocka_unit_test(test_ready),
        cmocka_unit_test(test_wrong_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
