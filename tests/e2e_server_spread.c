/* Connections and the workers they are served by: who gets how many, on which cores. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

enum { CLIENTS = 400 };

/* Opens 400 connections that stay, all served, then ends the server with all of them there. */
static void serve_long_lived(server *s)
{
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_connect(s->port);
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            net_send_text(fds[i], "hello\r\n");
        }
        for (int i = 0; i < CLIENTS; i++) {
            net_expect_text(fds[i], "You sent: hello\r\n");
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    server_stop(s);
}

static void test_handoff_spreads_to_within_one(void **state)
{
    (void)state;
    static const unsigned threads[] = {1, 2, 3, 8};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        char text[4];
        snprintf(text, sizeof text, "%u", threads[t]);
        server s = server_start(NULL, "--accept", "handoff", "-t", text, NULL);
        serve_long_lived(&s);
        for (unsigned i = 0; i < threads[t]; i++) {
            uint64_t share = server_worker_counter(&s, i, "accepted");
            uint64_t fair = CLIENTS / threads[t];
            if (share < fair - 1 || share > fair + 1) {
                program_fail(s.program, "worker %u got %u connections, not about %u", i,
                             (unsigned)share, (unsigned)fair);
            }
        }
    }
}

static void test_reuseport_serves_all(void **state)
{
    (void)state;
    server s = server_start(NULL, "--accept", "reuseport", "-t", "8", NULL);
    serve_long_lived(&s);
    uint64_t sum = 0, workers = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t share = server_worker_counter(&s, i, "accepted");
        sum += share;
        workers += share > 0;
    }
    assert_int_equal(sum, CLIENTS);
    assert_true(workers > 1); /* the kernel's hash, so no more can be said */
}

/* Those who stay are spread anew after others have gone. */
static void test_handoff_fills_the_emptiest(void **state)
{
    (void)state;
    server s = server_start(NULL, "--accept", "handoff", "-t", "2", "--stats", "0.05", NULL);
    int fds[40];
    for (int i = 0; i < 40; i++) {
        fds[i] = net_connect(s.port);
        net_send_text(fds[i], "hello\r\n");
        net_expect_text(fds[i], "You sent: hello\r\n");
    }
    for (int i = 0; i < 40; i += 2) { /* one after the other they came, so this is one worker's */
        close(fds[i]);
    }
    server_wait_counter(&s, "active", 20);
    for (int i = 0; i < 40; i += 2) {
        fds[i] = net_connect(s.port);
        net_send_text(fds[i], "hello\r\n");
        net_expect_text(fds[i], "You sent: hello\r\n");
    }
    server_wait_counter(&s, "active", 40);
    program_wait_lines(s.program, PROGRAM_STDERR, "stats worker=1 ",
                       program_count_lines(s.program, PROGRAM_STDERR, "stats worker=1 ") + 1);
    assert_in_range(server_worker_counter(&s, 0, "active"), 19, 21);
    assert_in_range(server_worker_counter(&s, 1, "active"), 19, 21);
    for (int i = 0; i < 40; i++) {
        close(fds[i]);
    }
    server_stop(&s);
}

/* --- coming and going --------------------------------------------------------------------------*/

enum { VISITS = 1000, AT_A_TIME = 50 };

static void leave(int fd, int how)
{
    switch (how % 4) {
    case 0:
        close(fd);
        break;
    case 1:
        net_send_text(fd, ".\r\n");
        net_expect_eof(fd);
        close(fd);
        break;
    case 2:
        net_finish_sending(fd);
        net_expect_eof(fd);
        close(fd);
        break;
    default:
        net_reset(fd);
    }
}

static void come_and_go(server *s)
{
    int fds[AT_A_TIME];
    for (int i = 0; i < VISITS + AT_A_TIME; i++) {
        int *fd = &fds[i % AT_A_TIME];
        if (i >= AT_A_TIME) {
            net_expect_text(*fd, "You sent: hello\r\n");
            leave(*fd, i / 3);
        }
        if (i < VISITS) {
            *fd = net_connect(s->port);
            net_send_text(*fd, "hello\r\n");
        }
    }
    program_wait_open_fds(s->program, s->fds);
    server_wait_counter(s, "accepted", VISITS);
    server_wait_counter(s, "active", 0);
}

static void test_a_thousand_come_and_go(void **state)
{
    (void)state;
    server_with_each_shape(come_and_go, "--stats", "0.05", NULL);
}

/* --- cores -------------------------------------------------------------------------------------*/

/* How many threads of the server may run on exactly one cpu. */
static int count_pinned(server *s, cpu_set_t *cpus)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)program_pid(s->program));
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int pinned = 0;
    CPU_ZERO(cpus);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        cpu_set_t set;
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid > 0 && sched_getaffinity(tid, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1) {
            pinned++;
            CPU_OR(cpus, cpus, &set);
        }
    }
    closedir(dir);
    return pinned;
}

static void test_pin_puts_each_worker_on_a_core(void **state)
{
    (void)state;
    cpu_set_t mine, used;
    assert_int_equal(sched_getaffinity(0, sizeof mine, &mine), 0);
    if (CPU_COUNT(&mine) < 2) {
        skip();
    }
    server s = server_start(NULL, "-t", "2", "--pin", NULL);
    server_check_serves(&s);
    assert_int_equal(count_pinned(&s, &used), 2);
    assert_int_equal(CPU_COUNT(&used), 2);
    server_stop(&s);

    s = server_start(NULL, "-t", "2", NULL);
    server_check_serves(&s);
    assert_int_equal(count_pinned(&s, &used), 0);
    server_stop(&s);
}

static void test_more_workers_than_cores_can_be_pinned(void **state)
{
    (void)state;
    server s = server_start(NULL, "-t", "8", "--pin", NULL);
    for (int i = 0; i < 20; i++) {
        server_check_serves(&s);
    }
    server_stop(&s);
}

static void test_by_default_a_worker_for_each_core_allowed(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++) {
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
        }
    }
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0); /* the server inherits it */
    server s = server_start(NULL, NULL);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    server_check_serves(&s);
    server_stop(&s);
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, "stats worker="), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_handoff_spreads_to_within_one),
        program_test(test_reuseport_serves_all),
        program_test(test_handoff_fills_the_emptiest),
        program_test(test_a_thousand_come_and_go),
        program_test(test_pin_puts_each_worker_on_a_core),
        program_test(test_more_workers_than_cores_can_be_pinned),
        program_test(test_by_default_a_worker_for_each_core_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
