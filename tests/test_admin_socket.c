/* The admin endpoint's socket: its port is its own, and who can reach it is known. */
#include "server/admin_socket.h"

#include "core/error.h"
#include "core/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

static yodel_address bound(int fd)
{
    yodel_address address;
    assert_int_equal(yodel_address_of_socket(fd, &address), 0);
    return address;
}

static void test_open(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(yodel_admin_socket_open(&(yodel_endpoint){"127.0.0.1", "0"}, &fd), 0);
    yodel_address address = bound(fd);
    assert_true(yodel_admin_socket_is_local(&address));
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(net_connect(yodel_address_port(&address)));
    close(fd);
}

static void test_names_and_ipv6(void **state)
{
    (void)state;
    static const char *const hosts[] = {"localhost", "[::1]", "::1"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        yodel_endpoint endpoint = {.port = "0"};
        (void)strcpy(endpoint.host, hosts[i]);
        int fd;
        int code = yodel_admin_socket_open(&endpoint, &fd);
        if (code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT) {
            continue; /* a machine without IPv6 */
        }
        assert_int_equal(code, 0);
        yodel_address address = bound(fd);
        assert_true(yodel_admin_socket_is_local(&address));
        close(fd);
    }
}

/* Nobody else has the port, not even one who would share it. */
static void test_taken(void **state)
{
    (void)state;
    yodel_listener shared;
    yodel_address *list;
    size_t count;
    int fd = -7;
    assert_int_equal(yodel_address_resolve("127.0.0.1", "0", &list, &count), 0);
    assert_int_equal(yodel_listener_open(list, 5, 0, &shared), 0);
    free(list);
    yodel_endpoint endpoint = {.host = "127.0.0.1"};
    (void)snprintf(endpoint.port, sizeof endpoint.port, "%u", yodel_address_port(&shared.address));
    assert_int_equal(yodel_admin_socket_open(&endpoint, &fd), -EADDRINUSE);
    assert_int_equal(fd, -7);
    yodel_listener_close(&shared);
    assert_int_equal(yodel_admin_socket_open(&endpoint, &fd), 0);
    int second;
    assert_int_equal(yodel_admin_socket_open(&endpoint, &second), -EADDRINUSE);
    close(fd);
}

static void test_no_such_host(void **state)
{
    (void)state;
    int fd;
    assert_int_equal(yodel_admin_socket_open(&(yodel_endpoint){"192.0.2.1", "0"}, &fd),
                     -EADDRNOTAVAIL);
    assert_true(yodel_admin_socket_open(&(yodel_endpoint){"[192.0.2.1]", "0"}, &fd) < 0);
}

static void test_local(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool local;
    } cases[] = {
        {"127.0.0.1", true}, {"127.255.0.3", true}, {"::1", true},
        {"0.0.0.0", false},  {"::", false},         {"192.0.2.1", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        yodel_address *list;
        size_t count;
        assert_int_equal(yodel_address_resolve(cases[i].host, "80", &list, &count), 0);
        assert_int_equal(yodel_admin_socket_is_local(list), cases[i].local);
        free(list);
    }
    yodel_address path = {.len = sizeof(struct sockaddr_un)};
    path.storage.ss_family = AF_UNIX;
    assert_true(yodel_admin_socket_is_local(&path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),  cmocka_unit_test(test_names_and_ipv6),
        cmocka_unit_test(test_taken), cmocka_unit_test(test_no_such_host),
        cmocka_unit_test(test_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
