/* The echo server of the articles as a handler: each answer byte for byte, and each way to end. */
#include "proto/stream_echo.h"

#include "core/error.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"

enum { MAX_LINE = 100 };

static yodel_stream_echo_options options;
static yodel_stream_config config;

static fixture *start_with(void **state, double idle_timeout,
                           const yodel_transport_settings *settings)
{
    fixture *f = *state;
    yodel_transport_settings all = *settings;
    options = (yodel_stream_echo_options){.idle_timeout = idle_timeout, .max_line = MAX_LINE};
    config =
        (yodel_stream_config){.handler = yodel_stream_echo, .arg = &options, .limit = MAX_LINE};
    all.factory = yodel_stream_factory(&config);
    fixture_start(f, &all);
    return f;
}

static fixture *start(void **state)
{
    return start_with(state, 0, &(yodel_transport_settings){.idle_timeout = 0});
}

static void expect_end(fixture *f, int client, yodel_counter counter)
{
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, counter), 1);
}

#define FEED(f, client, text)   fixture_feed(f, client, text, sizeof(text) - 1)
#define EXPECT(f, client, text) fixture_expect(f, client, text, sizeof(text) - 1)

static void test_every_line_comes_back_as_it_is(void **state)
{
    static const char text[] =
        "hello\r\n\r\n a \r\nnul\0here\r\n\x80\xff\r\nlf\nhere\r\ncr\rhere\r\r\n..\r\n. \r\n";
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, text);
    EXPECT(f, client, text);
    fixture_expect_nothing(f, client);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 9);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 9);
}

static void test_drop_by_drop(void **state)
{
    static const char text[] = "one\r\n\r\nthree\r\n";
    fixture *f = start(state);
    int client = fixture_connect(f);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        fixture_feed(f, client, text + i, 1);
    }
    EXPECT(f, client, text);
}

static void test_a_dot_ends_it(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\n.\r\nignored\r\n");
    EXPECT(f, client, "a\r\n");
    expect_end(f, client, YODEL_COUNT_CLOSED_QUIT);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 1);
}

static void test_an_end_of_file_ends_it(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_send_text(client, "a\r\nb\r\n");
    net_finish_sending(client);
    EXPECT(f, client, "a\r\nb\r\n");
    expect_end(f, client, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 0);
}

static void test_half_a_line_is_dropped_and_counted(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_send_text(client, "a\r\nhalf\r");
    net_finish_sending(client);
    EXPECT(f, client, "a\r\n");
    expect_end(f, client, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 1);
}

static void test_the_longest_line_and_one_more(void **state)
{
    fixture *f = start(state);
    char line[MAX_LINE + 4];
    memset(line, 'x', sizeof line);
    memcpy(line + MAX_LINE, "\r\n", 3);
    int client = fixture_connect(f);
    fixture_send_text(f, client, line);
    fixture_expect_text(f, client, line);
    memcpy(line + MAX_LINE, "x\r\n", 4);
    fixture_send_text(f, client, line);
    EXPECT(f, client, "Error: line longer than 100 bytes\r\n");
    expect_end(f, client, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

/* It is known before the line has ended, and what still comes of it destroys nothing. */
static void test_a_line_without_end(void **state)
{
    fixture *f = start(state);
    char much[30000];
    memset(much, 'x', sizeof much);
    int client = fixture_connect(f);
    fixture_send(f, client, "a\r\n", 3);
    fixture_send(f, client, much, sizeof much);
    EXPECT(f, client, "a\r\nError: line longer than 100 bytes\r\n");
    fixture_send(f, client, much, sizeof much);
    expect_end(f, client, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

/* Which is the handler's, not the group's; bytes of a line do not extend it. */
static void test_a_line_has_its_time(void **state)
{
    fixture *f = start_with(state, 0.05, &(yodel_transport_settings){.idle_timeout = 0.001});
    int client = fixture_connect(f);
    uint64_t before = yodel_loop_now(f->loop);
    net_send_text(client, "half");
    fixture_expect_eof(f, client);
    assert_true(yodel_loop_now(f->loop) - before >= 50 * 1000000);
    expect_end(f, client, YODEL_COUNT_CLOSED_IDLE);
}

static void test_a_reset_ends_it(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\n");
    fixture_disconnect(f, client, true);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
}

/* Who does not read is not read from, either; who reads slowly gets everything. */
static void test_a_reader_that_lets_it_wait(void **state)
{
    enum { LINES = 8000 };
    fixture *f = start_with(
        state, 0,
        &(yodel_transport_settings){.write_timeout = 60,
                                    .write_limits = {.high = 10000, .low = 2000, .hard = 100000}});
    static char text[LINES * 50];
    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(text + i * 50, 49, "%048zu", i);
        memcpy(text + i * 50 + 48, "\r\n", 2);
    }
    int client = fixture_connect_small(f);
    size_t sent = 0;
    for (size_t before = 1; sent != before;) {
        before = sent;
        sent += net_send_until_blocked(client, text + sent, sizeof text - sent, 0);
        fixture_settle(f);
    }
    assert_true(fixture_count(f, YODEL_COUNT_PAUSED) >= 1);
    assert_true(fixture_count(f, YODEL_COUNT_LINES_OUT) < LINES);
    uint64_t paused = fixture_count(f, YODEL_COUNT_PAUSED);
    char *got = test_malloc(sizeof text);
    for (size_t received = 0; received < sizeof text;) {
        size_t n = sizeof text - received < 4000 ? sizeof text - received : 4000;
        fixture_receive(f, client, got + received, n);
        received += n;
        sent += net_send_until_blocked(client, text + sent, sizeof text - sent, 0);
    }
    assert_memory_equal(got, text, sizeof text);
    assert_true(fixture_count(f, YODEL_COUNT_PAUSED) > paused);
    test_free(got);
    FEED(f, client, ".\r\n");
    expect_end(f, client, YODEL_COUNT_CLOSED_QUIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_every_line_comes_back_as_it_is),
        fixture_test(test_drop_by_drop),
        fixture_test(test_a_dot_ends_it),
        fixture_test(test_an_end_of_file_ends_it),
        fixture_test(test_half_a_line_is_dropped_and_counted),
        fixture_test(test_the_longest_line_and_one_more),
        fixture_test(test_a_line_without_end),
        fixture_test(test_a_line_has_its_time),
        fixture_test(test_a_reset_ends_it),
        fixture_test(test_a_reader_that_lets_it_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
