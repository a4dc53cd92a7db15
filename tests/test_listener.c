/*
 * Listeners, with real connections: what they listen on, what accepted sockets inherit, sharing of
 * a port, and taking over what somebody else bound.
 */
#include "core/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

static yodel_address numeric(const char *host, const char *port)
{
    yodel_address *list = NULL;
    yodel_address address;
    size_t count = 0;

    assert_int_equal(yodel_address_resolve(host, port, &list, &count), 0);
    address = list[0];
    free(list);
    return address;
}

static int option(int fd, int level, int name)
{
    int value = 0;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

/* Connects to the listener and returns both ends. */
static void connect_to(const yodel_listener *listener, int *client, int *accepted)
{
    struct pollfd ready = {.fd = listener->fd, .events = POLLIN};

    assert_int_equal(yodel_address_connect(&listener->address, 20.0, -1, client), 0);
    assert_int_equal(poll(&ready, 1, 20000), 1);
    *accepted = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*accepted >= 0);
}

static void expect_flags(int fd)
{
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void listens_on_a_free_port(void **state)
{
    yodel_address any = numeric("127.0.0.1", "0");
    yodel_listener listener;
    char text[YODEL_ADDRESS_TEXT];
    int accepted;
    int client;

    (void)state;
    assert_int_equal(yodel_listener_open(&any, 16, 0, &listener), 0);
    assert_int_not_equal(yodel_address_port(&listener.address), 0);
    assert_int_equal(strncmp(yodel_address_format(&listener.address, text), "127.0.0.1:", 10), 0);
    expect_flags(listener.fd);
    assert_int_equal(option(listener.fd, SOL_SOCKET, SO_REUSEADDR), 1);
    assert_int_equal(accept4(listener.fd, NULL, NULL, 0), -1);
    assert_int_equal(errno, EAGAIN);

    connect_to(&listener, &client, &accepted);
    close(client);
    close(accepted);
    yodel_listener_close(&listener);
    assert_int_equal(listener.fd, -1);
    yodel_listener_close(&listener);
    yodel_listener_close(NULL);
}

static void accepted_sockets_inherit(void **state)
{
    yodel_address any = numeric("127.0.0.1", "0");
    yodel_listener listener;
    int accepted;
    int client;

    (void)state;
    assert_int_equal(yodel_listener_open(&any, 16, 12.5, &listener), 0);
    connect_to(&listener, &client, &accepted);
    assert_int_not_equal(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_not_equal(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 12500);
    close(client);
    close(accepted);
    yodel_listener_close(&listener);
}

static void user_timeouts(void **state)
{
    static const struct {
        double seconds;
        int ms;
    } timeouts[] = {{0, 0}, {0.5, 500}, {0.0001, 1}, {30, 30000}, {1e9, INT32_MAX}};
    yodel_address any = numeric("127.0.0.1", "0");

    (void)state;
    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        yodel_listener listener;

        assert_int_equal(yodel_listener_open(&any, 1, timeouts[i].seconds, &listener), 0);
        assert_int_equal(option(listener.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), timeouts[i].ms);
        yodel_listener_close(&listener);
    }
}

static void two_listeners_share_a_port(void **state)
{
    yodel_address any = numeric("127.0.0.1", "0");
    yodel_listener first;
    yodel_listener second;
    int accepted;
    int client;

    (void)state;
    assert_int_equal(yodel_listener_open(&any, 16, 0, &first), 0);
    assert_int_equal(yodel_listener_open(&first.address, 16, 0, &second), 0);
    assert_int_equal(yodel_address_port(&first.address), yodel_address_port(&second.address));
    yodel_listener_close(&first);
    connect_to(&second, &client, &accepted); /* it was really listening, too */
    close(client);
    close(accepted);
    yodel_listener_close(&second);
}

/* The server closes first, so the port stays in TIME_WAIT on its side. */
static void a_restart_does_not_wait(void **state)
{
    yodel_address any = numeric("127.0.0.1", "0");
    yodel_listener listener;
    yodel_listener again;
    char byte;
    int accepted;
    int client;

    (void)state;
    assert_int_equal(yodel_listener_open(&any, 16, 0, &listener), 0);
    connect_to(&listener, &client, &accepted);
    close(accepted);
    assert_int_equal(read(client, &byte, 1), 0);
    close(client);
    yodel_listener_close(&listener);
    assert_int_equal(yodel_listener_open(&listener.address, 16, 0, &again), 0);
    yodel_listener_close(&again);
}

/* Binds and listens without any of our options. */
static int plain_listener(int family, yodel_address *address)
{
    int fd = socket(family, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address->storage, address->len), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void a_port_taken_without_sharing_is_in_use(void **state)
{
    yodel_address address = numeric("127.0.0.1", "0");
    int taken = plain_listener(AF_INET, &address);
    int next_fd = dup(taken);
    yodel_listener listener = {.fd = 12345};

    (void)state;
    close(next_fd);
    assert_int_equal(yodel_address_of_socket(taken, &address), 0);
    assert_int_equal(yodel_listener_open(&address, 16, 0, &listener), -EADDRINUSE);
    assert_int_equal(listener.fd, 12345);
    assert_int_equal(dup(taken), next_fd); /* nothing was left open */
    close(next_fd);
    close(taken);
    assert_int_equal(yodel_listener_open(&address, 16, 0, &listener), 0);
    yodel_listener_close(&listener);
}

static void addresses_that_are_not_ours(void **state)
{
    yodel_address elsewhere = numeric("192.0.2.1", "0"); /* RFC 5737: nobody's */
    yodel_address none = {.storage = {.ss_family = AF_UNSPEC}};
    yodel_listener listener = {.fd = 12345};

    (void)state;
    assert_int_equal(yodel_listener_open(&elsewhere, 16, 0, &listener), -EADDRNOTAVAIL);
    assert_int_equal(yodel_listener_open(&none, 16, 0, &listener), -EAFNOSUPPORT);
    assert_int_equal(listener.fd, 12345);
}

static void both_families_have_the_same_port(void **state)
{
    yodel_address any4 = numeric("0.0.0.0", "0");
    yodel_address any6 = numeric("::", "0");
    yodel_listener v4;
    yodel_listener v6;
    int code;

    (void)state;
    assert_int_equal(yodel_listener_open(&any4, 16, 0, &v4), 0);
    yodel_address_set_port(&any6, yodel_address_port(&v4.address));
    code = yodel_listener_open(&any6, 16, 0, &v6);
    if (code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL) {
        yodel_listener_close(&v4);
        skip(); /* a machine without IPv6 */
    }
    assert_int_equal(code, 0);
    assert_int_equal(option(v6.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    yodel_listener_close(&v4);
    yodel_listener_close(&v6);
}

/* ---- inherited ------------------------------------------------------------------------------- */

static void takes_over_a_listening_socket(void **state)
{
    yodel_address address = numeric("127.0.0.1", "0");
    int fd = plain_listener(AF_INET, &address);
    yodel_listener listener;
    int accepted;
    int client;

    (void)state;
    assert_int_equal(yodel_listener_inherit(fd, 1.5, &listener), 0);
    assert_int_equal(listener.fd, fd);
    assert_true(listener.inherited);
    assert_false(listener.kept);
    assert_int_not_equal(yodel_address_port(&listener.address), 0);
    expect_flags(fd);
    connect_to(&listener, &client, &accepted);
    assert_int_not_equal(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0);
    assert_int_not_equal(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
    close(client);
    close(accepted);
    yodel_listener_close(&listener);
}

/* Refused, and left open and as it was. */
static void expect_refused(int fd, int expected)
{
    yodel_listener listener = {.fd = 12345};
    int flags = fcntl(fd, F_GETFL);

    assert_true(fd >= 0);
    assert_int_equal(yodel_listener_inherit(fd, 0, &listener), expected);
    assert_int_equal(listener.fd, 12345);
    assert_int_equal(fcntl(fd, F_GETFL), flags);
    assert_int_equal(close(fd), 0);
}

static void refuses_what_is_no_listening_socket(void **state)
{
    int pipe_ends[2];
    yodel_listener listener;

    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    expect_refused(pipe_ends[0], -ENOTSOCK);
    expect_refused(pipe_ends[1], -ENOTSOCK);
    expect_refused(socket(AF_INET, SOCK_STREAM, 0), -EINVAL);
    expect_refused(socket(AF_INET, SOCK_DGRAM, 0), -EINVAL);
    expect_refused(socket(AF_UNIX, SOCK_STREAM, 0), -EINVAL);
    assert_int_equal(yodel_listener_inherit(-1, 0, &listener), -EBADF);
}

/* ---- of the unix domain ---------------------------------------------------------------------- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void a_file_to_connect_to(void **state)
{
    char path[FILES_PATH];
    char host[FILES_PATH + 8];
    yodel_listener listener;
    int accepted;
    int client;

    (void)state;
    (void)snprintf(host, sizeof host, "unix:%s", files_path("socket", path));
    yodel_address address = numeric(host, "");
    assert_int_equal(yodel_listener_open_unix(&address, 16, NULL, &listener), 0);
    expect_flags(listener.fd);
    connect_to(&listener, &client, &accepted);
    assert_int_equal(write(client, "x", 1), 1);
    assert_int_equal(read(accepted, path, 1), 1);
    close(client);
    close(accepted);

    /* Hidden: nobody finds it any more, but who did is accepted. */
    struct pollfd ready = {.fd = listener.fd, .events = POLLIN};
    int late;
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &client), 0);
    yodel_listener_hide(&listener);
    assert_false(exists(files_path("socket", path)));
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &late), -ENOENT);
    assert_int_equal(poll(&ready, 1, 0), 1);
    close(client);
    yodel_listener_close(&listener);
}

static void closing_removes_the_file(void **state)
{
    char path[FILES_PATH];
    char host[FILES_PATH + 8];
    yodel_listener listener = {.fd = 12345};

    (void)state;
    (void)snprintf(host, sizeof host, "unix:%s", files_path("socket", path));
    yodel_address address = numeric(host, "");
    assert_int_equal(yodel_listener_open_unix(&address, 16, NULL, &listener), 0);
    assert_true(exists(path));
    yodel_listener_close(&listener);
    assert_false(exists(path));

    /* A directory that is not there. */
    (void)snprintf(host, sizeof host, "unix:%s", files_path("none/socket", path));
    address = numeric(host, "");
    listener.fd = 12345;
    assert_int_equal(yodel_listener_open_unix(&address, 16, NULL, &listener), -ENOENT);
    assert_int_equal(listener.fd, 12345);
}

/* Who opened it removes its file. */
static void an_inherited_file_stays(void **state)
{
    char path[FILES_PATH];
    char host[FILES_PATH + 8];
    yodel_listener first;
    yodel_listener second;
    int accepted;
    int client;

    (void)state;
    (void)snprintf(host, sizeof host, "unix:%s", files_path("socket", path));
    yodel_address address = numeric(host, "");
    assert_int_equal(yodel_listener_open_unix(&address, 16, NULL, &first), 0);
    assert_int_equal(yodel_listener_inherit(dup(first.fd), 0, &second), 0);
    assert_true(yodel_address_is_unix(&second.address));
    assert_string_equal(yodel_address_path(&second.address), path);
    expect_flags(second.fd);
    connect_to(&second, &client, &accepted);
    close(client);
    close(accepted);
    yodel_listener_close(&second);
    assert_true(exists(path));
    yodel_listener_close(&first);
    assert_false(exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_on_a_free_port),
        cmocka_unit_test(accepted_sockets_inherit),
        cmocka_unit_test(user_timeouts),
        cmocka_unit_test(two_listeners_share_a_port),
        cmocka_unit_test(a_restart_does_not_wait),
        cmocka_unit_test(a_port_taken_without_sharing_is_in_use),
        cmocka_unit_test(addresses_that_are_not_ours),
        cmocka_unit_test(both_families_have_the_same_port),
        cmocka_unit_test(takes_over_a_listening_socket),
        cmocka_unit_test(refuses_what_is_no_listening_socket),
        cmocka_unit_test_setup_teardown(a_file_to_connect_to, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(closing_removes_the_file, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(an_inherited_file_stays, files_setup, files_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
