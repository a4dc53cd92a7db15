/* What the writing calls of a stream return, and what the client gets of it. */
#include "core/error.h"
#include "proto/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/trace.h"

static void *script(const char *words)
{
    return (void *)(uintptr_t)words;
}

static void serve_with_limits(fixture *f, yodel_stream_handler *handler, void *arg,
                              yodel_write_limits limits)
{
    trace_serve_with(f, handler, arg, &(yodel_transport_settings){.write_limits = limits},
                     64 * 1024);
}

/* --- write and close ---------------------------------------------------------------------------*/

static void test_what_is_written_arrives(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, script("w w1 u w2 z w3 d"));
    int client = fixture_connect(f);
    fixture_expect_text(f, client, "\r\n1\r\n");
    fixture_send_text(f, client, "go\r\n");
    fixture_expect_text(f, client, "2\r\n3\r\n");
    fixture_expect_eof(f, client);
    trace_expect("write=ok write=ok until=go write=ok sleep=ok write=ok drain=ok");
}

static void test_close_flushes_and_writing_is_over(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, script("wbefore c wafter c d u z5 wlate"));
    int client = fixture_connect(f);
    fixture_expect_text(f, client, "before\r\n");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    trace_wait_returned(f, 1);
    trace_expect("write=ok write=PIPE drain=ok until=EOF sleep=CANCELED write=PIPE");
}

static void look_at_the_end(yodel_stream *s, void *arg)
{
    (void)arg;
    trace_note("%s", yodel_stream_transport(s) != NULL ? "alive" : "ended");
    traced_until(s, "\n", 0);
    trace_note("%s", yodel_stream_transport(s) != NULL ? "alive" : "ended");
    traced_write(s, "x");
    traced_drain(s, 0);
    yodel_stream_close(s);
    traced_write(s, "x");
    traced_wait_closed(s, 0);
}

static void test_writing_after_the_end(void **state)
{
    fixture *f = *state;
    trace_serve(f, look_at_the_end, NULL);
    int client = fixture_connect(f);
    fixture_settle(f);
    fixture_disconnect(f, client, true);
    trace_wait_returned(f, 1);
    trace_expect("alive until=CONNRESET ended write=CONNRESET drain=CONNRESET write=PIPE "
                 "closed=CONNRESET");
}

/* Ended, but the handler cannot know yet: the write fails, too. */
static void abort_and_write(yodel_stream *s, void *arg)
{
    (void)arg;
    yodel_transport_abort(yodel_stream_transport(s), -EPROTO);
    traced_write(s, "x");
    trace_code("until", traced_until(s, "\n", 0) == -EPROTO ? 0 : -EINVAL);
}

static void test_writing_to_an_aborted_connection(void **state)
{
    fixture *f = *state;
    trace_serve(f, abort_and_write, NULL);
    (void)fixture_connect(f);
    trace_wait_returned(f, 1);
    trace_expect("write=PIPE until=Protocol error until=ok");
}

/* --- limits ------------------------------------------------------------------------------------*/

static void write_too_much(yodel_stream *s, void *arg)
{
    static const char piece[4000] = "...";
    (void)arg;
    int code = 0;
    int pieces = 0;
    while (code == 0 && pieces++ < 10000) {
        code = yodel_stream_write(s, piece, sizeof piece);
    }
    trace_code("write", code);
    trace_code("again", yodel_stream_write(s, piece, sizeof piece));
    traced_until(s, "\n", 0);
    traced_until(s, "\n", 0);
}

static void test_more_than_the_hard_limit_ends_it(void **state)
{
    fixture *f = *state;
    serve_with_limits(f, write_too_much, NULL, (yodel_write_limits){16384, 8192, 65536});
    int client = fixture_connect_small(f);
    trace_wait_returned(f, 1);
    trace_expect("write=OVERRUN again=PIPE until=OVERRUN until=CANCELED");
    assert_int_equal(net_wait_end(client), ECONNRESET);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_OVERRUN), 1);
}

static void write_without_memory(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_until(s, "\n", 0);
    faults.send_max = 1; /* so that a rest has to wait, for which there is no memory */
    faults_fail_allocation(1);
    static const char much[70000] = "...";
    trace_code("write", yodel_stream_write(s, much, sizeof much));
    faults_reset();
    traced_until(s, "\n", 0);
}

static void test_no_memory_ends_it(void **state)
{
    fixture *f = *state;
    trace_serve(f, write_without_memory, NULL);
    int client = fixture_connect(f);
    fixture_send_text(f, client, "go\n");
    trace_wait_returned(f, 1);
    trace_expect("until=go write=NOMEM until=NOMEM");
    assert_int_equal(net_wait_end(client), ECONNRESET);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 1);
}

/* --- drain -------------------------------------------------------------------------------------*/

typedef struct pouring {
    const uint8_t *bytes;
    size_t len;
    size_t piece;
    size_t most_unsent;
    size_t waits;          /* drains that waited */
    size_t unsent_after;   /* at the most after such a drain */
    size_t unsent_skipped; /* at the most where drain did not wait */
    int code;
} pouring;

static void pour(yodel_stream *s, void *arg)
{
    pouring *p = arg;
    yodel_transport *t = yodel_stream_transport(s);
    for (size_t at = 0; at < p->len && p->code == 0; at += p->piece) {
        size_t n = p->piece < p->len - at ? p->piece : p->len - at;
        p->code = yodel_stream_write(s, p->bytes + at, n);
        size_t unsent = yodel_transport_unsent(t);
        p->most_unsent = unsent > p->most_unsent ? unsent : p->most_unsent;
        if (p->code == 0) {
            p->code = yodel_stream_drain(s, 0);
        }
        size_t left = yodel_transport_unsent(t);
        size_t *most = left != unsent ? &p->unsent_after : &p->unsent_skipped;
        p->waits += left != unsent ? 1 : 0;
        *most = left > *most ? left : *most;
    }
}

static void test_drain_keeps_to_the_water_marks(void **state)
{
    fixture *f = *state;
    enum { LEN = 512 << 10, HIGH = 20000, LOW = 5000, PIECE = 7777 };
    pouring p = {.bytes = probe_pattern(LEN), .len = LEN, .piece = PIECE};
    serve_with_limits(f, pour, &p, (yodel_write_limits){HIGH, LOW, 1 << 20});
    int client = fixture_connect_small(f);
    fixture_expect(f, client, p.bytes, LEN);
    fixture_expect_eof(f, client);
    assert_int_equal(p.code, 0);
    assert_true(p.waits > 10);
    assert_true(p.most_unsent <= HIGH + PIECE);
    assert_true(p.unsent_after <= LOW);
    assert_true(p.unsent_skipped <= HIGH);
    test_free((void *)(uintptr_t)p.bytes);
}

static void test_drain_need_not_wait_below_the_mark(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, script("d wx d u d"));
    int client = fixture_connect(f);
    fixture_settle(f);
    trace_expect("drain=ok write=ok drain=ok");
    fixture_send_text(f, client, "\r\n");
    trace_wait_returned(f, 1);
    trace_expect("drain=ok write=ok drain=ok until= drain=ok");
}

/* Returning flushes, however much it is. */
static void test_returning_sends_everything(void **state)
{
    fixture *f = *state;
    enum { LEN = 300000 };
    pouring p = {.bytes = probe_pattern(LEN), .len = LEN, .piece = LEN};
    serve_with_limits(f, pour, &p, (yodel_write_limits){1 << 20, 1 << 18, 1 << 20});
    int client = fixture_connect_small(f);
    assert_int_equal(trace.returned, 1); /* its connection lives on */
    fixture_expect(f, client, p.bytes, LEN);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_QUIT), 1);
    test_free((void *)(uintptr_t)p.bytes);
}

/* --- wait_closed -------------------------------------------------------------------------------*/

static void write_and_wait(yodel_stream *s, void *arg)
{
    static const char much[150000] = "...";
    (void)yodel_stream_write(s, much, sizeof much);
    traced_script(s, arg);
    trace_note("%s", yodel_stream_transport(s) != NULL ? "alive" : "ended");
}

static void test_wait_closed_waits_for_the_last_byte(void **state)
{
    static const char *const scripts[][2] = {
        {"C", "closed=ok ended"},
        {"C C u", "closed=ok closed=ok until=EOF ended"},
        {"c C", "closed=ok ended"},
        {"C@1 C@1 C", "closed=TIMEDOUT closed=TIMEDOUT closed=ok ended"},
        /* it had ended in good order before anybody asked */
        {"c z60000 C C", "sleep=CANCELED closed=ok closed=ok ended"},
    };
    fixture *f = *state;
    char *got = test_malloc(150000);
    trace_serve(f, write_and_wait, NULL);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        trace_again(write_and_wait, script(scripts[i][0]));
        int client = fixture_connect_small(f);
        fixture_settle(f);
        if (strstr(scripts[i][1], "TIMEDOUT") != NULL) {
            trace_wait_text(f, "closed=TIMEDOUT closed=TIMEDOUT");
        }
        assert_int_equal(trace.returned, 0);
        fixture_receive(f, client, got, 150000);
        fixture_expect_eof(f, client);
        fixture_disconnect(f, client, false);
        trace_wait_returned(f, 1);
        trace_expect(scripts[i][1]);
    }
    test_free(got);
}

static void test_wait_closed_says_when_it_was_lost(void **state)
{
    static const char *const scripts[][2] = {
        {"C C", "closed=CONNRESET closed=CONNRESET ended"},
        {"c z60000 C", "sleep=CANCELED closed=CONNRESET ended"},
        {"d C", "drain=CONNRESET closed=CONNRESET ended"},
    };
    fixture *f = *state;
    trace_serve(f, write_and_wait, NULL);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        trace_again(write_and_wait, script(scripts[i][0]));
        int client = fixture_connect_small(f);
        fixture_settle(f);
        fixture_disconnect(f, client, true);
        trace_wait_returned(f, 1);
        trace_expect(scripts[i][1]);
    }
}

/* --- one send ----------------------------------------------------------------------------------*/

/* The handler of stream.h. */
static void echo(yodel_stream *s, void *arg)
{
    yodel_span line;
    (void)arg;
    while (yodel_stream_read_until(s, "\r\n", 2, 30.0, &line) == 0) {
        if (yodel_span_equals(line, ".")) {
            break;
        }
        (void)yodel_stream_write(s, line.data, line.len);
        (void)yodel_stream_write(s, "\r\n", 2);
        if (yodel_stream_drain(s, 30.0) < 0) {
            break;
        }
    }
}

static void test_many_lines_in_a_segment_are_one_send(void **state)
{
    static const size_t lengths[] = {0, 1, 10, 511, 512, 600};
    fixture *f = *state;
    serve_with_limits(f, echo, NULL, (yodel_write_limits){65536, 16384, 1 << 20});
    int client = fixture_connect(f);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        net_text lines = {NULL, 0, 0};
        for (int n = 0; n < 64; n++) {
            net_text_printf(&lines, "%0*d\r\n", (int)lengths[i], n);
        }
        fixture_settle(f);
        size_t receives = faults.receives;
        size_t sends = faults.sends;
        net_send(client, lines.data, lines.len);
        net_wait_delivered(client); /* all of it, before the loop runs */
        fixture_expect(f, client, lines.data, lines.len);
        assert_int_equal(faults.receives - receives, 1);
        assert_int_equal(faults.sends - sends, 1);
        net_text_free(&lines);
    }
}

static void write_outside_of_a_turn(yodel_stream *s, void *arg)
{
    (void)arg;
    (void)yodel_stream_sleep(s, 0.001);
    faults.sends = 0;
    for (int i = 0; i < 100; i++) {
        (void)yodel_stream_write(s, "some of it\n", 11);
    }
    trace_note("sends=%zu", (size_t)faults.sends);
    (void)yodel_stream_sleep(s, 0.001);
    trace_note("sends=%zu", (size_t)faults.sends);
}

static void test_writes_of_one_go_are_one_send(void **state)
{
    fixture *f = *state;
    trace_serve(f, write_outside_of_a_turn, NULL);
    int client = fixture_connect(f);
    for (int i = 0; i < 100; i++) {
        fixture_expect_text(f, client, "some of it\n");
    }
    trace_wait_returned(f, 1);
    trace_expect("sends=0 sends=1");
}

/* Spans are sent from where they lie; what the kernel does not take at once must survive the turn.
 */
static void test_spans_survive_short_sends(void **state)
{
    fixture *f = *state;
    enum { LINES = 60, EACH = 1000 };
    serve_with_limits(f, echo, NULL, (yodel_write_limits){65536, 16384, 1 << 20});
    int client = fixture_connect(f);
    uint8_t *text = probe_pattern(LINES * EACH);
    for (size_t i = 0; i < LINES * EACH; i++) {
        text[i] = (uint8_t)(text[i] == '\r' || text[i] == '\n' ? '.' : text[i]);
    }
    for (size_t i = 1; i <= LINES; i++) {
        memcpy(text + i * EACH - 2, "\r\n", 2);
    }
    static const size_t maxima[] = {1, 7, 1001, 30000};
    for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
        faults.send_max = maxima[i];
        faults.disturb_every = 10;
        fixture_send(f, client, text, LINES * EACH);
        fixture_expect(f, client, text, LINES * EACH);
        faults_reset();
    }
    test_free(text);
}

static int teardown(void **state)
{
    int result = trace_teardown(state);
    faults_reset();
    return result;
}

#define write_test(function) cmocka_unit_test_setup_teardown(function, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        write_test(test_what_is_written_arrives),
        write_test(test_close_flushes_and_writing_is_over),
        write_test(test_writing_after_the_end),
        write_test(test_writing_to_an_aborted_connection),
        write_test(test_more_than_the_hard_limit_ends_it),
        write_test(test_no_memory_ends_it),
        write_test(test_drain_keeps_to_the_water_marks),
        write_test(test_drain_need_not_wait_below_the_mark),
        write_test(test_returning_sends_everything),
        write_test(test_wait_closed_waits_for_the_last_byte),
        write_test(test_wait_closed_says_when_it_was_lost),
        write_test(test_many_lines_in_a_segment_are_one_send),
        write_test(test_writes_of_one_go_are_one_send),
        write_test(test_spans_survive_short_sends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
