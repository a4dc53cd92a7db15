/* The status page in a real browser, headless Chromium: it shows what the server does, and the
 * browser has nothing to complain of. Skipped where there is none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/admin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"
#include "tests/support/net.h"

enum { CLIENTS = 7 };

static char *browser; /* NULL: there is none */

static int setup(void **state)
{
    static const char *const names[] = {"chromium", "chromium-browser", "google-chrome"};
    for (size_t i = 0; browser == NULL && i < sizeof names / sizeof names[0]; i++) {
        browser = admin_find_program(names[i]);
    }
    return files_setup(state);
}

static int teardown(void **state)
{
    int code = program_teardown(state);
    free(browser);
    browser = NULL;
    return files_teardown(state) == 0 ? code : -1;
}

/* The page's elements after two seconds, as the browser has them. */
static program *look(uint16_t port)
{
    char profile[FILES_PATH + 32], home[FILES_PATH], url[48];
    (void)snprintf(profile, sizeof profile, "--user-data-dir=%s", files_path("profile", home));
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", port);
    program *p =
        program_start(NULL, browser, "--headless", "--no-sandbox", "--disable-gpu",
                      "--disable-dev-shm-usage", "--no-first-run", "--enable-logging=stderr",
                      "--virtual-time-budget=2000", profile, "--dump-dom", url, NULL);
    program_expect_exit(p, 0);
    return p;
}

static void expect(program *p, const char *text)
{
    if (strstr(program_output(p, PROGRAM_STDOUT, NULL), text) == NULL) {
        program_fail(p, "the page does not have: %s", text);
    }
}

/* Clients, so that there is something to see. */
static void connect_all(const server *s, int clients[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = net_connect(s->port);
        net_send_text(clients[i], "hello\r\nagain\r\n");
        net_expect_text(clients[i], "You sent: hello\r\nYou sent: again\r\n");
    }
}

static void test_live(void **state)
{
    (void)state;
    if (browser == NULL) {
        skip();
    }
    int clients[CLIENTS];
    server s = server_start(NULL, "-t", "3", "--admin", "127.0.0.1:0", "--idle-timeout", "0", NULL);
    uint16_t port = admin_port(&s);
    connect_all(&s, clients);
    /* A sample or two, so that there is a past. */
    admin_wait_metric(port, "yodel_connections_active", CLIENTS);
    program_pause_ms(1500);
    program *p = look(port);
    expect(p, "<span id=\"state\" class=\"pill good\">serving</span>");
    expect(p, "<dt>Connections</dt><dd class=\"value\">7</dd>");
    expect(p, "<tr class=\"\"><th>lines in</th><td>14</td></tr>");
    expect(p, "<span>core 2</span>");
    expect(p, "class=\"line-a\" d=\"M"); /* curves are drawn */
    static const char *const complaints[] = {"Refused to", "Uncaught", "violates", "ERROR:CONSOLE"};
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++) {
        if (strstr(program_output(p, PROGRAM_STDERR, NULL), complaints[i]) != NULL) {
            program_fail(p, "the browser complains");
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        close(clients[i]);
    }
    server_stop(&s);
}

#define browser_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        browser_test(test_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
