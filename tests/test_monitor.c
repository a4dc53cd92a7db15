/* Workers whose callbacks block: seen, told, counted, and spared new connections. */
#include "core/monitor.h"

#include "core/clock.h"
#include "core/server.h"

#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

#define WORKERS 3
#define CLIENTS 30

#define MS (YODEL_NS_PER_SEC / 1000)

/* --- a protocol that blocks when it is told to
 * --------------------------------------------------*/

typedef struct instance {
    yodel_transport *transport;
} instance;

static sem_t released;
static atomic_size_t blocked; /* how many callbacks are */

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    (void)arg;
    ((instance *)self)->transport = transport;
    return 0;
}

/* Echoes; before it echoes '!' it blocks until the test releases it. */
static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    if (memchr(data, '!', len) != NULL) {
        blocked++;
        while (sem_wait(&released) != 0) {
            /* EINTR */
        }
        blocked--;
    }
    int code = yodel_transport_write(((instance *)self)->transport, data, len);
    return code < 0 ? code : (ssize_t)len;
}

static const yodel_protocol_ops ops = {
    .connection_made = connection_made,
    .data_received = data_received,
};

static const yodel_protocol_factory factory = {.ops = &ops, .size = sizeof(instance)};

/* --- what every test has -----------------------------------------------------------------------*/

static threads_log test_log;
static size_t fds;

static int setup(void **state)
{
    (void)state;
    fds = count_fds();
    threads_log_init(&test_log);
    blocked = 0;
    return sem_init(&released, 0, 0);
}

static int teardown(void **state)
{
    (void)state;
    threads_log_free(&test_log);
    return sem_destroy(&released) == 0 && count_fds() == fds ? 0 : -1;
}

static bool so_many_block(void *arg)
{
    return blocked == *(size_t *)arg;
}

static void wait_blocked(size_t n)
{
    wait_until(so_many_block, &n, "callbacks block");
}

static bool is_logged(void *arg)
{
    return threads_log_count(&test_log, arg) > 0;
}

static void wait_logged(const char *text)
{
    wait_until(is_logged, (void *)(uintptr_t)text, text);
}

/* --- the monitor, told the time by the test ----------------------------------------------------*/

static yodel_worker worker;
static yodel_monitor monitor;
static yodel_counters counters;
static yodel_loop *loop;

static void on_stopped(yodel_worker *stopped, void *arg)
{
    (void)stopped;
    (void)arg;
}

static bool is_busy(void *arg)
{
    return (yodel_loop_busy_since(worker.loop) != 0) == *(bool *)arg;
}

static void wait_busy(bool busy)
{
    wait_until(is_busy, &busy, busy ? "the worker is in a callback" : "the worker waits");
}

static void expect_lines(size_t stuck, size_t moves)
{
    assert_int_equal(threads_log_count(&test_log, "is stuck"), stuck);
    assert_int_equal(threads_log_count(&test_log, "moves again"), moves);
    assert_int_equal(test_log.lines, stuck + moves);
}

/* A worker with a monitor that nobody runs. Returns the worker's port. */
static uint16_t begin_watched(const yodel_transport_settings *settings)
{
    memset(&worker, 0, sizeof worker);
    memset(&counters, 0, sizeof counters);
    assert_int_equal(yodel_loop_new(&loop), 0);
    assert_int_equal(yodel_worker_init(&worker, 0, -1, settings, on_stopped, NULL), 0);
    assert_int_equal(yodel_monitor_init(&monitor, loop, &worker, 1, &counters, &test_log.log), 0);
    yodel_monitor_look(&monitor, yodel_clock_now()); /* not started yet */

    yodel_listener listener = listen_on_loopback(10);
    assert_int_equal(yodel_worker_listen(&worker, &listener, 1, 10, NULL), 0);
    assert_int_equal(yodel_worker_start(&worker), 0);
    return yodel_address_port(&listener.address);
}

static void end_watched(void)
{
    yodel_worker_drain(&worker, 10);
    yodel_worker_join(&worker);
    yodel_worker_destroy(&worker);
    yodel_monitor_destroy(&monitor);
    yodel_monitor_destroy(&monitor); /* no effect */
    yodel_loop_free(loop);
}

static void test_looks(void **state)
{
    (void)state;
    static yodel_connection_limit limit = {.max = 10};
    uint16_t port = begin_watched(&(yodel_transport_settings){.factory = factory, .limit = &limit});
    int client = net_connect(port);
    expect_echo(client, "hello");

    /* Waiting for hours is no hanging. */
    wait_busy(false);
    uint64_t now = yodel_clock_now();
    yodel_monitor_look(&monitor, now);
    yodel_monitor_look(&monitor, now + 3600 * YODEL_NS_PER_SEC);
    assert_false(yodel_monitor_stuck(&monitor, 0));

    for (uint64_t round = 0; round < 3; round++) {
        net_send_text(client, "!");
        wait_blocked(1);
        wait_busy(true);
        uint64_t since = yodel_loop_busy_since(worker.loop);
        /* The first look at a turn says nothing, not even after an hour: the process may have been
         * stopped. */
        yodel_monitor_look(&monitor, since + 3600 * YODEL_NS_PER_SEC);
        assert_false(yodel_monitor_stuck(&monitor, 0));
        yodel_monitor_look(&monitor, since + 199 * MS);
        assert_false(yodel_monitor_stuck(&monitor, 0));
        assert_int_equal(monitor.stuck, 0);
        expect_lines(round, round);
        /* In the third round, which follows the second at once, nothing is logged. */
        uint64_t at = since + 200 * MS;
        if (round < 2) {
            monitor.monitored[0].limit.next_ns = 0;
        } else {
            monitor.monitored[0].limit.next_ns = at + 1;
        }
        yodel_monitor_look(&monitor, at);
        yodel_monitor_look(&monitor, at + 100 * MS);
        assert_true(yodel_monitor_stuck(&monitor, 0));
        assert_int_equal(monitor.stuck, 1);
        assert_int_equal(yodel_counters_get(&counters, YODEL_COUNT_STUCK), round + 1);
        size_t told = round < 2 ? round + 1 : 2;
        expect_lines(told, round);

        assert_int_equal(sem_post(&released), 0);
        net_expect_text(client, "!");
        wait_busy(false);
        yodel_monitor_look(&monitor, since + 312 * MS);
        assert_false(yodel_monitor_stuck(&monitor, 0));
        assert_int_equal(monitor.stuck, 0);
        expect_lines(told, told);
    }
    assert_int_equal(
        threads_log_count(&test_log, "worker 0 is stuck: its callback has not returned for 200 ms"),
        2);
    assert_int_equal(threads_log_count(&test_log, "worker 0 moves again after 312 ms"), 2);

    close(client);
    end_watched();
}

enum { SHARE = 150000 };

/* More than this share waits for the client, which is sent to until then. */
static bool has_buffered(void *client)
{
    static const char much[1 << 20];
    net_fill(*(int *)client, much, sizeof much, 50);
    return yodel_counters_get(&worker.counters, YODEL_COUNT_BUFFERED) > SHARE;
}

/* A worker that has more than its share makes room when others need it, though nothing of its own
 * grows. */
static void test_memory(void **state)
{
    (void)state;
    static yodel_connection_limit limit = {.max = 10};
    static yodel_counters other, idle[2];
    static const yodel_counters *all[] = {&worker.counters, &other, &idle[0], &idle[1]};
    /* However the buffer's memory doubles on its way, what it takes for 200,000 to 265,536 bytes is
     * more than a share and less than all. */
    static const yodel_memory_budget budget = {.max = 600000, .counters = all, .groups = 4};
    uint16_t port = begin_watched(&(yodel_transport_settings){
        .factory = factory,
        .limit = &limit,
        .write_limits = {.high = 200000, .low = 1000, .hard = 1 << 20},
        .memory = &budget,
        .log = &test_log.log,
    });
    monitor.memory = &budget;
    int reader = net_connect(port);
    expect_echo(reader, "hello");
    int client = net_connect_tiny(port);
    wait_until(has_buffered, &client, "an answer waits");
    yodel_monitor_look(&monitor, yodel_clock_now());
    expect_echo(reader, "hello");
    assert_int_equal(yodel_counters_closed(&worker.counters), 0);

    yodel_count(&other, YODEL_COUNT_BUFFERED, 600000);
    yodel_monitor_look(&monitor, yodel_clock_now());
    wait_counter(&worker.counters, YODEL_COUNT_CLOSED_MEMORY, 1);
    expect_echo(reader, "hello");
    assert_int_equal(yodel_counters_get(&worker.counters, YODEL_COUNT_BUFFERED), 0);
    close(client);
    close(reader);
    end_watched();
}

/* --- a server whose workers hang ---------------------------------------------------------------*/

static yodel_server *server;
static uint16_t port;
static int client[CLIENTS];

static void begin(yodel_accept_mode accept, unsigned threads)
{
    static const char *const host = "127.0.0.1";
    yodel_server_config config;
    size_t count;
    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = threads;
    config.accept = accept;
    config.max_connections = 100;
    config.factory = factory;
    config.log = &test_log.log;
    assert_int_equal(yodel_server_new(&config, &server), 0);
    assert_int_equal(yodel_server_start(server), 0);
    port = yodel_address_port(yodel_server_addresses(server, &count));
}

static uint64_t total(yodel_counter counter)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    return yodel_counters_get(&sum, counter);
}

static uint64_t active(unsigned index)
{
    return yodel_counters_get(yodel_server_counters(server, index), YODEL_COUNT_ACTIVE);
}

static void end(void)
{
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    assert_int_equal(total(YODEL_COUNT_ACTIVE), 0);
    yodel_server_free(server);
}

static bool is_open(void *arg)
{
    return total(YODEL_COUNT_ACTIVE) == *(uint64_t *)arg;
}

/* FAULTS 27. The others serve everybody who comes. */
static void test_the_others_go_on(void **state)
{
    (void)state;
    begin(YODEL_ACCEPT_HANDOFF, WORKERS);
    client[0] = net_connect(port);
    expect_echo(client[0], "hello");
    unsigned stuck = active(0) == 1 ? 0 : active(1) == 1 ? 1 : 2;
    char text[64];
    net_send_text(client[0], "!");
    (void)snprintf(text, sizeof text, "worker %u is stuck", stuck);
    wait_logged(text);
    assert_true(total(YODEL_COUNT_STUCK) >= 1); /* a busy machine may hold up the others, too */

    for (size_t i = 1; i < CLIENTS; i++) {
        client[i] = net_connect(port);
        expect_echo(client[i], "still there?");
    }
    assert_int_equal(active(stuck), 1);
    assert_int_equal(total(YODEL_COUNT_ACTIVE), CLIENTS);

    assert_int_equal(sem_post(&released), 0);
    net_expect_text(client[0], "!");
    (void)snprintf(text, sizeof text, "worker %u moves again after ", stuck);
    wait_logged(text);
    /* It is the least loaded one now. */
    int more[10];
    for (size_t i = 0; i < 10; i++) {
        more[i] = net_connect(port);
        expect_echo(more[i], "hello");
    }
    assert_in_range(active(stuck), 2, 11);
    for (size_t i = 0; i < CLIENTS; i++) {
        close(client[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        close(more[i]);
    }
    end();
}

/* There is nobody else: who comes waits, and is served when the callbacks return. */
static void test_all_hang(void **state)
{
    (void)state;
    begin(YODEL_ACCEPT_HANDOFF, 2);
    for (size_t i = 0; i < 3; i++) {
        client[i] = net_connect(port);
        expect_echo(client[i], "hello");
    }
    unsigned less = active(0) == 1 ? 0 : 1;
    for (size_t i = 0; i < 3; i++) {
        net_send_text(client[i], "!");
    }
    wait_logged("worker 0 is stuck");
    wait_logged("worker 1 is stuck");
    client[3] = net_connect(port);
    net_send_text(client[3], "hello");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(sem_post(&released), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        net_expect_text(client[i], "!");
    }
    net_expect_text(client[3], "hello");
    assert_int_equal(active(less), 2);
    for (size_t i = 0; i < 4; i++) {
        close(client[i]);
    }
    end();
}

/* The kernel spreads: a worker that hangs is seen all the same. */
static void test_reuseport(void **state)
{
    (void)state;
    begin(YODEL_ACCEPT_REUSEPORT, 2);
    client[0] = net_connect(port);
    expect_echo(client[0], "hello");
    uint64_t one = 1;
    wait_until(is_open, &one, "one connection");
    char text[64];
    (void)snprintf(text, sizeof text, "worker %d is stuck", active(0) == 1 ? 0 : 1);
    net_send_text(client[0], "!");
    wait_logged(text);
    assert_int_equal(sem_post(&released), 0);
    net_expect_text(client[0], "!");
    wait_logged("moves again");
    close(client[0]);
    end();
}

#define monitor_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        monitor_test(test_looks),
        monitor_test(test_memory),
        monitor_test(test_the_others_go_on),
        monitor_test(test_all_hang),
        monitor_test(test_reuseport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
