/*
 * How a connection of a line protocol ends: at its own word, by a callback that fails, by the
 * client, by its idle timeout.
 */
#include "proto/line_protocol.h"

#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/line_recorder.h"

static void check_close(void **state, const char *how)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    char text[100];
    int len = snprintf(text, sizeof text, "a\r\nb\r\n%s\r\nc\r\n", how);
    fixture_feed(f, client, text, (size_t)len);
    FEED(f, client, "d\r\n");
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
    assert_int_equal(seen.count, 3);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 3);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 0);
}

static void test_close(void **state)
{
    check_close(state, "close");
}

/* Closed, and a return that says to go on. */
static void test_close_go_on(void **state)
{
    check_close(state, "close, go on");
    assert_int_equal(seen.last_write, -EPIPE);
}

/* Between resume_reading and the lines that were kept for it: close. All that was written before
 * arrives, none of the lines is delivered. */
static void test_close_after_resume(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect_small(f);
    size_t size = 500000;
    char *much = test_calloc(size, 1);
    FEED(f, client, "pause\r\nb\r\nc\r\n");
    yodel_transport_set_limits(yodel_line_transport(seen.last),
                               (yodel_write_limits){800000, 1, 900000});
    assert_int_equal(yodel_line_write(seen.last, much, size), 0);
    fixture_settle(f); /* the kernel has taken what it takes */
    yodel_transport_resume_reading(yodel_line_transport(seen.last));
    yodel_line_close(seen.last);
    fixture_expect(f, client, much, size);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    line_recorder_check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
    assert_string_equal(seen.lines, "[pause]");
    test_free(much);
}

static void test_abort_go_on(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "abort, go on\r\nb\r\n");
    fixture_wait_active(f, 0);
    line_recorder_check_end(f, -ECANCELED, YODEL_COUNT_CLOSED_RESET);
    assert_int_equal(seen.count, 1);
}

/* A negative return ends this connection, and no other. */
static void test_callback_fails(void **state)
{
    fixture *f = line_recorder_start(state);
    int other = fixture_connect(f);
    int client = fixture_connect(f);
    FEED(f, other, "a\r\nhal");
    FEED(f, client, "x\r\nfail\r\ny\r\n");
    fixture_wait_active(f, 1);
    assert_int_equal(seen.reason, YODEL_EHANDLER);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 1);
    assert_true(fixture_logged(f, "Bad message"));
    assert_string_equal(seen.lines, "[a][x][fail]");
    /* The answer to x was lost: no end that looks like a good one. */
    fixture_expect_reset(f, client);
    FEED(f, other, "f\r\n");
    fixture_expect_text(f, other, "<a>\r\n<half>\r\n");
}

static void test_greeting(void **state)
{
    fixture *f = line_recorder_start(state);
    seen.greeting = "220 ready";
    int client = fixture_connect(f);
    fixture_expect_text(f, client, "220 ready\r\n");
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 1);
    FEED(f, client, "a\r\n");
    fixture_expect_text(f, client, "<a>\r\n");
}

static void test_connection_made_fails(void **state)
{
    fixture *f = line_recorder_start(state);
    seen.made_code = -EPERM;
    (void)fixture_connect(f);
    line_recorder_check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
    assert_true(fixture_logged(f, "Operation not permitted"));
}

static void check_eof(void **state, const char *stream, const char *answer, uint64_t partial)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, strlen(stream));
    net_finish_sending(client);
    fixture_expect_text(f, client, answer);
    fixture_expect_eof(f, client);
    line_recorder_check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), partial);
    assert_int_equal(seen.eofs, 1);
}

static void test_eof(void **state)
{
    check_eof(state, "a\r\nb\r\n", "<a>\r\n<b>\r\n", 0);
}

static void test_eof_at_once(void **state)
{
    check_eof(state, "", "", 0);
}

static void test_eof_in_a_line(void **state)
{
    check_eof(state, "a\r\nhalf", "<a>\r\n", 1);
}

static void test_eof_in_a_delimiter(void **state)
{
    check_eof(state, "a\r\n\r", "<a>\r\n", 1);
}

/* The lines and the end in one and the same turn. */
static void test_eof_with_the_lines(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    net_send_text(client, "a\r\nb\r\nhalf");
    net_finish_sending(client);
    net_wait_delivered(client);
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n");
    fixture_expect_eof(f, client);
    line_recorder_check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 1);
}

/* A protocol that answers after the client's end, and then closes by itself. */
static void test_eof_stays_open(void **state)
{
    fixture *f = line_recorder_start(state);
    seen.eof_code = 1;
    int client = fixture_connect(f);
    FEED(f, client, "a\r\n");
    net_finish_sending(client);
    fixture_run_until_count(f, &seen.eofs, 1, "eof_received");
    fixture_expect_text(f, client, "<a>\r\n");
    fixture_expect_nothing(f, client);
    assert_int_equal(yodel_line_write_line(seen.last, "late", 4), 0);
    fixture_expect_text(f, client, "late\r\n");
    yodel_line_close(seen.last);
    fixture_expect_eof(f, client);
    line_recorder_check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
}

static void test_eof_callback_fails(void **state)
{
    fixture *f = line_recorder_start(state);
    seen.eof_code = -EBADMSG;
    int client = fixture_connect(f);
    net_finish_sending(client);
    line_recorder_check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
}

static void test_reset(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\nhalf");
    fixture_disconnect(f, client, true);
    line_recorder_check_end(f, -ECONNRESET, YODEL_COUNT_CLOSED_RESET);
    assert_int_equal(seen.eofs, 0);
}

static int just_go_on(yodel_line_protocol *p, const char *line, size_t len)
{
    (void)p;
    (void)line;
    (void)len;
    seen.count++;
    return 1;
}

static void test_callbacks_may_be_missing(void **state)
{
    static const yodel_line_ops least = {.line_received = just_go_on};
    static const yodel_line_config with = {.ops = &least, .max_line = MAX_LINE};
    fixture *f = line_recorder_start_with(state, &with, 0);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\nb\r\n" LINE_40 "xx");
    assert_int_equal(seen.count, 2);
    fixture_expect_text(f, client, TOO_LONG);
    fixture_expect_eof(f, client);
    int other = fixture_connect(f);
    net_finish_sending(other);
    fixture_expect_eof(f, other);
}

/* Bytes without a line do not keep a connection: whoever only sends those goes when its time is
 * over. (That lines do keep it: test_transport_timeouts.) */
typedef struct drip {
    fixture *f;
    int client;
} drip;

static bool drip_until_end(void *arg)
{
    drip *d = arg;
    (void)send(d->client, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return fixture_count(d->f, YODEL_COUNT_ACTIVE) == 0;
}

static void test_partial_bytes_do_not_keep_it(void **state)
{
    static const yodel_line_config wide = {
        .ops = &line_recorder_ops, .max_line = 1 << 20, .arg = &seen};
    fixture *f = line_recorder_start_with(state, &wide, 0.2);
    drip d = {f, fixture_connect(f)};
    fixture_run_until(f, drip_until_end, &d, "a connection without a line becomes idle");
    line_recorder_check_end(f, YODEL_EIDLE, YODEL_COUNT_CLOSED_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_close),
        fixture_test(test_close_go_on),
        fixture_test(test_close_after_resume),
        fixture_test(test_abort_go_on),
        fixture_test(test_callback_fails),
        fixture_test(test_greeting),
        fixture_test(test_connection_made_fails),
        fixture_test(test_eof),
        fixture_test(test_eof_at_once),
        fixture_test(test_eof_in_a_line),
        fixture_test(test_eof_in_a_delimiter),
        fixture_test(test_eof_with_the_lines),
        fixture_test(test_eof_stays_open),
        fixture_test(test_eof_callback_fails),
        fixture_test(test_reset),
        fixture_test(test_callbacks_may_be_missing),
        fixture_test(test_partial_bytes_do_not_keep_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
