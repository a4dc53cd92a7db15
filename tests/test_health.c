/* Alive or not: as long as every loop turns. */
#include "server/health.h"

#include "core/clock.h"
#include "core/task.h"

#include <semaphore.h>
#include <string.h>

#include "tests/support/chat_server.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/threads.h"

static char message[96];

/* Is it alive, at an instant so many seconds from now? */
static bool healthy(const yodel_server *server, double seconds)
{
    return yodel_health_check(server, yodel_clock_after(seconds), message, sizeof message);
}

static void test_waiting_is_healthy(void **state)
{
    (void)state;
    yodel_server *server = chat_server_new(2);
    assert_true(healthy(server, 0)); /* not started */
    assert_int_equal(yodel_server_start(server), 0);
    assert_true(healthy(server, 0));
    assert_string_equal(message, "ok\n");
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    assert_true(healthy(server, 1000)); /* ended: no loop is in a turn any more */
    yodel_server_free(server);
}

static sem_t released;
static atomic_bool hangs;

static void hang(yodel_task *task, void *arg)
{
    (void)task;
    (void)arg;
    hangs = true;
    while (sem_wait(&released) != 0) {
    }
    sem_post(&released); /* once is enough */
}

static bool does_hang(void *arg)
{
    (void)arg;
    return hangs;
}

/* A loop that is in the same turn for ten seconds; told by name. */
static void test_stuck(void **state)
{
    (void)state;
    yodel_task *task;
    yodel_server *server = chat_server_new(2);
    hangs = false;
    assert_int_equal(sem_init(&released, 0, 0), 0);
    assert_int_equal(yodel_task_start(yodel_server_loop(server), "hang", 0.01, hang, NULL, &task),
                     0);
    assert_int_equal(yodel_server_start(server), 0);
    wait_until(does_hang, NULL, "the acceptor's loop hangs");
    uint64_t since = yodel_server_busy_since(server, 2);
    assert_int_not_equal(since, 0);
    uint64_t patience = (uint64_t)YODEL_HEALTH_PATIENCE * YODEL_NS_PER_SEC;
    assert_true(yodel_health_check(server, since, message, sizeof message));
    assert_true(yodel_health_check(server, since + patience - 1, message, sizeof message));
    assert_false(yodel_health_check(server, since + patience, message, sizeof message));
    assert_string_equal(message, "the acceptor has been stuck for 10 s\n");
    assert_false(yodel_health_check(server, since + 3 * patience, message, sizeof message));
    assert_string_equal(message, "the acceptor has been stuck for 30 s\n");
    sem_post(&released);
    yodel_server_drain(server, 10);
    yodel_server_wait(server);
    yodel_task_stop(task);
    yodel_server_free(server);
    sem_destroy(&released);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waiting_is_healthy),
        cmocka_unit_test(test_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
