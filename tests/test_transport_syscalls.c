/*
 * What a message costs in system calls (DESIGN section 2): one receive, one send, its share of
 * epoll_wait, and nothing else. A process that serves one connection is traced while another one
 * plays ping-pong with it.
 */
#include "core/transport_group.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/chat.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/program.h"

#define ROUNDS 500

/* Calls that may be made now and then: to begin, to end, a timer. */
#define NOW_AND_THEN 20

static yodel_line_ops chat_until_the_end;
static yodel_loop *loop;

static void stop_loop(yodel_line_protocol *p, int reason)
{
    (void)p;
    (void)reason;
    yodel_loop_stop(loop);
}

/* Serves one connection until it ends. */
static _Noreturn void be_the_server(int fd)
{
    yodel_connection_limit limit = {.max = 10};
    yodel_counters counters = {0};
    chat_until_the_end = yodel_chat_ops;
    chat_until_the_end.connection_lost = stop_loop;
    const yodel_line_config config = {.ops = &chat_until_the_end, .max_line = 65536};
    const yodel_transport_settings settings = {
        .factory = yodel_line_factory(&config),
        .write_limits = {.high = 65536, .low = 16384, .hard = 1024 * 1024},
        .idle_timeout = 30,
        .write_timeout = 30,
        .limit = &limit,
    };
    yodel_transport_group *group;
    if (yodel_loop_new(&loop) != 0 ||
        yodel_transport_group_new(loop, &settings, &counters, &group) != 0 ||
        ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(1);
    }
    (void)raise(SIGSTOP);
    yodel_transport_group_adopt(group, fd);
    yodel_loop_run(loop);
    _exit(0);
}

static _Noreturn void be_the_client(int fd)
{
    static const char line[] = "hello\r\n";
    static const char answer[] = "You sent: hello\r\n";
    char got[sizeof answer];
    for (int i = 0; i < ROUNDS; i++) {
        if (write(fd, line, sizeof line - 1) != (ssize_t)sizeof line - 1) {
            _exit(1);
        }
        for (size_t n = 0; n < sizeof answer - 1;) {
            ssize_t more = read(fd, got + n, sizeof got - n);
            if (more <= 0) {
                _exit(1);
            }
            n += (size_t)more;
        }
    }
    _exit(0);
}

typedef struct calls {
    size_t receives, sends, waits, controls, others;
} calls;

static void count(calls *c, uint64_t number)
{
    switch (number) {
    case SYS_recvfrom:
        c->receives++;
        break;
    case SYS_sendto:
        c->sends++;
        break;
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
        c->waits++;
        break;
    case SYS_epoll_ctl:
        c->controls++;
        break;
    case SYS_clock_gettime: /* where the kernel has no vDSO for it */
        break;
    default:
        c->others++;
        break;
    }
}

/* Lets the process run to its end and counts what it calls. Returns its wait status. */
static int trace(pid_t pid, calls *c)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSTOPPED(status)) {
        return status;
    }
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL,
                            (void *)(uintptr_t)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
                     0);
    for (int signal_number = 0;;) {
        assert_int_equal(
            ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(uintptr_t)(unsigned)signal_number), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status)) {
            return status;
        }
        signal_number = WSTOPSIG(status);
        if (signal_number == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            signal_number = 0;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                count(c, info.entry.nr);
            }
        }
    }
}

static void test_calls_for_a_message(void **state)
{
    (void)state;
    if (program_sanitized()) {
        print_message("not with a sanitizer, which makes calls of its own\n");
        skip();
    }
    int pair[2];
    fixture_pair(pair, false);
    pid_t server = fork();
    if (server == 0) {
        close(pair[1]);
        be_the_server(pair[0]);
    }
    close(pair[0]);
    pid_t client = fork();
    if (client == 0) {
        be_the_client(pair[1]);
    }
    close(pair[1]);

    calls c = {0};
    int client_status;
    int status = trace(server, &c);
    assert_int_equal(waitpid(client, &client_status, 0), client);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        print_message("not without ptrace\n");
        skip();
    }
    assert_int_equal(status, 0);
    assert_int_equal(client_status, 0);
    print_message("%d messages: %zu receives, %zu sends, %zu waits, %zu epoll_ctl, %zu others\n",
                  ROUNDS, c.receives, c.sends, c.waits, c.controls, c.others);
    assert_int_equal(c.sends, ROUNDS);
    assert_int_equal(c.receives, ROUNDS + 1); /* and the end of file */
    assert_in_range(c.waits, ROUNDS, ROUNDS + NOW_AND_THEN);
    assert_in_range(c.controls, 1, 2);
    assert_in_range(c.others, 0, NOW_AND_THEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_for_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
