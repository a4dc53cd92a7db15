/* Unix-domain sockets, end to end: the server's file, who may use it and what becomes of it; the
 * client and flood on it; and --user, which changes whose it is. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/address.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/flood_run.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

static char path[FILES_PATH];
static char host[FILES_PATH + 8];

static int setup(void **state)
{
    int code = files_setup(state);
    (void)snprintf(host, sizeof host, "unix:%s", files_path("yodel.sock", path));
    return code;
}

static int teardown(void **state)
{
    int code = program_teardown(state);
    return files_teardown(state) < 0 ? -1 : code;
}

static int dial(void)
{
    yodel_address *list;
    size_t count;
    int fd = -1;
    assert_int_equal(yodel_address_resolve(host, "", &list, &count), 0);
    assert_int_equal(yodel_address_connect(list, NET_TIMEOUT, -1, &fd), 0);
    free(list);
    return fd;
}

static mode_t mode_of(const char *file)
{
    struct stat status;
    assert_int_equal(lstat(file, &status), 0);
    return status.st_mode;
}

static bool exists(const char *file)
{
    return access(file, F_OK) == 0;
}

/* The server on the file only; it listens. */
static program *start_on_file(void)
{
    program *p = program_start(NULL, "yodel-server", "-H", host, "-t", "2", NULL);
    (void)program_wait_line(p, PROGRAM_STDERR, "listening on unix:");
    return p;
}

/* --- serving ---------------------------------------------------------------------------------- */

static void serve_both(server *s)
{
    int fds[6];
    for (size_t i = 0; i < 6; i++) {
        fds[i] = i % 2 == 0 ? dial() : net_connect(s->port);
        net_send_text(fds[i], "one\r\ntwo\r\n");
        net_expect_text(fds[i], "You sent: one\r\nYou sent: two\r\n");
    }
    for (size_t i = 0; i < 6; i++) {
        net_send_text(fds[i], i < 4 ? "last\r\n.\r\n" : "last\r\n");
        net_expect_text(fds[i], "You sent: last\r\n");
        if (i >= 4) {
            net_finish_sending(fds[i]);
        }
        net_expect_eof(fds[i]);
        close(fds[i]);
    }
}

static void test_serves_beside_tcp(void **state)
{
    (void)state;
    server_with_each_shape(serve_both, "-H", host, NULL);
    assert_false(exists(path));
}

/* Long-lived connections come out even, also where the kernel cannot balance them. */
static void test_spread_over_the_workers(void **state)
{
    (void)state;
    static const char *const modes[] = {"handoff", "reuseport"};
    for (size_t m = 0; m < 2; m++) {
        server s = server_start(NULL, "-H", host, "-t", "2", "--accept", modes[m], NULL);
        int fds[10];
        for (size_t i = 0; i < 10; i++) {
            fds[i] = dial();
            net_send_text(fds[i], "hello\r\n");
            net_expect_text(fds[i], "You sent: hello\r\n");
        }
        for (size_t i = 0; i < 10; i++) {
            close(fds[i]);
        }
        server_stop(&s);
        assert_int_equal(server_worker_counter(&s, 0, "accepted"), 5);
        assert_int_equal(server_worker_counter(&s, 1, "accepted"), 5);
    }
}

/* More than the kernel's buffers hold, in both directions at once. */
static void test_much_data(void **state)
{
    (void)state;
    server s = server_start(NULL, "-H", host, "-t", "2", NULL);
    net_text lines = {0};
    net_text answers = {0};
    for (int i = 0; lines.len < (size_t)8 << 20; i++) {
        net_text_printf(&lines, "%0*d\r\n", 10 + i % 5000, i);
        net_text_printf(&answers, "You sent: %0*d\r\n", 10 + i % 5000, i);
    }
    int fd = dial();
    net_exchange(fd, lines.data, lines.len, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&lines);
    net_text_free(&answers);
    server_stop(&s);
}

/* Who reads nothing at all is aborted, and what he reads later ends somewhere. */
static void test_who_does_not_read_is_aborted(void **state)
{
    (void)state;
    server s = server_start(NULL, "-H", host, "-t", "1", "--stats", "0.05", "--write-timeout",
                            "300ms", "--idle-timeout", "0", NULL);
    int fd = dial();
    char line[1002];
    memset(line, 'x', sizeof line);
    line[1000] = '\r';
    line[1001] = '\n';
    char *many = malloc(4096 * sizeof line);
    assert_non_null(many);
    for (size_t i = 0; i < 4096; i++) {
        memcpy(many + i * sizeof line, line, sizeof line);
    }
    (void)net_send_until_blocked(fd, many, 4096 * sizeof line, 100);
    server_wait_counter(&s, "closed_stalled", 1);
    (void)net_wait_end(fd);
    close(fd);
    free(many);
    server_stop(&s);
}

static void test_idle_and_drained(void **state)
{
    (void)state;
    server s = server_start(NULL, "-H", host, "-t", "2", "--idle-timeout", "100ms", NULL);
    int fd = dial();
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "closed_idle"), 1);

    s = server_start(NULL, "-H", host, "-t", "2", NULL);
    fd = dial();
    net_send_text(fd, "answered\r\n");
    net_expect_text(fd, "You sent: answered\r\n");
    program_signal(s.program, SIGTERM);
    net_expect_eof(fd);
    close(fd);
    server_wait_drained(&s);
    assert_int_equal(server_counter(&s, "closed_drain"), 1);
}

/* --- the file --------------------------------------------------------------------------------- */

static void test_mode_and_end(void **state)
{
    (void)state;
    program *p = start_on_file();
    assert_int_equal(mode_of(path), S_IFSOCK | 0660);
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
    assert_false(exists(path));

    p = program_start(NULL, "yodel-server", "-H", host, "--unix-mode", "0606", NULL);
    (void)program_wait_line(p, PROGRAM_STDERR, "listening on unix:");
    assert_int_equal(mode_of(path), S_IFSOCK | 0606);
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
}

static void test_a_killed_servers_file_is_replaced(void **state)
{
    (void)state;
    program *p = start_on_file();
    program_signal(p, SIGKILL);
    assert_int_equal(program_wait_exit(p), 128 + SIGKILL);
    assert_true(exists(path));
    p = start_on_file();
    close(dial());

    /* A living server's is not. */
    program *second = program_start(NULL, "yodel-server", "-H", host, NULL);
    program_expect_exit(second, 1);
    (void)program_wait_line(second, PROGRAM_STDERR, "a server is listening there");
    int fd = dial();
    net_send_text(fd, "still here\r\n");
    net_expect_text(fd, "You sent: still here\r\n");
    close(fd);
    program_signal(p, SIGTERM);
    program_expect_exit(p, 0);
    assert_false(exists(path));
}

static void test_another_servers_file_is_not_removed(void **state)
{
    (void)state;
    program *old = start_on_file();
    assert_int_equal(unlink(path), 0);
    program *new = start_on_file();
    program_signal(old, SIGTERM);
    program_expect_exit(old, 0);
    int fd = dial();
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    close(fd);
    program_signal(new, SIGTERM);
    program_expect_exit(new, 0);
}

/* --- the other programs ----------------------------------------------------------------------- */

static void test_the_client(void **state)
{
    (void)state;
    program *s = start_on_file();
    program *p = program_start(&(program_options){.stdin_pipe = true}, "yodel-client", host, NULL);
    program_write_stdin(p, "hello\n.\n", 8);
    program_expect_exit(p, 0);
    assert_string_equal(program_output(p, PROGRAM_STDOUT, NULL), "You sent: hello\r\n");
    program_signal(s, SIGTERM);
    program_expect_exit(s, 0);

    char wanted[2 * FILES_PATH];
    (void)snprintf(wanted, sizeof wanted,
                   "yodel-client: cannot connect to %s: No such file or directory\n", host);
    p = program_start(NULL, "yodel-client", host, NULL);
    program_expect_exit(p, 1);
    assert_string_equal(program_output(p, PROGRAM_STDERR, NULL), wanted);
}

/* A queue of one, where a unix-domain connect does not wait as a TCP one does: flood waits for it.
 */
static void test_flood(void **state)
{
    (void)state;
    program *s = program_start(NULL, "yodel-server", "-H", host, "--backlog", "1", NULL);
    (void)program_wait_line(s, PROGRAM_STDERR, "listening on unix:");
    flood_run run = flood_end(program_start(NULL, "flood", "-q", "--no-color", "--json", "-", "-c",
                                            "50", "-n", "20k", "--churn", "3", host, NULL));
    flood_expect(&run, 0, NULL);
    assert_int_equal(flood_count(&run, "counts/sent"), 20000);
    const json_t *targets =
        json_object_get(json_object_get(run.report, "configuration"), "targets");
    assert_string_equal(json_string_value(json_array_get(targets, 0)), host);
    flood_run_free(&run);
    program_signal(s, SIGTERM);
    program_expect_exit(s, 0);
}

/* --- --user ----------------------------------------------------------------------------------- */

/* A word of /proc/PID/status, all four of them the same number. */
static void expect_ids(program *p, const char *name, unsigned id)
{
    char file[64];
    char line[256];
    char wanted[128];
    bool found = false;
    (void)snprintf(file, sizeof file, "/proc/%d/status", (int)program_pid(p));
    (void)snprintf(wanted, sizeof wanted, "%s:\t%u\t%u\t%u\t%u\n", name, id, id, id, id);
    FILE *status = fopen(file, "r");
    assert_non_null(status);
    while (fgets(line, sizeof line, status) != NULL) {
        found = found || strcmp(line, wanted) == 0;
    }
    (void)fclose(status);
    if (!found) {
        program_fail(p, "wanted %s of %u", name, id);
    }
}

static void test_user(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can become another user: skipped\n");
        skip();
    }
    const struct passwd *nobody = getpwnam("nobody");
    assert_non_null(nobody);
    uid_t uid = nobody->pw_uid;
    gid_t gid = nobody->pw_gid;
    char directory[FILES_PATH];
    assert_int_equal(chown(files_path(".", directory), uid, gid), 0);

    server s = server_start(NULL, "-H", host, "-t", "2", "--user", "nobody", NULL);
    (void)program_wait_line(s.program, PROGRAM_STDERR, "running as user");
    expect_ids(s.program, "Uid", uid);
    expect_ids(s.program, "Gid", gid);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, uid);
    assert_int_equal(status.st_gid, gid);
    int fd = dial();
    net_send_text(fd, "hello\r\n");
    net_expect_text(fd, "You sent: hello\r\n");
    close(fd);
    server_stop(&s);
    assert_false(exists(path));

    /* The file can be another's. */
    s = server_start(NULL, "-H", host, "--user", "nobody", "--unix-owner", "4711:4712", NULL);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_uid, 4711);
    assert_int_equal(status.st_gid, 4712);
    server_stop(&s);

    /* Already that user: nothing to do. */
    s = server_start(NULL, "--user", "root", NULL);
    expect_ids(s.program, "Uid", 0);
    server_stop(&s);
}

static void test_unknown_user(void **state)
{
    (void)state;
    program *p = program_start(NULL, "yodel-server", "-p", "0", "--user", "no-such-user", NULL);
    program_expect_exit(p, 2);
    (void)program_wait_line(p, PROGRAM_STDERR, "--user: there is no user 'no-such-user'");
}

#define unix_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        unix_test(test_serves_beside_tcp),
        unix_test(test_spread_over_the_workers),
        unix_test(test_much_data),
        unix_test(test_who_does_not_read_is_aborted),
        unix_test(test_idle_and_drained),
        unix_test(test_mode_and_end),
        unix_test(test_a_killed_servers_file_is_replaced),
        unix_test(test_another_servers_file_is_not_removed),
        unix_test(test_the_client),
        unix_test(test_flood),
        unix_test(test_user),
        unix_test(test_unknown_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
