/*
 * The line protocol on real transports: what is a line, in which order things happen, and how a
 * connection ends.
 *
 * The protocol under test does what a line tells it and notes all that it is called for.
 */
#include "proto/line_protocol.h"

#include "core/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

enum { MAX_LINE = 40 };

/* What a test's connections were called for, all in one. */
typedef struct record {
    char lines[4096]; /* "[line]" for each */
    size_t count;
    size_t made;
    size_t lost;
    int reason;
    size_t depth;    /* callbacks that have not returned */
    bool nested;     /* connection_lost from inside another one */
    bool bad_state;  /* not zero, or not aligned */
    bool bad_access; /* yodel_line_arg is not what it should be */
    yodel_line_protocol *last;
    const char *greeting;
    int made_code;
    int too_long_code;
    int eof_code;
    size_t eofs;
    int last_write; /* what the last write returned */
} record;

static record seen;

/* The state of a connection. */
typedef struct counted {
    uint64_t zero;
    long double needs_alignment;
    size_t lines;
} counted;

static void note_line(const char *line, size_t len)
{
    size_t used = strlen(seen.lines);
    (void)snprintf(seen.lines + used, sizeof seen.lines - used, "[%.*s]", (int)len, line);
}

static bool is(const char *line, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(line, word, len) == 0;
}

static int made(yodel_line_protocol *p)
{
    const counted *state = yodel_line_state(p);
    seen.made++;
    seen.last = p;
    seen.bad_access = seen.bad_access || yodel_line_arg(p) != &seen;
    seen.bad_state = seen.bad_state || state->zero != 0 || state->lines != 0 ||
                     (uintptr_t)state % _Alignof(counted) != 0;
    if (seen.greeting != NULL) {
        seen.last_write = yodel_line_write_line(p, seen.greeting, strlen(seen.greeting));
    }
    return seen.made_code;
}

static int obey(yodel_line_protocol *p, const char *line, size_t len)
{
    yodel_transport *transport = yodel_line_transport(p);
    if (is(line, len, "pause")) {
        yodel_transport_pause_reading(transport);
        return 0;
    }
    if (is(line, len, "pause, go on")) {
        yodel_transport_pause_reading(transport);
        return 1;
    }
    if (is(line, len, "pause and resume")) {
        yodel_transport_pause_reading(transport);
        yodel_transport_resume_reading(transport);
        return 0;
    }
    if (is(line, len, "stop")) {
        return 0;
    }
    if (is(line, len, "close")) {
        yodel_line_close(p);
        return 0;
    }
    if (is(line, len, "close, go on")) {
        yodel_line_close(p);
        seen.last_write = yodel_line_write_line(p, "too late", 8);
        return 1;
    }
    if (is(line, len, "abort, go on")) {
        yodel_transport_abort(transport, -ECANCELED);
        return 1;
    }
    if (is(line, len, "fail")) {
        return -EBADMSG;
    }
    if (is(line, len, "count")) {
        char text[32];
        const counted *state = yodel_line_state(p);
        int n = snprintf(text, sizeof text, "%zu", state->lines);
        seen.last_write = yodel_line_write_line(p, text, (size_t)n);
        return 1;
    }
    seen.last_write = yodel_line_write(p, "<", 1);
    seen.last_write = yodel_line_write(p, line, len);
    seen.last_write = yodel_line_write_line(p, ">", 1);
    return 1;
}

static int received(yodel_line_protocol *p, const char *line, size_t len)
{
    seen.depth++;
    seen.count++;
    ((counted *)yodel_line_state(p))->lines++;
    note_line(line, len);
    int code = obey(p, line, len);
    seen.depth--;
    return code;
}

static int ended(yodel_line_protocol *p)
{
    (void)p;
    seen.eofs++;
    return seen.eof_code;
}

static void lost(yodel_line_protocol *p, int reason)
{
    (void)p;
    seen.nested = seen.nested || seen.depth > 0;
    seen.lost++;
    seen.reason = reason;
}

static int too_long(yodel_line_protocol *p)
{
    seen.last_write = yodel_line_write(p, "no!", 3);
    return seen.too_long_code;
}

static const yodel_line_ops ops = {
    .state_size = sizeof(counted),
    .connection_made = made,
    .line_received = received,
    .eof_received = ended,
    .connection_lost = lost,
};
static const yodel_line_config config = {.ops = &ops, .max_line = MAX_LINE, .arg = &seen};

/* What the connections of this test refer to until the teardown has ended them. */
static yodel_line_ops used_ops;
static yodel_line_config used_config;

/* Begins a test. */
static fixture *start_with(void **state, const yodel_line_config *with, double idle_timeout)
{
    fixture *f = *state;
    seen = (record){.reason = 1};
    used_ops = *with->ops;
    used_config = *with;
    used_config.ops = &used_ops;
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&used_config),
                                                 .idle_timeout = idle_timeout});
    return f;
}

static fixture *start(void **state)
{
    return start_with(state, &config, 0);
}

/* The only connection has ended, for this reason and in this counter. */
static void check_end(fixture *f, int reason, yodel_counter counter)
{
    fixture_wait_active(f, 0);
    assert_int_equal(seen.made, 1);
    assert_int_equal(seen.lost, 1);
    assert_int_equal(seen.reason, reason);
    assert_int_equal(fixture_count(f, counter), 1);
    assert_int_equal(yodel_counters_closed(&f->counters), 1);
    assert_false(seen.nested);
}

#define FEED(f, client, text) fixture_feed(f, client, text, sizeof(text) - 1)

/* --- what is a line ----------------------------------------------------------------------------*/

static void test_lines(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "one\r\ntwo\r\n\r\nthree\r\n");
    fixture_expect_text(f, client, "<one>\r\n<two>\r\n<>\r\n<three>\r\n");
    assert_string_equal(seen.lines, "[one][two][][three]");
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 4);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 4);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), 19);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), 5 + 5 + 2 + 7 + 8);
}

static void test_byte_by_byte(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    const char text[] = "ab\r\n\r\nc\rd\ne\r\r\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        fixture_feed(f, client, text + i, 1);
    }
    assert_string_equal(seen.lines, "[ab][][c\rd\ne\r]");
    fixture_expect_text(f, client, "<ab>\r\n<>\r\n<c\rd\ne\r>\r\n");
}

/* What is not CRLF is payload, and comes back byte for byte. */
static void test_payload(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    size_t n = 0;
    char line[64];
    /* All 256 bytes, in lines of 40 at the most, with LF first and CR last in theirs. */
    for (unsigned byte = 0; byte < 256;) {
        size_t len = 0;
        while (len < MAX_LINE && byte < 256) {
            line[len++] = (char)byte++;
        }
        memcpy(line + len, "\r\n", 2);
        fixture_feed(f, client, line, len + 2);
        char expected[64];
        expected[0] = '<';
        memcpy(expected + 1, line, len);
        memcpy(expected + 1 + len, ">\r\n", 3);
        fixture_expect(f, client, expected, len + 4);
        n++;
    }
    assert_int_equal(seen.count, n);

    seen.lines[0] = '\0';
    FEED(f, client, "\n\r\n\r\r\n\r\n\n\r\n");
    assert_string_equal(seen.lines, "[\n][\r][][\n]");
    fixture_expect_text(f, client, "<\n>\r\n<\r>\r\n<>\r\n<\n>\r\n");
}

static void check_delimiter(void **state, const char *delimiter, const char *stream,
                            const char *lines, const char *answer)
{
    yodel_line_config other = {
        .ops = &ops, .delimiter = delimiter, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = start_with(state, &other, 0);
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, strlen(stream));
    assert_string_equal(seen.lines, lines);
    fixture_expect_text(f, client, answer);
    fixture_expect_nothing(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
}

static void test_delimiter_lf(void **state)
{
    check_delimiter(state, "\n", "a\r\n\nb\n", "[a\r][][b]", "<a\r>\n<>\n<b>\n");
}

static void test_delimiter_of_four(void **state)
{
    check_delimiter(state, "\r\n\r\n", "a\r\nb\r\n\r\nc\r\n\r\n\r\n\r\n", "[a\r\nb][c][]",
                    "<a\r\nb>\r\n\r\n<c>\r\n\r\n<>\r\n\r\n");
}

static void test_delimiter_overlaps_itself(void **state)
{
    check_delimiter(state, "aab", "aaabxaabaa", "[a][x]", "<a>aab<x>aab");
}

static void test_state_of_each_connection(void **state)
{
    fixture *f = start(state);
    int a = fixture_connect(f);
    int b = fixture_connect(f);
    FEED(f, a, "x\r\nx\r\ncount\r\n");
    FEED(f, b, "count\r\n");
    FEED(f, a, "count\r\n");
    fixture_expect_text(f, a, "<x>\r\n<x>\r\n3\r\n4\r\n");
    fixture_expect_text(f, b, "1\r\n");
    assert_int_equal(seen.made, 2);
    assert_false(seen.bad_state);
    assert_false(seen.bad_access);
    assert_ptr_equal(yodel_line_arg(seen.last), &seen);
}

/* --- too long ----------------------------------------------------------------------------------*/

#define LINE_40  "0123456789012345678901234567890123456789"
#define TOO_LONG "Error: line longer than 40 bytes\r\n"

static void test_longest_line(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40 "\r\n" LINE_40 "\r\n");
    fixture_expect_text(f, client, "<" LINE_40 ">\r\n<" LINE_40 ">\r\n");
    /* The last byte of a delimiter that ends just in time comes last. */
    FEED(f, client, LINE_40);
    FEED(f, client, "\r");
    FEED(f, client, "\n");
    fixture_expect_text(f, client, "<" LINE_40 ">\r\n");
}

static void test_line_too_long(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "before\r\n" LINE_40 "x\r\nafter\r\n");
    fixture_expect_text(f, client, "<before>\r\n" TOO_LONG);
    fixture_expect_eof(f, client);
    assert_string_equal(seen.lines, "[before]");
    fixture_disconnect(f, client, false);
    check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 2);
}

/* Known as soon as it is certain, without waiting for a delimiter that may never come. */
static void test_line_too_long_without_end(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40);
    FEED(f, client, "x");
    fixture_expect_nothing(f, client); /* it may be CR: nobody knows yet */
    FEED(f, client, "y");
    fixture_expect_text(f, client, TOO_LONG);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
    assert_int_equal(seen.eofs, 0);
}

/* The error line arrives, and no reset, although the client has gone on sending. */
static void test_line_too_long_is_told(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    static char much[50000];
    memset(much, 'x', sizeof much);
    net_send(client, much, sizeof much);
    fixture_expect_text(f, client, TOO_LONG);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

static void test_line_too_long_own_answer(void **state)
{
    yodel_line_ops own = ops;
    own.line_too_long = too_long;
    yodel_line_config with = {.ops = &own, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = start_with(state, &with, 0);
    int client = fixture_connect(f);
    FEED(f, client, LINE_40 "xyz");
    fixture_expect_text(f, client, "no!");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    check_end(f, YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG);
}

/* A failing callback is a failing callback, also this one. */
static void test_line_too_long_fails(void **state)
{
    yodel_line_ops own = ops;
    own.line_too_long = too_long;
    yodel_line_config with = {.ops = &own, .max_line = MAX_LINE, .arg = &seen};
    fixture *f = start_with(state, &with, 0);
    int client = fixture_connect(f);
    seen.too_long_code = -ENOSPC;
    FEED(f, client, LINE_40 "xyz");
    check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
    assert_true(fixture_logged(f, "No space left on device"));
}

static void test_no_lines_at_all(void **state)
{
    yodel_line_config narrow = {.ops = &ops, .max_line = 0, .arg = &seen};
    fixture *f = start_with(state, &narrow, 0);
    int client = fixture_connect(f);
    FEED(f, client, "\r\n\r\n");
    fixture_expect_text(f, client, "<>\r\n<>\r\n");
    FEED(f, client, "xy");
    fixture_expect_text(f, client, "Error: line longer than 0 bytes\r\n");
    fixture_expect_eof(f, client);
}

/* --- pausing -----------------------------------------------------------------------------------*/

static void resume(void)
{
    yodel_transport_resume_reading(yodel_line_transport(seen.last));
}

static void check_pause(void **state, const char *how)
{
    fixture *f = start(state);
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
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "stop\r\nb\r\nc\r\n");
    fixture_expect_nothing(f, client);
    assert_string_equal(seen.lines, "[stop]");
    FEED(f, client, "d\r\n");
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n<d>\r\n");
}

static void test_pause_each_line(void **state)
{
    fixture *f = start(state);
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
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\npause and resume\r\nb\r\npause and resume\r\nc\r\n");
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n<c>\r\n");
    assert_int_equal(seen.count, 5);
}

/* Resumed and, before the loop came to it, paused again. */
static void test_resume_and_pause_again(void **state)
{
    fixture *f = start(state);
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
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "pause\r\nb\r\nc\r\nrest");
    net_finish_sending(client);
    net_wait_delivered(client);
    fixture_expect_nothing(f, client);
    assert_int_equal(seen.eofs, 0);
    resume();
    fixture_expect_text(f, client, "<b>\r\n<c>\r\n");
    fixture_expect_eof(f, client);
    check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
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
    fixture *f = start(state);
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

/* --- ends --------------------------------------------------------------------------------------*/

static void check_close(void **state, const char *how)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    char text[100];
    int len = snprintf(text, sizeof text, "a\r\nb\r\n%s\r\nc\r\n", how);
    fixture_feed(f, client, text, (size_t)len);
    FEED(f, client, "d\r\n");
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
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
    fixture *f = start(state);
    int client = fixture_connect_small(f);
    size_t size = 500000;
    char *much = test_calloc(size, 1);
    FEED(f, client, "pause\r\nb\r\nc\r\n");
    yodel_transport_set_limits(yodel_line_transport(seen.last),
                               (yodel_write_limits){800000, 1, 900000});
    assert_int_equal(yodel_line_write(seen.last, much, size), 0);
    fixture_settle(f); /* the kernel has taken what it takes */
    resume();
    yodel_line_close(seen.last);
    fixture_expect(f, client, much, size);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
    assert_string_equal(seen.lines, "[pause]");
    test_free(much);
}

static void test_abort_go_on(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "abort, go on\r\nb\r\n");
    fixture_wait_active(f, 0);
    check_end(f, -ECANCELED, YODEL_COUNT_CLOSED_RESET);
    assert_int_equal(seen.count, 1);
}

/* A negative return ends this connection, and no other. */
static void test_callback_fails(void **state)
{
    fixture *f = start(state);
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
    fixture *f = start(state);
    seen.greeting = "220 ready";
    int client = fixture_connect(f);
    fixture_expect_text(f, client, "220 ready\r\n");
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 1);
    FEED(f, client, "a\r\n");
    fixture_expect_text(f, client, "<a>\r\n");
}

static void test_connection_made_fails(void **state)
{
    fixture *f = start(state);
    seen.made_code = -EPERM;
    (void)fixture_connect(f);
    check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
    assert_true(fixture_logged(f, "Operation not permitted"));
}

static void check_eof(void **state, const char *stream, const char *answer, uint64_t partial)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, strlen(stream));
    net_finish_sending(client);
    fixture_expect_text(f, client, answer);
    fixture_expect_eof(f, client);
    check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
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
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_send_text(client, "a\r\nb\r\nhalf");
    net_finish_sending(client);
    net_wait_delivered(client);
    fixture_expect_text(f, client, "<a>\r\n<b>\r\n");
    fixture_expect_eof(f, client);
    check_end(f, YODEL_EOF, YODEL_COUNT_CLOSED_EOF);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 1);
}

/* A protocol that answers after the client's end, and then closes by itself. */
static void test_eof_stays_open(void **state)
{
    fixture *f = start(state);
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
    check_end(f, 0, YODEL_COUNT_CLOSED_QUIT);
}

static void test_eof_callback_fails(void **state)
{
    fixture *f = start(state);
    seen.eof_code = -EBADMSG;
    int client = fixture_connect(f);
    net_finish_sending(client);
    check_end(f, YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER);
}

static void test_reset(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\nhalf");
    fixture_disconnect(f, client, true);
    check_end(f, -ECONNRESET, YODEL_COUNT_CLOSED_RESET);
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
    fixture *f = start_with(state, &with, 0);
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
    static const yodel_line_config wide = {.ops = &ops, .max_line = 1 << 20, .arg = &seen};
    fixture *f = *state;
    seen = (record){.reason = 1};
    fixture_start(
        f, &(yodel_transport_settings){.factory = yodel_line_factory(&wide), .idle_timeout = 0.2});
    drip d = {f, fixture_connect(f)};
    fixture_run_until(f, drip_until_end, &d, "a connection without a line becomes idle");
    check_end(f, YODEL_EIDLE, YODEL_COUNT_CLOSED_IDLE);
}

/* --- random ------------------------------------------------------------------------------------*/

typedef struct bytes_wanted {
    const fixture *f;
    uint64_t n;
} bytes_wanted;

static bool has_bytes(void *arg)
{
    const bytes_wanted *wanted = arg;
    return fixture_count(wanted->f, YODEL_COUNT_BYTES_IN) >= wanted->n;
}

/* Runs the loop until so many bytes have been received. */
static void wait_bytes_in(fixture *f, uint64_t n)
{
    bytes_wanted wanted = {f, n};
    fixture_run_until(f, has_bytes, &wanted, "all bytes are received");
}

/* Any stream, cut anywhere: what is received is what a simple loop finds in the whole. */
static void test_random_streams(void **state)
{
    static const char *const delimiters[] = {"\r\n", "\n", "aab", "\r\n\r\n", "aa"};
    fixture *f = start(state);
    test_random r;
    test_random_init(&r, "test_line_protocol");
    for (int round = 0; round < 60; round++) {
        const char *delimiter = delimiters[test_random_below(&r, 5)];
        used_config.delimiter = delimiter;
        used_config.max_line = 1000;
        seen.lines[0] = '\0';

        char stream[600];
        size_t len = test_random_below(&r, sizeof stream);
        for (size_t i = 0; i < len; i++) {
            stream[i] = "ab\r\nab\r\nc"[test_random_below(&r, 9)];
        }
        net_text expected = {0};
        size_t from = 0;
        size_t end;
        for (end = 0; end + strlen(delimiter) <= len;) {
            if (memcmp(stream + end, delimiter, strlen(delimiter)) == 0) {
                net_text_printf(&expected, "[%.*s]", (int)(end - from), stream + from);
                end += strlen(delimiter);
                from = end;
            } else {
                end++;
            }
        }
        int client = fixture_connect(f);
        uint64_t begin = fixture_count(f, YODEL_COUNT_BYTES_IN);
        for (size_t at = 0; at < len;) {
            size_t n = 1 + test_random_below(&r, 40);
            n = n < len - at ? n : len - at;
            net_send(client, stream + at, n);
            at += n;
            if (test_random_below(&r, 3) > 0) {
                wait_bytes_in(f, begin + at);
            }
        }
        net_finish_sending(client);
        fixture_wait_active(f, 0);
        assert_string_equal(seen.lines, expected.data != NULL ? expected.data : "");
        fixture_disconnect(f, client, false);
        net_text_free(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_lines),
        fixture_test(test_byte_by_byte),
        fixture_test(test_payload),
        fixture_test(test_delimiter_lf),
        fixture_test(test_delimiter_of_four),
        fixture_test(test_delimiter_overlaps_itself),
        fixture_test(test_state_of_each_connection),
        fixture_test(test_longest_line),
        fixture_test(test_line_too_long),
        fixture_test(test_line_too_long_without_end),
        fixture_test(test_line_too_long_is_told),
        fixture_test(test_line_too_long_own_answer),
        fixture_test(test_line_too_long_fails),
        fixture_test(test_no_lines_at_all),
        fixture_test(test_pause),
        fixture_test(test_pause_go_on),
        fixture_test(test_stop_dispatching),
        fixture_test(test_pause_each_line),
        fixture_test(test_pause_and_resume_at_once),
        fixture_test(test_resume_and_pause_again),
        fixture_test(test_end_while_paused),
        fixture_test(test_slow_reader),
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
        fixture_test(test_random_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
