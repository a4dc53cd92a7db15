/* yodel-client before there is a connection: its options, and what it says when it gets none. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"

/* A port that refuses: bound, so nobody else gets it, but not listening. */
static int refusing_socket(char port[8])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    snprintf(port, 8, "%u", ntohs(address.sin_port));
    return fd;
}

/* Exactly one line on stderr, and nothing on stdout. */
static void check_failed(program *p, int status, const char *message)
{
    program_expect_exit(p, status);
    if (strcmp(program_output(p, PROGRAM_STDERR, NULL), message) != 0) {
        program_fail(p, "wanted on stderr \"%s\"", message);
    }
    assert_string_equal(program_output(p, PROGRAM_STDOUT, NULL), "");
}

static void test_refused(void **state)
{
    (void)state;
    char port[8], message[200];
    int fd = refusing_socket(port);
    snprintf(
        message, sizeof message,
        "yodel-client: cannot connect to 127.0.0.1 port %s: 127.0.0.1:%s: Connection refused\n",
        port, port);
    check_failed(program_start(NULL, "yodel-client", "127.0.0.1", port, NULL), 1, message);
    check_failed(program_start(NULL, "yodel-client", "-H", "127.0.0.1", "-p", port, NULL), 1,
                 message);
    close(fd);
}

static void test_no_such_host(void **state)
{
    (void)state;
    check_failed(program_start(NULL, "yodel-client", "no..host", NULL), 1,
                 "yodel-client: cannot connect to no..host port 8007: Name or service not known\n");
}

/* localhost is ::1 before 127.0.0.1 on many machines; only the latter listens here. */
static void test_every_address_is_tried(void **state)
{
    (void)state;
    uint16_t port;
    int listener = net_listen(&port);
    char text[8];
    snprintf(text, sizeof text, "%u", port);
    program *client = program_start(NULL, "yodel-client", "-p", text, NULL);
    int fd = net_accept(listener);
    net_expect_eof(fd);
    close(fd);
    program_expect_exit(client, 0);
    close(listener);
}

/* A full backlog on loopback answers nothing, like a host that is not there. */
static void test_connect_timeout(void **state)
{
    (void)state;
    uint16_t port;
    char text[8], message[200];
    int listener = net_listen(&port), queued[8];
    assert_int_equal(listen(listener, 0), 0); /* shrinks it */
    for (size_t i = 0; i < sizeof queued / sizeof *queued; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                      .sin_port = htons(port)};
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(queued[i], (struct sockaddr *)&address, sizeof address);
    }
    snprintf(text, sizeof text, "%u", port);
    snprintf(message, sizeof message,
             "yodel-client: cannot connect to 127.0.0.1 port %s: 127.0.0.1:%s: Connection timed "
             "out\n",
             text, text);
    double start = program_now();
    check_failed(program_start(NULL, "yodel-client", "127.0.0.1", text, "--timeout", "200ms", NULL),
                 1, message);
    assert_true(program_now() - start >= 0.2);
    for (size_t i = 0; i < sizeof queued / sizeof *queued; i++) {
        close(queued[i]);
    }
    close(listener);
}

static void test_usage_errors(void **state)
{
    (void)state;
    check_failed(program_start(NULL, "yodel-client", "--bogus", NULL), 2,
                 "yodel-client: unknown option '--bogus' (try yodel-client --help)\n");
    check_failed(program_start(NULL, "yodel-client", "-H", "x", "y", NULL), 2,
                 "yodel-client: the host is given twice: --host 'x' and 'y' (try yodel-client "
                 "--help)\n");
}

static void test_help_and_version(void **state)
{
    (void)state;
    program *p = program_start(NULL, "yodel-client", "--help", NULL);
    program_expect_exit(p, 0);
    program_wait_line(p, PROGRAM_STDOUT, "Usage: yodel-client [options] [HOST [PORT]]");
    p = program_start(NULL, "yodel-client", "-V", NULL);
    program_expect_exit(p, 0);
    program_wait_line(p, PROGRAM_STDOUT, "yodel-client ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_refused),
        program_test(test_no_such_host),
        program_test(test_every_address_is_tried),
        program_test(test_connect_timeout),
        program_test(test_usage_errors),
        program_test(test_help_and_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
