/* Accepting: batches, the errors that accept4 has, and how it is ended; retries in virtual time. */
#include "core/accept_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/net.h"
#include "tests/support/virtual_time.h"

#define SOCKETS 200

/* A watch on a listener of 127.0.0.1, and what it does. */
typedef struct post {
    fixture *f;
    yodel_accept_watch watch; /* its owner is this */
    uint16_t port;
    int accepted[SOCKETS];
    size_t count;
    size_t in_batch; /* since the last batch_done */
    size_t largest;  /* batch */
    size_t batches;
    int client[SOCKETS];
    size_t clients;
    uint64_t tried[16]; /* virtual ns of each failing accept4 */
} post;

static void on_accepted(yodel_accept_watch *watch, int fd)
{
    post *p = watch->owner;
    if (p->count < SOCKETS) {
        p->accepted[p->count++] = fd;
    }
    p->in_batch++;
}

static void on_batch_done(yodel_accept_watch *watch)
{
    post *p = watch->owner;
    p->batches++;
    p->largest = p->in_batch > p->largest ? p->in_batch : p->largest;
    p->in_batch = 0;
}

static yodel_listener listen_here(void)
{
    yodel_address *list;
    size_t count;
    yodel_listener listener;
    assert_int_equal(yodel_address_resolve("127.0.0.1", "0", &list, &count), 0);
    assert_int_equal(yodel_listener_open(list, 500, 0, &listener), 0);
    free(list);
    return listener;
}

static int setup(void **state)
{
    post *p = calloc(1, sizeof *p);
    void *f = NULL;
    if (p == NULL || fixture_setup(&f) != 0) {
        free(p);
        return -1;
    }
    p->f = f;
    faults_reset();
    virtual_time_begin();
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    post *p = *state;
    faults_reset();
    virtual_time_end();
    yodel_accept_watch_close(&p->watch);
    for (size_t i = 0; i < p->count; i++) {
        close(p->accepted[i]);
    }
    for (size_t i = 0; i < p->clients; i++) {
        close(p->client[i]);
    }
    void *f = p->f;
    free(p);
    return fixture_teardown(&f);
}

static void start(post *p)
{
    yodel_listener listener = listen_here();
    p->port = yodel_address_port(&listener.address);
    p->watch.accepted = on_accepted;
    p->watch.batch_done = on_batch_done;
    p->watch.owner = p;
    yodel_accept_watch_start(&p->watch, p->f->loop, &listener, &p->f->counters, &p->f->log.log);
}

static void connect_many(post *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->client[p->clients++] = net_connect(p->port);
    }
}

static void wait_accepted(post *p, size_t n)
{
    fixture_run_until_count(p->f, &p->count, n, "connections are accepted");
}

static bool time_is_over(void *arg)
{
    return virtual_time.now_ns >= *(const uint64_t *)arg;
}

static void pass(post *p, double seconds)
{
    uint64_t end = virtual_time.now_ns + (uint64_t)(seconds * 1e9);
    while (virtual_time.now_ns < end) {
        uint64_t step = virtual_time.now_ns + 10000000000U;
        step = step < end ? step : end;
        fixture_run_until(p->f, time_is_over, &step, "time passes");
    }
}

/* The first n results of accept4. */
static void fail_with(int error, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        faults.accept_result[i] = error;
    }
    faults.accept_results = n;
}

/* --- the ordinary ------------------------------------------------------------------------------*/

static void test_accepted_sockets(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 3);
    wait_accepted(p, 3);
    assert_true(p->batches >= 1);
    for (size_t i = 0; i < 3; i++) {
        assert_true((fcntl(p->accepted[i], F_GETFL) & O_NONBLOCK) != 0);
        assert_true((fcntl(p->accepted[i], F_GETFD) & FD_CLOEXEC) != 0);
        net_send_text(p->client[i], "x");
        char got = '\0';
        net_receive(p->accepted[i], &got, 1);
        assert_int_equal(got, 'x');
    }
}

/* How often accept4 failed with this errno. */
static uint64_t accept_errors(const post *p, int error)
{
    for (unsigned i = 0; i < YODEL_ACCEPT_ERROR_COUNT; i++) {
        if (strcmp(yodel_accept_error_name(i), strerrorname_np(error)) == 0) {
            return yodel_counters_accept_error(&p->f->counters, i);
        }
    }
    return 0;
}

/* Somebody without batch_done, and without a log. */
static void test_the_least(void **state)
{
    post *p = *state;
    start(p);
    p->watch.batch_done = NULL;
    p->watch.log = NULL;
    fail_with(EMFILE, 1);
    connect_many(p, 1);
    wait_accepted(p, 1);
    assert_int_equal(fixture_count(p->f, YODEL_COUNT_ACCEPT_ERRORS), 1);
}

static void test_a_storm_comes_in_batches(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 150);
    wait_accepted(p, 150);
    assert_int_equal(p->largest, YODEL_ACCEPT_BATCH);
    assert_true(p->batches >= 3);
}

/* --- errors of one connection ------------------------------------------------------------------*/

static void test_errors_of_one_connection_are_passed_over(void **state)
{
    static const int errors[] = {EINTR,      ECONNABORTED, EPROTO,    EPERM,
                                 ENETDOWN,   ENOPROTOOPT,  EHOSTDOWN, EHOSTUNREACH,
                                 EOPNOTSUPP, ENETUNREACH,  ENONET};
    post *p = *state;
    start(p);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        faults.accept_result[i] = errors[i];
    }
    faults.accept_results = sizeof errors / sizeof errors[0];
    connect_many(p, 1);
    uint64_t before = virtual_time.now_ns;
    wait_accepted(p, 1);
    assert_true(virtual_time.now_ns - before < 50000000); /* no pause */
    assert_int_equal(accept_errors(p, EINTR), 0);
    for (size_t i = 1; i < sizeof errors / sizeof errors[0]; i++) {
        assert_int_equal(accept_errors(p, errors[i]), 1);
    }
    assert_int_equal(fixture_count(p->f, YODEL_COUNT_ACCEPT_ERRORS), 0);
    assert_int_equal(p->f->log.lines, 0);
}

/* A connection that is reset before it is accepted. */
static void test_gone_before_accept(void **state)
{
    post *p = *state;
    start(p);
    for (int i = 0; i < 5; i++) {
        net_reset(net_connect(p->port));
    }
    connect_many(p, 1);
    wait_accepted(p, 1);
    fixture_settle(p->f);
    assert_int_equal(fixture_count(p->f, YODEL_COUNT_ACCEPT_ERRORS), 0);
}

/* --- nothing left for another socket -----------------------------------------------------------*/

/* Waits for the n-th failing call and returns the pause before it, in ms. */
static uint64_t pause_before(post *p, size_t n)
{
    uint64_t begin = virtual_time.now_ns;
    while (faults.accepts < n && virtual_time.now_ns - begin < 3000000000U) {
        pass(p, 0.001);
    }
    assert_true(faults.accepts >= n);
    p->tried[n] = virtual_time.now_ns;
    return (p->tried[n] - p->tried[n - 1]) / 1000000;
}

static void assert_about(uint64_t got, uint64_t wanted)
{
    assert_in_range(got, wanted - 3, wanted + 5);
}

static void test_no_file_descriptor(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
    post *p = *state;
    start(p);
    for (size_t i = 0; i < 8; i++) {
        faults.accept_result[i] = errors[i % 4];
    }
    faults.accept_results = 8;
    connect_many(p, 1);
    (void)pause_before(p, 1);
    assert_about(pause_before(p, 2), 100);
    assert_about(pause_before(p, 3), 200);
    assert_about(pause_before(p, 4), 400);
    assert_about(pause_before(p, 5), 800);
    assert_about(pause_before(p, 6), 1000);
    assert_about(pause_before(p, 7), 1000);
    assert_about(pause_before(p, 8), 1000);
    assert_int_equal(p->count, 0);
    assert_int_equal(fixture_count(p->f, YODEL_COUNT_ACCEPT_ERRORS), 8);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(accept_errors(p, errors[i]), 2);
    }
    assert_int_equal(p->f->log.lines, 1);
    assert_true(fixture_logged(p->f, "cannot accept connections: Too many open files"));
    /* And then it can again, at once and for all who wait. */
    connect_many(p, 10);
    pass(p, 1.01);
    assert_int_equal(p->count, 11);
    /* The next trouble begins with a short pause again. */
    fail_with(EMFILE, faults.accepts + 1);
    size_t calls = faults.accepts;
    connect_many(p, 1);
    p->tried[0] = virtual_time.now_ns;
    fixture_settle(p->f);
    assert_int_equal(faults.accepts, calls + 1);
    pass(p, 0.09);
    assert_int_equal(p->count, 11);
    pass(p, 0.02);
    assert_int_equal(p->count, 12);
    assert_int_equal(p->f->log.lines, 1);
}

/* FAULTS 14: never a busy loop. While it pauses nothing is called, however many clients come. */
static void test_no_busy_loop(void **state)
{
    post *p = *state;
    start(p);
    fail_with(EMFILE, FAULTS_ACCEPTS);
    connect_many(p, 50);
    pass(p, 10);
    assert_in_range(faults.accepts, 12, 14); /* 0.1, 0.3, 0.7, 1.5, then each second */
}

static void test_a_line_a_minute(void **state)
{
    post *p = *state;
    start(p);
    /* More than a minute of it: the list of results is long enough. */
    fail_with(EMFILE, FAULTS_ACCEPTS);
    connect_many(p, 1);
    pass(p, 55);
    assert_int_equal(p->f->log.lines, 1);
    pass(p, 6);
    assert_int_equal(p->f->log.lines, 2);
}

/* Watches that share their trouble complain once between them. */
static void test_shared_trouble(void **state)
{
    post *p = *state;
    post *q = calloc(1, sizeof *q);
    yodel_accept_trouble trouble = {0};
    assert_non_null(q);
    q->f = p->f;
    p->watch.trouble = &trouble;
    q->watch.trouble = &trouble;
    start(p);
    start(q);
    fail_with(ENFILE, 10);
    connect_many(p, 1);
    connect_many(q, 1);
    pass(p, 5);
    assert_int_equal(p->count + q->count, 2);
    assert_int_equal(p->f->log.lines, 1);
    yodel_accept_watch_finish(&q->watch, 0);
    close(q->accepted[0]);
    close(q->client[0]);
    free(q);
}

/* The real thing: a process without a file descriptor. */
static void test_no_file_descriptor_for_real(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 5);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit tight = {.rlim_cur = (rlim_t)p->client[4] + 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    pass(p, 0.5);
    size_t count = p->count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(count < 5);
    assert_true(fixture_logged(p->f, "cannot accept connections: Too many open files"));
    pass(p, 1.01);
    assert_int_equal(p->count, 5);
}

/* --- the end -----------------------------------------------------------------------------------*/

static void test_finish_accepts_what_has_queued(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 100);
    yodel_accept_watch_finish(&p->watch, 1000);
    assert_int_equal(p->count, 100);
    assert_int_equal(p->batches, 1);
    assert_int_equal(net_try_connect("127.0.0.1", p->port), -ECONNREFUSED);
    yodel_accept_watch_finish(&p->watch, 1000); /* no effect */
    fixture_settle(p->f);
    assert_int_equal(p->count, 100);
}

static void test_finish_accepts_at_most(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 10);
    yodel_accept_watch_finish(&p->watch, 4);
    assert_int_equal(p->count, 4);
    assert_int_equal(net_wait_end(p->client[9]), ECONNRESET);
}

static void test_finish_in_trouble(void **state)
{
    post *p = *state;
    start(p);
    fail_with(EMFILE, 1);
    connect_many(p, 3);
    fixture_settle(p->f);
    assert_int_equal(p->count, 0);
    yodel_accept_watch_finish(&p->watch, 10); /* tries once more */
    assert_int_equal(p->count, 3);
    pass(p, 2); /* the retry is gone, too */
    assert_int_equal(faults.accepts, 5);
}

/* Another process has the listener, too: what has queued is that one's. */
static void test_left_to_another(void **state)
{
    post *p = *state;
    start(p);
    int other = dup(p->watch.listener.fd);
    connect_many(p, 3);
    yodel_accept_watch_leave(&p->watch);
    yodel_accept_watch_leave(&p->watch); /* no effect */
    yodel_accept_watch_finish(&p->watch, 1000);
    fixture_settle(p->f);
    assert_int_equal(p->count, 0);
    assert_int_equal(p->watch.listener.fd,
                     -1); /* or the address were taken when the other one ends */
    for (size_t i = 0; i < 3; i++) {
        int fd = accept4(other, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fd >= 0);
        close(fd);
    }
    yodel_accept_watch_close(&p->watch);
    connect_many(p, 1); /* the other one listens on */
    fixture_settle(p->f);
    close(other);
}

static void test_left_in_trouble(void **state)
{
    post *p = *state;
    start(p);
    fail_with(EMFILE, 1);
    connect_many(p, 3);
    fixture_settle(p->f);
    yodel_accept_watch_leave(&p->watch);
    pass(p, 2); /* the retry is gone */
    assert_int_equal(faults.accepts, 1);
}

/* Who keeps it gives it to the next one. */
static void test_finish_of_a_kept_one(void **state)
{
    post *p = *state;
    start(p);
    p->watch.listener.kept = true;
    connect_many(p, 3);
    yodel_accept_watch_finish(&p->watch, 1000);
    fixture_settle(p->f);
    assert_int_equal(p->count, 0);
    assert_true(fcntl(p->watch.listener.fd, F_GETFD) >= 0);
    yodel_accept_watch_close(&p->watch);
    yodel_accept_watch_close(&p->watch); /* no effect */
}

static void test_closed_without_finish(void **state)
{
    post *p = *state;
    start(p);
    connect_many(p, 1);
    yodel_accept_watch_close(&p->watch);
    fixture_settle(p->f);
    assert_int_equal(p->count, 0);
    assert_int_equal(net_wait_end(p->client[0]), ECONNRESET);
}

static void test_finish_without_start(void **state)
{
    post *p = *state;
    yodel_accept_watch_finish(&p->watch, 10);
    yodel_accept_watch_leave(&p->watch);
    yodel_accept_watch_close(&p->watch);
    assert_int_equal(faults.accepts, 0);
}

int main(void)
{
#define watch_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        watch_test(test_accepted_sockets),
        watch_test(test_the_least),
        watch_test(test_a_storm_comes_in_batches),
        watch_test(test_errors_of_one_connection_are_passed_over),
        watch_test(test_gone_before_accept),
        watch_test(test_no_file_descriptor),
        watch_test(test_no_busy_loop),
        watch_test(test_a_line_a_minute),
        watch_test(test_shared_trouble),
        watch_test(test_no_file_descriptor_for_real),
        watch_test(test_finish_accepts_what_has_queued),
        watch_test(test_finish_accepts_at_most),
        watch_test(test_finish_in_trouble),
        watch_test(test_left_to_another),
        watch_test(test_left_in_trouble),
        watch_test(test_finish_of_a_kept_one),
        watch_test(test_closed_without_finish),
        watch_test(test_finish_without_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
