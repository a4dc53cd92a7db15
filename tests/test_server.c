/* The server as one thing: what it listens on, starting, both ways to accept, draining. */
#include "core/server.h"

#include "core/clock.h"
#include "core/cpus.h"
#include "core/error.h"
#include "core/task.h"
#include "proto/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static threads_log server_log;
static yodel_server_config config;
static const char *const one_host[] = {"127.0.0.1"};
static size_t fds;

static int setup(void **state)
{
    (void)state;
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

static yodel_server *begin(void)
{
    yodel_server *server = make();
    assert_int_equal(yodel_server_start(server), 0);
    return server;
}

static uint16_t port_of(const yodel_server *server)
{
    size_t count;
    return yodel_address_port(yodel_server_addresses(server, &count));
}

/* accepted = active + closed, with nothing active: DESIGN section 5. */
static void check_totals(const yodel_server *server)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACTIVE), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED), yodel_counters_closed(&sum));
}

static void end(yodel_server *server)
{
    yodel_server_drain(server, 10);
    wait_readable(yodel_server_stopped_fd(server), "the server has stopped");
    yodel_server_wait(server);
    check_totals(server);
    yodel_server_free(server);
}

/* --- making ------------------------------------------------------------------------------------*/

static void test_the_defaults(void **state)
{
    (void)state;
    yodel_server_config defaults;
    memset(&defaults, 0xff, sizeof defaults);
    yodel_server_config_init(&defaults);
    assert_int_equal(defaults.host_count, 1);
    assert_string_equal(defaults.hosts[0], "localhost");
    assert_string_equal(defaults.port, "8007");
    assert_int_equal(defaults.threads, 0);
    assert_int_equal(defaults.accept, YODEL_ACCEPT_HANDOFF);
    assert_false(defaults.pin);
    assert_int_equal(defaults.backlog, 4096);
    assert_int_equal(defaults.max_connections, 0);
    assert_null(defaults.full_message);
    assert_null(defaults.factory.ops);
    assert_int_equal(defaults.write_limits.high, 65536);
    assert_int_equal(defaults.write_limits.low, 16384);
    assert_int_equal(defaults.write_limits.hard, 1048576);
    assert_true(defaults.idle_timeout == 30.0 && defaults.write_timeout == 30.0);
    assert_null(defaults.log);
}

static void test_made_and_freed(void **state)
{
    (void)state;
    yodel_server_free(make());
    yodel_server_free(NULL);
    assert_int_equal(server_log.lines, 0); /* nobody is served yet, so nobody is told */
}

static void test_without_a_protocol(void **state)
{
    (void)state;
    static const yodel_protocol_ops nothing = {0};
    const yodel_protocol_factory factories[] = {{0}, {.ops = &nothing}};
    for (size_t i = 0; i < 2; i++) {
        yodel_server *server = NULL;
        config.factory = factories[i];
        assert_int_equal(yodel_server_new(&config, &server), -EINVAL);
        assert_null(server);
        assert_int_equal(threads_log_count(&server_log, "its protocol's factory lacks callbacks"),
                         i + 1);
    }
}

/* The kernel queues clients from the beginning; they are served after the start. */
static void test_clients_before_the_start(void **state)
{
    (void)state;
    yodel_server *server = make();
    int client = net_connect(port_of(server));
    net_send_text(client, "hello");
    assert_int_equal(yodel_server_start(server), 0);
    net_expect_text(client, "hello");
    close(client);
    end(server);
}

static void test_workers(void **state)
{
    (void)state;
    config.threads = 5;
    yodel_server *server = make();
    assert_int_equal(yodel_server_workers(server), 5);
    yodel_server_free(server);
    config.threads = 0;
    server = make();
    assert_int_equal(yodel_server_workers(server), yodel_cpus_usable());
    yodel_server_free(server);
}

static void test_pinned(void **state)
{
    (void)state;
    config.pin = true;
    config.threads = 5; /* more than there are cores, perhaps */
    yodel_server *server = begin();
    int client = net_connect(port_of(server));
    expect_echo(client, "hello");
    close(client);
    end(server);
}

/* --- addresses ---------------------------------------------------------------------------------*/

static bool has_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof here) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

/* Each address once, however often it is named, and all on one free port. */
static void test_several_hosts(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.1", "::1"};
    config.hosts = hosts;
    config.host_count = has_ipv6() ? 4 : 3;
    yodel_server *server = begin();
    size_t count;
    const yodel_address *addresses = yodel_server_addresses(server, &count);
    assert_int_equal(count, config.host_count - 1);
    char text[YODEL_ADDRESS_TEXT];
    char wanted[YODEL_ADDRESS_TEXT + 20];
    for (size_t i = 0; i < count; i++) {
        yodel_address_format(&addresses[i], text);
        (void)snprintf(wanted, sizeof wanted, "listening on %s", text);
        assert_int_equal(threads_log_count(&server_log, wanted), 1);
        assert_int_equal(yodel_address_port(&addresses[i]), port_of(server));
        int client = net_try_connect(i == 0   ? "127.0.0.1"
                                     : i == 1 ? "127.0.0.2"
                                              : "::1",
                                     port_of(server));
        assert_true(client >= 0);
        expect_echo(client, "hello");
        close(client);
    }
    assert_int_equal(server_log.lines, count);
    end(server);
}

/* NULL: every address of localhost. */
static void test_localhost(void **state)
{
    (void)state;
    config.hosts = NULL;
    config.host_count = 0;
    yodel_server *server = begin();
    int client = net_connect(port_of(server));
    expect_echo(client, "hello");
    close(client);
    end(server);
}

/* --- serving -----------------------------------------------------------------------------------*/

enum { CLIENTS = 40 };

static bool all_counted(void *arg)
{
    yodel_counters sum;
    yodel_server_totals(arg, &sum);
    return yodel_counters_get(&sum, YODEL_COUNT_BYTES_OUT) == CLIENTS * strlen("hello");
}

static void serve(yodel_accept_mode accept)
{
    int client[CLIENTS];
    config.accept = accept;
    config.threads = 3;
    yodel_server *server = begin();
    for (size_t i = 0; i < CLIENTS; i++) {
        client[i] = net_connect(port_of(server));
        expect_echo(client[i], "hello");
    }
    uint64_t active = 0;
    for (unsigned i = 0; i < 3; i++) {
        active += yodel_counters_get(yodel_server_counters(server, i), YODEL_COUNT_ACTIVE);
    }
    assert_int_equal(active, CLIENTS);
    /* A worker counts what it has sent after the client has it. */
    wait_until(all_counted, server, "all bytes are counted");
    yodel_counters sum;
    memset(&sum, 0xff, sizeof sum);
    yodel_server_totals(server, &sum);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED), CLIENTS);
    for (size_t i = 0; i < CLIENTS; i += 2) {
        close(client[i]);
    }
    end(server);
    for (size_t i = 1; i < CLIENTS; i += 2) {
        net_expect_eof(client[i]);
        close(client[i]);
    }
}

static void test_handoff(void **state)
{
    (void)state;
    serve(YODEL_ACCEPT_HANDOFF);
}

static void test_reuseport(void **state)
{
    (void)state;
    serve(YODEL_ACCEPT_REUSEPORT);
}

/* The limit is one for all workers. */
static void test_max_connections(void **state)
{
    (void)state;
    config.max_connections = 3;
    config.full_message = "full";
    yodel_server *server = begin();
    int client[5];
    for (size_t i = 0; i < 3; i++) {
        client[i] = net_connect(port_of(server));
        expect_echo(client[i], "hello");
    }
    for (size_t i = 3; i < 5; i++) {
        client[i] = net_connect(port_of(server));
        net_expect_text(client[i], "full");
        net_expect_eof(client[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        close(client[i]);
    }
    end(server);
}

/* The two processes that share a port, as two servers here. */
static void test_a_second_server_on_the_same_port(void **state)
{
    (void)state;
    char port[8];
    yodel_server *first = begin();
    (void)snprintf(port, sizeof port, "%u", (unsigned)port_of(first));
    config.port = port;
    yodel_server *second = begin();
    end(first);
    int client = net_connect(port_of(second));
    expect_echo(client, "hello");
    close(client);
    end(second);
}

static void count_up(yodel_task *task, void *arg)
{
    (void)task;
    (*(atomic_size_t *)arg)++;
}

static bool at_least_three(void *arg)
{
    return *(atomic_size_t *)arg >= 3;
}

static void test_a_task_on_its_loop(void **state)
{
    (void)state;
    atomic_size_t times = 0;
    yodel_task *task;
    yodel_server *server = make();
    assert_int_equal(
        yodel_task_start(yodel_server_loop(server), "count", 0.01, count_up, &times, &task), 0);
    assert_int_equal(yodel_server_start(server), 0);
    wait_until(at_least_three, &times, "the task runs");
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    yodel_task_stop(task);
    yodel_server_free(server);
}

/* --- the drain ---------------------------------------------------------------------------------*/

static void test_drained_twice(void **state)
{
    (void)state;
    yodel_server *server = begin();
    yodel_server_drain(server, 10);
    yodel_server_drain(server, 0);
    yodel_server_wait(server);
    yodel_server_drain(server, 0);
    check_totals(server);
    yodel_server_free(server);
}

/* A drain that comes before the start begins with it; what has queued is served. */
static void test_drained_before_the_start(void **state)
{
    (void)state;
    yodel_server *server = make();
    int client = net_connect(port_of(server));
    net_send_text(client, "hello");
    net_wait_delivered(client);
    yodel_server_drain(server, 10);
    assert_int_equal(yodel_server_start(server), 0);
    net_expect_text(client, "hello");
    net_expect_eof(client);
    close(client);
    yodel_server_wait(server);
    check_totals(server);
    yodel_server_free(server);
}

static void test_drained_and_never_started(void **state)
{
    (void)state;
    yodel_server *server = make();
    yodel_server_drain(server, 10);
    yodel_server_free(server);
}

static void *drain_from_here(void *arg)
{
    yodel_server_drain(arg, 10);
    return NULL;
}

/* From several threads, while it starts. */
static void test_drained_by_other_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[3];
        yodel_server *server = make();
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, drain_from_here, server), 0);
        }
        assert_int_equal(yodel_server_start(server), 0);
        yodel_server_wait(server);
        for (size_t i = 0; i < 3; i++) {
            pthread_join(threads[i], NULL);
        }
        yodel_server_free(server);
    }
}

/* --- inherited, and left to another ------------------------------------------------------------*/

/* Two servers in one process with the same sockets, as two processes have them. */
static void pass_on(yodel_accept_mode accept, unsigned threads, unsigned next_threads)
{
    config.accept = accept;
    config.threads = threads;
    yodel_server *old = begin();
    uint16_t port = port_of(old);
    int client = net_connect(port);
    expect_echo(client, "old");

    size_t count;
    const yodel_listener *listeners = yodel_server_listeners(old, &count);
    yodel_inherited_listener passed[8];
    assert_in_range(count, 1, 8);
    for (size_t i = 0; i < count; i++) {
        passed[i] = (yodel_inherited_listener){.fd = dup(listeners[i].fd)};
    }
    config.inherited = passed;
    config.inherited_count = count;
    config.threads = next_threads;
    yodel_server *next = begin();
    assert_int_equal(port_of(next), port);
    assert_int_equal(threads_log_count(&server_log, "(inherited)"), 1);

    yodel_server_leave(old);
    yodel_server_leave(old); /* no effect */
    expect_echo(client, "still old");
    close(client);
    wait_readable(yodel_server_stopped_fd(old), "the old one has ended with its connections");
    int late[20];
    for (size_t i = 0; i < 20; i++) {
        late[i] = net_connect(port);
        expect_echo(late[i], "new");
        close(late[i]);
    }
    yodel_server_drain(old, 10); /* too late, no effect */
    yodel_server_wait(old);
    check_totals(old);
    yodel_server_free(old);
    end(next);
}

static void test_passed_on(void **state)
{
    (void)state;
    static const unsigned threads[][2] = {{1, 1}, {3, 3}, {4, 2}, {2, 4}, {1, 3}, {3, 1}};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        pass_on(YODEL_ACCEPT_HANDOFF, threads[i][0], threads[i][1]);
        config.inherited_count = 0;
        threads_log_free(&server_log);
        threads_log_init(&server_log);
        config.log = &server_log.log;
        pass_on(YODEL_ACCEPT_REUSEPORT, threads[i][0], threads[i][1]);
        config.inherited_count = 0;
        threads_log_free(&server_log);
        threads_log_init(&server_log);
        config.log = &server_log.log;
    }
}

static void test_left_and_drained(void **state)
{
    (void)state;
    yodel_server *server = begin();
    int client = net_connect(port_of(server));
    expect_echo(client, "hello");
    yodel_server_leave(server);
    expect_echo(client, "hello");
    end(server);
    net_expect_eof(client);
    close(client);
}

/* Both workers go on, and close nothing until the release. */
static void test_held(void **state)
{
    (void)state;
    enum { HALF = 4, ALL = 2 * HALF };
    yodel_server *server = begin();
    int client[ALL];
    for (size_t i = 0; i < ALL; i++) {
        client[i] = net_connect(port_of(server));
        expect_echo(client[i], "hello"); /* so that the workers have four each, exactly */
    }
    yodel_server_hold(server);
    for (size_t i = 0; i < HALF; i++) {
        net_finish_sending(client[i]);
        net_wait_delivered(client[i]);
    }
    for (size_t i = 0; i < 3; i++) { /* a turn later they would have been closed */
        for (size_t k = HALF; k < ALL; k++) {
            expect_echo(client[k], "hello");
        }
    }
    for (size_t i = 0; i < HALF; i++) {
        assert_int_equal(recv(client[i], &(char){0}, 1, MSG_DONTWAIT), -1);
        assert_int_equal(errno, EAGAIN);
    }
    yodel_server_release(server);
    for (size_t i = 0; i < HALF; i++) {
        net_expect_eof(client[i]);
    }
    for (size_t i = 0; i < ALL; i++) {
        close(client[i]);
    }
    end(server);
}

static void test_left_before_the_start(void **state)
{
    (void)state;
    yodel_server *server = make();
    yodel_server_leave(server);
    assert_int_equal(yodel_server_start(server), 0);
    int client = net_connect(port_of(server));
    expect_echo(client, "hello"); /* it had no effect */
    close(client);
    end(server);
}

static void test_inherited_wrong(void **state)
{
    (void)state;
    yodel_server *server = NULL;
    const yodel_inherited_listener wrong = {.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    config.inherited = &wrong;
    config.inherited_count = 1;
    assert_int_equal(yodel_server_new(&config, &server), -EINVAL);
    assert_null(server);
    assert_int_equal(server_log.lines, 1);
}

/* Its loops wait most of the time, and never for long in one turn. */
static void test_busy_since(void **state)
{
    (void)state;
    yodel_server *server = begin();
    for (unsigned i = 0; i <= yodel_server_workers(server); i++) {
        uint64_t since = yodel_server_busy_since(server, i);
        assert_true(since <= yodel_clock_now());
    }
    end(server);
}

#define server_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        server_test(test_the_defaults),
        server_test(test_made_and_freed),
        server_test(test_without_a_protocol),
        server_test(test_clients_before_the_start),
        server_test(test_workers),
        server_test(test_pinned),
        server_test(test_several_hosts),
        server_test(test_localhost),
        server_test(test_handoff),
        server_test(test_reuseport),
        server_test(test_max_connections),
        server_test(test_a_second_server_on_the_same_port),
        server_test(test_a_task_on_its_loop),
        server_test(test_drained_twice),
        server_test(test_drained_before_the_start),
        server_test(test_drained_and_never_started),
        server_test(test_drained_by_other_threads),
        server_test(test_passed_on),
        server_test(test_left_and_drained),
        server_test(test_held),
        server_test(test_left_before_the_start),
        server_test(test_inherited_wrong),
        server_test(test_busy_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
