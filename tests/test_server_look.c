/* What others can see of a server: its state, limits, loops. */
#include "core/clock.h"
#include "core/server.h"
#include "proto/raw.h"

#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static yodel_server_config config;
static const char *const one_host[] = {"127.0.0.1"};

static yodel_server *make(void)
{
    yodel_server *server;
    assert_int_equal(yodel_server_new(&config, &server), 0);
    return server;
}

static int setup(void **state)
{
    (void)state;
    yodel_server_config_init(&config);
    config.hosts = one_host;
    config.host_count = 1;
    config.port = "0";
    config.threads = 2;
    config.factory = (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
    return 0;
}

static void test_state(void **state)
{
    (void)state;
    yodel_server *server = make();
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_MADE);
    assert_int_equal(yodel_server_start(server), 0);
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_RUNNING);
    yodel_server_drain(server, 1);
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_DRAINING);
    yodel_server_wait(server);
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_DRAINING);
    yodel_server_free(server);
}

/* Told to end before it began. */
static void test_state_drained_at_once(void **state)
{
    (void)state;
    yodel_server *server = make();
    yodel_server_drain(server, 1);
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_DRAINING);
    assert_int_equal(yodel_server_start(server), 0);
    assert_int_equal(yodel_server_state_of(server), YODEL_SERVER_DRAINING);
    yodel_server_wait(server);
    yodel_server_free(server);
}

static void test_limits(void **state)
{
    (void)state;
    config.max_connections = 17;
    config.max_memory = 123456789;
    yodel_server *server = make();
    assert_int_equal(yodel_server_max_connections(server), 17);
    assert_int_equal(yodel_server_max_memory(server), 123456789);
    yodel_server_free(server);
}

/* What the program needs besides is taken from what is left for connections. */
static void test_other_fds(void **state)
{
    (void)state;
    yodel_server *server = make();
    size_t without = yodel_server_max_connections(server);
    yodel_server_free(server);
    config.other_fds = 40;
    server = make();
    assert_int_equal(yodel_server_max_connections(server), without - 40);
    yodel_server_free(server);
}

static bool has_lag(void *arg)
{
    const yodel_server *server = arg;
    yodel_durations_seen seen[2];
    for (unsigned i = 0; i < 2; i++) {
        yodel_durations_look(yodel_server_lag(server, i), &seen[i]);
    }
    return seen[0].total > 1 && seen[1].total > 1;
}

static void test_measured(void **state)
{
    (void)state;
    yodel_durations_seen seen;
    config.measure = true;
    yodel_server *server = make();
    assert_int_equal(yodel_server_start(server), 0);
    wait_until(has_lag, server, "the lag of both workers is measured");
    for (unsigned i = 0; i < 2; i++) {
        assert_false(yodel_server_stuck(server, i));
        yodel_durations_look(yodel_server_turns(server, i), &seen);
        assert_true(seen.total > 0);
    }
    yodel_server_drain(server, 1);
    yodel_server_wait(server);
    for (unsigned i = 0; i <= 2; i++) { /* the acceptor, too */
        assert_int_equal(yodel_server_busy_since(server, i), 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(yodel_server_lag_waits(server, i), 0);
    }
    yodel_server_free(server);
}

static bool looked_twice(void *arg)
{
    return yodel_clock_now() > *(uint64_t *)arg;
}

/* Without being asked to, nothing wakes the workers up. */
static void test_not_measured(void **state)
{
    (void)state;
    yodel_durations_seen seen;
    yodel_server *server = make();
    assert_int_equal(yodel_server_start(server), 0);
    uint64_t later = yodel_clock_after(0.3);
    wait_until(looked_twice, &later, "the monitor has looked");
    for (unsigned i = 0; i < 2; i++) {
        yodel_durations_look(yodel_server_lag(server, i), &seen);
        assert_int_equal(seen.total, 0);
        yodel_durations_look(yodel_server_turns(server, i), &seen);
        assert_int_equal(seen.total, 0);
    }
    yodel_server_drain(server, 1);
    yodel_server_wait(server);
    yodel_server_free(server);
}

/* Who fails before there is a worker for him is the acceptor's. */
static void test_acceptor(void **state)
{
    (void)state;
    yodel_server *server = make();
    const yodel_counters *counters = yodel_server_acceptor_counters(server);
    assert_int_equal(yodel_counters_get(counters, YODEL_COUNT_ACCEPTED), 0);
    assert_ptr_not_equal(counters, yodel_server_counters(server, 0));
    yodel_server_free(server);
}

#define look_test(function) cmocka_unit_test_setup(function, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        look_test(test_state),    look_test(test_state_drained_at_once),
        look_test(test_limits),   look_test(test_other_fds),
        look_test(test_measured), look_test(test_not_measured),
        look_test(test_acceptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
