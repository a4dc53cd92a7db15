/*
 * How threads are started: name, signals, core.
 */
#include "core/thread.h"

#include "core/completion.h"
#include "core/cpus.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

/* What a thread sees of itself; it lives until it is told to end. */
typedef struct look {
    yodel_completion seen;
    yodel_completion end;
    sigset_t blocked;
    cpu_set_t cpus;
    int error;
} look;

static void *look_around(void *arg)
{
    look *l = arg;
    l->error = pthread_sigmask(SIG_BLOCK, NULL, &l->blocked);
    if (l->error == 0) {
        l->error = pthread_getaffinity_np(pthread_self(), sizeof l->cpus, &l->cpus);
    }
    yodel_completion_complete(&l->seen, 0);
    yodel_completion_wait(&l->end);
    return l;
}

/* Starts a thread and waits until it has seen everything; its name as others see it. */
static void start_and_look(look *l, const char *name, int cpu, char seen_name[YODEL_THREAD_NAME])
{
    pthread_t thread;
    void *result;
    assert_int_equal(yodel_completion_init(&l->seen), 0);
    assert_int_equal(yodel_completion_init(&l->end), 0);
    assert_int_equal(yodel_thread_start(&thread, name, cpu, look_around, l), 0);
    yodel_completion_wait(&l->seen);
    int error = pthread_getname_np(thread, seen_name, YODEL_THREAD_NAME);
    yodel_completion_complete(&l->end, 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, l);
    yodel_completion_destroy(&l->seen);
    yodel_completion_destroy(&l->end);
    assert_int_equal(error, 0);
    assert_int_equal(l->error, 0);
}

static void test_name(void **state)
{
    (void)state;
    look l;
    char name[YODEL_THREAD_NAME];
    start_and_look(&l, "worker 7", -1, name);
    assert_string_equal(name, "worker 7");
    start_and_look(&l, "", -1, name);
    assert_string_equal(name, "");
    start_and_look(&l, "fifteen letters", -1, name);
    assert_string_equal(name, "fifteen letters");
    start_and_look(&l, "more than fifteen letters", -1, name);
    assert_string_equal(name, "more than fifte");
}

/* Those that can be blocked; 32 and 33 are the C library's own. */
static bool can_be_blocked(int number)
{
    return number != SIGKILL && number != SIGSTOP && number != 32 && number != 33;
}

static void test_signals_blocked(void **state)
{
    (void)state;
    look l;
    char name[YODEL_THREAD_NAME];
    sigset_t mine, before, after;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR2);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &mine, &before), 0);
    start_and_look(&l, "deaf", -1, name);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, &after), 0);
    for (int i = 1; i <= SIGRTMAX; i++) {
        if (can_be_blocked(i) && !sigismember(&l.blocked, i)) {
            fail_msg("signal %d is not blocked", i);
        }
        if (can_be_blocked(i)) { /* and who starts the thread keeps his own */
            assert_int_equal(sigismember(&after, i), i == SIGUSR2);
        }
    }
}

static void test_any_cpu(void **state)
{
    (void)state;
    look l;
    char name[YODEL_THREAD_NAME];
    cpu_set_t mine;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    start_and_look(&l, "any", -1, name);
    assert_true(CPU_EQUAL(&l.cpus, &mine));
}

static void test_one_cpu(void **state)
{
    (void)state;
    int *cpus;
    size_t count;
    assert_int_equal(yodel_cpus_allowed(&cpus, &count), 0);
    for (size_t i = 0; i < count; i++) {
        look l;
        char name[YODEL_THREAD_NAME];
        start_and_look(&l, "pinned", cpus[i], name);
        assert_int_equal(CPU_COUNT(&l.cpus), 1);
        assert_true(CPU_ISSET((size_t)cpus[i], &l.cpus));
    }
    free(cpus);
}

static void *not_reached(void *arg)
{
    *(bool *)arg = true;
    return NULL;
}

static void test_bad_cpu(void **state)
{
    (void)state;
    const int bad[] = {CPU_SETSIZE - 1, CPU_SETSIZE, 1000000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bool ran = false;
        sigset_t before, after;
        memset(&before, 0, sizeof before); /* the kernel's mask fills only a part of it */
        memset(&after, 0, sizeof after);
        pthread_t thread;
        pthread_t untouched;
        memset(&thread, 0x55, sizeof thread);
        untouched = thread;
        assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
        assert_int_equal(yodel_thread_start(&thread, "nowhere", bad[i], not_reached, &ran),
                         -EINVAL);
        assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
        assert_memory_equal(&before, &after, sizeof before);
        assert_memory_equal(&thread, &untouched, sizeof thread);
        assert_false(ran);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),    cmocka_unit_test(test_signals_blocked),
        cmocka_unit_test(test_any_cpu), cmocka_unit_test(test_one_cpu),
        cmocka_unit_test(test_bad_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
