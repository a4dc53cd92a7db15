/*
 * A server's life until a signal. Each test runs it in a child process, where it has the main
 * thread and the signals for itself; the test is the client and who sends the signals. The child
 * says through its exit status what yodel_server_run has returned.
 */
#include "core/run.h"

#include "core/clock.h"
#include "core/error.h"
#include "proto/raw.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/threads.h"

/* Exit statuses of the child. */
enum { DRAINED = 10, SECOND_SIGNAL, NOT_STARTED, BROKEN };

typedef struct child {
    pid_t pid;
    uint16_t port;
} child;

static yodel_server_config config;
static yodel_run_config run_config;

static child one; /* the test's */

static int setup(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1"};
    faults_reset();
    yodel_server_config_init(&config);
    config.hosts = hosts;
    config.port = "0";
    config.threads = 2;
    config.max_connections = 100;
    config.factory = (yodel_protocol_factory){.ops = &yodel_raw_ops, .size = yodel_raw_size};
    run_config = (yodel_run_config){.grace = 10};
    one = (child){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    faults_reset();
    if (one.pid > 0) {
        kill(one.pid, SIGKILL);
        waitpid(one.pid, NULL, 0);
    }
    return 0;
}

/* --- the child's part --------------------------------------------------------------------------*/

static int status_of(int code)
{
    switch (code) {
    case 0:
        return DRAINED;
    case -EINTR:
        return SECOND_SIGNAL;
    case -EAGAIN:
    case -EMFILE:
        return NOT_STARTED;
    default:
        return BROKEN;
    }
}

/* At the end every connection is accounted for. */
static bool in_order(const yodel_server *server)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    return yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED) == yodel_counters_closed(&sum);
}

static void let_fds_be_opened(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static _Noreturn void be_the_server(int port_pipe, void (*before)(yodel_server *server))
{
    yodel_server *server;
    if (yodel_server_new(&config, &server) != 0) {
        _exit(BROKEN);
    }
    size_t count;
    uint16_t port = yodel_address_port(yodel_server_addresses(server, &count));
    size_t open = 0;
    if (before != NULL) {
        before(server);
    } else {
        open = count_fds();
    }
    if (write(port_pipe, &port, sizeof port) != (ssize_t)sizeof port) {
        _exit(BROKEN);
    }
    int status = status_of(yodel_server_run(server, &run_config));
    if (status == SECOND_SIGNAL) {
        /* Its threads still run: at once, which is what _exit does, but for the thread sanitizer,
         * which complains of threads that nobody joined. */
        syscall(SYS_exit_group, status);
    }
    let_fds_be_opened();
    if (!in_order(server) || (open != 0 && status == NOT_STARTED && count_fds() != open)) {
        status = BROKEN;
    }
    yodel_server_free(server);
    /* Not _exit: the leak sanitizer has a word to say. */
    exit(status);
}

static void start(void (*before)(yodel_server *server))
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    one.pid = fork();
    assert_true(one.pid >= 0);
    if (one.pid == 0) {
        close(ends[0]);
        be_the_server(ends[1], before);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], &one.port, sizeof one.port);
    close(ends[0]);
    assert_int_equal(n, sizeof one.port);
}

/* --- the test's part ---------------------------------------------------------------------------*/

static bool has_exited(void *arg)
{
    siginfo_t info = {0};
    (void)arg;
    return waitid(P_PID, (id_t)one.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == one.pid;
}

static void expect_exit(int wanted)
{
    int status;
    wait_until(has_exited, NULL, "the server exits");
    assert_int_equal(waitpid(one.pid, &status, 0), one.pid);
    one.pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), wanted);
}

/* A client that is being served: so the signals are in the server's hands from here on. */
static int served_client(void)
{
    int client = net_connect(one.port);
    expect_echo(client, "hello");
    return client;
}

static void until_signal(int signal_number)
{
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, signal_number), 0);
    net_expect_eof(client);
    close(client);
    expect_exit(DRAINED);
}

static void test_sigterm(void **state)
{
    (void)state;
    until_signal(SIGTERM);
}

static void test_sigint(void **state)
{
    (void)state;
    until_signal(SIGINT);
}

/* FAULTS 16: the idle one at once, the never-reader at the grace. */
static void test_grace(void **state)
{
    (void)state;
    static char much[1 << 20];
    run_config.grace = 0.3;
    start(NULL);
    int idle = served_client();
    int stuck = net_connect_tiny(one.port);
    net_fill(stuck, much, sizeof much, 200);
    uint64_t before = yodel_clock_now();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    net_expect_eof(idle);
    expect_exit(DRAINED);
    assert_true(yodel_clock_now() - before >= 3 * YODEL_NS_PER_SEC / 10);
    close(idle);
    close(stuck);
}

/* After a signal that was seen to have come: the next one is a second one. */
static void wait_until_not_the_same(void)
{
    program_pause_ms(YODEL_RUN_SAME_SIGNAL_MS);
}

/* As timeout(1) does: to the process, and to its group. */
static void test_sigterm_twice_at_once(void **state)
{
    (void)state;
    int status;
    run_config.drain_delay = 0.3; /* else it may have ended before it sees the second */
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(one.pid, &status, WUNTRACED), one.pid);
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    assert_int_equal(kill(one.pid, SIGINT), 0);
    assert_int_equal(kill(one.pid, SIGCONT), 0);
    net_expect_eof(client);
    expect_exit(DRAINED);
    close(client);
}

/* FAULTS 18: the second one does not wait for the grace. */
static void second_signal(int first, int second)
{
    static char much[1 << 20];
    run_config.grace = 1000;
    start(NULL);
    int idle = served_client();
    int stuck = net_connect_tiny(one.port);
    net_fill(stuck, much, sizeof much, 200);
    assert_int_equal(kill(one.pid, first), 0);
    net_expect_eof(idle); /* the drain has begun */
    wait_until_not_the_same();
    assert_int_equal(kill(one.pid, second), 0);
    expect_exit(SECOND_SIGNAL);
    close(idle);
    close(stuck);
}

static void test_sighup(void **state)
{
    (void)state;
    until_signal(SIGHUP);
}

/* nohup */
static void test_sighup_ignored(void **state)
{
    (void)state;
    void (*before)(int) = signal(SIGHUP, SIG_IGN);
    start(NULL);
    assert_ptr_not_equal(signal(SIGHUP, before), SIG_ERR);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGHUP), 0);
    expect_echo(client, "still");
    assert_int_equal(kill(one.pid, SIGTERM), 0); /* a first one */
    net_expect_eof(client);
    expect_exit(DRAINED);
    close(client);
}

static void test_sigterm_twice(void **state)
{
    (void)state;
    second_signal(SIGTERM, SIGTERM);
}

static void test_sigint_then_sigterm(void **state)
{
    (void)state;
    second_signal(SIGINT, SIGTERM);
}

/* Somebody else, a task for instance, ends the server: then no signal is needed. */
static void drain_at_once(yodel_server *server)
{
    yodel_server_drain(server, 10);
}

static void test_drained_by_itself(void **state)
{
    (void)state;
    start(drain_at_once);
    expect_exit(DRAINED);
}

/* A signal that comes before the server runs is not lost. */
static void pending_signal(yodel_server *server)
{
    sigset_t set;
    (void)server;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)raise(SIGTERM);
}

static void test_a_signal_before_the_start(void **state)
{
    (void)state;
    start(pending_signal);
    expect_exit(DRAINED);
}

/* Other signals are none of its business. */
static void test_sigusr1_is_left_alone(void **state)
{
    (void)state;
    int status;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGUSR1), 0);
    wait_until(has_exited, NULL, "the server ends by the signal");
    assert_int_equal(waitpid(one.pid, &status, 0), one.pid);
    one.pid = 0;
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGUSR1);
    close(client);
}

static void test_no_thread(void **state)
{
    (void)state;
    faults_fail(FAULTS_THREAD, 2, EAGAIN);
    start(NULL);
    expect_exit(NOT_STARTED);
}

static void no_more_fds(yodel_server *server)
{
    (void)server;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = 0;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void test_no_file_descriptor_for_signals(void **state)
{
    (void)state;
    start(no_more_fds);
    expect_exit(NOT_STARTED);
}

/* --- events ------------------------------------------------------------------------------------*/

/* What has happened, in memory that the child shares with the test. */
static char *events;

static void note(const char *what)
{
    strcat(events, what);
}

static void on_begin(yodel_run *run, void *arg)
{
    note(arg == &run_config && yodel_run_loop(run) != NULL ? "begin " : "wrong ");
}

static void on_ready(yodel_run *run, void *arg)
{
    (void)arg;
    note(yodel_run_is_ending(run) ? "wrong " : "ready ");
}

static void on_signal(yodel_run *run, void *arg)
{
    (void)arg;
    note("signal ");
    yodel_run_replaced(run);
}

static void on_ending(yodel_run *run, void *arg)
{
    (void)arg;
    note(yodel_run_is_ending(run) ? "ending " : "wrong ");
}

static void on_end(yodel_run *run, void *arg)
{
    (void)run;
    (void)arg;
    note("end");
}

static int setup_events(void **state)
{
    events = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int code = setup(state);
    run_config.on_begin = on_begin;
    run_config.on_ready = on_ready;
    run_config.on_signal = on_signal;
    run_config.on_ending = on_ending;
    run_config.on_end = on_end;
    run_config.arg = &run_config;
    run_config.signal = SIGUSR2;
    return events != MAP_FAILED ? code : -1;
}

static int teardown_events(void **state)
{
    int code = teardown(state);
    munmap(events, 4096);
    return code;
}

static bool is_ending(void *arg)
{
    (void)arg;
    return strstr(events, "ending") != NULL;
}

static bool has_signal(void *arg)
{
    (void)arg;
    return strstr(events, "signal") != NULL;
}

/* Between being told and the drain it accepts and serves. */
static void test_drain_delay(void **state)
{
    (void)state;
    run_config.drain_delay = 1;
    start(NULL);
    int client = served_client();
    uint64_t before = yodel_clock_now();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    wait_until(is_ending, NULL, "it is told to end");
    int late = served_client();
    expect_echo(client, "still");
    net_expect_eof(client);
    assert_true(yodel_clock_now() - before >= YODEL_NS_PER_SEC);
    net_expect_eof(late);
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready ending end");
    close(client);
    close(late);
}

static void test_a_second_signal_in_the_delay(void **state)
{
    (void)state;
    run_config.drain_delay = 1000;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    wait_until(is_ending, NULL, "it is told to end");
    expect_echo(client, "hello");
    wait_until_not_the_same();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    expect_exit(SECOND_SIGNAL);
    assert_string_equal(events, "begin ready ending ");
    close(client);
}

/* Its connections end by themselves, or after the grace. */
static void test_replaced(void **state)
{
    (void)state;
    run_config.drain_delay = run_config.grace = 1000;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGUSR2), 0);
    wait_until(has_signal, NULL, "the signal has come");
    expect_echo(client, "still");
    close(client);
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready signal end");
}

static void test_replaced_and_the_grace_is_over(void **state)
{
    (void)state;
    run_config.grace = 0.3;
    start(NULL);
    int client = served_client();
    uint64_t before = yodel_clock_now();
    assert_int_equal(kill(one.pid, SIGUSR2), 0);
    net_expect_eof(client);
    assert_true(yodel_clock_now() - before >= 3 * YODEL_NS_PER_SEC / 10);
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready signal end");
    close(client);
}

static void test_replaced_and_told_to_end(void **state)
{
    (void)state;
    run_config.drain_delay = run_config.grace = 1000;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGUSR2), 0);
    wait_until(has_signal, NULL, "the signal has come");
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    net_expect_eof(client); /* without the delay: nobody sends clients here any more */
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready signal ending end");
    close(client);
}

static void on_ending_replaced(yodel_run *run, void *arg)
{
    on_ending(run, arg);
    yodel_run_replaced(run);
}

/* That it is replaced is found out when it is told to end. */
static void test_told_to_end_and_replaced(void **state)
{
    (void)state;
    run_config.drain_delay = 1000;
    run_config.on_ending = on_ending_replaced;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    net_expect_eof(client); /* without the delay */
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready ending end");
    close(client);
}

/* Told to end first: that goes on as it does. */
static void test_replaced_in_the_delay(void **state)
{
    (void)state;
    run_config.drain_delay = 1;
    start(NULL);
    int client = served_client();
    assert_int_equal(kill(one.pid, SIGTERM), 0);
    wait_until(is_ending, NULL, "it is told to end");
    assert_int_equal(kill(one.pid, SIGUSR2), 0);
    net_expect_eof(client);
    expect_exit(DRAINED);
    assert_string_equal(events, "begin ready ending signal end");
    close(client);
}

static void test_events_without_a_start(void **state)
{
    (void)state;
    faults_fail(FAULTS_THREAD, 2, EAGAIN);
    start(NULL);
    expect_exit(NOT_STARTED);
    assert_string_equal(events, "begin end");
}

#define event_test(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, setup_events, teardown_events)
#define process_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        process_test(test_sigterm),
        process_test(test_sigint),
        process_test(test_grace),
        process_test(test_sighup),
        process_test(test_sighup_ignored),
        process_test(test_sigterm_twice_at_once),
        process_test(test_sigterm_twice),
        process_test(test_sigint_then_sigterm),
        process_test(test_drained_by_itself),
        process_test(test_a_signal_before_the_start),
        process_test(test_sigusr1_is_left_alone),
        process_test(test_no_thread),
        process_test(test_no_file_descriptor_for_signals),
        event_test(test_drain_delay),
        event_test(test_a_second_signal_in_the_delay),
        event_test(test_replaced),
        event_test(test_replaced_and_the_grace_is_over),
        event_test(test_replaced_and_told_to_end),
        event_test(test_told_to_end_and_replaced),
        event_test(test_replaced_in_the_delay),
        event_test(test_events_without_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
