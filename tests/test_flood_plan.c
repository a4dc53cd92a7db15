/* How connections are spread over threads, targets and sources, and what is said when they cannot
 * be. */
#include "support/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/fd_limit.h"
#include "tools/flood/plan.h"

static yodel_flood_target targets[] = {{"127.0.0.1", "8007"}, {"::1", "8007"}, {"127.0.0.1", "9"}};
static char *sources[] = {"127.0.0.2", "127.0.0.3"};

static yodel_flood_options options_for(uint32_t connections, uint32_t threads)
{
    return (yodel_flood_options){
        .targets = targets,
        .target_count = 1,
        .connections = connections,
        .threads = threads,
        .depth = 1,
        .length_min = 5,
        .length_max = 5,
    };
}

static yodel_plan plan_for(const yodel_flood_options *options)
{
    yodel_plan plan;
    char message[256] = "";
    if (yodel_plan_make(&plan, options, message, sizeof message) < 0) {
        fail_msg("%s", message);
    }
    return plan;
}

static void test_no_connection_is_left_out(void **state)
{
    (void)state;
    for (uint32_t connections = 1; connections < 40; connections++) {
        for (uint32_t threads = 1; threads <= connections; threads++) {
            yodel_flood_options o = options_for(connections, threads);
            yodel_plan plan = plan_for(&o);
            uint32_t sum = 0;
            for (uint32_t t = 0; t < threads; t++) {
                uint32_t share = yodel_plan_share(&plan, t);
                assert_in_range(share, connections / threads, connections / threads + 1);
                /* Thread t has t, t + threads, ...: so many of them. */
                assert_true(t + (uint64_t)(share - 1) * threads < connections);
                assert_true(t + (uint64_t)share * threads >= connections);
                sum += share;
            }
            assert_int_equal(sum, connections);
            yodel_plan_destroy(&plan);
        }
    }
}

static void test_no_line_is_left_out(void **state)
{
    (void)state;
    yodel_flood_options o = options_for(7, 2);
    o.messages = 1000;
    yodel_plan plan = plan_for(&o);
    uint64_t sum = 0;
    for (uint32_t c = 0; c < 7; c++) {
        uint64_t quota = yodel_plan_quota(&plan, c);
        assert_in_range(quota, 142, 143);
        sum += quota;
    }
    assert_int_equal(sum, 1000);
    o.messages = 0;
    assert_true(yodel_plan_quota(&plan, 3) == UINT64_MAX);
    o.idle = true;
    assert_int_equal(yodel_plan_quota(&plan, 3), 1);
    yodel_plan_destroy(&plan);
}

static void test_every_pair_of_target_and_source_is_used_alike(void **state)
{
    (void)state;
    unsigned uses[3][2] = {{0}};
    yodel_flood_options o = options_for(60, 1);
    o.target_count = 3;
    o.sources = sources;
    o.source_count = 2;
    yodel_plan plan = plan_for(&o);
    for (uint32_t c = 0; c < 60; c++) {
        size_t source = (size_t)(yodel_plan_source_of(&plan, c) - plan.sources);
        assert_in_range(source, 0, 1);
        uses[yodel_plan_target_of(&plan, c)][source]++;
    }
    for (int t = 0; t < 3; t++) {
        assert_int_equal(uses[t][0], 10);
        assert_int_equal(uses[t][1], 10);
    }
    yodel_plan_destroy(&plan);

    o.source_count = 0;
    plan = plan_for(&o);
    assert_null(yodel_plan_source_of(&plan, 5));
    yodel_plan_destroy(&plan);
}

static void expect_refusal(const yodel_flood_options *o, const char *part)
{
    yodel_plan plan;
    char message[256] = "";
    assert_true(yodel_plan_make(&plan, o, message, sizeof message) < 0);
    if (strstr(message, part) == NULL) {
        fail_msg("'%s' does not say '%s'", message, part);
    }
    assert_null(strchr(message, '\n'));
}

static void test_too_few_descriptors(void **state)
{
    (void)state;
    yodel_flood_options o = options_for((uint32_t)yodel_fd_limit_raise() + 1, 1);
    expect_refusal(&o, "file descriptors, the limit is");
}

/* In a network namespace of its own with ten ports: 0 as it should be, 77 where such a one is not
 * allowed. */
static int try_with_ten_ports(void)
{
    if (unshare(CLONE_NEWNET) < 0) {
        return 77;
    }
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "40001 40010", 11) != 11) {
        return 77;
    }
    yodel_plan plan;
    char message[256] = "";
    yodel_flood_options o = options_for(25, 1);
    if (yodel_plan_make(&plan, &o, message, sizeof message) != -EADDRNOTAVAIL ||
        strcmp(message,
               "25 connections need 25 local ports, there are 10 for each pair of addresses: "
               "give 3 --source addresses or several HOSTs") != 0) {
        fprintf(stderr, "'%s'\n", message);
        return 1;
    }
    o.target_count = 3;
    if (yodel_plan_make(&plan, &o, message, sizeof message) < 0) {
        fprintf(stderr, "'%s'\n", message);
        return 2;
    }
    yodel_plan_destroy(&plan);
    return 0;
}

static void test_too_few_ports(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(try_with_ten_ports());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_names_and_addresses_of_no_use(void **state)
{
    (void)state;
    yodel_flood_target nowhere = {"no.such.host.invalid", "8007"};
    char *bad_source = "300.300.300.300";
    yodel_flood_options o = options_for(1, 1);
    o.targets = &nowhere;
    expect_refusal(&o, "cannot resolve no.such.host.invalid: ");
    o = options_for(1, 1);
    o.sources = &bad_source;
    o.source_count = 1;
    expect_refusal(&o, "cannot use --source 300.300.300.300: ");
    bad_source = "192.0.2.1"; /* RFC 5737: nobody has it */
    expect_refusal(&o, "cannot use --source 192.0.2.1: Cannot assign requested address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_connection_is_left_out),
        cmocka_unit_test(test_no_line_is_left_out),
        cmocka_unit_test(test_every_pair_of_target_and_source_is_used_alike),
        cmocka_unit_test(test_too_few_descriptors),
        cmocka_unit_test(test_too_few_ports),
        cmocka_unit_test(test_names_and_addresses_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
