/* A server that cannot be made or started: one line that says why, and nothing left behind. */
#include "core/error.h"
#include "core/server.h"
#include "proto/raw.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/threads.h"

static threads_log server_log;
static yodel_server_config config;
static const char *const one_host[] = {"127.0.0.1"};
static size_t fds;

static int setup(void **state)
{
    (void)state;
    faults_reset();
    fds = count_fds();
    threads_log_init(&server_log);
    yodel_server_config_init(&config);
    config.hosts = one_host;
    config.host_count = 1;
    config.port = "0";
    config.threads = 2;
    config.max_connections = 100;
    config.factory = (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
    config.log = &server_log.log;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_reset();
    threads_log_free(&server_log);
    if (count_fds() != fds) {
        print_error("%zu fds are open, before the test it were %zu\n", count_fds(), fds);
        return -1;
    }
    return 0;
}

static yodel_server *make(void)
{
    yodel_server *server = NULL;
    assert_int_equal(yodel_server_new(&config, &server), 0);
    return server;
}

static uint16_t port_of(const yodel_server *server)
{
    size_t count;
    return yodel_address_port(yodel_server_addresses(server, &count));
}

/* --- what cannot be made -----------------------------------------------------------------------*/

/* One error line that names the reason, and nothing left. */
static void expect_failure(int code, const char *names)
{
    yodel_server *server = NULL;
    assert_int_equal(yodel_server_new(&config, &server), code);
    assert_null(server);
    assert_int_equal(server_log.errors, 1);
    assert_int_equal(threads_log_count(&server_log, names), 1);
    assert_int_equal(threads_log_count(&server_log, yodel_strerror(code)), 1);
}

static void test_an_address_that_is_not_here(void **state)
{
    (void)state;
    static const char *const hosts[] = {"192.0.2.1"}; /* RFC 5737: nobody's */
    config.hosts = hosts;
    expect_failure(-EADDRNOTAVAIL, "192.0.2.1");
}

static void test_a_bad_port(void **state)
{
    (void)state;
    config.port = "80x";
    expect_failure(-EINVAL, "80x");
}

/* Somebody else's, without SO_REUSEPORT. The second host's: the first one's listener goes. */
static void test_a_port_that_is_taken(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.2", "127.0.0.1"};
    char port[8];
    uint16_t taken;
    int other = net_listen(&taken);
    (void)snprintf(port, sizeof port, "%u", (unsigned)taken);
    config.hosts = hosts;
    config.host_count = 2;
    config.port = port;
    expect_failure(-EADDRINUSE, "127.0.0.1");
    close(other);
}

static void new_without_memory(yodel_accept_mode accept)
{
    config.accept = accept;
    config.threads = 3;
    int code = -ENOMEM;
    size_t n = 0;
    while (code != 0) {
        yodel_server *server = NULL;
        size_t errors = server_log.errors;
        size_t open = count_fds();
        faults_fail_allocation(++n);
        code = yodel_server_new(&config, &server);
        /* The log's own memory may be what was missing. */
        bool failed = faults_allocation_failed();
        if (code != 0) {
            assert_int_equal(code, -ENOMEM);
            assert_true(failed);
            assert_null(server);
            assert_int_equal(server_log.errors, errors + 1);
            assert_int_equal(count_fds(), open);
        }
        yodel_server_free(server);
    }
    assert_true(n > 10);
}

static void test_handoff_without_memory(void **state)
{
    (void)state;
    new_without_memory(YODEL_ACCEPT_HANDOFF);
}

static void test_reuseport_without_memory(void **state)
{
    (void)state;
    new_without_memory(YODEL_ACCEPT_REUSEPORT);
}

/* --- what cannot be started --------------------------------------------------------------------*/

static void start_without_a_thread(yodel_accept_mode accept, size_t which)
{
    config.accept = accept;
    yodel_server *server = make();
    size_t open = count_fds();
    faults_fail(FAULTS_THREAD, which, EAGAIN);
    assert_int_equal(yodel_server_start(server), -EAGAIN);
    assert_int_equal(threads_log_count(&server_log, "cannot start a thread"), 1);
    assert_int_equal(server_log.errors, 1);
    assert_int_equal(threads_log_count(&server_log, "listening"), 0);
    assert_true(count_fds() <= open);
    yodel_server_drain(server, 10); /* no effect */
    yodel_server_free(server);
}

static void test_no_first_worker(void **state)
{
    (void)state;
    start_without_a_thread(YODEL_ACCEPT_HANDOFF, 1);
}

static void test_no_second_worker(void **state)
{
    (void)state;
    start_without_a_thread(YODEL_ACCEPT_REUSEPORT, 2);
}

static void test_no_acceptor(void **state)
{
    (void)state;
    start_without_a_thread(YODEL_ACCEPT_HANDOFF, 3);
}

/* Clients that had queued are closed, not forgotten. */
static void test_no_thread_and_clients_waiting(void **state)
{
    (void)state;
    config.accept = YODEL_ACCEPT_REUSEPORT;
    yodel_server *server = make();
    int client[10];
    for (size_t i = 0; i < 10; i++) {
        client[i] = net_connect(port_of(server));
    }
    faults_fail(FAULTS_THREAD, 3, EAGAIN);
    assert_int_equal(yodel_server_start(server), -EAGAIN);
    yodel_server_free(server);
    for (size_t i = 0; i < 10; i++) {
        (void)net_wait_end(client[i]);
        close(client[i]);
    }
}

#define failure_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        failure_test(test_an_address_that_is_not_here),
        failure_test(test_a_bad_port),
        failure_test(test_a_port_that_is_taken),
        failure_test(test_handoff_without_memory),
        failure_test(test_reuseport_without_memory),
        failure_test(test_no_first_worker),
        failure_test(test_no_second_worker),
        failure_test(test_no_acceptor),
        failure_test(test_no_thread_and_clients_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
