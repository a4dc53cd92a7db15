/* yodel-server's command line: what it refuses and how, what it listens on, what units mean. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* --- what it refuses ---------------------------------------------------------------------------*/

/* It must exit with this status after exactly one line on stderr, and that names what and why. */
static void check_refused(program *p, int status, const char *what)
{
    program_expect_exit(p, status);
    size_t len;
    const char *text = program_output(p, PROGRAM_STDERR, &len);
    if (program_count_lines(p, PROGRAM_STDERR, "") != 1 || strstr(text, what) == NULL) {
        program_fail(p, "wanted one line that names %s", what);
    }
    program_output(p, PROGRAM_STDOUT, &len);
    assert_int_equal(len, 0);
}

typedef struct bad_option {
    const char *option, *value;
} bad_option;

static void test_bad_values_are_usage_errors(void **state)
{
    (void)state;
    static const bad_option bad[] = {
        {"--port", "65536"},
        {"--port", "-1"},
        {"--port", "http"},
        {"--port", ""},
        {"--port", "80x"},
        {"--threads", "0"},
        {"--threads", "-1"},
        {"--threads", "two"},
        {"--threads", "1.5"},
        {"--threads", "1000000"},
        {"--protocol", "smtp"},
        {"--protocol", ""},
        {"--accept", "both"},
        {"--accept", ""},
        {"--max-line", "0"},
        {"--max-line", "-5"},
        {"--max-line", "64Q"},
        {"--max-line", "99999999999G"},
        {"--max-line", ""},
        {"--idle-timeout", "-1"},
        {"--idle-timeout", "soon"},
        {"--idle-timeout", "nan"},
        {"--idle-timeout", "inf"},
        {"--idle-timeout", "5 s"},
        {"--idle-timeout", ""},
        {"--write-timeout", "-1"},
        {"--write-timeout", "x"},
        {"--max-connections", "0"},
        {"--max-connections", "-1"},
        {"--max-connections", "many"},
        {"--write-buffer", "x"},
        {"--write-buffer", "64K:x"},
        {"--write-buffer", "64K:16K:x"},
        {"--write-buffer", "64K:16K:1M:1"},
        {"--write-buffer", "16K:64K"},
        {"--write-buffer", "65536:16384:32768"},
        {"--write-buffer", ""},
        {"--grace", "-1"},
        {"--grace", "x"},
        {"--backlog", "0"},
        {"--backlog", "-1"},
        {"--backlog", "x"},
        {"--stats", "-1"},
        {"--stats", "x"},
        {"--log-level", "loud"},
        {"--log-level", ""},
        {"--log-format", "xml"},
        {"--log-format", ""},
        {"--host", ""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        program *p =
            program_start(NULL, "yodel-server", "-p", "0", bad[i].option, bad[i].value, NULL);
        check_refused(p, 2, bad[i].option + 2);
        const char *colon = strrchr(bad[i].value, ':'); /* of several, the one that is wrong */
        const char *value = colon != NULL ? colon + 1 : bad[i].value;
        if (strstr(program_output(p, PROGRAM_STDERR, NULL), value) == NULL) {
            program_fail(p, "the value is not named");
        }
        program_kill(p);
    }
}

static void test_short_options_refuse_the_same(void **state)
{
    (void)state;
    static const bad_option bad[] = {{"-p", "65536"}, {"-t", "0"}, {"-P", "smtp"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        program *p = program_start(NULL, "yodel-server", bad[i].option, bad[i].value, NULL);
        check_refused(p, 2, bad[i].value);
        program_kill(p);
    }
}

static void test_unknown_and_incomplete_options(void **state)
{
    (void)state;
    check_refused(program_start(NULL, "yodel-server", "--frobnicate", NULL), 2, "frobnicate");
    check_refused(program_start(NULL, "yodel-server", "-x", NULL), 2, "x");
    check_refused(program_start(NULL, "yodel-server", "--port", NULL), 2, "port");
    check_refused(program_start(NULL, "yodel-server", "extra", NULL), 2, "extra");
}

static void test_a_taken_port_is_a_start_error(void **state)
{
    (void)state;
    uint16_t port;
    int taken = net_listen(&port); /* without SO_REUSEPORT */
    char text[6];
    snprintf(text, sizeof text, "%u", port);
    static const char *const modes[] = {"handoff", "reuseport"};
    for (int i = 0; i < 2; i++) {
        program *p = program_start(NULL, "yodel-server", "-H", "127.0.0.1", "-p", text, "--accept",
                                   modes[i], "-t", "2", NULL);
        check_refused(p, 1, text);
        assert_non_null(strstr(program_output(p, PROGRAM_STDERR, NULL), strerror(EADDRINUSE)));
    }
    close(taken);
}

static void test_one_taken_port_of_several_addresses(void **state)
{
    (void)state;
    uint16_t port;
    int taken = net_listen(&port);
    char text[6];
    snprintf(text, sizeof text, "%u", port);
    program *p =
        program_start(NULL, "yodel-server", "-H", "127.0.0.2", "-H", "127.0.0.1", "-p", text, NULL);
    check_refused(p, 1, "127.0.0.1"); /* it must not have announced the other one */
    close(taken);
}

static void test_hosts_that_cannot_be_listened_on(void **state)
{
    (void)state;
    check_refused(
        program_start(NULL, "yodel-server", "-H", "no.such.host.invalid", "-p", "0", NULL), 1,
        "no.such.host.invalid");
    check_refused(program_start(NULL, "yodel-server", "-H", "192.0.2.1", "-p", "0", NULL), 1,
                  "192.0.2.1"); /* an address of somebody else (RFC 5737) */
}

/* --- help and version --------------------------------------------------------------------------*/

static void check_help(const char *option)
{
    static const char *const options[] = {
        "--host",         "--port",          "--threads",   "--protocol",
        "--accept",       "--pin",           "--max-line",  "--grace",
        "--idle-timeout", "--write-timeout", "--backlog",   "--max-connections",
        "--stats",        "--write-buffer",  "--log-level", "--log-format",
        "--help",         "--version",
    };
    program *p = program_start(NULL, "yodel-server", option, NULL);
    program_expect_exit(p, 0);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        program_wait_line(p, PROGRAM_STDOUT, options[i]);
    }
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 0);
}

static void test_help(void **state)
{
    (void)state;
    check_help("--help");
    check_help("-h");
}

static void test_version(void **state)
{
    (void)state;
    static const char *const options[] = {"--version", "-V"};
    for (int i = 0; i < 2; i++) {
        program *p = program_start(NULL, "yodel-server", options[i], NULL);
        program_expect_exit(p, 0);
        assert_int_equal(program_count_lines(p, PROGRAM_STDOUT, ""), 1);
        const char *line = program_wait_line(p, PROGRAM_STDOUT, "yodel-server");
        assert_non_null(strpbrk(line, "0123456789"));
    }
}

/* --- units -------------------------------------------------------------------------------------*/

static void check_max_line(const char *option, unsigned bytes)
{
    server s = server_start(NULL, "--max-line", option, NULL);
    net_text much = {0};
    net_text_printf(&much, "%0*d\r\n", (int)bytes + 1, 0);
    int fd = net_connect(s.port);
    net_send(fd, much.data, much.len);
    net_text error = {0};
    net_text_printf(&error, "Error: line longer than %u bytes\r\n", bytes);
    net_expect_text(fd, error.data);
    close(fd);
    server_stop(&s);
    net_text_free(&much);
    net_text_free(&error);
}

static void test_sizes(void **state)
{
    (void)state;
    check_max_line("512", 512);
    check_max_line("0.5K", 512);
    check_max_line("2K", 2048);
    check_max_line("0.125M", 131072);
}

static void test_good_values_are_taken(void **state)
{
    (void)state;
    server s = server_start(NULL, "--threads", "2", "--protocol", "chat", "--accept", "reuseport",
                            "--pin", "--max-line", "1M", "--idle-timeout", "1.5m",
                            "--write-timeout", "0", "--max-connections", "5", "--write-buffer",
                            "100K", "--grace", "250ms", "--backlog", "16", "--stats", "0.5s",
                            "--log-level", "debug", "--log-format", "text", NULL);
    server_check_serves(&s);
    server_stop(&s);
}

/* --- addresses ---------------------------------------------------------------------------------*/

/* Starts it with these hosts and a free port, and talks to it at each numeric address. */
static void check_listens(const char *const argv[], const char *const addresses[], size_t n)
{
    program *p = program_start_argv(NULL, argv);
    for (size_t i = 0; i < n; i++) {
        net_text text = {0};
        net_text_printf(&text, "listening on %s%s%s:", strchr(addresses[i], ':') ? "[" : "",
                        addresses[i], strchr(addresses[i], ':') ? "]" : "");
        uint16_t port = server_port_of_line(program_wait_line(p, PROGRAM_STDERR, text.data));
        int fd = net_try_connect(addresses[i], port);
        assert_true(fd >= 0);
        net_send_text(fd, "hello\r\n");
        net_expect_text(fd, "You sent: hello\r\n");
        close(fd);
        net_text_free(&text);
    }
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, "listening on "), n);
}

static bool have_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool have = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return have;
}

static void test_ipv6(void **state)
{
    (void)state;
    if (!have_ipv6()) {
        skip();
    }
    static const char *const argv[] = {"yodel-server", "--host", "::1", "-p", "0", NULL};
    static const char *const addresses[] = {"::1"};
    check_listens(argv, addresses, 1);
}

static void test_several_hosts(void **state)
{
    (void)state;
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    static const char *const modes[] = {"handoff", "reuseport"};
    for (int i = 0; i < 2; i++) {
        const char *const argv[] = {"yodel-server", "-H", "127.0.0.1", "--host",   "127.0.0.2",
                                    "-H127.0.0.3",  "-p", "0",         "--accept", modes[i],
                                    "-t",           "2",  NULL};
        check_listens(argv, addresses, 3);
    }
}

static void test_both_families_share_a_port_number(void **state)
{
    (void)state;
    if (!have_ipv6()) {
        skip();
    }
    uint16_t port = 0;
    int reserved = net_reserve(&port);
    char text[6];
    snprintf(text, sizeof text, "%u", port);
    const char *const argv[] = {"yodel-server", "-H", "::1", "-H", "127.0.0.1", "-p", text, NULL};
    static const char *const addresses[] = {"::1", "127.0.0.1"};
    check_listens(argv, addresses, 2);
    close(reserved);
}

static void test_the_default_host_is_localhost(void **state)
{
    (void)state;
    program *p = program_start(NULL, "yodel-server", "-p", "0", NULL);
    server s = {.program = p};
    s.port = server_port_of_line(program_wait_line(p, PROGRAM_STDERR, "listening on 127.0.0.1:"));
    server_check_serves(&s);
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, "listening on 0.0.0.0"), 0);
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, "listening on [::]:"), 0);
}

static void test_two_servers_share_a_port(void **state)
{
    (void)state;
    server first = server_start(NULL, NULL);
    char text[6];
    snprintf(text, sizeof text, "%u", first.port);
    server second = server_start(NULL, "-p", text, NULL); /* the last -p counts */
    assert_int_equal(second.port, first.port);
    server_stop(&first);
    server_check_serves(&second);
    server_stop(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_bad_values_are_usage_errors),
        program_test(test_short_options_refuse_the_same),
        program_test(test_unknown_and_incomplete_options),
        program_test(test_a_taken_port_is_a_start_error),
        program_test(test_one_taken_port_of_several_addresses),
        program_test(test_hosts_that_cannot_be_listened_on),
        program_test(test_help),
        program_test(test_version),
        program_test(test_sizes),
        program_test(test_good_values_are_taken),
        program_test(test_ipv6),
        program_test(test_several_hosts),
        program_test(test_both_families_share_a_port_number),
        program_test(test_the_default_host_is_localhost),
        program_test(test_two_servers_share_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
