/*
 * The line protocol when reading is paused, by a line, by somebody else or by a slow reader:
 * nothing is delivered meanwhile, and afterwards everything, in order.
 */
#include "proto/line_protocol.h"

#include "core/error.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/line_recorder.h"

static void resume(void)
{
    yodel_transport_resume_reading(yodel_line_transport(seen.last));
}

static void check_pause(void **state, const char *how)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    char text[100];
    int len = snprintf(text, sizeof text, "a\r\n%s\r\nb\r\nc\r\nha", how);
    fixture_feed(f, client, text, (size_t)len);
    fixture_expect_text(f, client, "<a>\r\n");
    FEED(f, client, "lf\r\nd\r\n");
    fixture_expect_nothing(f, client);
    assert_int_equal(seen.count, 2);

    resume();
    assert_int_equal(seen.count, 2); /* not from inside resume_reading */
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n<half>\r\n<d>\r\n");
    fixture_settle(f);
    assert_int_equal(seen.count, 6);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 6);
}

static void test_pause(void **state)
{
    check_pause(state, "pause");
}

/* Paused, and a return that says to go on: nothing more is delivered all the same. */
static void test_pause_go_on(void **state)
{
    check_pause(state, "pause, go on");
}

/* Nothing but a return of 0: what came with the line comes again with what follows. */
static void test_stop_dispatching(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "stop\r\nb\r\nc\r\n");
    fixture_expect_nothing(f, client);
    assert_string_equal(seen.lines, "[stop]");
    FEED(f, client, "d\r\n");
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n<d>\r\n");
}

static void test_pause_each_line(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "pause\r\npause\r\npause\r\n");
    for (size_t i = 1; i <= 3; i++) {
        fixture_settle(f);
        assert_int_equal(seen.count, i);
        resume();
    }
    FEED(f, client, "on\r\n");
    fixture_expect_text(f, client, "<on>\r\n");
}

/* The one for whom it paused was ready at once: what came already is delivered, without a word
 * more from the client. */
static void test_pause_and_resume_at_once(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\npause and resume\r\nb\r\npause and resume\r\nc\r\n");
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n<c>\r\n");
    assert_int_equal(seen.count, 5);
}

/* Resumed and, before the loop came to it, paused again. */
static void test_resume_and_pause_again(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "pause\r\nb\r\nc\r\n");
    resume();
    yodel_transport_pause_reading(yodel_line_transport(seen.last));
    fixture_expect_nothing(f, client);
    assert_string_equal(seen.lines, "[pause]");
    resume();
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n");
}

/* The client's end waits for those who are paused. */
static void test_end_while_paused(void **state)
{
    fixture *f = line_recorder_start(state);
    int client = fixture_connect(f);
    FEED(f, client, "pause\r\nb\r\nc\r\nrest");
    net_finish_sending(client);
    net_wait_delivered(client);
    fixture_expect_nothing(f, client);
    assert_int_equal(seen.eofs, 0);
    resume();
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n");
    fixture_expect_eof(f, client);
    line_recorder_check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 1);
}

/* A client that sends what it can and reads nothing. */
typedef struct flood {
    fixture *f;
    int client;
    net_text *out;
    size_t sent;
} flood;

static bool flood_until_paused(void *arg)
{
    flood *flow = arg;
    flow->sent += net_send_until_blocked(flow->client, flow->out->data + flow->sent,
                                         flow->out->len - flow->sent, 0);
    return fixture_count(flow->f, YODEL_COUNT_PAUSED) > 0;
}

/* A client that reads late: lines wait in order, in bounds, and none is lost. */
static void test_slow_reader(void **state)
{
    enum { LINES = 50000 };
    fixture *f = line_recorder_start(state);
    net_text out = {0}, in = {0};
    for (unsigned i = 0; i < LINES; i++) {
        net_text_printf(&out, "line %u\r\n", i);
        net_text_printf(&in, "<line %u>\r\n", i);
    }
    flood flow = {.f = f, .client = fixture_connect_small(f), .out = &out};
    fixture_run_until(f, flood_until_paused, &flow, "reading is paused");
    size_t count = seen.count;
    (void)flood_until_paused(&flow);
    fixture_settle(f);
    assert_int_equal(seen.count, count); /* no line is delivered meanwhile */
    assert_true(count < LINES);
    /* It rose above the high mark by no more than what is sent at once; the kernel may have taken a
     * little since, but not so much that reading would resume. */
    size_t waiting = yodel_transport_unsent(yodel_line_transport(seen.last));
    assert_in_range(waiting, 16384 + 1, 2 * 65536 + 100);
    fixture_exchange(f, flow.client, out.data + flow.sent, out.len - flow.sent, in.data, in.len);
    assert_int_equal(seen.count, LINES);
    net_text_free(&out);
    net_text_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_pause),
        fixture_test(test_pause_go_on),
        fixture_test(test_stop_dispatching),
        fixture_test(test_pause_each_line),
        fixture_test(test_pause_and_resume_at_once),
        fixture_test(test_resume_and_pause_again),
        fixture_test(test_end_while_paused),
        fixture_test(test_slow_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
