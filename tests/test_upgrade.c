/* How it ends with a new process: it is ready, or it is not, in every way. The process is a shell.
 */
#include "server/upgrade.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/threads.h"

typedef struct bench {
    yodel_loop *loop;
    threads_log log;
    yodel_upgrade_config config;
    yodel_upgrade upgrade;
    char script[200];
    char *argv[4];
    size_t done;
    pid_t pid; /* as it was told */
    size_t fds;
} bench;

static bench b;

static void on_done(void *arg, pid_t pid)
{
    (void)arg;
    b.done++;
    b.pid = pid;
}

static int setup(void **state)
{
    static char name[] = "sh";
    static char option[] = "-c";
    (void)state;
    b = (bench){0};
    b.fds = count_fds();
    threads_log_init(&b.log);
    b.argv[0] = name;
    b.argv[1] = option;
    b.argv[2] = b.script;
    b.config = (yodel_upgrade_config){
        .program = "/bin/sh",
        .argv = b.argv,
        .timeout = 60,
        .log = &b.log.log,
        .done = on_done,
    };
    if (yodel_loop_new(&b.loop) < 0) {
        return -1;
    }
    yodel_upgrade_init(&b.upgrade, b.loop, &b.config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    yodel_upgrade_give_up(&b.upgrade);
    yodel_loop_free(b.loop);
    threads_log_free(&b.log);
    return count_fds() == b.fds ? 0 : -1;
}

static bool is_done(void *arg)
{
    (void)arg;
    return b.done > 0;
}

static void begin(const char *script)
{
    (void)snprintf(b.script, sizeof b.script, "%s", script);
    assert_true(yodel_upgrade_start(&b.upgrade, NULL, 0));
    assert_true(b.upgrade.under_way);
    assert_int_equal(threads_log_count(&b.log, " starts as /bin/sh"), 1);
}

/* Comes to nothing, with one error line that says so. */
static void expect_failure(const char *why)
{
    assert_true(fixture_run_loop(b.loop, is_done, NULL));
    assert_int_equal(b.done, 1);
    assert_int_equal(b.pid, 0);
    assert_false(b.upgrade.under_way);
    assert_int_equal(b.log.errors, 1);
    assert_int_equal(threads_log_count(&b.log, why), 1);
    assert_int_equal(threads_log_count(&b.log, "this process goes on serving"), 1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}

/* Whether or not its first word (successor.h) came late. */
static void becomes_ready(const char *script)
{
    begin(script);
    pid_t pid = b.upgrade.successor.pid;
    assert_true(fixture_run_loop(b.loop, is_done, NULL));
    assert_int_equal(b.pid, pid);
    assert_false(b.upgrade.under_way);
    assert_int_equal(b.log.errors, 0);
    yodel_upgrade_give_up(&b.upgrade); /* too late, no effect */
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_ready(void **state)
{
    (void)state;
    becomes_ready("eval \"printf R >&$YODEL_READY_FD\"; exec sleep 1000");
}

static void test_ready_late(void **state)
{
    (void)state;
    becomes_ready("eval \"printf AR >&$YODEL_READY_FD\"; exec sleep 1000");
}

static void test_exits(void **state)
{
    (void)state;
    begin("exit 3");
    expect_failure("exited with status 3 before it was ready");
}

/* As whoever started this process may have left it. */
static void test_exits_where_children_are_ignored(void **state)
{
    (void)state;
    assert_ptr_not_equal(signal(SIGCHLD, SIG_IGN), SIG_ERR);
    begin("exit 3");
    expect_failure("exited with status 3 before it was ready");
}

static void test_exits_while_another_has_the_pipe(void **state)
{
    (void)state;
    begin("sleep 3 & exit 4");
    expect_failure("exited with status 4 before it was ready");
}

static void test_ended_by_a_signal(void **state)
{
    (void)state;
    begin("kill -SEGV $$");
    expect_failure("was ended by signal 11 before it was ready");
}

static void test_not_in_time(void **state)
{
    (void)state;
    b.config.timeout = 0.2;
    begin("exec sleep 1000");
    expect_failure("was not ready after 0.2 s, and was killed");
}

static void test_says_nothing(void **state)
{
    (void)state;
    begin("eval \"exec $YODEL_READY_FD>&-\"; exec sleep 1000");
    expect_failure("did not say that it was ready, and was killed");
}

static void test_says_something_else(void **state)
{
    (void)state;
    b.config.timeout = 0.2;
    begin("eval \"printf x >&$YODEL_READY_FD\"; exec sleep 1000");
    expect_failure("was not ready after 0.2 s, and was killed");
}

static void test_cannot_be_run(void **state)
{
    (void)state;
    b.config.program = "/etc/passwd";
    assert_true(yodel_upgrade_start(&b.upgrade, NULL, 0));
    expect_failure("upgrade to /etc/passwd failed: cannot run it: Permission denied");
}

static void test_not_found(void **state)
{
    (void)state;
    b.config.program = "no-such-program-anywhere";
    assert_false(yodel_upgrade_start(&b.upgrade, NULL, 0));
    assert_false(b.upgrade.under_way);
    assert_int_equal(b.done, 0);
    assert_int_equal(b.log.lines, 1);
    assert_int_equal(b.log.errors, 1);
    assert_int_equal(threads_log_count(&b.log, "cannot start it: No such file or directory"), 1);
}

static void test_given_up(void **state)
{
    (void)state;
    begin("exec sleep 1000");
    pid_t pid = b.upgrade.successor.pid;
    yodel_upgrade_give_up(&b.upgrade);
    assert_false(b.upgrade.under_way);
    assert_int_equal(b.done, 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(threads_log_count(&b.log, "given up"), 1);
    yodel_upgrade_give_up(&b.upgrade); /* no effect */
    assert_int_equal(b.log.lines, 2);
}

/* Who gives up looks before he kills: it may serve already. */
static void test_given_up_when_it_was_ready(void **state)
{
    (void)state;
    begin("eval \"printf R >&$YODEL_READY_FD\"; exec sleep 1000");
    pid_t pid = b.upgrade.successor.pid;
    wait_readable(b.upgrade.successor.ready, "it says that it is ready");
    yodel_upgrade_give_up(&b.upgrade);
    assert_int_equal(b.done, 1);
    assert_int_equal(b.pid, pid);
    assert_false(b.upgrade.under_way);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* What failed may be tried again. */
static void test_again(void **state)
{
    (void)state;
    begin("exit 1");
    expect_failure("exited with status 1");
    b.done = 0;
    (void)snprintf(b.script, sizeof b.script, "%s", "exit 2");
    assert_true(yodel_upgrade_start(&b.upgrade, NULL, 0));
    assert_true(fixture_run_loop(b.loop, is_done, NULL));
    assert_int_equal(threads_log_count(&b.log, "exited with status 2"), 1);
}

int main(void)
{
#define upgrade_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        upgrade_test(test_ready),
        upgrade_test(test_ready_late),
        upgrade_test(test_exits),
        upgrade_test(test_exits_where_children_are_ignored),
        upgrade_test(test_exits_while_another_has_the_pipe),
        upgrade_test(test_ended_by_a_signal),
        upgrade_test(test_not_in_time),
        upgrade_test(test_says_nothing),
        upgrade_test(test_says_something_else),
        upgrade_test(test_cannot_be_run),
        upgrade_test(test_not_found),
        upgrade_test(test_given_up),
        upgrade_test(test_given_up_when_it_was_ready),
        upgrade_test(test_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
