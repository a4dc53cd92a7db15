/* What the service manager is told, and when it gets signs of life. */
#include "server/notify.h"

#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/raw.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/fixture.h"
#include "tests/support/manager.h"

static manager m;
static yodel_loop *loop;
static yodel_server *server;

static int setup(void **state)
{
    static const char *const hosts[] = {"127.0.0.1"};
    if (files_setup(state) != 0 || yodel_loop_new(&loop) < 0) {
        return -1;
    }
    manager_open(&m);
    (void)setenv("NOTIFY_SOCKET", strchr(m.variable, '=') + 1, 1);
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    yodel_server_config config;
    yodel_server_config_init(&config);
    config.hosts = hosts;
    config.host_count = 1;
    config.port = "0";
    config.threads = 2;
    config.factory = (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
    return yodel_server_new(&config, &server);
}

static int teardown(void **state)
{
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    yodel_server_free(server);
    yodel_loop_free(loop);
    manager_close(&m);
    return files_teardown(state);
}

static void test_messages(void **state)
{
    (void)state;
    char wanted[100];
    yodel_notify_ready();
    manager_expect(&m, "READY=1\nSTATUS=Serving");
    yodel_notify_stopping();
    manager_expect(&m, "STOPPING=1\nSTATUS=Draining");
    unsigned long long before = yodel_clock_now() / 1000, usec = 0;
    yodel_notify_reloading();
    manager_message message = manager_expect(&m, "RELOADING=1\nMONOTONIC_USEC=");
    assert_int_equal(sscanf(message.text, "RELOADING=1 MONOTONIC_USEC=%llu", &usec), 1);
    assert_true(usec >= before && usec <= yodel_clock_now() / 1000);
    yodel_notify_replaced(4711);
    (void)snprintf(wanted, sizeof wanted, "MAINPID=%d\nREADY=1\n", 4711);
    manager_expect(&m, wanted);
}

/* Nobody listens. */
static void test_nobody(void **state)
{
    (void)state;
    (void)unsetenv("NOTIFY_SOCKET");
    yodel_notify_ready();
    (void)setenv("NOTIFY_SOCKET", "/no/such/socket", 1);
    yodel_notify_stopping();
    assert_int_equal(manager_take(&m, ""), 0);
}

static bool has_come(void *arg)
{
    size_t *signs = arg;
    *signs += manager_take(&m, "WATCHDOG=1");
    return *signs >= 3;
}

static void test_watchdog(void **state)
{
    (void)state;
    yodel_watchdog watchdog;
    size_t signs = 0;
    (void)setenv("WATCHDOG_USEC", "60000", 1);
    uint64_t before = yodel_clock_now();
    yodel_watchdog_start(&watchdog, loop, server);
    assert_true(fixture_run_loop(loop, has_come, &signs));
    assert_true(yodel_clock_now() - before >= 3 * 30 * YODEL_NS_PER_SEC / 1000);
    yodel_watchdog_stop(&watchdog);
    fixture_settle_loop(loop);
    (void)manager_take(&m, "");
    assert_false(net_wait_readable(m.socket, 100));
}

/* Nobody asked for it, or another process is meant. */
static void test_no_watchdog(void **state)
{
    (void)state;
    yodel_watchdog watchdog;
    yodel_watchdog_start(&watchdog, loop, server);
    assert_true(watchdog.period == 0);
    yodel_watchdog_stop(&watchdog);
    (void)setenv("WATCHDOG_USEC", "60000", 1);
    (void)setenv("WATCHDOG_PID", "1", 1);
    yodel_watchdog_start(&watchdog, loop, server);
    assert_true(watchdog.period == 0);
    yodel_watchdog_stop(&watchdog);
}

int main(void)
{
#define notify_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        notify_test(test_messages),
        notify_test(test_nobody),
        notify_test(test_watchdog),
        notify_test(test_no_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
