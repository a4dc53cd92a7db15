/*
 * A listener on every address of some hosts: each address once, one free port for all, errors that
 * name host, port and reason in one line, nothing left open after a failure.
 */
#include "core/listener_set.h"
#include "support/cmocka_all.h"
#include "support/files.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A log that keeps its last message. */
typedef struct kept_log {
    yodel_log log;
    unsigned lines;
    char last[YODEL_LOG_MESSAGE_MAX + 1];
} kept_log;

static void keep(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    kept_log *kept = (kept_log *)log;
    (void)level;
    kept->lines++;
    memcpy(kept->last, msg, len);
    kept->last[len] = '\0';
}

static kept_log make_log(void)
{
    return (kept_log){.log = {.level = YODEL_LOG_DEBUG, .sink = keep}};
}

static int lowest_free_fd(void)
{
    int fd = dup(STDIN_FILENO);
    assert_true(fd >= 0);
    close(fd);
    return fd;
}

static bool accepts(const yodel_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    bool connected = connect(fd, (const struct sockaddr *)&address->storage, address->len) == 0;
    close(fd);
    return connected;
}

static void test_each_address_once_and_one_port(void **state)
{
    (void)state;
    const char *hosts[] = {"127.0.0.1", "127.0.0.2", "localhost", "127.0.0.1"};
    kept_log log = make_log();
    yodel_listener_set set;
    assert_int_equal(yodel_listener_set_open(hosts, 4, "0", 16, 0, NULL, &log.log, &set), 0);
    /* localhost is 127.0.0.1, and on some machines ::1 as well. */
    assert_in_range(set.count, 2, 3);
    for (size_t i = 0; i < set.count; i++) {
        assert_int_equal(yodel_address_port(&set.listeners[i].address),
                         yodel_address_port(&set.listeners[0].address));
        assert_true(accepts(&set.listeners[i].address));
    }
    assert_int_not_equal(yodel_address_port(&set.listeners[0].address), 0);
    yodel_listener_set_close(&set);
    assert_int_equal(set.count, 0);
    assert_null(set.listeners);
    yodel_listener_set_close(&set); /* again: no effect */
    yodel_listener_set_close(NULL);
}

static void test_extended(void **state)
{
    (void)state;
    const char *hosts[] = {"127.0.0.1", "127.0.0.2"};
    yodel_listener_set set;
    assert_int_equal(yodel_listener_set_open(hosts, 2, "0", 16, 0, NULL, NULL, &set), 0);
    assert_int_equal(yodel_listener_set_extend(&set, 1, 16, 0, NULL, YODEL_LOG_ERROR), 0);
    assert_int_equal(set.count, 2); /* enough already */
    assert_int_equal(yodel_listener_set_extend(&set, 3, 16, 0, NULL, YODEL_LOG_ERROR), 0);
    assert_int_equal(set.count, 6);
    static const size_t ordinal[] = {0, 0, 1, 2, 1, 2};
    for (size_t i = 0; i < 6; i++) {
        const yodel_address *first = &set.listeners[i == 0 || i == 2 || i == 3 ? 0 : 1].address;
        assert_memory_equal(&set.listeners[i].address.storage, &first->storage, first->len);
        assert_int_equal(yodel_listener_set_ordinal(&set, i), ordinal[i]);
        assert_false(set.listeners[i].inherited || set.listeners[i].kept);
    }
    /* Who is left listens on. */
    for (size_t i = 0; i < 5; i++) {
        yodel_listener_close(&set.listeners[i]);
    }
    assert_true(accepts(&set.listeners[5].address));
    assert_false(accepts(&set.listeners[0].address));
    yodel_listener_set_close(&set);
}

static int plain_listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_inherited(void **state)
{
    (void)state;
    kept_log log = make_log();
    const yodel_inherited_listener given[] = {{.fd = plain_listener(), .kept = true},
                                              {.fd = plain_listener(), .kept = false}};
    yodel_listener_set set;
    assert_int_equal(yodel_listener_set_inherit(given, 2, 1.5, &log.log, &set), 0);
    assert_int_equal(set.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(set.listeners[i].fd, given[i].fd);
        assert_true(set.listeners[i].inherited);
        assert_int_equal(set.listeners[i].kept, given[i].kept);
        assert_true(accepts(&set.listeners[i].address));
    }
    /* One that is not to be shared: no more of it. */
    assert_int_equal(yodel_listener_set_extend(&set, 2, 1, 0, &log.log, YODEL_LOG_WARNING),
                     -EADDRINUSE);
    assert_int_equal(set.count, 2);
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, "cannot listen on 127.0.0.1:"));
    yodel_listener_set_close(&set);
}

static void test_inherited_wrong(void **state)
{
    (void)state;
    kept_log log = make_log();
    int free_fd = lowest_free_fd();
    const yodel_inherited_listener given[] = {
        {.fd = plain_listener()}, {.fd = socket(AF_INET, SOCK_DGRAM, 0)}, {.fd = plain_listener()}};
    yodel_listener_set set = {NULL, 77};
    assert_int_equal(yodel_listener_set_inherit(given, 3, 0, &log.log, &set), -EINVAL);
    assert_int_equal(set.count, 77); /* untouched */
    assert_int_equal(log.lines, 1);
    char wanted[100];
    (void)snprintf(wanted, sizeof(wanted), "descriptor %d: it is not a listening", given[1].fd);
    assert_non_null(strstr(log.last, wanted));
    assert_int_equal(lowest_free_fd(), free_fd); /* all are closed */
}

static void test_no_such_host(void **state)
{
    (void)state;
    const char *hosts[] = {"127.0.0.1", "no such host"};
    kept_log log = make_log();
    int free_fd = lowest_free_fd();
    yodel_listener_set set = {NULL, 77};
    assert_true(yodel_listener_set_open(hosts, 2, "0", 16, 0, NULL, &log.log, &set) < 0);
    assert_int_equal(set.count, 77); /* untouched */
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, "no such host"));
    assert_non_null(strstr(log.last, "port 0"));
    assert_int_equal(lowest_free_fd(), free_fd);
}

/* A socket that has the port for itself: bound without SO_REUSEPORT. */
static int take_port(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_port_taken(void **state)
{
    (void)state;
    const char *hosts[] = {"127.0.0.2", "127.0.0.1"};
    kept_log log = make_log();
    uint16_t port;
    int taken = take_port(&port);
    int free_fd = lowest_free_fd();
    char text[8];
    char address[32];
    (void)snprintf(text, sizeof(text), "%u", port);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    yodel_listener_set set;
    assert_int_equal(yodel_listener_set_open(hosts, 2, text, 16, 0, NULL, &log.log, &set),
                     -EADDRINUSE);
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, address));
    assert_non_null(strstr(log.last, "in use"));
    assert_int_equal(lowest_free_fd(), free_fd);
    close(taken);
}

static void test_not_an_address_of_this_machine(void **state)
{
    (void)state;
    const char *hosts[] = {"192.0.2.77"}; /* RFC 5737: nobody's */
    kept_log log = make_log();
    yodel_listener_set set;
    assert_int_equal(yodel_listener_set_open(hosts, 1, "0", 16, 0, NULL, &log.log, &set),
                     -EADDRNOTAVAIL);
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, "192.0.2.77"));
}

/* Beside TCP, which has its one free port whichever comes first; each path once; no second
 * listener. */
static void test_unix_beside_tcp(void **state)
{
    (void)state;
    char path[FILES_PATH];
    char host[FILES_PATH + 8];
    (void)snprintf(host, sizeof(host), "unix:%s", files_path("socket", path));
    const char *hosts[] = {host, "127.0.0.1", host, "127.0.0.2"};
    yodel_socket_access mine = {0600, (uid_t)-1, (gid_t)-1};
    kept_log log = make_log();
    yodel_listener_set set;
    yodel_listener_set more;
    assert_int_equal(yodel_listener_set_open(hosts, 4, "0", 16, 0, &mine, &log.log, &set), 0);
    assert_int_equal(set.count, 3);
    assert_true(yodel_address_is_unix(&set.listeners[0].address));
    assert_int_not_equal(yodel_address_port(&set.listeners[1].address), 0);
    assert_int_equal(yodel_address_port(&set.listeners[2].address),
                     yodel_address_port(&set.listeners[1].address));
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode, S_IFSOCK | 0600);
    for (size_t i = 0; i < set.count; i++) {
        assert_true(accepts(&set.listeners[i].address));
    }
    /* Which can have only one each. */
    assert_int_equal(yodel_listener_set_extend(&set, 2, 16, 0, &log.log, YODEL_LOG_ERROR), 0);
    assert_int_equal(set.count, 5);

    /* Somebody serves there. */
    assert_int_equal(yodel_listener_set_open(hosts, 1, "0", 16, 0, NULL, &log.log, &more),
                     -EADDRINUSE);
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, host));
    assert_non_null(strstr(log.last, "a server is listening there"));
    yodel_listener_set_close(&set);
    assert_int_equal(access(path, F_OK), -1);
}

static void expect_unix_refused(const char *host, const char *why)
{
    kept_log log = make_log();
    yodel_listener_set set;
    assert_true(yodel_listener_set_open(&host, 1, "8007", 16, 0, NULL, &log.log, &set) < 0);
    assert_int_equal(log.lines, 1);
    assert_non_null(strstr(log.last, host));
    assert_non_null(strstr(log.last, why));
    assert_null(strstr(log.last, "8007"));
}

static void test_unix_addresses_that_do_not_work(void **state)
{
    (void)state;
    char path[FILES_PATH];
    char host[FILES_PATH + 8];
    files_put("file", "precious\n");
    (void)snprintf(host, sizeof(host), "unix:%s", files_path("file", path));
    expect_unix_refused(host, "a file that is no socket is there");
    assert_int_equal(access(path, F_OK), 0);
    (void)snprintf(host, sizeof(host), "unix:%s", files_path("none/socket", path));
    expect_unix_refused(host, "No such file or directory");
    expect_unix_refused("unix:", "there is no path");
    (void)snprintf(host, sizeof(host), "unix:/%0200d", 0);
    expect_unix_refused(host, "the path is longer than 107 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_address_once_and_one_port),
        cmocka_unit_test(test_extended),
        cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_inherited_wrong),
        cmocka_unit_test(test_no_such_host),
        cmocka_unit_test(test_port_taken),
        cmocka_unit_test(test_not_an_address_of_this_machine),
        cmocka_unit_test_setup_teardown(test_unix_beside_tcp, files_setup, files_teardown),
        cmocka_unit_test_setup_teardown(test_unix_addresses_that_do_not_work, files_setup,
                                        files_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
