/* What yodel-server writes to stderr: levels, JSON, and that nothing blocks when it cannot write.
 */
#include <fcntl.h>
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

/* A server that does not say where it listens must be told where: a port kept for it by a socket
 * that never listens. Close *keeper when the server is done. */
static uint16_t keep_port(int *keeper)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof address;
    int on = 1;
    *keeper = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(*keeper, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    assert_int_equal(bind(*keeper, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(*keeper, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static void wait_until_it_listens(uint16_t port)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    int fd;
    while ((fd = net_try_connect("127.0.0.1", port)) < 0) {
        assert_true(program_now() < deadline);
        program_pause_ms(5);
    }
    close(fd);
}

/* Starts a server there with one more option and waits until it takes connections. */
static server start_silently(const program_options *options, uint16_t port, const char *option,
                             const char *value)
{
    char text[6];
    snprintf(text, sizeof text, "%u", port);
    server s = {.port = port};
    s.program =
        program_start(options, "yodel-server", "-H", "127.0.0.1", "-p", text, option, value, NULL);
    wait_until_it_listens(port);
    server_check_serves(&s);
    return s;
}

static void test_only_errors(void **state)
{
    (void)state;
    static const char *const levels[] = {"error", "warning"};
    for (int i = 0; i < 2; i++) {
        int keeper;
        server s = start_silently(NULL, keep_port(&keeper), "--log-level", levels[i]);
        program_signal(s.program, SIGTERM);
        program_expect_exit(s.program, 0);
        assert_int_equal(server_count_warnings(s.program), 0);
        assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR, ""),
                         program_count_lines(s.program, PROGRAM_STDERR, " WARNING "));
        close(keeper);
    }
}

static void test_a_line_has_time_and_level(void **state)
{
    (void)state;
    server s = server_start(NULL, NULL);
    const char *line = program_wait_line(s.program, PROGRAM_STDERR, "listening on ");
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ INFO listening on 127.0.0.1:";
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';
        if (i < 24 && shape[i] == 'd' ? !digit : line[i] != shape[i]) {
            program_fail(s.program, "wanted a line like %s", shape);
        }
    }
    server_stop(&s);
}

/* Every connection is for who asks for it. */
static void test_debug(void **state)
{
    (void)state;
    server s = server_start(NULL, "--log-level", "debug", NULL);
    int client = net_connect(s.port);
    net_exchange(client, "hello\r\n", 7, true, "You sent: hello\r\n", 17);
    net_expect_eof(client);
    close(client);
    program_wait_line(s.program, PROGRAM_STDERR, ": begins");
    program_wait_line(s.program, PROGRAM_STDERR, ": end of stream");
    const char *line = program_wait_line(s.program, PROGRAM_STDERR, " DEBUG connection ");
    assert_non_null(strstr(line, " of 127.0.0.1:"));
    server_stop(&s);
}

static void test_json_lines(void **state)
{
    (void)state;
    server s = server_start(NULL, "--log-format", "json", "--log-level", "debug", NULL);
    server_check_serves(&s);
    server_stop(&s);
    size_t lines = program_count_lines(s.program, PROGRAM_STDERR, "");
    size_t good = 0;
    for (size_t i = 1; i <= lines; i++) {
        const char *line = program_wait_lines(s.program, PROGRAM_STDERR, "", i);
        good += strncmp(line, "{\"time\":\"", 9) == 0 && strstr(line, "\"level\":\"") != NULL &&
                strstr(line, "\"message\":\"") != NULL && line[strlen(line) - 1] == '}';
    }
    assert_true(lines >= 2);
    assert_int_equal(good, lines);
    assert_int_equal(program_count_lines(s.program, PROGRAM_STDERR,
                                         "\"level\":\"info\",\"message\":\"listening on 127."),
                     1);
}

/* --- when it cannot write ----------------------------------------------------------------------*/

/* Reads the pipe until a line says how many were lost: one, on a machine so fast that the 50
 * clients were served before the second line of statistics was due, or more. */
static void expect_lost_lines_told(int pipe_end)
{
    net_text log = {0};
    char more[4096];
    const char *told = NULL;
    double deadline = program_now() + PROGRAM_TIMEOUT;
    while (told == NULL) {
        assert_true(program_now() < deadline);
        if (net_wait_readable(pipe_end, 100)) {
            ssize_t n = read(pipe_end, more, sizeof more);
            assert_true(n > 0);
            net_text_add(&log, more, (size_t)n);
            told = memmem(log.data, log.len, " log line", 9);
        }
    }
    while (told > log.data && told[-1] >= '0' && told[-1] <= '9') {
        told--;
    }
    assert_true(strtoul(told, NULL, 10) >= 1);
    net_text_free(&log);
}

static void test_a_full_pipe_blocks_nothing(void **state)
{
    (void)state;
    int ends[2], keeper;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    char page[4096] = "";
    while (write(ends[1], page, sizeof page) > 0) {
    }
    assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0); /* a write into it blocks from now on */

    const program_options options = {.stderr_fd = ends[1]};
    server s = start_silently(&options, keep_port(&keeper), "--stats", "0.01");
    for (int i = 0; i < 50; i++) {
        server_check_serves(&s);
    }
    expect_lost_lines_told(ends[0]);
    program_signal(s.program, SIGTERM);
    program_expect_exit(s.program, 0);
    close(ends[0]);
    close(ends[1]);
    close(keeper);
}

static void test_nobody_reads_the_log_any_more(void **state)
{
    (void)state;
    int ends[2], keeper;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    close(ends[0]); /* EPIPE, and SIGPIPE for who does not ignore it */
    const program_options options = {.stderr_fd = ends[1]};
    server s = start_silently(&options, keep_port(&keeper), "--stats", "0.01");
    server_check_serves(&s);
    program_signal(s.program, SIGTERM);
    program_expect_exit(s.program, 0);
    close(ends[1]);
    close(keeper);
}

static void test_without_stdin_stdout_and_stderr(void **state)
{
    (void)state;
    int keeper;
    char command[200];
    uint16_t port = keep_port(&keeper);
    /* The first sockets then get the numbers 0, 1 and 2: nothing may be printed into them. */
    snprintf(command, sizeof command,
             "exec \"$YODEL_SERVER\" -H 127.0.0.1 -p %u --stats 0.01 <&- >&- 2>&-", port);
    net_text variable = {0};
    const char *dir = getenv("YODEL_BIN_DIR");
#ifdef YODEL_BIN_DIR
    dir = dir != NULL ? dir : YODEL_BIN_DIR;
#endif
    net_text_printf(&variable, "YODEL_SERVER=%s/yodel-server", dir);
    const char *const env[] = {variable.data, NULL};
    const program_options options = {.env = env};
    server s = {.port = port};
    s.program = program_start(&options, "/bin/sh", "-c", command, NULL);
    wait_until_it_listens(port);
    int quiet = net_connect(port);
    for (int i = 0; i < 20; i++) {
        server_check_serves(&s);
    }
    assert_false(net_wait_readable(quiet, 50));
    close(quiet);
    program_signal(s.program, SIGTERM);
    program_expect_exit(s.program, 0);
    close(keeper);
    net_text_free(&variable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_only_errors),
        program_test(test_a_line_has_time_and_level),
        program_test(test_debug),
        program_test(test_json_lines),
        program_test(test_a_full_pipe_blocks_nothing),
        program_test(test_nobody_reads_the_log_any_more),
        program_test(test_without_stdin_stdout_and_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
