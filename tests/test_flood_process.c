/*
 * What a process costs: read from /proc, of processes whose name is a trap, that end, that never were.
 */
#include "tools/flood/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* A child that waits to be killed, named `name`, once it has used some CPU time. */
static pid_t start_child(const char *name)
{
    int pipe_fds[2];
    char byte;

    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        (void)!write(pipe_fds[1], "", 1);
        for (;;) {
            pause();
        }
    }
    assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return pid;
}

static void end_child(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_another_process(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "a b c", ") R 1 (", "((", "1) S 2 3 4 5 "};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        pid_t pid = start_child(names[i]);
        yodel_process process, self;
        yodel_usage usage;
        char message[128] = "untouched";

        assert_int_equal(yodel_process_find(&process, pid, message, sizeof message), 0);
        assert_string_equal(message, "untouched");
        assert_int_equal(process.pid, pid);
        /* What stands in field 22: not before the parent's. */
        assert_int_equal(yodel_process_find(&self, getpid(), message, sizeof message), 0);
        assert_true(process.started >= self.started);
        yodel_process_look(&process, &usage);
        assert_true(usage.known);
        assert_true(usage.resident >= 4096);
        assert_true(usage.resident % 4096 == 0);
        assert_true(usage.cpu >= 0 && usage.cpu < 60);
        end_child(pid);
        yodel_process_look(&process, &usage);
        assert_false(usage.known);
        assert_int_equal(usage.resident, 0);
        assert_true(usage.cpu == 0);
    }
}

/* Its parent has not waited for it: its line in /proc is still there. */
static void test_zombie(void **state)
{
    (void)state;
    pid_t pid = start_child("zombie");
    yodel_process process;
    yodel_usage usage;
    siginfo_t info;
    char message[128];

    assert_int_equal(yodel_process_find(&process, pid, message, sizeof message), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    yodel_process_look(&process, &usage);
    assert_false(usage.known);
    assert_int_equal(yodel_process_find(&process, pid, message, sizeof message), -ESRCH);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The pid is somebody else's now. */
static void test_used_again(void **state)
{
    (void)state;
    yodel_process process;
    yodel_usage usage;
    char message[128];

    assert_int_equal(yodel_process_find(&process, getpid(), message, sizeof message), 0);
    yodel_process_look(&process, &usage);
    assert_true(usage.known);
    process.started--;
    yodel_process_look(&process, &usage);
    assert_false(usage.known);
}

static void test_nobody(void **state)
{
    (void)state;
    yodel_process process = {.pid = 42, .started = 43};
    char message[128], expected[128];
    pid_t pid = start_child("gone");

    end_child(pid);
    assert_int_equal(yodel_process_find(&process, pid, message, sizeof message), -ESRCH);
    snprintf(expected, sizeof expected, "cannot look at process %ld: No such process", (long)pid);
    assert_string_equal(message, expected);
    assert_int_equal(process.pid, 42);
    assert_int_equal(process.started, 43);
}

static void test_cpu_grows(void **state)
{
    (void)state;
    yodel_process process;
    yodel_usage self, before, after;
    char message[128];

    assert_int_equal(yodel_process_find(&process, getpid(), message, sizeof message), 0);
    yodel_process_self(&self);
    yodel_process_look(&process, &before);
    assert_true(self.known);
    assert_true(self.resident > 0);
    /* Until /proc, which counts in ticks of 10 ms, has seen 30 ms. */
    do {
        yodel_process_look(&process, &after);
    } while (after.cpu < before.cpu + 0.03);
    yodel_usage later;
    yodel_process_self(&later);
    assert_true(later.cpu > self.cpu + 0.005);
    /* Both in seconds. A tick more or less. */
    assert_true(later.cpu > after.cpu - 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_process), cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_used_again),      cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_cpu_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
