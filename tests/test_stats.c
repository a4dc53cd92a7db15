/*
 * The lines of counters, from a server that has done something.
 */
#include "server/stats.h"

#include "proto/chat.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

/* A log that keeps its lines. */
typedef struct kept {
    yodel_log log; /* first */
    net_text text;
    size_t lines;
    bool wrong_level;
} kept;

static void keep(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    kept *k = (kept *)(void *)log;
    net_text_add(&k->text, msg, len);
    net_text_add(&k->text, "\n", 1);
    k->lines++;
    k->wrong_level = k->wrong_level || level != YODEL_LOG_INFO;
}

static kept log_stats(const yodel_server *server)
{
    kept k = {.log = {.level = YODEL_LOG_DEBUG, .sink = keep}};
    yodel_stats_log(&k.log, server);
    assert_false(k.wrong_level);
    return k;
}

static const char *const host = "127.0.0.1";
static const yodel_line_config chat = {.ops = &yodel_chat_ops, .max_line = 100};

static yodel_server *new_server(unsigned threads)
{
    yodel_server_config config;
    yodel_server *server;
    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = threads;
    config.factory = yodel_line_factory(&chat);
    assert_int_equal(yodel_server_new(&config, &server), 0);
    return server;
}

/* The first line is "stats" and each counter's name once, in order, closed in front of its reasons.
 */
static void test_words(void **state)
{
    (void)state;
    yodel_server *server = new_server(3);
    kept k = log_stats(server);
    yodel_server_free(server);
    net_text expected = {0};
    net_text_printf(&expected, "stats");
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        if (i == YODEL_COUNT_CLOSED_FIRST) {
            net_text_printf(&expected, " closed=0");
        }
        net_text_printf(&expected, " %s=0", yodel_counter_name((yodel_counter)i));
    }
    net_text_printf(&expected, "\n");
    for (int i = 0; i < 3; i++) {
        net_text_printf(&expected, "stats worker=%d accepted=0 active=0 buffered=0 closed=0", i);
        for (int j = YODEL_COUNT_CLOSED_FIRST; j <= YODEL_COUNT_CLOSED_LAST; j++) {
            net_text_printf(&expected, " %s=0", yodel_counter_name((yodel_counter)j));
        }
        net_text_printf(&expected, "\n");
    }
    assert_string_equal(k.text.data, expected.data);
    assert_int_equal(k.lines, 4);
    net_text_free(&k.text);
    net_text_free(&expected);
}

/* The longest values there can be fit into a log line. */
static void test_longest_line_fits(void **state)
{
    (void)state;
    size_t len = strlen("stats closed=18446744073709551615");
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        len += strlen(yodel_counter_name((yodel_counter)i)) + strlen(" =18446744073709551615");
    }
    assert_in_range(len, 100, YODEL_LOG_MESSAGE_MAX - 1);
}

/* The value behind " name=", in a line. */
static unsigned long long value(const char *line, const char *name)
{
    char wanted[64];
    unsigned long long n = 0;
    (void)snprintf(wanted, sizeof wanted, " %s=", name);
    const char *found = strstr(line, wanted);
    if (found == NULL || sscanf(found + strlen(wanted), "%llu", &n) != 1) {
        fail_msg("no %s in \"%s\"", name, line);
    }
    return n;
}

static void test_values(void **state)
{
    (void)state;
    yodel_server *server = new_server(2);
    size_t count;
    uint16_t port = yodel_address_port(yodel_server_addresses(server, &count));
    assert_int_equal(yodel_server_start(server), 0);
    int client[3];
    for (int i = 0; i < 3; i++) {
        client[i] = net_connect(port);
        net_send_text(client[i], "a\r\nb\r\n");
        net_expect_text(client[i], "You sent: a\r\nYou sent: b\r\n");
    }
    net_send_text(client[0], ".\r\n");
    net_expect_eof(client[0]);
    net_send_text(client[1], "half");
    net_finish_sending(client[1]);
    net_expect_eof(client[1]);
    kept running = log_stats(server); /* while it serves */
    for (int i = 0; i < 3; i++) {
        close(client[i]);
    }
    yodel_server_drain(server, 10.0);
    yodel_server_wait(server);
    kept k = log_stats(server);
    yodel_server_free(server);

    assert_int_equal(value(running.text.data, "accepted"), 3);
    assert_int_equal(value(running.text.data, "lines_out"), 6);
    char *rest = k.text.data;
    const char *sums = strsep(&rest, "\n");
    assert_int_equal(value(sums, "accepted"), 3);
    assert_int_equal(value(sums, "active"), 0);
    assert_int_equal(value(sums, "bytes_in"), 3 * 6 + 3 + 4);
    assert_int_equal(value(sums, "bytes_out"), 3 * 26);
    assert_int_equal(value(sums, "lines_in"), 7);
    assert_int_equal(value(sums, "lines_out"), 6);
    assert_int_equal(value(sums, "partial"), 1);
    assert_int_equal(value(sums, "closed"), 3);
    assert_int_equal(value(sums, "closed_quit"), 1);

    unsigned long long accepted = 0, closed = 0;
    for (unsigned i = 0; i < 2; i++) {
        const char *line = strsep(&rest, "\n");
        assert_non_null(line);
        assert_int_equal(value(line, "worker"), i);
        assert_int_equal(value(line, "active"), 0);
        accepted += value(line, "accepted");
        closed += value(line, "closed");
    }
    assert_int_equal(accepted, 3);
    assert_int_equal(closed, 3);
    assert_string_equal(rest, "");
    net_text_free(&running.text);
    net_text_free(&k.text);
}

/* At a level at which nobody wants to know. */
static void test_level(void **state)
{
    (void)state;
    yodel_server *server = new_server(1);
    kept k = {.log = {.level = YODEL_LOG_WARNING, .sink = keep}};
    yodel_stats_log(&k.log, server);
    yodel_stats_log(NULL, server);
    assert_int_equal(k.lines, 0);
    yodel_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_longest_line_fits),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
