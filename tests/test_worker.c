/* A worker: its life from init to destroy, sockets handed over and accepted, the drain. */
#include "core/worker.h"

#include "core/clock.h"
#include "core/error.h"
#include "proto/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/threads.h"

typedef struct bench {
    yodel_worker worker;
    yodel_transport_settings settings;
    yodel_connection_limit limit;
    threads_log log;
    atomic_size_t stopped;
    pthread_t main_thread;
    atomic_bool stopped_here; /* in the main thread: wrong */
    size_t fds;
} bench;

static bench *b;

static void on_stopped(yodel_worker *worker, void *arg)
{
    bench *mine = arg;
    mine->stopped_here =
        worker != &mine->worker || pthread_equal(pthread_self(), mine->main_thread);
    mine->stopped++;
}

static int setup(void **state)
{
    (void)state;
    faults_reset();
    b = aligned_alloc(_Alignof(bench), sizeof *b);
    if (b == NULL) {
        return -1;
    }
    memset(b, 0, sizeof *b);
    b->main_thread = pthread_self();
    b->fds = count_fds();
    threads_log_init(&b->log);
    b->limit.max = 100;
    b->settings = (yodel_transport_settings){
        .factory = {.ops = &yodel_raw_ops, .size = yodel_raw_size},
        .write_limits = {.high = 65536, .low = 16384, .hard = 1 << 20},
        .limit = &b->limit,
        .log = &b->log.log,
    };
    return 0;
}

/* The tests destroy the worker; this checks that nothing is left of it. */
static int teardown(void **state)
{
    (void)state;
    faults_reset();
    bool closed = count_fds() == b->fds;
    bool counted = yodel_counters_get(&b->worker.counters, YODEL_COUNT_ACCEPTED) ==
                       yodel_counters_closed(&b->worker.counters) &&
                   yodel_counters_get(&b->worker.counters, YODEL_COUNT_ACTIVE) == 0 &&
                   b->limit.open == 0;
    if (!closed || !counted) {
        print_error("%s\n", closed ? "a connection was lost track of" : "an fd was left open");
    }
    threads_log_free(&b->log);
    free(b);
    return closed && counted ? 0 : -1;
}

static void init(void)
{
    assert_int_equal(yodel_worker_init(&b->worker, 3, -1, &b->settings, on_stopped, b), 0);
}

static void start(void)
{
    init();
    assert_int_equal(yodel_worker_start(&b->worker), 0);
}

/* Ends it and waits for its thread. */
static void stop(double grace)
{
    yodel_worker_drain(&b->worker, grace);
    yodel_worker_join(&b->worker);
    assert_int_equal(b->stopped, 1);
    assert_false(b->stopped_here);
    yodel_worker_destroy(&b->worker);
}

/* Hands over n sockets in one batch; the clients' ends are in client. */
static void hand_over(size_t n, int client[], bool small)
{
    yodel_socket_batch *batch = malloc(sizeof *batch);
    assert_non_null(batch);
    batch->count = (unsigned)n;
    for (size_t i = 0; i < n; i++) {
        int pair[2];
        fixture_pair(pair, small);
        batch->fds[i] = pair[0];
        client[i] = pair[1];
    }
    yodel_worker_hand_over(&b->worker, batch);
}

static void close_all(const int client[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        close(client[i]);
    }
}

/* --- its life ----------------------------------------------------------------------------------*/

static void test_never_started(void **state)
{
    (void)state;
    init();
    yodel_worker_join(&b->worker); /* no effect */
    yodel_worker_destroy(&b->worker);
    assert_int_equal(b->stopped, 0);
}

static void test_started_and_drained(void **state)
{
    (void)state;
    start();
    stop(10);
}

static void test_its_thread(void **state)
{
    (void)state;
    char name[YODEL_LOG_MESSAGE_MAX];
    start();
    assert_int_equal(pthread_getname_np(b->worker.thread, name, sizeof name), 0);
    assert_string_equal(name, "worker 3");
    stop(10);
}

static void test_pinned(void **state)
{
    (void)state;
    cpu_set_t allowed;
    cpu_set_t set;
    size_t cpu = 0;
    assert_int_equal(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    while (!CPU_ISSET(cpu, &allowed)) {
        cpu++;
    }
    assert_int_equal(yodel_worker_init(&b->worker, 0, (int)cpu, &b->settings, on_stopped, b), 0);
    assert_int_equal(yodel_worker_start(&b->worker), 0);
    assert_int_equal(pthread_getaffinity_np(b->worker.thread, sizeof set, &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    assert_true(CPU_ISSET(cpu, &set));
    stop(10);
}

static void test_a_core_that_is_not_there(void **state)
{
    (void)state;
    assert_int_equal(yodel_worker_init(&b->worker, 0, 100000, &b->settings, on_stopped, b), 0);
    assert_int_equal(yodel_worker_start(&b->worker), -EINVAL);
    yodel_worker_join(&b->worker);
    yodel_worker_destroy(&b->worker);
}

static void test_no_thread(void **state)
{
    (void)state;
    init();
    faults_fail(FAULTS_THREAD, 1, EAGAIN);
    assert_int_equal(yodel_worker_start(&b->worker), -EAGAIN);
    assert_int_equal(yodel_worker_start(&b->worker), 0); /* another time it works */
    stop(10);
}

static void test_init_without_memory(void **state)
{
    (void)state;
    int code = -ENOMEM;
    size_t n = 0;
    while (code != 0) {
        faults_fail_allocation(++n);
        code = yodel_worker_init(&b->worker, 0, -1, &b->settings, on_stopped, b);
        bool failed = faults_allocation_failed();
        assert_int_equal(code, failed ? -ENOMEM : 0);
        if (code != 0) {
            assert_int_equal(count_fds(), b->fds);
        }
    }
    assert_true(n > 3);
    yodel_worker_destroy(&b->worker);
}

/* --- sockets handed over -----------------------------------------------------------------------*/

static void test_handed_over(void **state)
{
    (void)state;
    int client[YODEL_ACCEPT_BATCH];
    start();
    hand_over(YODEL_ACCEPT_BATCH, client, false);
    for (size_t i = 0; i < YODEL_ACCEPT_BATCH; i++) {
        expect_echo(client[i], "hello");
    }
    wait_counter(&b->worker.counters, YODEL_COUNT_ACTIVE, YODEL_ACCEPT_BATCH);
    close_all(client, YODEL_ACCEPT_BATCH);
    wait_counter(&b->worker.counters, YODEL_COUNT_CLOSED_EOF, YODEL_ACCEPT_BATCH);
    stop(10);
}

static void test_handed_over_before_the_start(void **state)
{
    (void)state;
    int client[2];
    init();
    hand_over(2, client, false);
    assert_int_equal(yodel_worker_start(&b->worker), 0);
    expect_echo(client[0], "hello");
    expect_echo(client[1], "hello");
    close_all(client, 2);
    stop(10);
}

/* Nobody has ever served them: they are closed and accounted for all the same. */
static void test_handed_over_and_never_started(void **state)
{
    (void)state;
    int client[2];
    init();
    hand_over(2, client, false);
    yodel_worker_destroy(&b->worker);
    net_expect_eof(client[0]);
    net_expect_eof(client[1]);
    close_all(client, 2);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_ACCEPTED), 2);
}

/* --- listeners of its own ----------------------------------------------------------------------*/

static void test_listening(void **state)
{
    (void)state;
    yodel_listener listener[2] = {listen_on_loopback(10), listen_on_loopback(10)};
    init();
    assert_int_equal(yodel_worker_listen(&b->worker, listener, 2, 10, NULL), 0);
    assert_int_equal(yodel_worker_start(&b->worker), 0);
    for (size_t i = 0; i < 2; i++) {
        int client = net_connect(yodel_address_port(&listener[i].address));
        expect_echo(client, "hello");
        close(client);
    }
    stop(10);
    assert_int_equal(net_try_connect("127.0.0.1", yodel_address_port(&listener[0].address)),
                     -ECONNREFUSED);
}

static void test_listening_without_memory(void **state)
{
    (void)state;
    yodel_listener listener = listen_on_loopback(10);
    init();
    faults_fail_allocation(1);
    assert_int_equal(yodel_worker_listen(&b->worker, &listener, 1, 10, NULL), -ENOMEM);
    assert_true(fcntl(listener.fd, F_GETFD) >= 0); /* still the caller's */
    yodel_listener_close(&listener);
    yodel_worker_destroy(&b->worker);
}

static void test_listening_and_never_started(void **state)
{
    (void)state;
    yodel_listener listener = listen_on_loopback(10);
    init();
    assert_int_equal(yodel_worker_listen(&b->worker, &listener, 1, 10, NULL), 0);
    yodel_worker_destroy(&b->worker);
    assert_int_equal(fcntl(listener.fd, F_GETFD), -1);
}

/* --- the drain ---------------------------------------------------------------------------------*/

/* It accepts what has queued, and answers what that has sent. */
static void test_drain_of_what_has_queued(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    int client[CLIENTS];
    yodel_listener listener = listen_on_loopback(200);
    init();
    assert_int_equal(yodel_worker_listen(&b->worker, &listener, 1, 200, NULL), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        client[i] = net_connect(yodel_address_port(&listener.address));
        net_send_text(client[i], "hello");
        net_wait_delivered(client[i]);
    }
    yodel_worker_drain(&b->worker, 10);
    assert_int_equal(yodel_worker_start(&b->worker), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        net_expect_text(client[i], "hello");
        net_expect_eof(client[i]);
        close(client[i]);
    }
    yodel_worker_join(&b->worker);
    assert_int_equal(b->stopped, 1);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN), CLIENTS);
    yodel_worker_destroy(&b->worker);
}

static char much[1 << 20];

/* Who is busy has the grace, and not more. */
static void test_grace(void **state)
{
    (void)state;
    int client[2];
    start();
    hand_over(2, client, true);
    expect_echo(client[1], "idle");
    net_fill(client[0], much, sizeof much, 50);
    uint64_t before = yodel_clock_now();
    stop(0.2);
    assert_true(yodel_clock_now() - before >= YODEL_NS_PER_SEC / 5);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN_ABORT), 1);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN), 1);
    net_expect_eof(client[1]);
    assert_int_equal(net_wait_end(client[0]), ECONNRESET);
    close_all(client, 2);
}

static void test_no_grace(void **state)
{
    (void)state;
    int client[1];
    start();
    hand_over(1, client, true);
    net_fill(client[0], much, sizeof much, 50);
    stop(0);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN_ABORT), 1);
    close_all(client, 1);
}

/* Whoever reads again gets every answer, though much of what it sent is never read and the end may
 * be a reset; and then nobody waits for the grace. */
static void test_grace_that_is_not_needed(void **state)
{
    (void)state;
    int client[1];
    start();
    hand_over(1, client, true);
    net_fill(client[0], much, sizeof much, 50);
    yodel_worker_drain(&b->worker, 1000);
    size_t got = 0;
    ssize_t n;
    while ((n = recv(client[0], much, sizeof much, 0)) > 0) {
        got += (size_t)n;
    }
    close_all(client, 1);
    yodel_worker_join(&b->worker);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN), 1);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_BYTES_OUT), got);
    yodel_worker_destroy(&b->worker);
}

/* --- left to another process
 * --------------------------------------------------------------------*/

/* Its connections end by themselves, nobody is accepted, the listener stays open till the end. */
static void test_leave(void **state)
{
    (void)state;
    yodel_listener listener = listen_on_loopback(10);
    int other = dup(listener.fd); /* the other process's */
    uint16_t port = yodel_address_port(&listener.address);
    init();
    assert_int_equal(yodel_worker_listen(&b->worker, &listener, 1, 10, NULL), 0);
    assert_int_equal(yodel_worker_start(&b->worker), 0);
    int client = net_connect(port);
    expect_echo(client, "hello");
    int late[1];
    hand_over(1, late, false); /* on its way */
    yodel_worker_leave(&b->worker);
    expect_echo(late[0], "late");
    expect_echo(client, "hello");
    int next = net_connect(port);
    expect_echo(client, "hello");
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_ACCEPTED), 2);
    assert_true(fcntl(listener.fd, F_GETFD) >= 0);
    close(client);
    close(late[0]);
    yodel_worker_join(&b->worker);
    assert_int_equal(b->stopped, 1);
    int accepted = net_accept(other);
    close(accepted);
    close(next);
    close(other);
    yodel_worker_drain(&b->worker, 10); /* too late, no effect */
    yodel_worker_destroy(&b->worker);
    assert_int_equal(b->stopped, 1);
}

static void test_leave_without_connections(void **state)
{
    (void)state;
    start();
    yodel_worker_leave(&b->worker);
    yodel_worker_join(&b->worker);
    assert_int_equal(b->stopped, 1);
    yodel_worker_destroy(&b->worker);
}

static void test_leave_and_drain(void **state)
{
    (void)state;
    int client[1];
    start();
    hand_over(1, client, false);
    yodel_worker_leave(&b->worker);
    expect_echo(client[0], "hello");
    stop(10);
    net_expect_eof(client[0]);
    close_all(client, 1);
    assert_int_equal(yodel_counters_get(&b->worker.counters, YODEL_COUNT_CLOSED_DRAIN), 1);
}

#define worker_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        worker_test(test_never_started),
        worker_test(test_started_and_drained),
        worker_test(test_its_thread),
        worker_test(test_pinned),
        worker_test(test_a_core_that_is_not_there),
        worker_test(test_no_thread),
        worker_test(test_init_without_memory),
        worker_test(test_handed_over),
        worker_test(test_handed_over_before_the_start),
        worker_test(test_handed_over_and_never_started),
        worker_test(test_listening),
        worker_test(test_listening_without_memory),
        worker_test(test_listening_and_never_started),
        worker_test(test_drain_of_what_has_queued),
        worker_test(test_grace),
        worker_test(test_no_grace),
        worker_test(test_grace_that_is_not_needed),
        worker_test(test_leave),
        worker_test(test_leave_without_connections),
        worker_test(test_leave_and_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
