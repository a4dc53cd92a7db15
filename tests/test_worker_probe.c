/* A worker's lag: probes, and what becomes of them when the worker hangs or has ended. */
#include "core/clock.h"
#include "core/worker.h"
#include "proto/raw.h"

#include <semaphore.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static yodel_worker worker;
static yodel_connection_limit limit = {.max = 10};
static yodel_transport_settings settings;

static void on_stopped(yodel_worker *stopped, void *arg)
{
    (void)stopped;
    (void)arg;
}

static void begin(void)
{
    settings = (yodel_transport_settings){
        .factory = {.ops = &yodel_raw_ops, .size = yodel_raw_size},
        .limit = &limit,
    };
    assert_int_equal(yodel_worker_init(&worker, 0, -1, &settings, on_stopped, NULL), 0);
}

static void end(void)
{
    yodel_worker_drain(&worker, 0);
    yodel_worker_join(&worker);
}

static yodel_durations_seen lag(void)
{
    yodel_durations_seen seen;
    yodel_durations_look(&worker.lag, &seen);
    return seen;
}

static bool came(void *arg)
{
    return lag().total >= *(uint64_t *)arg && yodel_worker_probe_waits(&worker) == 0;
}

static void wait_for_probes(uint64_t n)
{
    wait_until(came, &n, "a probe came");
}

static void test_each_probe_counts(void **state)
{
    (void)state;
    begin();
    assert_int_equal(yodel_worker_start(&worker), 0);
    for (uint64_t n = 1; n <= 5; n++) {
        uint64_t total = lag().total;
        yodel_worker_probe(&worker);
        wait_for_probes(total + 1);
    }
    yodel_durations_seen seen = lag();
    assert_true(seen.sum > 0);
    end();
    yodel_worker_destroy(&worker);
}

/* --- a worker that hangs -----------------------------------------------------------------------*/

typedef struct hang {
    yodel_mail mail;
    sem_t hangs, released;
} hang;

static void on_hang(yodel_mail *mail, void *owner)
{
    (void)owner;
    hang *h = (hang *)(void *)mail;
    sem_post(&h->hangs);
    while (sem_wait(&h->released) != 0) {
    }
}

static bool waits_long(void *arg)
{
    return yodel_worker_probe_waits(&worker) > *(uint64_t *)arg;
}

/* It says how long so far while it hangs, no second probe is sent, and afterwards all those count
 * that were not. */
static void test_a_hang_counts_as_long_as_it_is(void **state)
{
    (void)state;
    static hang h = {.mail = {.deliver = on_hang}};
    uint64_t wanted = 350 * YODEL_NS_PER_SEC / 1000;
    assert_int_equal(sem_init(&h.hangs, 0, 0) | sem_init(&h.released, 0, 0), 0);
    begin();
    assert_int_equal(yodel_worker_start(&worker), 0);
    yodel_mailbox_post(&worker.mailbox, &h.mail);
    assert_int_equal(sem_wait(&h.hangs), 0);
    yodel_worker_probe(&worker);
    wait_until(waits_long, &wanted, "the probe has waited for 350 ms");
    yodel_worker_probe(&worker);
    assert_int_equal(lag().total, 0);
    sem_post(&h.released);
    wait_for_probes(4);
    yodel_durations_seen seen = lag();
    assert_true(yodel_durations_longest(&seen) >= wanted);
    /* t, t - 100 ms, t - 200 ms, ...: the sum tells t, and how many they have to be. */
    uint64_t n = seen.total;
    uint64_t first = (seen.sum + n * (n - 1) / 2 * (YODEL_NS_PER_SEC / 10)) / n;
    assert_int_equal(first / (YODEL_NS_PER_SEC / 10) + 1, n);
    end();
    yodel_worker_destroy(&worker);
    sem_destroy(&h.hangs);
    sem_destroy(&h.released);
}

/* One that has ended has no lag: a probe that it did not take does not wait for ever. */
static void test_ended(void **state)
{
    (void)state;
    begin();
    yodel_worker_probe(&worker); /* before it runs */
    assert_true(yodel_worker_probe_waits(&worker) > 0);
    assert_int_equal(yodel_worker_start(&worker), 0);
    wait_for_probes(1);
    end();
    yodel_worker_probe(&worker);
    assert_int_equal(yodel_worker_probe_waits(&worker), 0);
    yodel_worker_destroy(&worker);
}

/* Turns are measured when it was asked to. */
static void test_measure(void **state)
{
    (void)state;
    yodel_durations_seen seen;
    for (int measure = 0; measure < 2; measure++) {
        begin();
        if (measure) {
            yodel_worker_measure(&worker);
        }
        assert_int_equal(yodel_worker_start(&worker), 0);
        uint64_t total = lag().total;
        yodel_worker_probe(&worker);
        wait_for_probes(total + 1);
        yodel_worker_probe(&worker);
        wait_for_probes(total + 2);
        end();
        yodel_durations_look(&worker.turns, &seen);
        assert_true(measure ? seen.total > 0 : seen.total == 0);
        yodel_worker_destroy(&worker);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_probe_counts),
        cmocka_unit_test(test_a_hang_counts_as_long_as_it_is),
        cmocka_unit_test(test_ended),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
