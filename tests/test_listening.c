/*
 * Who accepts on what: one acceptor, or workers with a listener each on every address, with fewer
 * and more inherited listeners than workers. The threads are not started; what was given to whom is
 * looked at.
 */
#include "core/listening.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/completion.h"
#include "proto/raw.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/threads.h"

enum { WORKERS_MOST = 5 };

typedef struct bench {
    yodel_completion stopped;
    yodel_acceptor acceptor;
    yodel_worker workers[WORKERS_MOST];
    unsigned worker_count;
    yodel_connection_limit limit;
    yodel_transport_settings settings;
    yodel_accept_trouble trouble;
    threads_log log;
    yodel_listening_config config;
    yodel_listening listening;
    size_t fds;
} bench;

static bench *b;

static int setup(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "127.0.0.2"};
    (void)state;
    faults_reset();
    b = aligned_alloc(_Alignof(bench), sizeof(*b));
    if (b == NULL) {
        return -1;
    }
    memset(b, 0, sizeof(*b));
    b->fds = count_fds();
    threads_log_init(&b->log);
    b->limit.max = 10;
    b->settings = (yodel_transport_settings){
        .factory = {.ops = &yodel_raw_ops, .size = yodel_raw_size}, .limit = &b->limit};
    b->config = (yodel_listening_config){
        .hosts = hosts,
        .host_count = 2,
        .port = "0",
        .backlog = 10,
        .acceptor = &b->acceptor,
        .workers = b->workers,
        .trouble = &b->trouble,
        .log = &b->log.log,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_reset();
    for (unsigned i = 0; i < b->worker_count; i++) {
        yodel_worker_destroy(&b->workers[i]);
    }
    if (b->worker_count > 0) {
        yodel_acceptor_destroy(&b->acceptor);
        yodel_completion_destroy(&b->stopped);
    }
    yodel_listening_free(&b->listening);
    threads_log_free(&b->log);
    bool closed = count_fds() == b->fds;
    free(b);
    return closed ? 0 : -1;
}

static void make(unsigned workers)
{
    assert_int_equal(yodel_completion_init(&b->stopped), 0);
    assert_int_equal(yodel_acceptor_init(&b->acceptor, b->workers, workers, NULL, &b->stopped), 0);
    for (; b->worker_count < workers; b->worker_count++) {
        assert_int_equal(yodel_worker_init(&b->workers[b->worker_count], b->worker_count, -1,
                                           &b->settings, yodel_acceptor_worker_stopped,
                                           &b->acceptor),
                         0);
    }
    b->config.worker_count = workers;
}

static int open_for(unsigned workers, bool by_workers)
{
    make(workers);
    b->config.by_workers = by_workers;
    return yodel_listening_open(&b->config, &b->listening);
}

/* Every listener is watched by exactly one. */
static void expect_all_watched(void)
{
    for (size_t l = 0; l < b->listening.set.count; l++) {
        size_t watched = 0;
        for (size_t i = 0; i < b->acceptor.watch_count; i++) {
            watched += b->acceptor.watches[i].listener.fd == b->listening.set.listeners[l].fd;
        }
        for (unsigned w = 0; w < b->worker_count; w++) {
            for (size_t i = 0; i < b->workers[w].watch_count; i++) {
                watched += b->workers[w].watches[i].listener.fd == b->listening.set.listeners[l].fd;
            }
        }
        assert_int_equal(watched, 1);
    }
}

static void inherit(yodel_inherited_listener *given, size_t count)
{
    yodel_listener first = listen_on_loopback(10);
    given[0] = (yodel_inherited_listener){.fd = first.fd};
    for (size_t i = 1; i < count; i++) {
        yodel_listener more;
        assert_int_equal(yodel_listener_open(&first.address, 10, 0, &more), 0);
        given[i] = (yodel_inherited_listener){.fd = more.fd};
    }
    b->config.inherited = given;
    b->config.inherited_count = count;
}

static void test_the_acceptor(void **state)
{
    (void)state;
    assert_int_equal(open_for(3, false), 0);
    assert_int_equal(b->listening.set.count, 2);
    assert_int_equal(b->listening.address_count, 2);
    assert_int_equal(b->acceptor.watch_count, 2);
    expect_all_watched();
    yodel_listening_log(&b->listening, &b->log.log);
    assert_int_equal(threads_log_count(&b->log, "listening on 127.0.0."), 2);
    assert_int_equal(threads_log_count(&b->log, "(inherited)"), 0);
}

static void test_workers(void **state)
{
    (void)state;
    assert_int_equal(open_for(3, true), 0);
    assert_int_equal(b->listening.set.count, 6);
    assert_int_equal(b->listening.address_count, 2);
    for (unsigned w = 0; w < 3; w++) {
        assert_int_equal(b->workers[w].watch_count, 2);
    }
    expect_all_watched();
}

static void test_more_inherited_than_workers(void **state)
{
    (void)state;
    yodel_inherited_listener given[5];
    inherit(given, 5);
    assert_int_equal(open_for(2, true), 0);
    assert_int_equal(b->listening.set.count, 5);
    assert_int_equal(b->listening.address_count, 1);
    assert_int_equal(b->workers[0].watch_count, 3);
    assert_int_equal(b->workers[1].watch_count, 2);
    expect_all_watched();
    yodel_listening_log(&b->listening, &b->log.log);
    assert_int_equal(threads_log_count(&b->log, " (inherited)"), 1);
}

static void test_fewer_inherited_than_workers(void **state)
{
    (void)state;
    yodel_inherited_listener given[2];
    inherit(given, 2);
    assert_int_equal(open_for(5, true), 0);
    assert_int_equal(b->listening.set.count, 5);
    for (unsigned w = 0; w < 5; w++) {
        assert_int_equal(b->workers[w].watch_count, 1);
        assert_int_equal(b->workers[w].watches[0].listener.inherited, w < 2);
    }
    expect_all_watched();
}

static void test_inherited_by_the_acceptor(void **state)
{
    (void)state;
    yodel_inherited_listener given[3];
    inherit(given, 3);
    assert_int_equal(open_for(2, false), 0);
    assert_int_equal(b->listening.set.count, 3);
    assert_int_equal(b->acceptor.watch_count, 3);
    expect_all_watched();
}

/* Nobody may open more on the address: one accepts for all. */
static void test_not_to_be_shared(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const yodel_inherited_listener given = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(bind(given.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(given.fd, 10), 0);
    b->config.inherited = &given;
    b->config.inherited_count = 1;
    assert_int_equal(open_for(2, true), 0);
    assert_int_equal(b->listening.set.count, 1);
    assert_int_equal(b->acceptor.watch_count, 1);
    expect_all_watched();
    assert_int_equal(b->log.lines, 2);
    assert_int_equal(b->log.errors, 0);
    assert_int_equal(threads_log_count(&b->log, "the acceptor accepts for all"), 1);
}

/* Whatever allocation fails: a negative code, a line, and nothing is left open (teardown looks). */
static void test_without_memory(void **state)
{
    size_t failed = 0;
    for (size_t n = 1;; n++) {
        make(3);
        b->config.by_workers = true;
        faults_fail_allocation(n);
        int code = yodel_listening_open(&b->config, &b->listening);
        if (!faults_allocation_failed()) {
            assert_int_equal(code, 0);
            break;
        }
        failed++;
        assert_true(code < 0);
        assert_int_equal(b->log.errors, 1);
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
    }
    assert_true(failed >= 8); /* sets, addresses, owners, and what each worker has */
}

#define listening_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        listening_test(test_the_acceptor),
        listening_test(test_workers),
        listening_test(test_more_inherited_than_workers),
        listening_test(test_fewer_inherited_than_workers),
        listening_test(test_inherited_by_the_acceptor),
        listening_test(test_not_to_be_shared),
        listening_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
