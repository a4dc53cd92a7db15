/* When figures are not to be trusted: the sentences, and what is just not yet enough for them. */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/verdict.h"

/* 1,000 lines a second for 10 s. */
static const yodel_flood_options open_loop = {.rate = 1000, .duration = 10, .warm_up = 1};
static const yodel_flood_options closed_loop = {.duration = 10, .warm_up = 1};

#define LATE_OPEN                                                                                  \
    "flood fell behind: 1 % of the lines left more than 1.00ms late; ask for less, or give it "    \
    "more threads or cores"
#define LATE_CLOSED                                                                                \
    "flood fell behind: 1 % of the answers waited more than 1.00ms for flood itself; take fewer "  \
    "connections, or more threads or cores"

static yodel_result *new_result(void)
{
    yodel_result *r = calloc(1, sizeof *r);

    assert_non_null(r);
    r->seconds = 10;
    r->total.counted_sent = 10000;
    /* What an earlier verdict left. */
    snprintf(r->invalid, sizeof r->invalid, "something else");
    snprintf(r->note, sizeof r->note, "something else");
    return r;
}

static void check(yodel_result *r, const yodel_flood_options *o, double busiest,
                  const char *invalid, const char *note)
{
    yodel_verdict(r, o, busiest);
    assert_string_equal(r->invalid, invalid);
    assert_string_equal(r->note, note);
}

static void test_nothing_wrong(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    check(r, &open_loop, 0, "", "");
    check(r, &closed_loop, 0, "", "");
    yodel_histogram_record(&r->total.lag, 38000, 1000);
    yodel_histogram_record(&r->total.service, 412000, 1000);
    check(r, &open_loop, 0.5, "", "");
    check(r, &closed_loop, 0.5, "", "");
    free(r);
}

/* With one value all percentiles are exact. */
static void test_open_loop_lag(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    yodel_histogram_record(&r->total.lag, 1000000, 100);
    check(r, &open_loop, 1, "", "");
    memset(&r->total.lag, 0, sizeof r->total.lag);
    yodel_histogram_record(&r->total.lag, 1000001, 100);
    check(r, &open_loop, 0, LATE_OPEN, "");
    /* Latencies that are much longer make it no better: lines did not leave when they should. */
    yodel_histogram_record(&r->total.service, 5000000000, 100);
    check(r, &open_loop, 0, LATE_OPEN, "");
    /* Of all reasons it is the first. */
    r->total.counted_sent = 1;
    check(r, &open_loop, 1, LATE_OPEN, "");
    free(r);
}

/* One line in a hundred may be late, two may not. */
static void test_one_percent_may_be_late(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    yodel_histogram_record(&r->total.lag, 10, 99);
    yodel_histogram_record(&r->total.lag, 20000000, 1);
    check(r, &open_loop, 0, "", "");
    check(r, &closed_loop, 0, "", "");
    yodel_histogram_record(&r->total.lag, 20000000, 1);
    yodel_verdict(r, &open_loop, 0);
    assert_non_null(strstr(r->invalid, " 20.0ms late"));
    yodel_verdict(r, &closed_loop, 0);
    assert_non_null(strstr(r->invalid, " 20.0ms for flood"));
    free(r);
}

static void test_open_loop_share(void **state)
{
    yodel_result *r = new_result();
    yodel_flood_options with_faults = open_loop;

    (void)state;
    r->total.counted_sent = 9900;
    check(r, &open_loop, 1, "", "");
    r->total.counted_sent = 9899;
    check(
        r, &open_loop, 0.95, "",
        "the server took only 99.0 % of the lines asked for; those that were never sent are in no "
        "latency");
    with_faults.faults[YODEL_FAULT_DRIP] = 5;
    check(
        r, &with_faults, 0.95, "",
        "the server, or flood's own faults, let through only 99.0 % of the lines asked for; those "
        "that were never sent are in no latency");
    check(r, &open_loop, 0.951,
          "flood fell behind: it sent 99.0 % of what was asked for, with a thread busy 95 % of the "
          "time",
          "");
    r->total.counted_sent = 1234;
    check(
        r, &open_loop, 0, "",
        "the server took only 12.3 % of the lines asked for; those that were never sent are in no "
        "latency");
    check(
        r, &open_loop, 1,
        "flood fell behind: it sent 12.3 % of what was asked for, with a thread busy 100 % of the "
        "time",
        "");
    /* Interrupted: only what was due until then. */
    r->seconds = 1.23;
    check(r, &open_loop, 1, "", "");
    /* In the warm-up. */
    r->seconds = 0;
    r->total.counted_sent = 0;
    check(r, &open_loop, 1, "", "");
    free(r);
}

static void check_messages(uint64_t messages, double warm_up, double seconds, uint64_t sent,
                           bool has_note)
{
    const yodel_flood_options o = {.rate = 1000, .messages = messages, .warm_up = warm_up};
    yodel_result *r = new_result();

    r->seconds = seconds;
    r->total.counted_sent = sent;
    r->total.sent = messages;
    yodel_verdict(r, &o, 0);
    assert_string_equal(r->invalid, "");
    if ((r->note[0] != '\0') != has_note) {
        fail_msg("%g s, %g s: '%s'", warm_up, seconds, r->note);
    }
    free(r);
}

/* -n in the open loop: what is due is not more than that. */
static void test_open_loop_with_messages(void **state)
{
    (void)state;
    check_messages(500, 0, 0.5, 500, false);
    check_messages(500, 0, 0.5, 494, true);
    check_messages(500, 0, 2, 500, false); /* the last answer came late */
    check_messages(500, 0, 2, 494, true);
    check_messages(1, 0, 0.02, 1, false);
    /* Those due in the warm-up are not counted. */
    check_messages(500, 0.2, 0.3, 300, false);
    check_messages(500, 0.2, 5, 300, false);
    check_messages(500, 0.2, 5, 296, true);
    check_messages(10, 0.0085, 1, 1, false);
    check_messages(500, 0.5, 1, 0, false);
    check_messages(500, 1, 0, 0, false);
    /* Interrupted after a fifth. */
    check_messages(500, 0, 0.1, 100, false);
    check_messages(500, 0, 0.1, 90, true);
}

/* A server that takes no more of them. */
static void test_lines_never_sent(void **state)
{
    const yodel_flood_options lines = {.messages = 500}, idle = {.idle = true, .connections = 50};
    yodel_result *r = new_result();

    (void)state;
    r->total.sent = 49;
    check(r, &lines, 0, "", "gave up: nothing could be sent any more, 49 of 500 lines were");
    check(r, &idle, 0, "", "gave up: nothing could be sent any more, 49 of 50 lines were");
    r->total.sent = 50;
    check(r, &idle, 0, "", "");
    r->interrupted = true;
    check(r, &lines, 0, "", "");
    free(r);
}

/* The delay must be a part of the latency worth mentioning. */
static void test_closed_loop_lag(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    yodel_histogram_record(&r->total.lag, 1000000, 100);
    check(r, &closed_loop, 0, "", "");
    memset(&r->total.lag, 0, sizeof r->total.lag);
    yodel_histogram_record(&r->total.lag, 1000001, 100);
    check(r, &closed_loop, 0, LATE_CLOSED, "");
    yodel_histogram_record(&r->total.service, 10000009, 100);
    check(r, &closed_loop, 1, LATE_CLOSED, "");
    memset(&r->total.service, 0, sizeof r->total.service);
    yodel_histogram_record(&r->total.service, 10000010, 100);
    check(r, &closed_loop, 0, "", "");
    free(r);
}

static void test_closed_loop_busy(void **state)
{
    yodel_result *r = new_result();

    (void)state;
    r->total.counted_sent = 0; /* nobody asked for a rate */
    check(r, &closed_loop, 0.95, "", "");
    check(r, &closed_loop, 0.951, "",
          "a thread of flood was busy 95 % of the time: the rate may be flood's limit, not the "
          "server's");
    check(r, &closed_loop, 1, "",
          "a thread of flood was busy 100 % of the time: the rate may be flood's limit, not the "
          "server's");
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_wrong),           cmocka_unit_test(test_open_loop_lag),
        cmocka_unit_test(test_one_percent_may_be_late), cmocka_unit_test(test_open_loop_share),
        cmocka_unit_test(test_open_loop_with_messages), cmocka_unit_test(test_closed_loop_lag),
        cmocka_unit_test(test_closed_loop_busy),        cmocka_unit_test(test_lines_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
