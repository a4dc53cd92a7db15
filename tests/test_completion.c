/*
 * Completion: one result, seen by everybody who waits, in whichever way.
 */
#include "core/completion.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/clock.h"
#include "tests/support/cmocka_all.h"

static bool readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 0) == 1;
}

static void not_done_at_first(void **state)
{
    uint64_t deadline_ns = yodel_clock_after(0.01);
    yodel_completion c;
    int value = 42;

    (void)state;
    assert_int_equal(yodel_completion_init(&c), 0);
    assert_false(yodel_completion_done(&c));
    assert_false(readable(yodel_completion_fd(&c)));
    assert_int_equal(yodel_completion_wait_until(&c, 0, &value), -ETIMEDOUT);
    assert_int_equal(yodel_completion_wait_until(&c, deadline_ns, &value), -ETIMEDOUT);
    assert_true(yodel_clock_now() >= deadline_ns);
    assert_int_equal(value, 42);
    yodel_completion_destroy(&c);
    yodel_completion_destroy(NULL);
}

static void the_first_result_stays(void **state)
{
    yodel_completion c;
    int value = 42;

    (void)state;
    assert_int_equal(yodel_completion_init(&c), 0);
    assert_true(yodel_completion_complete(&c, -7));
    assert_false(yodel_completion_complete(&c, 8));
    for (int i = 0; i < 2; i++) { /* any number of times */
        assert_true(yodel_completion_done(&c));
        assert_true(readable(yodel_completion_fd(&c)));
        assert_int_equal(yodel_completion_wait(&c), -7);
        assert_int_equal(yodel_completion_wait_until(&c, UINT64_MAX, &value), 0);
        assert_int_equal(value, -7);
    }
    value = 42;
    assert_int_equal(yodel_completion_wait_until(&c, 0, &value), 0); /* done counts, not the time */
    assert_int_equal(value, -7);
    yodel_completion_destroy(&c);
}

static void needs_a_descriptor(void **state)
{
    struct rlimit before;
    struct rlimit none;
    yodel_completion c;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(yodel_completion_init(&c), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* ---- many threads ---------------------------------------------------------------------------- */

enum { COMPLETERS = 4, WAITERS = 6, ROUNDS = 200 };

typedef struct meeting {
    yodel_completion completion;
    pthread_barrier_t start;
    int written_before[COMPLETERS]; /* plain memory: tsan says if completing does not publish it */
} meeting;

typedef struct member {
    pthread_t thread;
    meeting *meeting;
    int number;
    bool won;
    int seen;
} member;

static void *complete(void *argument)
{
    member *m = argument;

    m->meeting->written_before[m->number] = 1000 + m->number;
    pthread_barrier_wait(&m->meeting->start);
    m->won = yodel_completion_complete(&m->meeting->completion, m->number);
    return NULL;
}

static int wait_somehow(yodel_completion *c, int way)
{
    struct pollfd ready = {.fd = yodel_completion_fd(c), .events = POLLIN};
    int value = -1;

    switch (way % 3) {
    case 0:
        return yodel_completion_wait(c);
    case 1:
        while (yodel_completion_wait_until(c, yodel_clock_after(0.0001), &value) == -ETIMEDOUT) {
        }
        return value;
    default:
        return poll(&ready, 1, -1) == 1 ? yodel_completion_wait(c) : -1;
    }
}

static void *wait_for_it(void *argument)
{
    member *m = argument;

    pthread_barrier_wait(&m->meeting->start);
    m->seen = wait_somehow(&m->meeting->completion, m->number);
    if (m->seen >= 0 && m->meeting->written_before[m->seen] != 1000 + m->seen) {
        m->seen = -1;
    }
    return NULL;
}

static void start_thread(member *m, meeting *where, int number, void *(*run)(void *))
{
    *m = (member){.meeting = where, .number = number};
    assert_int_equal(pthread_create(&m->thread, NULL, run, m), 0);
}

static void one_of_many_wins_and_all_see_the_same(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        member completers[COMPLETERS];
        member waiters[WAITERS];
        int winner = -1;
        meeting m;

        assert_int_equal(yodel_completion_init(&m.completion), 0);
        assert_int_equal(pthread_barrier_init(&m.start, NULL, COMPLETERS + WAITERS), 0);
        for (int i = 0; i < WAITERS; i++) {
            start_thread(&waiters[i], &m, i, wait_for_it);
        }
        for (int i = 0; i < COMPLETERS; i++) {
            start_thread(&completers[i], &m, i, complete);
        }
        for (int i = 0; i < COMPLETERS; i++) {
            pthread_join(completers[i].thread, NULL);
            if (completers[i].won) {
                assert_int_equal(winner, -1);
                winner = i;
            }
        }
        assert_int_not_equal(winner, -1);
        for (int i = 0; i < WAITERS; i++) {
            pthread_join(waiters[i].thread, NULL);
            assert_int_equal(waiters[i].seen, winner);
        }
        pthread_barrier_destroy(&m.start);
        yodel_completion_destroy(&m.completion);
    }
}

static void *complete_alone(void *argument)
{
    yodel_completion_complete(argument, 5);
    return NULL;
}

/* Whoever has seen it done may destroy it, though the completer has not left the call yet. */
static void destroyed_as_soon_as_seen(void **state)
{
    (void)state;
    for (int round = 0; round < 3 * ROUNDS; round++) {
        yodel_completion *c = malloc(sizeof *c);
        pthread_t thread;

        assert_non_null(c);
        assert_int_equal(yodel_completion_init(c), 0);
        assert_int_equal(pthread_create(&thread, NULL, complete_alone, c), 0);
        if (round % 4 == 3) {
            while (!yodel_completion_done(c)) {
            }
        } else {
            assert_int_equal(wait_somehow(c, round % 4), 5);
        }
        yodel_completion_destroy(c);
        free(c);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_done_at_first),
        cmocka_unit_test(the_first_result_stays),
        cmocka_unit_test(needs_a_descriptor),
        cmocka_unit_test(one_of_many_wins_and_all_see_the_same),
        cmocka_unit_test(destroyed_as_soon_as_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
