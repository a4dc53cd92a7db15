/* --max-memory in a whole server: slow readers fill it again and again, and the others do not feel
 * it. */
#include "core/server.h"
#include "proto/raw.h"

#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

#define MIB     (UINT64_C(1) << 20)
#define MAX     (2 * MIB)
#define READERS 10
#define SLOW    60

static threads_log test_log;
static size_t fds;

static int setup(void **state)
{
    (void)state;
    fds = count_fds();
    threads_log_init(&test_log);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    threads_log_free(&test_log);
    return count_fds() == fds ? 0 : -1;
}

static yodel_server *server;

static uint64_t total(yodel_counter counter)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    return yodel_counters_get(&sum, counter);
}

static bool is_within(void *arg)
{
    (void)arg;
    return total(YODEL_COUNT_BUFFERED) <= MAX;
}

static void fill(yodel_accept_mode accept, unsigned threads)
{
    static const char *const host = "127.0.0.1";
    static const char much[1 << 18];
    int reader[READERS];
    int slow[SLOW];
    size_t count;
    yodel_server_config config;
    yodel_server_config_init(&config);
    assert_true(config.max_memory > 0);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = threads;
    config.accept = accept;
    config.max_connections = 1000;
    config.max_memory = MAX;
    config.factory = (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
    config.log = &test_log.log;
    assert_int_equal(yodel_server_new(&config, &server), 0);
    assert_int_equal(yodel_server_start(server), 0);
    uint16_t port = yodel_address_port(yodel_server_addresses(server, &count));

    for (size_t i = 0; i < READERS; i++) {
        reader[i] = net_connect(port);
        expect_echo(reader[i], "hello");
    }
    for (size_t i = 0; i < SLOW; i++) {
        slow[i] = net_connect_tiny(port);
        net_fill(slow[i], much, sizeof much, 10);
        /* Above it for an instant only: until the end of a turn, or the monitor's next look. */
        wait_until(is_within, NULL, "the limit holds");
        assert_true(total(YODEL_COUNT_BUFFERED) <= 2 * MAX);
        expect_echo(reader[i % READERS], "still there?");
    }
    uint64_t aborted = total(YODEL_COUNT_CLOSED_MEMORY);
    assert_in_range(aborted, SLOW / 4, SLOW);
    assert_true(threads_log_count(&test_log, "connections' buffers take more than 2097152") > 0);
    for (size_t i = 0; i < READERS; i++) {
        expect_echo(reader[i], "hello");
        close(reader[i]);
    }
    for (size_t i = 0; i < SLOW; i++) {
        close(slow[i]);
    }
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_BUFFERED), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACTIVE), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED), READERS + SLOW);
    assert_int_equal(yodel_counters_closed(&sum), READERS + SLOW);
    yodel_server_free(server);
}

static void test_one_worker(void **state)
{
    (void)state;
    fill(YODEL_ACCEPT_HANDOFF, 1);
}

static void test_three_workers(void **state)
{
    (void)state;
    fill(YODEL_ACCEPT_HANDOFF, 3);
}

static void test_reuseport(void **state)
{
    (void)state;
    fill(YODEL_ACCEPT_REUSEPORT, 3);
}

#define memory_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        memory_test(test_one_worker),
        memory_test(test_three_workers),
        memory_test(test_reuseport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
