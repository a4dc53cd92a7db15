/* The acceptor: how it spreads connections, what happens without memory, how it leads the drain. */
#include "core/acceptor.h"

#include "core/error.h"
#include "proto/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/threads.h"

#define WORKERS 8
#define CLIENTS 300

/* An acceptor with its workers. */
typedef struct office {
    yodel_acceptor acceptor;
    yodel_worker workers[WORKERS];
    unsigned count;
    yodel_completion stopped;
    yodel_transport_settings settings;
    yodel_connection_limit limit;
    threads_log log;
    uint16_t port; /* of the listener */
    int client[CLIENTS];
    size_t clients;
    size_t fds;
} office;

static office *o;

static int setup(void **state)
{
    (void)state;
    faults_reset();
    o = aligned_alloc(_Alignof(office), sizeof *o);
    if (o == NULL) {
        return -1;
    }
    memset(o, 0, sizeof *o);
    threads_log_init(&o->log);
    o->fds = count_fds();
    o->limit.max = 1000;
    o->settings = (yodel_transport_settings){
        .factory = {.ops = &yodel_raw_ops, .size = yodel_raw_size},
        .write_limits = {.high = 65536, .low = 16384, .hard = 1 << 20},
        .limit = &o->limit,
        .log = &o->log.log,
    };
    return 0;
}

static uint64_t total(yodel_counter counter)
{
    uint64_t sum = yodel_counters_get(&o->acceptor.counters, counter);
    for (unsigned i = 0; i < o->count; i++) {
        sum += yodel_counters_get(&o->workers[i].counters, counter);
    }
    return sum;
}

static uint64_t total_closed(void)
{
    uint64_t sum = yodel_counters_closed(&o->acceptor.counters);
    for (unsigned i = 0; i < o->count; i++) {
        sum += yodel_counters_closed(&o->workers[i].counters);
    }
    return sum;
}

static void close_clients(void)
{
    while (o->clients > 0) {
        close(o->client[--o->clients]);
    }
}

static int teardown(void **state)
{
    (void)state;
    faults_reset();
    close_clients();
    bool closed = count_fds() == o->fds;
    bool counted = total(YODEL_COUNT_ACCEPTED) == total_closed() && o->limit.open == 0;
    if (!closed || !counted) {
        print_error("%s\n", closed ? "a connection was lost track of" : "an fd was left open");
    }
    threads_log_free(&o->log);
    free(o);
    return closed && counted ? 0 : -1;
}

/* --- its life ----------------------------------------------------------------------------------*/

static void init(unsigned workers)
{
    o->count = workers;
    assert_int_equal(yodel_completion_init(&o->stopped), 0);
    assert_int_equal(
        yodel_acceptor_init(&o->acceptor, o->workers, workers, &o->log.log, &o->stopped), 0);
    for (unsigned i = 0; i < workers; i++) {
        assert_int_equal(yodel_worker_init(&o->workers[i], i, -1, &o->settings,
                                           yodel_acceptor_worker_stopped, &o->acceptor),
                         0);
    }
}

static void listen_with(int backlog)
{
    yodel_listener listener = listen_on_loopback(backlog);
    o->port = yodel_address_port(&listener.address);
    assert_int_equal(yodel_acceptor_listen(&o->acceptor, &listener, 1, (unsigned)backlog, NULL), 0);
}

static void start(void)
{
    for (unsigned i = 0; i < o->count; i++) {
        assert_int_equal(yodel_worker_start(&o->workers[i]), 0);
    }
    assert_int_equal(yodel_acceptor_start(&o->acceptor), 0);
}

static void begin(unsigned workers)
{
    init(workers);
    listen_with(500);
    start();
}

static void destroy(void)
{
    for (unsigned i = 0; i < o->count; i++) {
        yodel_worker_destroy(&o->workers[i]);
    }
    yodel_acceptor_destroy(&o->acceptor);
    yodel_completion_destroy(&o->stopped);
}

static void wait_stopped(void)
{
    wait_readable(yodel_completion_fd(&o->stopped), "all workers have stopped");
    assert_int_equal(yodel_completion_wait(&o->stopped), 0);
    yodel_acceptor_join(&o->acceptor);
    for (unsigned i = 0; i < o->count; i++) {
        yodel_worker_join(&o->workers[i]);
    }
}

static void end(void)
{
    yodel_acceptor_drain(&o->acceptor, 10);
    wait_stopped();
    destroy();
}

static int connect_one(void)
{
    assert_true(o->clients < CLIENTS);
    return o->client[o->clients++] = net_connect(o->port);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    begin(2);
    char name[64];
    assert_int_equal(pthread_getname_np(o->acceptor.thread, name, sizeof name), 0);
    assert_string_equal(name, "acceptor");
    end();
}

static void test_never_started(void **state)
{
    (void)state;
    init(2);
    listen_with(10);
    yodel_acceptor_join(&o->acceptor); /* no effect */
    destroy();
    assert_int_equal(net_try_connect("127.0.0.1", o->port), -ECONNREFUSED);
}

static void test_no_thread(void **state)
{
    (void)state;
    init(1);
    faults_fail(FAULTS_THREAD, 1, EAGAIN);
    assert_int_equal(yodel_acceptor_start(&o->acceptor), -EAGAIN);
    yodel_acceptor_join(&o->acceptor);
    destroy();
}

static void test_init_without_memory(void **state)
{
    (void)state;
    assert_int_equal(yodel_completion_init(&o->stopped), 0);
    size_t fds = count_fds();
    int code = -ENOMEM;
    size_t n = 0;
    while (code != 0) {
        faults_fail_allocation(++n);
        code = yodel_acceptor_init(&o->acceptor, o->workers, 3, NULL, &o->stopped);
        assert_int_equal(code, faults_allocation_failed() ? -ENOMEM : 0);
        assert_int_equal(count_fds() == fds, code != 0);
    }
    assert_true(n > 3);
    destroy();
}

static void test_listening_without_memory(void **state)
{
    (void)state;
    yodel_listener listener = listen_on_loopback(10);
    init(1);
    faults_fail_allocation(1);
    assert_int_equal(yodel_acceptor_listen(&o->acceptor, &listener, 1, 10, NULL), -ENOMEM);
    assert_true(fcntl(listener.fd, F_GETFD) >= 0); /* still the caller's */
    yodel_listener_close(&listener);
    destroy();
}

/* --- spreading ---------------------------------------------------------------------------------*/

static bool all_active(void *arg)
{
    (void)arg;
    return total(YODEL_COUNT_ACTIVE) == o->clients;
}

static void assert_even(void)
{
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (unsigned i = 0; i < o->count; i++) {
        uint64_t active = yodel_counters_get(&o->workers[i].counters, YODEL_COUNT_ACTIVE);
        least = active < least ? active : least;
        most = active > most ? active : most;
    }
    assert_true(most - least <= 1);
}

static void spread(unsigned workers)
{
    begin(workers);
    /* One after the other, then a storm: hand-over in small and in large batches. */
    for (size_t i = 0; i < 20; i++) {
        expect_echo(connect_one(), "hello");
        assert_int_equal(total(YODEL_COUNT_ACTIVE), i + 1);
        assert_even();
    }
    while (o->clients < 250) {
        (void)connect_one();
    }
    wait_until(all_active, NULL, "all are accepted");
    assert_even();
    for (size_t i = 0; i < o->clients; i++) {
        expect_echo(o->client[i], "hello");
    }
    close_clients();
    end();
    assert_int_equal(total(YODEL_COUNT_ACCEPTED), 250);
}

static void test_one_worker(void **state)
{
    (void)state;
    spread(1);
}

static void test_two_workers(void **state)
{
    (void)state;
    spread(2);
}

static void test_eight_workers(void **state)
{
    (void)state;
    spread(8);
}

/* When one worker's connections have ended the next ones go there. */
static void test_the_less_loaded_one(void **state)
{
    (void)state;
    int here[20];
    size_t n = 0;
    begin(2);
    const yodel_counters *first = &o->workers[0].counters;
    while (n + o->clients < 20) {
        uint64_t before = yodel_counters_get(first, YODEL_COUNT_ACTIVE);
        int client = connect_one();
        expect_echo(client, "hello");
        if (yodel_counters_get(first, YODEL_COUNT_ACTIVE) != before) {
            here[n++] = client;
            o->clients--;
        }
    }
    assert_int_equal(n, 10);
    for (size_t i = 0; i < n; i++) {
        close(here[i]);
    }
    wait_counter(first, YODEL_COUNT_CLOSED_EOF, 10);
    for (size_t i = 0; i < 10; i++) {
        expect_echo(connect_one(), "hello");
        assert_int_equal(yodel_counters_get(first, YODEL_COUNT_ACTIVE), i + 1);
    }
    assert_even();
    end();
}

/* What a worker accepts itself counts with what it was given. */
static void test_one_that_accepts_itself(void **state)
{
    (void)state;
    init(2);
    listen_with(4096);
    yodel_listener own = listen_on_loopback(4096);
    uint16_t own_port = yodel_address_port(&own.address);
    assert_int_equal(yodel_worker_listen(&o->workers[0], &own, 1, 4096, NULL), 0);
    start();
    const yodel_counters *first = &o->workers[0].counters;
    int its[10];
    for (size_t i = 0; i < 10; i++) {
        its[i] = net_connect(own_port);
        expect_echo(its[i], "hello");
    }
    for (size_t i = 0; i < 10; i++) {
        expect_echo(connect_one(), "hello");
        assert_int_equal(yodel_counters_get(first, YODEL_COUNT_ACTIVE), 10);
    }
    assert_even();
    for (size_t i = 0; i < 10; i++) {
        close(its[i]);
    }
    wait_counter(first, YODEL_COUNT_CLOSED_EOF, 10);
    for (size_t i = 0; i < 10; i++) {
        expect_echo(connect_one(), "hello");
        assert_int_equal(yodel_counters_get(first, YODEL_COUNT_ACTIVE), i + 1);
    }
    assert_even();
    end();
}

/* --- no memory for a batch ---------------------------------------------------------------------*/

static void test_no_memory_for_a_batch(void **state)
{
    (void)state;
    init(2);
    listen_with(10);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(yodel_worker_start(&o->workers[i]), 0);
    }
    int unlucky = connect_one();
    faults_fail_allocation(1);
    assert_int_equal(yodel_acceptor_start(&o->acceptor), 0);
    net_expect_eof(unlucky);
    assert_true(faults_allocation_failed());
    assert_int_equal(yodel_counters_get(&o->acceptor.counters, YODEL_COUNT_ACCEPTED), 1);
    assert_int_equal(yodel_counters_get(&o->acceptor.counters, YODEL_COUNT_CLOSED_MEMORY), 1);
    for (size_t i = 0; i < 4; i++) {
        expect_echo(connect_one(), "hello");
    }
    assert_even();
    end();
}

/* --- the drain ---------------------------------------------------------------------------------*/

/* DESIGN section 5: accept what already queued. */
static void test_drain_of_what_has_queued(void **state)
{
    (void)state;
    init(3);
    listen_with(500);
    for (size_t i = 0; i < 200; i++) {
        int client = connect_one();
        net_send_text(client, "hello");
        net_wait_delivered(client);
    }
    yodel_acceptor_drain(&o->acceptor, 10);
    start();
    for (size_t i = 0; i < 200; i++) {
        net_expect_text(o->client[i], "hello");
        net_expect_eof(o->client[i]);
    }
    close_clients();
    wait_stopped();
    assert_int_equal(net_try_connect("127.0.0.1", o->port), -ECONNREFUSED);
    assert_int_equal(total(YODEL_COUNT_CLOSED_DRAIN), 200);
    destroy();
}

/* The last worker to stop is the one that counts. */
static void test_drain_waits_for_all_workers(void **state)
{
    (void)state;
    begin(4);
    for (size_t i = 0; i < 4; i++) {
        expect_echo(connect_one(), "hello");
    }
    int slow = net_connect_tiny(o->port);
    static char much[1 << 20];
    net_fill(slow, much, sizeof much, 200);
    yodel_acceptor_drain(&o->acceptor, 0.2);
    for (size_t i = 0; i < 4; i++) {
        net_expect_eof(o->client[i]);
    }
    wait_stopped();
    assert_int_equal(total(YODEL_COUNT_CLOSED_DRAIN), 4);
    assert_int_equal(total(YODEL_COUNT_CLOSED_DRAIN_ABORT), 1);
    close(slow);
    destroy();
}

/* reuseport: the workers have listeners of their own; the acceptor only leads the drain. */
static void test_without_a_listener(void **state)
{
    (void)state;
    yodel_listener listener = listen_on_loopback(10);
    o->port = yodel_address_port(&listener.address);
    init(2);
    assert_int_equal(yodel_worker_listen(&o->workers[1], &listener, 1, 10, NULL), 0);
    start();
    expect_echo(connect_one(), "hello");
    end();
    assert_int_equal(yodel_counters_get(&o->workers[1].counters, YODEL_COUNT_CLOSED_DRAIN), 1);
}

#define acceptor_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        acceptor_test(test_nothing_to_do),
        acceptor_test(test_never_started),
        acceptor_test(test_no_thread),
        acceptor_test(test_init_without_memory),
        acceptor_test(test_listening_without_memory),
        acceptor_test(test_one_worker),
        acceptor_test(test_two_workers),
        acceptor_test(test_eight_workers),
        acceptor_test(test_the_less_loaded_one),
        acceptor_test(test_one_that_accepts_itself),
        acceptor_test(test_no_memory_for_a_batch),
        acceptor_test(test_drain_of_what_has_queued),
        acceptor_test(test_drain_waits_for_all_workers),
        acceptor_test(test_without_a_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
