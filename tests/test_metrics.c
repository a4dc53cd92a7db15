/* The metrics of a server that has done something, read by a strict parser. */
#include "server/metrics.h"

#include "tests/support/chat_server.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/exposition.h"
#include "tests/support/piped_log.h"
#include "tests/support/threads.h"
#include "yodel_version.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static exposition *metrics_of(const yodel_server *server, yodel_server_state state)
{
    yodel_watched watched = {.server = server, .protocol = "chat", .state = state};
    char *text;
    size_t len;
    assert_int_equal(yodel_metrics_write(&watched, 1.7e9, &text, &len), 0);
    assert_int_equal(strlen(text), len);
    exposition *e = exposition_read(text);
    free(text);
    return e;
}

/* Names are a promise to those who have dashboards and alerts: all of them, with their types. */
static void test_names(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"yodel_build_info", "gauge"},
        {"process_start_time_seconds", "gauge"},
        {"process_cpu_seconds_total", "counter"},
        {"process_resident_memory_bytes", "gauge"},
        {"process_virtual_memory_bytes", "gauge"},
        {"process_open_fds", "gauge"},
        {"process_max_fds", "gauge"},
        {"yodel_workers", "gauge"},
        {"yodel_connections_limit", "gauge"},
        {"yodel_buffered_limit_bytes", "gauge"},
        {"yodel_ready", "gauge"},
        {"yodel_draining", "gauge"},
        {"yodel_connections_accepted_total", "counter"},
        {"yodel_connections_active", "gauge"},
        {"yodel_connections_paused", "gauge"},
        {"yodel_connections_closed_total", "counter"},
        {"yodel_connections_rejected_total", "counter"},
        {"yodel_clients_forgotten_total", "counter"},
        {"yodel_connections_opened_total", "counter"},
        {"yodel_accept_errors_total", "counter"},
        {"yodel_received_bytes_total", "counter"},
        {"yodel_sent_bytes_total", "counter"},
        {"yodel_lines_received_total", "counter"},
        {"yodel_lines_sent_total", "counter"},
        {"yodel_lines_partial_total", "counter"},
        {"yodel_pauses_total", "counter"},
        {"yodel_buffered_bytes", "gauge"},
        {"yodel_worker_stuck", "gauge"},
        {"yodel_worker_hangs_total", "counter"},
        {"yodel_loop_lag_seconds", "histogram"},
        {"yodel_loop_iteration_seconds", "histogram"},
    };
    yodel_server *server = chat_server_new(3);
    exposition *e = metrics_of(server, YODEL_SERVER_MADE);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const char *type = exposition_type(e, expected[i][0]);
        if (type == NULL || strcmp(type, expected[i][1]) != 0) {
            fail_msg("%s is %s", expected[i][0], type != NULL ? type : "not there");
        }
    }
    assert_true(exposition_has(e, "yodel_build_info{version=\"" YODEL_VERSION
                                  "\",commit=\"" YODEL_COMMIT "\"}"));
    assert_true(exposition_value(e, "process_start_time_seconds") == 1.7e9);
    assert_true(exposition_value(e, "yodel_workers") == 3);
    assert_true(exposition_value(e, "yodel_connections_limit") == 1000);
    assert_true(exposition_value(e, "yodel_buffered_limit_bytes") ==
                (double)yodel_server_max_memory(server));
    assert_true(exposition_has(e, "yodel_connections_active{worker=\"2\"}"));
    assert_false(exposition_has(e, "yodel_connections_active{worker=\"3\"}"));
    assert_true(exposition_has(e, "yodel_accept_errors_total{errno=\"EMFILE\"}"));
    assert_true(exposition_has(e, "yodel_connections_closed_total{reason=\"line_too_long\"}"));
    assert_null(exposition_type(e, "yodel_log_lines_lost_total")); /* nobody knows */
    exposition_free(e);
    yodel_server_free(server);
}

/* No counter is forgotten, also one that comes later: whatever has no name of its own is there by
 * the one that counters.h gives it. */
static void test_every_counter(void **state)
{
    (void)state;
    static const char *const own[YODEL_COUNTER_COUNT] = {
        [YODEL_COUNT_ACCEPTED] = "yodel_connections_accepted_total{worker=\"0\"}",
        [YODEL_COUNT_ACTIVE] = "yodel_connections_active{worker=\"0\"}",
        [YODEL_COUNT_REJECTED] = "yodel_connections_rejected_total{reason=\"full\"}",
        [YODEL_COUNT_REJECTED_PER_IP] = "yodel_connections_rejected_total{reason=\"per_ip\"}",
        [YODEL_COUNT_REJECTED_RATE] = "yodel_connections_rejected_total{reason=\"rate\"}",
        [YODEL_COUNT_REJECTED_UNTRUSTED] = "yodel_connections_rejected_total{reason=\"untrusted\"}",
        [YODEL_COUNT_FORGOTTEN] = "yodel_clients_forgotten_total",
        [YODEL_COUNT_OPENED] = "yodel_connections_opened_total",
        [YODEL_COUNT_ACCEPT_ERRORS] = "yodel_accept_errors_total{errno=\"EMFILE\"}",
        [YODEL_COUNT_BYTES_IN] = "yodel_received_bytes_total{worker=\"0\"}",
        [YODEL_COUNT_BYTES_OUT] = "yodel_sent_bytes_total{worker=\"0\"}",
        [YODEL_COUNT_LINES_IN] = "yodel_lines_received_total{worker=\"0\"}",
        [YODEL_COUNT_LINES_OUT] = "yodel_lines_sent_total{worker=\"0\"}",
        [YODEL_COUNT_PARTIAL] = "yodel_lines_partial_total",
        [YODEL_COUNT_PAUSED] = "yodel_pauses_total",
        [YODEL_COUNT_PAUSED_NOW] = "yodel_connections_paused{worker=\"0\"}",
        [YODEL_COUNT_BUFFERED] = "yodel_buffered_bytes{worker=\"0\"}",
        [YODEL_COUNT_STUCK] = "yodel_worker_hangs_total",
    };
    yodel_server *server = chat_server_new(1);
    exposition *e = metrics_of(server, YODEL_SERVER_MADE);
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        const char *name = yodel_counter_name((yodel_counter)i);
        char sample[128];
        if (own[i] != NULL) {
            (void)snprintf(sample, sizeof sample, "%s", own[i]);
        } else if (strncmp(name, "closed_", 7) == 0) {
            (void)snprintf(sample, sizeof sample, "yodel_connections_closed_total{reason=\"%s\"}",
                           name + 7);
        } else {
            (void)snprintf(sample, sizeof sample, "yodel_%s_total", name);
        }
        (void)exposition_value(e, sample);
    }
    exposition_free(e);
    yodel_server_free(server);
}

static void test_states(void **state)
{
    (void)state;
    static const double expected[][2] = {
        [YODEL_SERVER_MADE] = {0, 0},
        [YODEL_SERVER_RUNNING] = {1, 0},
        [YODEL_SERVER_DRAINING] = {0, 1},
    };
    yodel_server *server = chat_server_new(1);
    for (int i = 0; i < 3; i++) {
        exposition *e = metrics_of(server, (yodel_server_state)i);
        assert_true(exposition_value(e, "yodel_ready") == expected[i][0]);
        assert_true(exposition_value(e, "yodel_draining") == expected[i][1]);
        exposition_free(e);
    }
    yodel_server_free(server);
}

static bool lag_is_measured(void *arg)
{
    yodel_durations_seen seen[2];
    for (unsigned i = 0; i < 2; i++) {
        yodel_durations_look(yodel_server_lag(arg, i), &seen[i]);
    }
    return seen[0].total > 1 && seen[1].total > 1;
}

/* Three clients: one talks, one ends in the middle of a line, one says goodbye. */
static void test_values(void **state)
{
    (void)state;
    yodel_server *server = chat_server_new(2);
    assert_int_equal(yodel_server_start(server), 0);
    int open = chat_server_talk(server, 5);
    int half = chat_server_talk(server, 2);
    int quits = chat_server_talk(server, 1);
    net_send_text(half, "hel");
    net_finish_sending(half);
    net_expect_eof(half);
    net_send_text(quits, ".\r\n");
    net_expect_eof(quits);
    close(half);
    close(quits);
    wait_until(lag_is_measured, server, "the lag is measured");
    for (;;) { /* the last of a close is counted after the client has seen it */
        yodel_counters sum;
        yodel_server_totals(server, &sum);
        if (yodel_counters_closed(&sum) == 2) {
            break;
        }
    }
    exposition *e = metrics_of(server, YODEL_SERVER_RUNNING);
    assert_true(exposition_sum(e, "yodel_connections_accepted_total") == 3);
    assert_true(exposition_value(e, "yodel_connections_accepted_total{worker=\"none\"}") == 0);
    assert_true(exposition_sum(e, "yodel_connections_active") == 1);
    assert_true(exposition_sum(e, "yodel_connections_closed_total") == 2);
    assert_true(exposition_value(e, "yodel_connections_closed_total{reason=\"eof\"}") == 1);
    assert_true(exposition_value(e, "yodel_connections_closed_total{reason=\"quit\"}") == 1);
    assert_true(exposition_sum(e, "yodel_lines_received_total") == 9); /* the dot is one */
    assert_true(exposition_sum(e, "yodel_lines_sent_total") == 8);
    assert_true(exposition_sum(e, "yodel_lines_partial_total") == 1);
    assert_true(exposition_sum(e, "yodel_received_bytes_total") == 8 * 7 + 3 + 3);
    assert_true(exposition_sum(e, "yodel_sent_bytes_total") == 8 * 17);
    assert_true(exposition_sum(e, "yodel_connections_paused") == 0);
    assert_true(exposition_value(e, "yodel_loop_lag_seconds_count{worker=\"0\"}") > 1);
    assert_true(exposition_value(e, "yodel_loop_lag_seconds_sum{worker=\"0\"}") > 0);
    assert_true(exposition_value(e, "yodel_loop_iteration_seconds_count{worker=\"1\"}") > 1);
    assert_true(
        exposition_has(e, "yodel_loop_iteration_seconds_bucket{worker=\"1\",le=\"1.048576\"}"));
    exposition_free(e);
    close(open);
    chat_server_end(server);
}

static void test_lost_log_lines(void **state)
{
    (void)state;
    piped_log log;
    yodel_server *server = chat_server_new(1);
    piped_log_open(&log, YODEL_LOG_TEXT);
    piped_log_fill(&log);
    yodel_watched watched = {.server = server, .log = &log.log, .protocol = "chat"};
    char *text;
    size_t len;
    assert_int_equal(yodel_metrics_write(&watched, 0, &text, &len), 0);
    exposition *e = exposition_read(text);
    assert_true(exposition_value(e, "yodel_log_lines_lost_total") ==
                (double)yodel_log_fd_lost(&log.log));
    assert_true(exposition_value(e, "yodel_log_lines_lost_total") >= 1);
    exposition_free(e);
    free(text);
    piped_log_close(&log);
    yodel_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),          cmocka_unit_test(test_every_counter),
        cmocka_unit_test(test_states),         cmocka_unit_test(test_values),
        cmocka_unit_test(test_lost_log_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
