/* Durations: which bucket a value falls into, exactly; sums and differences; looking while
 * counting. */
#include "core/durations.h"

#include <pthread.h>
#include <stdbool.h>

#include "tests/support/cmocka_all.h"

/* A bound belongs to its bucket, one more to the next. */
static void test_bounds(void **state)
{
    (void)state;
    assert_int_equal(yodel_duration_bucket(0), 0);
    assert_int_equal(yodel_duration_bucket(1), 0);
    for (unsigned i = 0; i < YODEL_DURATION_BUCKETS - 1; i++) {
        uint64_t bound = yodel_duration_bound(i);
        assert_int_equal(bound, UINT64_C(1000) << i);
        assert_int_equal(yodel_duration_bucket(bound - 1), i);
        assert_int_equal(yodel_duration_bucket(bound), i);
        assert_int_equal(yodel_duration_bucket(bound + 1), i + 1);
    }
    assert_int_equal(yodel_duration_bucket(UINT64_MAX), YODEL_DURATION_BUCKETS - 1);
}

static void test_add_and_look(void **state)
{
    (void)state;
    static yodel_durations d;
    yodel_durations_seen seen;
    yodel_durations_look(&d, &seen);
    assert_int_equal(seen.total, 0);
    assert_int_equal(yodel_durations_longest(&seen), 0);
    yodel_durations_add(&d, 1000);
    yodel_durations_add(&d, 1001);
    yodel_durations_add(&d, 1999);
    yodel_durations_add(&d, 5000000);
    yodel_durations_look(&d, &seen);
    assert_int_equal(seen.total, 4);
    assert_int_equal(seen.sum, 5004000);
    assert_int_equal(seen.count[0], 1);
    assert_int_equal(seen.count[1], 2);
    assert_int_equal(seen.count[yodel_duration_bucket(5000000)], 1);
    assert_int_equal(yodel_durations_longest(&seen), 8192000);
    yodel_durations_add(&d, UINT64_C(60) * 1000000000);
    yodel_durations_look(&d, &seen);
    assert_int_equal(yodel_durations_longest(&seen),
                     2 * yodel_duration_bound(YODEL_DURATION_BUCKETS - 2));
}

static void test_between(void **state)
{
    (void)state;
    static yodel_durations d;
    yodel_durations_seen earlier, later, between;
    yodel_durations_add(&d, 100);
    yodel_durations_add(&d, 1000000000);
    yodel_durations_look(&d, &earlier);
    yodel_durations_add(&d, 200);
    yodel_durations_add(&d, 3000);
    yodel_durations_look(&d, &later);
    yodel_durations_between(&earlier, &later, &between);
    assert_int_equal(between.total, 2);
    assert_int_equal(between.sum, 3200);
    assert_int_equal(between.count[0], 1);
    assert_int_equal(between.count[2], 1);
    assert_int_equal(yodel_durations_longest(&between), 4000); /* not the second of before */
}

/* Two of them in an array, and what lies behind one, never share a cache line. */
static void test_cache_lines(void **state)
{
    (void)state;
    static yodel_durations two[2];
    assert_int_equal((uintptr_t)&two[0] % 64, 0);
    assert_int_equal(sizeof two[0] % 64, 0);
}

typedef struct watched {
    yodel_durations durations;
    atomic_bool end;
    uint64_t looks;
    bool went_back;
} watched;

static void *look(void *arg)
{
    watched *w = arg;
    yodel_durations_seen before = {.total = 0}, now;
    do {
        yodel_durations_look(&w->durations, &now);
        w->went_back = w->went_back || now.total < before.total || now.sum < before.sum;
        before = now;
        w->looks++;
    } while (!atomic_load(&w->end));
    return NULL;
}

/* For the thread sanitizer above all. */
static void test_others_may_look(void **state)
{
    (void)state;
    static watched w;
    pthread_t thread;
    yodel_durations_seen seen;
    assert_int_equal(pthread_create(&thread, NULL, look, &w), 0);
    for (uint64_t i = 0; i < 100000; i++) {
        yodel_durations_add(&w.durations, i);
    }
    atomic_store(&w.end, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(w.went_back);
    assert_true(w.looks > 0);
    yodel_durations_look(&w.durations, &seen);
    assert_int_equal(seen.total, 100000);
    assert_int_equal(seen.sum, UINT64_C(99999) * 100000 / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),          cmocka_unit_test(test_add_and_look),
        cmocka_unit_test(test_between),         cmocka_unit_test(test_cache_lines),
        cmocka_unit_test(test_others_may_look),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
