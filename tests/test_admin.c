/* The admin endpoint: its paths, its answers, its life. */
#include "server/admin.h"

#include "core/address.h"
#include "server/embedded.h"
#include "server/metrics.h"
#include "tests/support/chat_server.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/exposition.h"
#include "tests/support/http.h"
#include "tests/support/json_at.h"
#include "tests/support/net.h"
#include "tests/support/piped_log.h"
#include "tests/support/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct stage {
    yodel_server *server;
    piped_log log;
    yodel_admin *admin;
    uint16_t port;
    size_t fds;
} stage;

static const yodel_endpoint loopback = {"127.0.0.1", "0"};

static yodel_admin_config config_of(stage *s, const yodel_endpoint *endpoint)
{
    return (yodel_admin_config){
        .server = s->server,
        .endpoint = endpoint,
        .fd = -1,
        .log = &s->log.log,
        .protocol = "chat",
    };
}

static uint16_t port_of(const yodel_admin *admin)
{
    yodel_address address;
    assert_int_equal(yodel_address_of_socket(yodel_admin_fd(admin), &address), 0);
    return yodel_address_port(&address);
}

static int setup(void **state)
{
    static stage s;
    memset(&s, 0, sizeof s);
    s.fds = count_fds();
    piped_log_open(&s.log, YODEL_LOG_TEXT);
    s.server = chat_server_new(2);
    yodel_admin_config config = config_of(&s, &loopback);
    assert_int_equal(yodel_admin_start(&config, &s.admin), 0);
    s.port = port_of(s.admin);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    stage *s = *state;
    yodel_admin_stop(s->admin);
    if (yodel_server_state_of(s->server) == YODEL_SERVER_MADE) {
        yodel_server_free(s->server);
    } else {
        chat_server_end(s->server);
    }
    piped_log_close(&s->log);
    if (count_fds() != s->fds) {
        print_error("%zu fds are open, before the test it were %zu\n", count_fds(), s->fds);
        return -1;
    }
    return 0;
}

static void expect_header(const http_answer *answer, const char *name, const char *expected)
{
    char *value = http_header(answer, name);
    if (value == NULL || strcmp(value, expected) != 0) {
        fail_msg("%s: %s", name, value != NULL ? value : "is not there");
    }
    free(value);
}

static void expect_answer(stage *s, const char *method, const char *path, int status,
                          const char *type, const char *body)
{
    http_answer answer = http_request(s->port, method, path);
    assert_int_equal(answer.status, status);
    expect_header(&answer, "Content-Type", type);
    expect_header(&answer, "Cache-Control", "no-store");
    expect_header(&answer, "X-Content-Type-Options", "nosniff");
    if (body != NULL) {
        assert_string_equal(answer.body, body);
    }
    http_free(&answer);
}

#define PLAIN "text/plain; charset=utf-8"

/* --- the paths ---------------------------------------------------------------------------------*/

static void test_paths(void **state)
{
    stage *s = *state;
    assert_int_equal(yodel_server_start(s->server), 0);
    expect_answer(s, "GET", "/healthz", 200, PLAIN, "ok\n");
    expect_answer(s, "GET", "/readyz", 200, PLAIN, "ready\n");
    expect_answer(s, "GET", "/metrics", 200, YODEL_METRICS_TYPE, NULL);
    expect_answer(s, "GET", "/metrics?a=b", 200, YODEL_METRICS_TYPE, NULL);
    expect_answer(s, "GET", "/", 200, "text/html; charset=utf-8", NULL);
    expect_answer(s, "GET", "/status.css", 200, "text/css; charset=utf-8", NULL);
    expect_answer(s, "GET", "/status.js", 200, "text/javascript; charset=utf-8", NULL);
    expect_answer(s, "GET", "/status_words.js", 200, "text/javascript; charset=utf-8", NULL);
    expect_answer(s, "GET", "/status.json", 200, "application/json", NULL);
    expect_answer(s, "GET", "/status.json?since=1", 200, "application/json", NULL);
    expect_answer(s, "GET", "/status.json?since=x", 400, PLAIN, "since is not a number\n");
    expect_answer(s, "GET", "/status.json?since=-1", 400, PLAIN, "since is not a number\n");
    static const char *const unknown[] = {
        "/metrics/", "//metrics", "/METRICS", "/index.html", "/status.html", "/favicon.ico",
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        expect_answer(s, "GET", unknown[i], 404, PLAIN, "there is no such page\n");
    }
}

static void test_methods(void **state)
{
    stage *s = *state;
    expect_answer(s, "HEAD", "/metrics", 200, YODEL_METRICS_TYPE, "");
    expect_answer(s, "HEAD", "/readyz", 503, PLAIN, "");
    expect_answer(s, "HEAD", "/nowhere", 404, PLAIN, "");
    static const char *const others[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "FETCH"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        http_answer answer = http_request(s->port, others[i], "/metrics");
        assert_int_equal(answer.status, 405);
        expect_header(&answer, "Allow", "GET, HEAD");
        assert_string_equal(answer.body, "only GET and HEAD\n");
        http_free(&answer);
    }
}

/* A HEAD says how long the body would be. */
static void test_head_has_the_length(void **state)
{
    stage *s = *state;
    char expected[32];
    http_answer head = http_request(s->port, "HEAD", "/status.js");
    (void)snprintf(expected, sizeof expected, "%zu", yodel_embedded_status_js_len);
    expect_header(&head, "Content-Length", expected);
    http_free(&head);
}

static void test_one_connection_for_many_requests(void **state)
{
    stage *s = *state;
    int fd = net_connect(s->port);
    for (int i = 0; i < 20; i++) {
        http_answer answer = http_get_on(fd, i % 2 ? "/healthz" : "/nowhere");
        assert_int_equal(answer.status, i % 2 ? 200 : 404);
        http_free(&answer);
    }
    close(fd);
}

static void test_rubbish(void **state)
{
    stage *s = *state;
    static const char *const rubbish[] = {
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof rubbish / sizeof rubbish[0]; i++) {
        int fd = net_connect(s->port);
        net_send_text(fd, rubbish[i]);
        net_finish_sending(fd);
        (void)net_wait_end(fd);
        close(fd);
    }
    assert_int_equal(http_status(s->port, "/healthz"), 200);
}

/* --- what they say -----------------------------------------------------------------------------*/

/* The page: nothing from elsewhere, the essentials without a script, all of the files there are. */
static void test_the_page(void **state)
{
    stage *s = *state;
    http_answer page = http_get(s->port, "/");
    char *policy = http_header(&page, "Content-Security-Policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_null(strstr(policy, "unsafe"));
    free(policy);
    assert_non_null(strstr(page.body, "<dt>State</dt><dd class=\"value\">starting</dd>"));
    assert_null(strstr(page.body, "<!-- status -->"));
    assert_non_null(strstr(page.body, "</html>"));
    assert_null(strstr(page.body, "https://"));
    assert_null(strstr(page.body, " style="));
    assert_null(strstr(page.body, "<style"));
    assert_null(strstr(page.body, " onclick="));
    http_free(&page);
    http_answer script = http_get(s->port, "/status.js");
    assert_int_equal(script.len, yodel_embedded_status_js_len);
    assert_memory_equal(script.body, yodel_embedded_status_js, script.len);
    http_free(&script);
    http_answer style = http_get(s->port, "/status.css");
    assert_memory_equal(style.body, yodel_embedded_status_css, yodel_embedded_status_css_len);
    http_free(&style);
}

static bool sampled(void *arg)
{
    http_answer answer = http_get(((stage *)arg)->port, "/status.json");
    json_t *root = json_loads(answer.body, 0, NULL);
    assert_non_null(root);
    bool some = json_integer_value(json_at(root, "samples/last")) >= 2;
    json_decref(root);
    http_free(&answer);
    return some;
}

/* Its thread takes samples by itself. */
static void test_samples_are_taken(void **state)
{
    stage *s = *state;
    wait_until(sampled, s, "two samples were taken");
}

static void test_metrics(void **state)
{
    stage *s = *state;
    http_answer answer = http_get(s->port, "/metrics");
    exposition *e = exposition_read(answer.body);
    assert_true(exposition_value(e, "yodel_ready") == 0);
    assert_true(exposition_value(e, "process_open_fds") > 5);
    assert_true(exposition_value(e, "process_start_time_seconds") > 1.7e9);
    assert_true(exposition_value(e, "yodel_log_lines_lost_total") == 0);
    exposition_free(e);
    http_free(&answer);
}

/* Each state of the server, and the one that comes before it is told. */
static void test_readiness(void **state)
{
    stage *s = *state;
    expect_answer(s, "GET", "/readyz", 503, PLAIN, "starting\n");
    assert_int_equal(yodel_server_start(s->server), 0);
    expect_answer(s, "GET", "/readyz", 200, PLAIN, "ready\n");
    yodel_admin_set_draining(s->admin);
    expect_answer(s, "GET", "/readyz", 503, PLAIN, "draining\n");
    expect_answer(s, "GET", "/healthz", 200, PLAIN, "ok\n");
    close(chat_server_talk(s->server, 1)); /* still served */
}

/* A process that replaces another one: clients are served before it serves. */
static void test_readiness_of_a_successor(void **state)
{
    stage *s = *state;
    yodel_admin_config config = config_of(s, &loopback);
    yodel_admin *admin;
    config.replaces = true;
    assert_int_equal(yodel_admin_start(&config, &admin), 0);
    stage successor = {.server = s->server, .port = port_of(admin)};
    expect_answer(&successor, "GET", "/readyz", 200, PLAIN, "ready\n");
    yodel_admin_set_draining(admin);
    expect_answer(&successor, "GET", "/readyz", 503, PLAIN, "draining\n");
    yodel_admin_stop(admin);
}

static void test_readiness_while_draining(void **state)
{
    stage *s = *state;
    assert_int_equal(yodel_server_start(s->server), 0);
    yodel_server_drain(s->server, 10);
    expect_answer(s, "GET", "/readyz", 503, PLAIN, "draining\n");
    yodel_server_wait(s->server);
    expect_answer(s, "GET", "/readyz", 503, PLAIN, "draining\n");
    expect_answer(s, "GET", "/healthz", 200, PLAIN, "ok\n");
}

/* --- its life ----------------------------------------------------------------------------------*/

static void test_told_once(void **state)
{
    stage *s = *state;
    char expected[64];
    (void)snprintf(expected, sizeof expected, " INFO admin on http://127.0.0.1:%u/\n", s->port);
    assert_string_equal(expect_time(piped_log_drain(&s->log)), expected);
}

static void test_everybody_can_reach_it(void **state)
{
    stage *s = *state;
    static const yodel_endpoint everywhere = {"0.0.0.0", "0"};
    yodel_admin_config config = config_of(s, &everywhere);
    yodel_admin *admin;
    (void)piped_log_drain(&s->log);
    assert_int_equal(yodel_admin_start(&config, &admin), 0);
    assert_non_null(strstr(piped_log_drain(&s->log), " WARNING --admin: whoever can reach "));
    assert_int_equal(http_status(port_of(admin), "/healthz"), 200);
    yodel_admin_stop(admin);
}

static void test_port_taken(void **state)
{
    stage *s = *state;
    yodel_endpoint taken = {.host = "127.0.0.1"};
    (void)snprintf(taken.port, sizeof taken.port, "%u", s->port);
    yodel_admin_config config = config_of(s, &taken);
    yodel_admin *admin = NULL;
    char expected[128];
    (void)piped_log_drain(&s->log);
    size_t fds = count_fds();
    assert_int_equal(yodel_admin_start(&config, &admin), -EADDRINUSE);
    assert_null(admin);
    (void)snprintf(expected, sizeof expected,
                   " ERROR --admin 127.0.0.1:%u: cannot listen: Address already in use\n", s->port);
    assert_string_equal(expect_time(piped_log_drain(&s->log)), expected);
    assert_int_equal(count_fds(), fds);
}

/* A socket that listens already; it belongs to the admin then. */
static void test_inherited(void **state)
{
    stage *s = *state;
    uint16_t port;
    yodel_admin_config config = config_of(s, &loopback);
    yodel_admin *admin;
    config.fd = net_listen(&port);
    assert_int_equal(yodel_admin_start(&config, &admin), 0);
    assert_int_equal(yodel_admin_fd(admin), config.fd);
    assert_int_equal(http_status(port, "/healthz"), 200);
    yodel_admin_stop(admin); /* teardown counts the fds */
    assert_true(net_try_connect("127.0.0.1", port) < 0);
}

/* Quiesced, it leaves the socket to another process, here to the test itself. */
static void test_quiesce(void **state)
{
    stage *s = *state;
    int before = net_connect(s->port);
    http_answer answer = http_get_on(before, "/healthz");
    assert_int_equal(answer.status, 200);
    http_free(&answer);
    int socket = dup(yodel_admin_fd(s->admin)); /* it closes its own */
    yodel_admin_quiesce(s->admin);
    /* It may take those that come while it is being told. */
    int accepted = -1;
    for (int i = 0; accepted < 0; i++) {
        assert_true(i < 1000);
        int client = net_connect(s->port);
        if (net_wait_readable(socket, 20)) {
            accepted = net_accept(socket);
        }
        close(client);
    }
    close(accepted);
    close(socket);
    answer = http_get_on(before, "/healthz"); /* those who were there are served */
    assert_int_equal(answer.status, 200);
    http_free(&answer);
    close(before);
    assert_true(net_try_connect("127.0.0.1", s->port) < 0); /* nobody has it open any more */
}

static void *stop_it(void *admin)
{
    yodel_admin_stop(admin);
    return NULL;
}

/* Who came to it before the other process had the socket to itself is not cut off by its end. */
static void test_a_late_request_is_answered(void **state)
{
    stage *s = *state;
    int late = net_connect(s->port);
    assert_int_equal(http_status(s->port, "/healthz"), 200); /* so it has accepted that one */
    assert_int_equal(yodel_server_start(s->server), 0);
    yodel_admin_quiesce(s->admin);
    yodel_server_drain(s->server, 0);
    pthread_t ending;
    assert_int_equal(pthread_create(&ending, NULL, stop_it, s->admin), 0);
    s->admin = NULL;
    assert_false(net_wait_readable(late, 100)); /* it waits */
    http_answer answer = http_get_on(late, "/readyz");
    assert_int_equal(answer.status, 200); /* the other one is, although this one drains */
    http_free(&answer);
    pthread_join(ending, NULL);
    net_wait_end(late);
    close(late);
}

/* Without another process nobody waits for those who ask nothing. */
static void test_an_end_for_good_cuts_off(void **state)
{
    stage *s = *state;
    int silent = net_connect(s->port);
    assert_int_equal(http_status(s->port, "/healthz"), 200);
    yodel_admin_stop(s->admin);
    s->admin = NULL;
    assert_true(net_wait_readable(silent, 0));
    close(silent);
}

static void test_no_admin(void **state)
{
    (void)state;
    assert_int_equal(yodel_admin_fd(NULL), -1);
    yodel_admin_set_draining(NULL);
    yodel_admin_quiesce(NULL);
    yodel_admin_stop(NULL);
}

#define admin_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        admin_test(test_paths),
        admin_test(test_methods),
        admin_test(test_head_has_the_length),
        admin_test(test_one_connection_for_many_requests),
        admin_test(test_rubbish),
        admin_test(test_the_page),
        admin_test(test_samples_are_taken),
        admin_test(test_metrics),
        admin_test(test_readiness),
        admin_test(test_readiness_of_a_successor),
        admin_test(test_readiness_while_draining),
        admin_test(test_told_once),
        admin_test(test_everybody_can_reach_it),
        admin_test(test_port_taken),
        admin_test(test_inherited),
        admin_test(test_quiesce),
        admin_test(test_a_late_request_is_answered),
        admin_test(test_an_end_for_good_cuts_off),
        cmocka_unit_test(test_no_admin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
