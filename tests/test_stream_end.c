/* How handlers end: by returning, and by being cancelled wherever they wait. */
#include "core/error.h"
#include "proto/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/trace.h"

static void *script(const char *words)
{
    return (void *)(uintptr_t)words;
}

/* Writes more than the kernel takes from it, so that drain and wait_closed have to wait, if its
 * script begins with '!'. */
static void run_script(yodel_stream *s, void *arg)
{
    static const char much[150000] = "...";
    const char *words = arg;
    if (*words == '!') {
        (void)yodel_stream_write(s, much, sizeof much);
        words++;
    }
    traced_script(s, script(words));
}

static int serve(fixture *f, const char *words)
{
    trace_again(run_script, script(words));
    int client = fixture_connect_small(f);
    fixture_settle(f);
    return client;
}

static void start(fixture *f)
{
    trace_serve(f, run_script, script(""));
}

/* --- returning ---------------------------------------------------------------------------------*/

typedef struct returning {
    const char *script;
    const char *input; /* then a FIN */
    const char *expected;
    yodel_counter counter; /* what the connection's end is counted as */
} returning;

static const returning returns[] = {
    {"", "", "", YODEL_COUNT_CLOSED_QUIT},              /* at once */
    {"", "some\r\n", "", YODEL_COUNT_CLOSED_QUIT},      /* with input that nobody reads */
    {"u", "a\r\n", "until=a", YODEL_COUNT_CLOSED_QUIT}, /* without a close */
    {"u c", "a\r\n", "until=a", YODEL_COUNT_CLOSED_QUIT},
    {"u C", "a\r\n", "until=a closed=ok", YODEL_COUNT_CLOSED_QUIT},
    {"z1", "", "sleep=ok", YODEL_COUNT_CLOSED_QUIT},
    {"u@10", "", "until=EOF", YODEL_COUNT_CLOSED_EOF},
    {"u x9", "some", "until=EOF exactly=EOF", YODEL_COUNT_CLOSED_EOF},
    /* the last read says why it left */
    {"u x4", "some", "until=EOF exactly=some", YODEL_COUNT_CLOSED_QUIT},
};

static void test_returning_closes(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof returns / sizeof returns[0]; i++) {
        const returning *r = &returns[i];
        uint64_t before = fixture_count(f, r->counter);
        int client = serve(f, r->script);
        net_send_text(client, r->input);
        net_finish_sending(client);
        trace_wait_returned(f, 1);
        fixture_expect_eof(f, client);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
        trace_expect(r->expected);
        assert_int_equal(fixture_count(f, r->counter), before + 1);
    }
}

static void test_a_client_that_stays_is_closed_for(void **state)
{
    static const struct {
        const char *script;
        const char *input;
        const char *expected;
        yodel_counter counter;
    } stays[] = {
        {"", "", "", YODEL_COUNT_CLOSED_QUIT},
        {"u@5", "som", "until=TIMEDOUT", YODEL_COUNT_CLOSED_IDLE},
        {"s9@5 s9@5", "x", "some=x some=TIMEDOUT", YODEL_COUNT_CLOSED_IDLE},
    };
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof stays / sizeof stays[0]; i++) {
        uint64_t before = fixture_count(f, stays[i].counter);
        trace_again(run_script, script(stays[i].script));
        int client = fixture_connect(f);
        net_send_text(client, stays[i].input);
        net_wait_delivered(client);
        fixture_expect_eof(f, client);
        trace_expect(stays[i].expected);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
        assert_int_equal(fixture_count(f, stays[i].counter), before + 1);
    }
}

static void test_a_line_too_long_is_counted_as_one(void **state)
{
    fixture *f = *state;
    trace_serve_with(f, run_script, script("u"), &(yodel_transport_settings){.idle_timeout = 0}, 3);
    int client = fixture_connect(f);
    fixture_send_text(f, client, "12345678");
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    trace_expect("until=TOOLONG");
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_LINE_TOO_LONG), 1);
}

/* The group's idle timeout is not for streams: their handlers say how long they wait. */
static void test_the_idle_timeout_is_the_handlers(void **state)
{
    fixture *f = *state;
    trace_serve_with(f, run_script, script("u@100 u@100 u"),
                     &(yodel_transport_settings){.idle_timeout = 0.01}, TRACE_LIMIT);
    int client = fixture_connect(f);
    trace_wait_text(f, "until=TIMEDOUT until=TIMEDOUT");
    fixture_send_text(f, client, "there\r\n");
    trace_wait_returned(f, 1);
    trace_expect("until=TIMEDOUT until=TIMEDOUT until=there");
}

/* --- cancelled ---------------------------------------------------------------------------------*/

/* The second wait and all later ones are what every cancelled wait is. */
#define LATER " u x1 s1 z5 z0 d"

typedef struct waiting {
    const char *script;
    const char *after_reset;
    const char *after_abort; /* the end of a drain's grace */
} waiting;

static const waiting waits[] = {
    {"u" LATER,
     "until=CONNRESET until=CANCELED exactly=CANCELED some=CANCELED sleep=CANCELED sleep=CANCELED "
     "drain=CONNRESET",
     "until=CANCELED until=CANCELED exactly=CANCELED some=CANCELED sleep=CANCELED sleep=CANCELED "
     "drain=CANCELED"},
    {"x9 u", "exactly=CONNRESET until=CANCELED", "exactly=CANCELED until=CANCELED"},
    {"s9 u", "some=CONNRESET until=CANCELED", "some=CANCELED until=CANCELED"},
    {"u@60000 u", "until=CONNRESET until=CANCELED", "until=CANCELED until=CANCELED"},
    {"z60000 u z5 C", "sleep=CANCELED until=CANCELED sleep=CANCELED closed=CONNRESET",
     "sleep=CANCELED until=CANCELED sleep=CANCELED closed=DRAINABORT"},
    {"!d u z5", "drain=CONNRESET until=CANCELED sleep=CANCELED",
     "drain=CANCELED until=CANCELED sleep=CANCELED"},
    {"!d@60000 u", "drain=CONNRESET until=CANCELED", "drain=CANCELED until=CANCELED"},
    {"!C z5 C", "closed=CONNRESET sleep=CANCELED closed=CONNRESET",
     "closed=DRAINABORT sleep=CANCELED closed=DRAINABORT"},
    {"!c z60000 z5", "sleep=CANCELED sleep=CANCELED", "sleep=CANCELED sleep=CANCELED"},
};

static void test_a_reset_cancels_any_wait(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        int client = serve(f, waits[i].script);
        assert_int_equal(trace.returned, 0);
        fixture_disconnect(f, client, true);
        trace_wait_returned(f, 1);
        trace_expect(waits[i].after_reset);
        fixture_wait_active(f, 0);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), sizeof waits / sizeof waits[0]);
}

static void test_an_abort_cancels_any_wait(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        (void)serve(f, waits[i].script);
        assert_int_equal(trace.returned, 0);
        yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
        trace_wait_returned(f, 1);
        trace_expect(waits[i].after_abort);
        fixture_wait_active(f, 0);
    }
}

/* A group that is freed takes its handlers with it: they end as after an abort. */
static void test_freeing_the_group_ends_handlers(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        (void)serve(f, waits[i].script);
    }
    net_text expected = {NULL, 0, 0};
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        net_text_printf(&expected, "%s%s", i > 0 ? " " : "", waits[i].after_abort);
    }
    trace_again(run_script, NULL);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    assert_int_equal(trace.returned, sizeof waits / sizeof waits[0]);
    trace_expect(expected.data);
    net_text_free(&expected);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 0);
}

/* --- the end of a drain's grace ---------------------------------------------------------------*/

static bool drained; /* also set when the fixture is freed, after the test */

static void note_drained(void *arg)
{
    (void)arg;
    drained = true;
}

static void drain(fixture *f)
{
    drained = false;
    yodel_transport_group_drain(f->group, note_drained, NULL);
}

static void test_the_grace_ends_who_does_not_finish(void **state)
{
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        void *own;
        assert_int_equal(fixture_setup(&own), 0);
        fixture *f = own;
        start(f);
        (void)serve(f, waits[i].script);
        drain(f);
        fixture_settle(f);
        bool reads = strchr("uxs", waits[i].script[0]) != NULL;
        assert_int_equal(trace.returned, reads ? 1 : 0);
        yodel_transport_group_abort(f->group, YODEL_EDRAINABORT);
        trace_wait_returned(f, 1);
        if (!reads) {
            trace_expect(waits[i].after_abort);
        }
        fixture_run_until_true(f, &drained, "the group has drained");
        assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN_ABORT), reads ? 0 : 1);
        assert_int_equal(trace_teardown(&own), 0);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trace_test(test_returning_closes),
        trace_test(test_a_client_that_stays_is_closed_for),
        trace_test(test_a_line_too_long_is_counted_as_one),
        trace_test(test_the_idle_timeout_is_the_handlers),
        trace_test(test_a_reset_cancels_any_wait),
        trace_test(test_an_abort_cancels_any_wait),
        trace_test(test_freeing_the_group_ends_handlers),
        cmocka_unit_test(test_the_grace_ends_who_does_not_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
