/* The status page's data: samples and what else it says. */
#include "server/status.h"

#include "core/clock.h"
#include "tests/support/chat_server.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/json_at.h"
#include "tests/support/net.h"
#include "tests/support/threads.h"
#include "yodel_version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct stage {
    yodel_server *server;
    yodel_status *status;
    uint64_t now; /* of the last sample; the test moves it */
} stage;

static int setup(void **state)
{
    static stage s;
    s.server = chat_server_new(2);
    assert_int_equal(yodel_server_start(s.server), 0);
    assert_int_equal(yodel_status_new(s.server, &s.status), 0);
    s.now = yodel_clock_now();
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    stage *s = *state;
    yodel_status_free(s->status);
    chat_server_end(s->server);
    return 0;
}

/* So many samples, a second apart (of time that the test makes up). */
static void sample(stage *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        s->now += YODEL_NS_PER_SEC;
        yodel_status_sample(s->status, s->now);
    }
}

static json_t *status_of(const stage *s, yodel_server_state state, uint64_t since)
{
    yodel_watched watched = {.server = s->server, .protocol = "chat", .state = state};
    char *text;
    size_t len;
    json_error_t error;
    assert_int_equal(yodel_status_json(s->status, &watched, 1.7e9, since, &text, &len), 0);
    assert_int_equal(strlen(text), len);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        fail_msg("%s in %s", error.text, text);
    }
    free(text);
    return root;
}

static void test_what_runs(void **state)
{
    static const char *const words[] = {"starting", "serving", "draining"};
    stage *s = *state;
    for (int i = 0; i < 3; i++) {
        json_t *root = status_of(s, (yodel_server_state)i, 0);
        json_has_members_at(root, "",
                            "server limits process counters closed accept_errors log_lost workers "
                            "samples");
        json_is_text_at(root, "server/state", words[i]);
        json_is_text_at(root, "server/version", YODEL_VERSION);
        json_is_text_at(root, "server/commit", YODEL_COMMIT);
        json_is_text_at(root, "server/protocol", "chat");
        json_is_number_at(root, "server/pid", getpid());
        json_is_number_at(root, "server/started", 1.7e9);
        json_is_number_at(root, "limits/connections", 1000);
        json_is_null_at(root, "log_lost");
        json_is_number_at(root, "closed/eof", 0);
        assert_int_equal(json_array_size(json_at(root, "workers")), 2);
        json_has_members_at(root, "workers/0",
                            "active accepted lines_in buffered paused_now closed stuck");
        assert_true(json_is_false(json_at(root, "workers/0/stuck")));
        assert_int_equal(json_object_size(json_at(root, "counters")), YODEL_COUNTER_COUNT);
        char address[64];
        (void)snprintf(address, sizeof address, "127.0.0.1:%u", chat_server_port(s->server));
        json_is_text_at(root, "server/listeners/0", address);
        json_decref(root);
    }
}

static double sum_at(json_t *root, const char *path)
{
    double sum = 0;
    size_t i;
    json_t *value;
    json_array_foreach(json_at(root, path), i, value)
    {
        sum += json_number_value(value);
    }
    return sum;
}

static bool all_was_sent(void *server)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    return yodel_counters_get(&sum, YODEL_COUNT_BYTES_OUT) == (uint64_t)15 * 17;
}

/* Each sample holds what happened since the one before, a second of it. */
static void test_samples(void **state)
{
    stage *s = *state;
    sample(s, 1);
    int first = chat_server_talk(s->server, 10);
    int second = chat_server_talk(s->server, 5);
    wait_until(all_was_sent, s->server, "the last answer is counted"); /* after it was sent */
    sample(s, 1);
    close(first);
    close(second);
    wait_counter(yodel_server_counters(s->server, 0), YODEL_COUNT_ACTIVE, 0);
    wait_counter(yodel_server_counters(s->server, 1), YODEL_COUNT_ACTIVE, 0);
    sample(s, 1);
    json_t *root = status_of(s, YODEL_SERVER_RUNNING, 0);
    static const double lines[] = {0, 15, 0}, active[] = {0, 2, 0};
    json_is_number_at(root, "samples/last", 3);
    assert_int_equal(json_array_size(json_at(root, "samples/at")), 3);
    for (int i = 0; i < 3; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "samples/lines/%d", i);
        assert_true(sum_at(root, path) == lines[i]);
        (void)snprintf(path, sizeof path, "samples/active/%d", i);
        assert_true(sum_at(root, path) == active[i]);
        (void)snprintf(path, sizeof path, "samples/busy/%d", i);
        assert_true(sum_at(root, path) >= 0 && sum_at(root, path) <= 2);
        (void)snprintf(path, sizeof path, "samples/bytes_in/%d", i);
        json_is_number_at(root, path, lines[i] * 7);
        (void)snprintf(path, sizeof path, "samples/bytes_out/%d", i);
        json_is_number_at(root, path, lines[i] * 17);
    }
    json_is_number_at(root, "closed/eof", 2);
    json_is_number_at(root, "counters/lines_in", 15);
    json_decref(root);
}

/* A page asks for what is new only. */
static void test_since(void **state)
{
    stage *s = *state;
    static const struct {
        uint64_t since;
        size_t expected;
    } cases[] = {{0, 5}, {1, 4}, {4, 1},
                 {5, 0}, {6, 5}, {UINT64_MAX, 5}}; /* 6: of another server */
    sample(s, 5);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root = status_of(s, YODEL_SERVER_RUNNING, cases[i].since);
        static const char *const series[] = {"at",    "bytes_in", "bytes_out", "active",
                                             "lines", "busy",     "lag",       "longest"};
        for (size_t j = 0; j < sizeof series / sizeof series[0]; j++) {
            char path[32];
            (void)snprintf(path, sizeof path, "samples/%s", series[j]);
            assert_int_equal(json_array_size(json_at(root, path)), cases[i].expected);
        }
        json_is_number_at(root, "samples/last", 5);
        json_decref(root);
    }
}

/* The oldest go. */
static void test_five_minutes(void **state)
{
    stage *s = *state;
    sample(s, YODEL_STATUS_SAMPLES + 50);
    int client = chat_server_talk(s->server, 3);
    sample(s, 1);
    json_t *root = status_of(s, YODEL_SERVER_RUNNING, 0);
    assert_int_equal(json_array_size(json_at(root, "samples/at")), YODEL_STATUS_SAMPLES);
    json_is_number_at(root, "samples/last", YODEL_STATUS_SAMPLES + 51);
    assert_true(sum_at(root, "samples/lines/300") == 3);
    assert_true(sum_at(root, "samples/lines/299") == 0);
    json_decref(root);
    root = status_of(s, YODEL_SERVER_RUNNING, 2); /* no longer kept: all that is */
    assert_int_equal(json_array_size(json_at(root, "samples/at")), YODEL_STATUS_SAMPLES);
    json_decref(root);
    close(client);
}

static bool lag_came(void *arg)
{
    yodel_durations_seen seen;
    yodel_durations_look(yodel_server_lag(((stage *)arg)->server, 1), &seen);
    return seen.total > 0;
}

static void test_lag(void **state)
{
    stage *s = *state;
    wait_until(lag_came, s, "the lag is measured");
    sample(s, 1);
    json_t *root = status_of(s, YODEL_SERVER_RUNNING, 0);
    double lag = json_number_value(json_at(root, "samples/lag/0/1"));
    double longest = json_number_value(json_at(root, "samples/longest/0/1"));
    assert_true(lag > 0 && longest >= lag);
    json_decref(root);
}

/* Without JavaScript. */
static void test_html(void **state)
{
    stage *s = *state;
    int client = chat_server_talk(s->server, 7);
    sample(s, 1);
    yodel_watched watched = {
        .server = s->server, .protocol = "chat", .state = YODEL_SERVER_RUNNING};
    char *text;
    size_t len;
    assert_int_equal(yodel_status_html(s->status, &watched, 1.7e9, &text, &len), 0);
    assert_int_equal(strlen(text), len);
    assert_non_null(strstr(text, "<dt>State</dt><dd class=\"value\">serving</dd>"));
    assert_non_null(strstr(text, "<dt>Connections</dt><dd class=\"value\">1 of 1000</dd>"));
    assert_non_null(strstr(text, "<dt>Lines received</dt><dd class=\"value\">7</dd>"));
    assert_non_null(strstr(text, "<td>7</td>")); /* a second's lines of one of the two */
    assert_non_null(strstr(text, "<tr><th>1</th>"));
    free(text);
    close(client);
}

#define status_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        status_test(test_what_runs),    status_test(test_samples), status_test(test_since),
        status_test(test_five_minutes), status_test(test_lag),     status_test(test_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
