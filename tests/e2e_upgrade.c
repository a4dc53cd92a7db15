/*
 * SIGUSR2: a new process takes the listening sockets over and then the old one's place. Nobody's
 * connection fails, under load, with fewer and more workers, in both ways to accept.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/admin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/flood_run.h"
#include "tests/support/generations.h"
#include "tests/support/http.h"

static const char *bin_dir(void)
{
    const char *dir = getenv("YODEL_BIN_DIR");
    return dir != NULL ? dir : YODEL_BIN_DIR;
}

/* A script below the test's directory that is started instead of the server. */
static void put_script(const char *name, const char *body)
{
    char path[FILES_PATH];
    net_text text = {0};
    net_text_printf(&text, "#!/usr/bin/env bash\n%s\n", body);
    files_put(name, text.data);
    assert_int_equal(chmod(files_path(name, path), 0700), 0);
    net_text_free(&text);
}

/* Becomes the server, with as many workers as the file "threads" says; is started again itself. */
static void put_server_script(const char *name)
{
    net_text body = {0};
    net_text_printf(&body,
                    "exec -a \"$0\" %s/yodel-server \"$@\" -t \"$(cat \"${0%%/*}/threads\")\"",
                    bin_dir());
    put_script(name, body.data);
    net_text_free(&body);
}

static generations start(const char *mode, const char *grace)
{
    static char path[FILES_PATH];
    put_server_script("server");
    files_put("threads", "2");
    const char *argv[] = {files_path("server", path),
                          "-H",
                          "127.0.0.1",
                          "-p",
                          "0",
                          "--accept",
                          mode,
                          "--grace",
                          grace,
                          "--idle-timeout",
                          "0",
                          "--upgrade-timeout",
                          "10m",
                          NULL};
    return generations_start(NULL, argv);
}

static void expect_served(const generations *g)
{
    int client = net_connect(g->port);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    close(client);
}

/* --- under load --------------------------------------------------------------------------------*/

static void ten_upgrades(const char *mode)
{
    static const char *const threads[] = {"3", "1", "4", "2", "2", "8", "1", "2", "5", "3"};
    generations g = start(mode, "300");
    program *flood = flood_start(NULL, g.port, "-c", "20", "--churn", "3", "-s", "1-300", "-d",
                                 "1h", "-w", "0", "-T", "60s", NULL);
    for (size_t i = 0; i < 10; i++) {
        files_put("threads", threads[i]);
        generations_upgrade(&g);
        /* One after the other: the load is then on the new one alone. */
        generations_expect_exit(&g, i, 0);
        generations_wait_lines(&g, "stats accepted=", i + 1);
    }
    program_signal(flood, SIGINT);
    flood_run run = flood_end(flood);
    flood_expect(&run, 130, NULL);
    print_message("    --accept %s: %lld lines, all answered\n", mode,
                  (long long)flood_count(&run, "counts/answered"));
    assert_true(flood_count(&run, "counts/answered") > 0);
    flood_run_free(&run);
    assert_int_equal(program_count_lines(g.first, PROGRAM_STDERR, "(inherited)"), 10);
    generations_signal(&g, SIGTERM);
    generations_expect_exit(&g, 10, 0);
    assert_int_equal(program_count_lines(g.first, PROGRAM_STDERR, " ERROR "), 0);
    /* All of them have served. */
    for (size_t i = 1; i <= 11; i++) {
        const char *line = program_wait_lines(g.first, PROGRAM_STDERR, "stats accepted=", i);
        assert_null(strstr(line, " accepted=0 "));
        assert_non_null(strstr(line, " active=0 "));
    }
}

static void test_ten_upgrades_handoff(void **state)
{
    (void)state;
    ten_upgrades("handoff");
}

static void test_ten_upgrades_reuseport(void **state)
{
    (void)state;
    ten_upgrades("reuseport");
}

/* --- the connections of the old one ------------------------------------------------------------*/

static void test_a_line_that_is_half_sent(void **state)
{
    (void)state;
    generations g = start("handoff", "300");
    int client = net_connect(g.port);
    net_send_text(client, "one\r\nhalf a l");
    net_expect_text(client, "You sent: one\r\n");
    generations_upgrade(&g);
    expect_served(&g);
    net_send_text(client, "ine\r\n");
    net_expect_text(client, "You sent: half a line\r\n");
    net_send_text(client, "and more\r\n.\r\n"); /* it is not in a hurry */
    net_expect_text(client, "You sent: and more\r\n");
    net_expect_eof(client);
    close(client);
    generations_expect_exit(&g, 0, 0);
    expect_served(&g);
    generations_stop(&g);
}

static void test_the_grace_ends_who_stays(void **state)
{
    (void)state;
    generations g = start("reuseport", "0.3");
    int client = net_connect(g.port);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    double before = program_now();
    generations_upgrade(&g);
    net_expect_eof(client);
    assert_true(program_now() - before >= 0.3);
    close(client);
    generations_expect_exit(&g, 0, 0);
    generations_stop(&g);
}

static void test_a_replaced_one_told_to_end(void **state)
{
    (void)state;
    generations g = start("handoff", "300");
    int client = net_connect(g.port);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    generations_upgrade(&g);
    assert_int_equal(kill(g.pid[0], SIGUSR2), 0);
    generations_wait_lines(&g, "no upgrade: this process was replaced already", 1);
    assert_int_equal(kill(g.pid[0], SIGTERM), 0);
    net_expect_eof(client);
    close(client);
    generations_expect_exit(&g, 0, 0);
    generations_stop(&g);
}

/* What the new one has is what the old one was started with: no descriptor more, no signal less. */
static void test_as_if_started_anew(void **state)
{
    (void)state;
    static const char *const keys[] = {"SigBlk:", "SigIgn:", "SigCgt:", "Threads:"};
    generations g = start("reuseport", "300");
    size_t fds = generations_open_fds(&g, g.pid[0]);
    expect_served(&g);
    char before[4][256];
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(before[i], sizeof before[i], "%s",
                       generations_status_line(&g, g.pid[0], keys[i]));
    }
    for (size_t n = 0; n < 3; n++) {
        int client = net_connect(g.port); /* is not passed on */
        net_send_text(client, "hello\r\n");
        net_expect_text(client, "You sent: hello\r\n");
        generations_upgrade(&g);
        expect_served(&g);
        for (size_t i = 0; i < 4; i++) {
            assert_string_equal(generations_status_line(&g, generations_pid(&g), keys[i]),
                                before[i]);
        }
        double deadline = program_now() + PROGRAM_TIMEOUT;
        for (size_t now; (now = generations_open_fds(&g, generations_pid(&g))) > fds;) {
            if (program_now() > deadline) {
                program_fail(g.first, "%zu descriptors are open in the new one, not %zu", now, fds);
            }
            program_pause_ms(2);
        }
        close(client);
        generations_expect_exit(&g, n, 0);
    }
    generations_stop(&g);
}

/* A link that is turned to another version, as package managers and deployments do. */
static void test_a_link_to_another_version(void **state)
{
    (void)state;
    char current[FILES_PATH], path[FILES_PATH];
    files_put("old/threads", "1");
    files_put("new/threads", "3");
    put_server_script("old/server");
    put_server_script("new/server");
    files_path("current", current);
    assert_int_equal(symlink("old", current), 0);
    const char *argv[] = {
        files_path("current/server", path), "-H", "127.0.0.1", "-p", "0", "--grace", "300", NULL};
    generations g = generations_start(NULL, argv);
    assert_int_equal(unlink(current), 0);
    assert_int_equal(symlink("new", current), 0);
    generations_upgrade(&g);
    generations_stop(&g);
    assert_int_equal(program_count_lines(g.first, PROGRAM_STDERR, "stats worker=2 "), 1);
}

/* --- of the unix domain
 * -------------------------------------------------------------------------*/

static void expect_served_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0 && strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    close(client);
}

/* The file stays where it is when the one that has made it ends. */
static void unix_socket(const char *mode, const char *threads)
{
    char path[FILES_PATH], host[FILES_PATH + 8], socket_path[FILES_PATH];
    put_server_script("server");
    files_put("threads", threads);
    (void)snprintf(host, sizeof host, "unix:%s", files_path("socket", socket_path));
    const char *argv[] = {files_path("server", path),
                          "-H",
                          "127.0.0.1",
                          "-H",
                          host,
                          "-p",
                          "0",
                          "--accept",
                          mode,
                          "--grace",
                          "300",
                          NULL};
    generations g = generations_start(NULL, argv);
    for (size_t i = 0; i < 3; i++) {
        expect_served_at(socket_path);
        expect_served(&g);
        generations_upgrade(&g);
        generations_expect_exit(&g, i, 0);
    }
    expect_served_at(socket_path);
    generations_stop(&g);
    assert_int_equal(server_count_warnings(g.first), 0);
}

static void test_a_unix_socket(void **state)
{
    (void)state;
    unix_socket("handoff", "2");
    unix_socket("reuseport", "2");
    unix_socket("handoff", "1");
}

/* --- the admin endpoint ------------------------------------------------------------------------*/

/* Its socket goes on to the new one, too: no scrape fails, and in the end the new one answers. */
static void test_the_admin_endpoint(void **state)
{
    (void)state;
    char path[FILES_PATH];
    char wanted[80];
    put_server_script("server");
    files_put("threads", "1");
    const char *argv[] = {files_path("server", path),
                          "-H",
                          "127.0.0.1",
                          "-p",
                          "0",
                          "--admin",
                          "127.0.0.1:0",
                          "--grace",
                          "300",
                          NULL};
    generations g = generations_start(NULL, argv);
    server first = {.program = g.first};
    uint16_t port = admin_port(&first);
    (void)snprintf(wanted, sizeof wanted, "admin on http://127.0.0.1:%u/", port);
    http_wait_status(port, "/readyz", 200);
    for (size_t i = 0; i < 4; i++) {
        files_put("threads", i % 2 ? "1" : "3");
        int client = net_connect(g.port); /* keeps the old one */
        net_send_text(client, "hello\r\n");
        net_expect_text(client, "You sent: hello\r\n");
        generations_upgrade(&g);
        generations_wait_lines(&g, wanted, i + 2);
        http_wait_status(port, "/readyz", 200);
        close(client);
        generations_expect_exit(&g, i, 0);
        for (size_t n = 0; n < 10; n++) {
            assert_int_equal(http_status(port, "/readyz"), 200);
        }
        exposition *e = admin_metrics(port);
        assert_true(exposition_value(e, "yodel_workers") == (i % 2 ? 1 : 3)); /* the new one's */
        exposition_free(e);
    }
    generations_stop(&g);
}

/* Whoever of the two takes the question: one that is not serving yet must not say so, as the other
 * one does. */
static void test_always_ready(void **state)
{
    (void)state;
    char path[FILES_PATH];
    put_server_script("server");
    files_put("threads", "8");
    const char *argv[] = {
        files_path("server", path), "-H", "127.0.0.1", "-p", "0", "--admin", "127.0.0.1:0", NULL};
    generations g = generations_start(NULL, argv);
    server first = {.program = g.first};
    uint16_t port = admin_port(&first);
    size_t asked = 0;
    http_wait_status(port, "/readyz", 200);
    for (size_t i = 0; i < 20; i++) {
        double deadline = program_now() + PROGRAM_TIMEOUT;
        for (generations_begin_upgrade(&g); !generations_is_upgraded(&g); asked++) {
            assert_true(program_now() < deadline);
            assert_int_equal(http_status(port, "/readyz"), 200);
        }
        generations_end_upgrade(&g);
    }
    print_message("    asked %zu times\n", asked);
    generations_stop(&g);
}

/* The thread that closes it may take a moment. */
static void wait_refused(uint16_t port)
{
    int fd = net_try_connect("127.0.0.1", port);
    for (double end = program_now() + PROGRAM_TIMEOUT; fd >= 0;) {
        close(fd);
        assert_true(program_now() < end);
        program_pause_ms(2);
        fd = net_try_connect("127.0.0.1", port);
    }
}

/* When the new one ends while the old one still has connections, nobody listens any more: who
 * connects is told at once, and a server that is started then gets every address and every
 * connection. */
static void test_the_new_one_ends_first(void **state)
{
    (void)state;
    char path[FILES_PATH], host[FILES_PATH + 8], socket_path[FILES_PATH];
    put_server_script("server");
    files_put("threads", "2");
    (void)snprintf(host, sizeof host, "unix:%s", files_path("socket", socket_path));
    const char *argv[] = {files_path("server", path),
                          "-H",
                          "127.0.0.1",
                          "-H",
                          host,
                          "-p",
                          "0",
                          "--admin",
                          "127.0.0.1:0",
                          "--accept",
                          "reuseport",
                          "--grace",
                          "300",
                          "--idle-timeout",
                          "0",
                          NULL};
    generations g = generations_start(NULL, argv);
    server first = {.program = g.first};
    uint16_t admin = admin_port(&first);
    int client = net_connect(g.port);
    net_send_text(client, "hello\r\n");
    net_expect_text(client, "You sent: hello\r\n");
    generations_upgrade(&g);
    generations_signal(&g, SIGTERM);
    generations_wait_lines(&g, "stats accepted=", 1); /* its last word */
    wait_refused(admin);
    wait_refused(g.port);
    char port_text[8], admin_text[32];
    (void)snprintf(port_text, sizeof port_text, "%u", g.port);
    (void)snprintf(admin_text, sizeof admin_text, "127.0.0.1:%u", admin);
    argv[6] = port_text;
    argv[8] = admin_text;
    generations next = generations_start(NULL, argv);
    for (size_t i = 0; i < 20; i++) {
        expect_served(&next);
    }
    expect_served_at(socket_path);
    generations_stop(&next);
    net_send_text(client, "still there\r\n");
    net_expect_text(client, "You sent: still there\r\n");
    close(client);
    generations_stop(&g);
}

/* Load balancers hear of the end while clients are still accepted. */
static void test_the_drain_delay(void **state)
{
    (void)state;
    server s = server_start(NULL, "--admin", "127.0.0.1:0", "--drain-delay", "1h", NULL);
    uint16_t port = admin_port(&s);
    http_wait_status(port, "/readyz", 200);
    program_signal(s.program, SIGTERM);
    http_wait_status(port, "/readyz", 503);
    assert_int_equal(http_status(port, "/healthz"), 200);
    server_check_serves(&s);
    server_signal_again(s.program, SIGTERM);
    program_expect_exit(s.program, 1); /* at once */
}

/* --- what comes to nothing ---------------------------------------------------------------------*/

/* One error line that says why; it serves on; and the next try, with a program that works, does. */
static void fails(const char *body, const char *timeout, const char *why)
{
    char path[FILES_PATH];
    put_server_script("server");
    files_put("threads", "2");
    const char *argv[] = {files_path("server", path), "-H",    "127.0.0.1", "-p",  "0",
                          "--upgrade-timeout",        timeout, "--grace",   "300", NULL};
    generations g = generations_start(NULL, argv);
    if (body != NULL) {
        put_script("server", body);
    } else {
        assert_int_equal(chmod(path, 0600), 0);
    }
    size_t fds = generations_open_fds(&g, g.pid[0]);
    generations_signal(&g, SIGUSR2);
    generations_wait_lines(&g, "this process goes on serving", 1);
    const char *line = program_wait_line(g.first, PROGRAM_STDERR, " ERROR ");
    if (strstr(line, why) == NULL) {
        program_fail(g.first, "no \"%s\" in \"%s\"", why, line);
    }
    expect_served(&g);
    program_wait_open_fds(g.first, fds);
    put_server_script("server");
    generations_upgrade(&g);
    generations_expect_exit(&g, 0, 0);
    expect_served(&g);
    generations_signal(&g, SIGTERM);
    generations_expect_exit(&g, 1, 0);
    assert_int_equal(program_count_lines(g.first, PROGRAM_STDERR, " ERROR "), 1);
}

static void test_exits(void **state)
{
    (void)state;
    fails("exit 1", "60", "exited with status 1 before it was ready");
    fails("exit 0", "60", "exited with status 0 before it was ready");
}

static void test_is_killed(void **state)
{
    (void)state;
    fails("kill -KILL $$", "60", "was ended by signal 9 before it was ready");
}

/* A try that hangs; the next one has the same time, which it may need under a sanitizer. */
static void test_hangs(void **state)
{
    (void)state;
    fails("exec sleep 1000", "5", "was not ready after 5 s, and was killed");
}

static void test_says_nothing(void **state)
{
    (void)state;
    fails("exec 3>&- 4>&- 5>&-; exec sleep 1000", "60",
          "did not say that it was ready, and was killed");
}

static void test_cannot_be_run(void **state)
{
    (void)state;
    fails(NULL, "60", "cannot run it: Permission denied");
}

/* An option that the new program does not know: it says so itself, too. */
static void test_does_not_know_an_option(void **state)
{
    (void)state;
    char body[FILES_PATH];
    (void)snprintf(body, sizeof body, "exec -a \"$0\" %s/yodel-server \"$@\" --nonsense",
                   bin_dir());
    fails(body, "60", "exited with status 2 before it was ready");
}

/* A script that runs the server instead of becoming it: the sockets are not for that process. */
static void test_without_exec(void **state)
{
    (void)state;
    char body[FILES_PATH];
    (void)snprintf(body, sizeof body, "%s/yodel-server \"$@\" 2>/dev/null", bin_dir());
    fails(body, "60", "exited with status 1 before it was ready");
}

/* --- signals before it serves, and while one is under way
 * ---------------------------------------*/

/* It waits until there is something to take over. */
static void test_asked_early(void **state)
{
    (void)state;
    const char *env[] = {"LD_PRELOAD=" YODEL_EARLY_UPGRADE_SHIM,
                         "ASAN_OPTIONS=detect_leaks=1:verify_asan_link_order=0", NULL};
    net_text path = {0};
    net_text_printf(&path, "%s/yodel-server", bin_dir());
    const char *argv[] = {path.data, "-H", "127.0.0.1", "-p", "0", NULL};
    generations g = generations_start(&(program_options){.env = env}, argv);
    net_text_free(&path);
    generations_end_upgrade(&g);
    expect_served(&g);
    generations_stop(&g);
}

static generations start_and_hang(void)
{
    generations g = start("handoff", "300");
    put_script("server", "exec sleep 1000");
    generations_signal(&g, SIGUSR2);
    generations_wait_lines(&g, " starts as ", 1);
    return g;
}

static void test_a_second_one(void **state)
{
    (void)state;
    generations g = start_and_hang();
    generations_signal(&g, SIGUSR2);
    generations_wait_lines(&g, "no upgrade: one is under way", 1);
    expect_served(&g);
    assert_int_equal(program_count_lines(g.first, PROGRAM_STDERR, " starts as "), 1);
    generations_stop(&g);
}

static void test_told_to_end(void **state)
{
    (void)state;
    generations g = start_and_hang();
    const char *line = program_wait_line(g.first, PROGRAM_STDERR, " starts as ");
    pid_t pid = (pid_t)strtol(strstr(line, "process ") + strlen("process "), NULL, 10);
    assert_true(pid > 1);
    generations_stop(&g);
    generations_wait_lines(&g, "upgrade: given up", 1);
    assert_int_equal(kill(pid, 0), -1); /* reaped, too */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        generations_test(test_ten_upgrades_handoff),
        generations_test(test_ten_upgrades_reuseport),
        generations_test(test_a_line_that_is_half_sent),
        generations_test(test_the_grace_ends_who_stays),
        generations_test(test_a_replaced_one_told_to_end),
        generations_test(test_as_if_started_anew),
        generations_test(test_a_link_to_another_version),
        generations_test(test_a_unix_socket),
        generations_test(test_the_admin_endpoint),
        generations_test(test_always_ready),
        generations_test(test_the_new_one_ends_first),
        generations_test(test_the_drain_delay),
        generations_test(test_exits),
        generations_test(test_is_killed),
        generations_test(test_hangs),
        generations_test(test_says_nothing),
        generations_test(test_cannot_be_run),
        generations_test(test_does_not_know_an_option),
        generations_test(test_without_exec),
        generations_test(test_asked_early),
        generations_test(test_a_second_one),
        generations_test(test_told_to_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
