/*
 * Listening sockets from a service manager, and what it is told. The test is the manager, and
 * systemd's own systemd-socket-activate where that is installed.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/generations.h"
#include "tests/support/manager.h"
#include "tests/support/net.h"

static const char *server_path(void)
{
    static char path[FILES_PATH];
    const char *dir = getenv("YODEL_BIN_DIR");
    (void)snprintf(path, sizeof path, "%s/yodel-server", dir != NULL ? dir : YODEL_BIN_DIR);
    return path;
}

static void expect_served(uint16_t port)
{
    int client = net_connect(port);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    close(client);
}

static void stop(program *p)
{
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, " ERROR "), 0);
}

/* --- sockets -----------------------------------------------------------------------------------*/

static void test_by_systemd(void **state)
{
    (void)state;
    static const char *const modes[] = {"handoff", "reuseport"};
    if (access("/usr/bin/systemd-socket-activate", X_OK) != 0) {
        skip();
    }
    for (size_t i = 0; i < 2; i++) {
        uint16_t port = 0;
        char address[32];
        int reserved = net_reserve(&port);
        (void)snprintf(address, sizeof address, "127.0.0.1:%u", port);
        program *p = program_start(NULL, "/usr/bin/systemd-socket-activate", "-l", address,
                                   server_path(), "--accept", modes[i], "-t", "3", NULL);
        program_wait_line(p, PROGRAM_STDERR, "Listening on");
        expect_served(port); /* the first client starts it */
        program_wait_line(p, PROGRAM_STDERR, "(inherited)");
        expect_served(port);
        /* systemd's are not to be shared: one accepts for all. */
        assert_int_equal(program_count_lines(p, PROGRAM_STDERR, "the acceptor accepts for all"), i);
        stop(p);
        close(reserved);
    }
}

/* Every one of the sockets is accepted on, with fewer workers and with more. */
static void several(const char *mode, const char *threads)
{
    enum { CLIENTS = 60 };
    uint16_t port = 0;
    uint16_t other = 0;
    int client[CLIENTS];
    int fds[4] = {manager_listen(&port)};
    fds[1] = manager_listen(&port);
    fds[2] = manager_listen(&port);
    fds[3] = net_listen(&other);
    const char *argv[] = {"yodel-server", "-t", threads, "--accept", mode, NULL};
    program *p = manager_start(fds, 3, NULL, NULL, argv);
    program_wait_line(p, PROGRAM_STDERR, "listening on ");
    for (size_t i = 0; i < CLIENTS; i++) {
        client[i] = net_connect(port);
        net_send_text(client[i], "hello\r\n");
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        net_expect_text(client[i], "You sent: hello\r\n");
        close(client[i]);
    }
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, "(inherited)"), 1);
    assert_int_equal(server_count_warnings(p), 0);
    stop(p);
    /* Another address, and that one's socket is not to be shared. */
    p = manager_start(fds, 4, "a:b:c:d", NULL, argv);
    program_wait_lines(p, PROGRAM_STDERR, "(inherited)", 2);
    expect_served(port);
    expect_served(other);
    stop(p);
    for (size_t i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

static void test_several_sockets(void **state)
{
    (void)state;
    static const char *const threads[] = {"1", "2", "5"};
    for (size_t i = 0; i < 3; i++) {
        several("handoff", threads[i]);
        several("reuseport", threads[i]);
    }
}

/* Each is refused with one line that says which one it is and why. */
static void test_wrong_sockets(void **state)
{
    (void)state;
    static const char *const argv[] = {"yodel-server", NULL};
    uint16_t port = 0;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    int fds[2] = {manager_listen(&port)};
    const struct {
        int fd;
        const char *why;
    } wrong[] = {
        {socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "not a listening stream socket"},
        {socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "not a listening stream socket"},
        {ends[0], "Socket operation on non-socket"},
    };
    for (size_t i = 0; i < 3; i++) {
        fds[1] = wrong[i].fd;
        program *p = manager_start(fds, 2, NULL, NULL, argv);
        program_expect_exit(p, 1);
        const char *line = program_wait_line(p, PROGRAM_STDERR, "ERROR");
        assert_non_null(strstr(line, "inherited file descriptor 4: "));
        assert_non_null(strstr(line, wrong[i].why));
        assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 1);
        close(wrong[i].fd);
    }
    /* Fewer than it is told. */
    program *p =
        program_start(NULL, "/bin/sh", "-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\"",
                      server_path(), NULL);
    program_expect_exit(p, 1);
    program_wait_line(p, PROGRAM_STDERR, "cannot take over the sockets of LISTEN_FDS: Bad file");
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 1);
    close(ends[1]);
    close(fds[0]);
}

/* What comes while it drains, and after its end, is for the next one: the socket is open all the
 * time. */
static void test_a_restart_loses_nobody(void **state)
{
    (void)state;
    static const char *const modes[] = {"handoff", "reuseport"};
    for (size_t i = 0; i < 2; i++) {
        static char much[1 << 20];
        uint16_t port = 0;
        int fd = manager_listen(&port);
        const char *argv[] = {"yodel-server", "-P", "raw",      "-t",     "2",
                              "--grace",      "1h", "--accept", modes[i], NULL};
        program *p = manager_start(&fd, 1, NULL, NULL, argv);
        program_wait_line(p, PROGRAM_STDERR, "listening on ");
        int idle[32]; /* so many that every worker has one */
        const size_t idles = sizeof idle / sizeof idle[0];
        for (size_t k = 0; k < idles; k++) {
            idle[k] = net_connect(port);
            net_send_text(idle[k], "hello");
            net_expect_text(idle[k], "hello");
        }
        int busy = net_connect_tiny(port);
        net_fill(busy, much, sizeof much, 50);
        program_signal(p, SIGTERM);
        for (size_t k = 0; k < idles; k++) {
            net_expect_eof(idle[k]); /* it drains, and that worker's listener is closed */
            close(idle[k]);
        }
        int early = net_connect(port);
        net_send_text(early, "early");
        net_reset(busy);
        program_expect_exit(p, 0);
        int late = net_connect(port);
        net_send_text(late, "late");
        p = manager_start(&fd, 1, NULL, NULL, argv);
        net_expect_text(early, "early");
        net_expect_text(late, "late");
        close(early);
        close(late);
        stop(p);
        close(fd);
    }
}

/* --- what is said ------------------------------------------------------------------------------*/

static void test_ready_and_stopping(void **state)
{
    (void)state;
    manager m = {0};
    manager_open(&m);
    const char *env[] = {m.variable, NULL};
    uint16_t port = 0;
    int fd = manager_listen(&port);
    const char *argv[] = {"yodel-server", "--drain-delay", "1h", NULL};
    program *p = manager_start(&fd, 1, NULL, env, argv);
    manager_expect(&m, "READY=1\nSTATUS=");
    expect_served(port);
    program_signal(p, SIGTERM);
    manager_expect(&m, "STOPPING=1\nSTATUS=");
    expect_served(port); /* for a while yet */
    server_signal_again(p, SIGTERM);
    program_expect_exit(p, 1); /* at once */
    assert_int_equal(manager_take(&m, "READY=1"), 0);
    close(fd);
    manager_close(&m);
}

static void test_an_upgrade(void **state)
{
    (void)state;
    manager m = {0};
    manager_open(&m);
    const char *env[] = {m.variable, NULL};
    const char *argv[] = {server_path(), "-H", "127.0.0.1", "-p", "0", NULL};
    char wanted[64];
    generations g = generations_start(&(program_options){.env = env}, argv);
    assert_int_equal(manager_expect(&m, "READY=1\n").sender, g.pid[0]);
    for (size_t i = 0; i < 2; i++) {
        generations_upgrade(&g);
        manager_message message = manager_expect(&m, "RELOADING=1\nMONOTONIC_USEC=");
        assert_int_equal(message.sender, g.pid[i]);
        assert_true(strtoull(strstr(message.text, "USEC=") + 5, NULL, 10) > 0);
        /* The old one has the last word: nobody listens to the new one before. */
        (void)snprintf(wanted, sizeof wanted, "MAINPID=%d\nREADY=1\n", (int)g.pid[i + 1]);
        assert_int_equal(manager_expect(&m, wanted).sender, g.pid[i]);
        generations_expect_exit(&g, i, 0);
    }
    generations_signal(&g, SIGTERM);
    assert_int_equal(manager_expect(&m, "STOPPING=1\n").sender, g.pid[2]);
    generations_expect_exit(&g, 2, 0);
    manager_close(&m);
}

static void test_an_upgrade_that_fails(void **state)
{
    (void)state;
    manager m = {0};
    char link[FILES_PATH];
    manager_open(&m);
    files_path("server", link);
    assert_int_equal(symlink(server_path(), link), 0);
    const char *env[] = {m.variable, NULL};
    const char *argv[] = {link, "-H", "127.0.0.1", "-p", "0", NULL};
    generations g = generations_start(&(program_options){.env = env}, argv);
    manager_expect(&m, "READY=1\n");
    assert_int_equal(unlink(link), 0);
    generations_signal(&g, SIGUSR2);
    manager_expect(&m, "RELOADING=1\n");
    assert_int_equal(manager_expect(&m, "READY=1\n").sender, g.pid[0]);
    expect_served(g.port);
    generations_wait_lines(&g, "cannot run it: No such file or directory", 1);
    generations_signal(&g, SIGTERM);
    manager_expect(&m, "STOPPING=1\n");
    generations_expect_exit(&g, 0, 0);
    manager_close(&m);
}

/* --- the watchdog ------------------------------------------------------------------------------*/

/* Signs of life as long as the loops turn, and only then. */
static void test_the_watchdog(void **state)
{
    (void)state;
    static char much[200000];
    manager m = {0};
    int ends[2];
    manager_open(&m);
    const char *env[] = {m.variable, "WATCHDOG_USEC=100000", NULL};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const char *argv[] = {"yodel-server", "-H",   "127.0.0.1", "-p", "0",
                          "-P",           "dump", "-t",        "2",  NULL};
    server s = server_start_argv(&(program_options){.env = env, .stdout_fd = ends[1]}, argv);
    manager_expect(&m, "READY=1\n");
    for (size_t i = 0; i < 5; i++) {
        manager_expect(&m, "WATCHDOG=1");
    }
    /* Nobody reads what it prints: the worker hangs. */
    int client = net_connect(s.port);
    net_send(client, much, sizeof much);
    program_wait_line(s.program, PROGRAM_STDERR, "is stuck");
    (void)manager_take(&m, "");
    assert_false(net_wait_readable(m.socket, 500));
    /* Somebody reads. */
    close(ends[1]);
    assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    double deadline = program_now() + PROGRAM_TIMEOUT;
    while (!net_wait_readable(m.socket, 1)) {
        while (read(ends[0], much, sizeof much) > 0) {
            /* all of it */
        }
        assert_true(program_now() < deadline);
    }
    manager_expect(&m, "WATCHDOG=1");
    close(client);
    program_kill(s.program);
    close(ends[0]);
    manager_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        generations_test(test_by_systemd),
        generations_test(test_several_sockets),
        generations_test(test_wrong_sockets),
        generations_test(test_a_restart_loses_nobody),
        generations_test(test_ready_and_stopping),
        generations_test(test_an_upgrade),
        generations_test(test_an_upgrade_that_fails),
        generations_test(test_the_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
