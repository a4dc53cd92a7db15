/*
 * A run as JSON: every value is where json.h says, and what JSON cannot say is null.
 */
#include "tools/flood/json_run.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/json_at.h"
#include "tools/flood/metric.h"

typedef struct fixture {
    yodel_slo slos[2];
    yodel_second timeline[2];
    yodel_flood_options options;
    yodel_report report;
    yodel_result *run;
} fixture;

/* 1,000 lines: 990 took 1 ms, ten took 100 ms. */
static void set_run(fixture *f, yodel_result *run)
{
    run->started = 1795251600; /* 2026-11-21 09:00 */
    run->seconds = 10;
    run->total.sent = 1003;
    run->total.answered = 1000;
    run->total.counted = 990;
    run->total.counted_sent = 991;
    run->counted_rate = 99;
    run->total.bytes_out = 66000;
    run->total.bytes_in = 77000;
    run->total.connected = 51;
    run->total.abandoned = 1;
    run->total.flaws[YODEL_FLAW_CLOSED] = 2;
    run->total.flaws[YODEL_FLAW_TIMEOUT] = 1;
    run->total.faults[YODEL_FAULT_SLOW_READ] = 5;
    yodel_histogram_record(&run->total.service, 1000000, 990);
    yodel_histogram_record(&run->total.service, 100000000, 10);
    yodel_histogram_record(&run->total.lag, 0, 1);
    run->client_cpu = 1.5;
    run->server_cpu = NAN;
    f->timeline[0] = (yodel_second){.begin = -0.1, .length = 0.1, .server_cpu = NAN};
    f->timeline[1] = (yodel_second){.begin = 0,
                                    .length = 1,
                                    .connections = 50,
                                    .in_flight = 3,
                                    .sent = 103,
                                    .answered = 100,
                                    .flaws = -1,
                                    .faults = 4,
                                    .p50 = 1000000,
                                    .p90 = 1000001,
                                    .p99 = 100000000,
                                    .most = 123456789,
                                    .lag99 = 38000,
                                    .client_cpu = 0.15,
                                    .server_cpu = 0.97,
                                    .server_resident = 4096};
    run->timeline = f->timeline;
    run->timeline_count = 2;
}

static int make(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    f->run = calloc(1, sizeof *f->run);
    assert_non_null(f->run);
    set_run(f, f->run);
    f->options.slos = f->slos;
    f->report = (yodel_report){.options = &f->options, .results = f->run, .count = 1};
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    fixture *f = *state;

    free(f->run);
    free(f);
    return 0;
}

static json_t *run_of(const fixture *f)
{
    json_t *run = yodel_json_run(&f->report, f->run);

    assert_non_null(run);
    return run;
}

static void a_run(void **state)
{
    json_t *r = run_of(*state);

    json_has_members_at(
        r, "",
        "valid invalid note interrupted status started seconds metrics counts errors faults "
        "latency slowest connect_error cpu memory mismatch slos timeline");
    assert_true(json_is_true(json_at(r, "valid")));
    json_is_null_at(r, "invalid");
    json_is_null_at(r, "note");
    assert_true(json_is_false(json_at(r, "interrupted")));
    json_is_number_at(r, "status", 4);
    json_is_text_at(r, "started", "2026-11-21T09:00:00Z");
    json_is_number_at(r, "seconds", 10);
    json_has_members_at(
        r, "counts", "sent answered abandoned counted_sent counted bytes_out bytes_in connected");
    json_is_number_at(r, "counts/sent", 1003);
    json_is_number_at(r, "counts/answered", 1000);
    json_is_number_at(r, "counts/abandoned", 1);
    json_is_number_at(r, "counts/counted_sent", 991);
    json_is_number_at(r, "counts/counted", 990);
    json_is_number_at(r, "counts/bytes_out", 66000);
    json_is_number_at(r, "counts/bytes_in", 77000);
    json_is_number_at(r, "counts/connected", 51);
    assert_int_equal(json_object_size(json_at(r, "errors")), YODEL_FLAWS);
    json_is_number_at(r, "errors/closed early", 2);
    json_is_number_at(r, "errors/timeout", 1);
    json_is_number_at(r, "errors/corrupt", 0);
    assert_int_equal(json_object_size(json_at(r, "faults")), YODEL_FAULTS);
    json_is_number_at(r, "faults/slow-read", 5);
    json_is_number_at(r, "faults/reset", 0);
    json_is_null_at(r, "slowest");
    json_is_null_at(r, "connect_error");
    json_is_number_at(r, "cpu/client", 1.5);
    json_is_null_at(r, "cpu/server");
    json_is_null_at(r, "memory/server_before");
    json_is_null_at(r, "memory/server_peak");
    json_is_null_at(r, "mismatch");
    assert_int_equal(json_array_size(json_at(r, "slos")), 0);
    json_decref(r);
}

/* Every metric is there by its name, with its value or null. */
static void the_metrics(void **state)
{
    fixture *f = *state;
    json_t *root = run_of(f);
    json_t *metrics = json_at(root, "metrics");
    size_t count;
    const yodel_metric *list = yodel_metrics(&count);
    size_t known = 0;

    assert_true(count > 0);
    assert_int_equal(json_object_size(metrics), count);
    for (size_t i = 0; i < count; i++) {
        double value = list[i].of(f->run);
        json_t *member = json_object_get(metrics, list[i].name);

        assert_non_null(member);
        assert_true(isfinite(value) ? json_is_real(member) : json_is_null(member));
        assert_true(!isfinite(value) ||
                    fabs(json_real_value(member) - value) <= fabs(value) * 1e-9);
        known += isfinite(value) ? 1 : 0;
    }
    assert_true(known > 0 && known < count);
    json_decref(root);
}

static void the_latency(void **state)
{
    json_t *root = run_of(*state);
    json_t *l = json_at(root, "latency");

    json_has_members_at(l, "", "intended service connect lag");
    json_has_members_at(l, "service", "count mean min p50 p90 p99 p99.9 p99.99 max");
    json_has_members_at(l, "intended", "count mean min p50 p90 p99 p99.9 p99.99 max");
    json_is_number_at(l, "service/count", 1000);
    json_is_number_at(l, "service/mean", 0.00199);
    json_is_number_at(l, "service/min", 0.001);
    assert_true(fabs(json_real_value(json_at(l, "service/p50")) - 0.001) < 1e-6);
    assert_true(fabs(json_real_value(json_at(l, "service/p99")) - 0.001) < 1e-6);
    assert_true(fabs(json_real_value(json_at(l, "service/p99.9")) - 0.1) < 1e-4);
    json_is_number_at(l, "service/max", 0.1);
    json_is_number_at(l, "lag/count", 1);
    json_is_number_at(l, "lag/max", 0);
    json_is_number_at(l, "intended/count", 0);
    json_is_null_at(l, "intended/mean");
    json_is_null_at(l, "intended/min");
    json_is_null_at(l, "intended/p50");
    json_is_null_at(l, "intended/max");
    json_decref(root);
}

static void a_bad_run(void **state)
{
    fixture *f = *state;
    yodel_result *run = f->run;
    json_t *r;

    strcpy(run->invalid, "send lag p99 is 2 ms");
    strcpy(run->note, "at its limit");
    strcpy(run->connect_error, "Connection refused");
    run->interrupted = true;
    run->slowest = 17;
    run->slowest_mean = 0.3;
    run->median_mean = 0.1;
    run->server_cpu = 7.25;
    run->server_resident_before = 1000000000001;
    run->server_resident_peak = 2000000000003;
    r = run_of(f);
    assert_true(json_is_false(json_at(r, "valid")));
    json_is_text_at(r, "invalid", "send lag p99 is 2 ms");
    json_is_text_at(r, "note", "at its limit");
    json_is_text_at(r, "connect_error", "Connection refused");
    assert_true(json_is_true(json_at(r, "interrupted")));
    json_is_number_at(r, "status", yodel_result_status(run));
    json_is_number_at(r, "slowest/connection", 17);
    json_is_number_at(r, "slowest/mean", 0.3);
    json_is_number_at(r, "slowest/median_mean", 0.1);
    json_is_number_at(r, "cpu/server", 7.25);
    assert_true(json_integer_value(json_at(r, "memory/server_before")) == 1000000000001);
    assert_true(json_integer_value(json_at(r, "memory/server_peak")) == 2000000000003);
    json_decref(r);
}

static void the_mismatch(void **state)
{
    fixture *f = *state;
    yodel_mismatch *m = &f->run->mismatch;
    json_t *root;
    json_t *j;

    f->run->has_mismatch = true;
    *m = (yodel_mismatch){.flaw = YODEL_FLAW_CORRUPT,
                          .connection = 3,
                          .line = 70000,
                          .offset = 12,
                          .expected_length = 76,
                          .got_length = 5,
                          .from = 4,
                          .expected_kept = YODEL_MISMATCH_BYTES,
                          .got_kept = 5};
    memset(m->expected, 0xff, sizeof m->expected);
    memcpy(m->got, "a\x00~\r\n", 5);
    root = run_of(f);
    j = json_at(root, "mismatch");
    json_has_members_at(
        j, "", "error connection line offset expected_length got_length from expected got");
    json_is_text_at(j, "error", "corrupt");
    json_is_number_at(j, "connection", 3);
    json_is_number_at(j, "line", 70000);
    json_is_number_at(j, "offset", 12);
    json_is_number_at(j, "expected_length", 76);
    json_is_number_at(j, "got_length", 5);
    json_is_number_at(j, "from", 4);
    json_is_text_at(j, "got/hex", "61007e0d0a");
    json_is_text_at(j, "got/text", "a\\x00~\\r\\n");
    assert_int_equal(json_string_length(json_at(j, "expected/hex")), 64);
    assert_int_equal(json_string_length(json_at(j, "expected/text")), 128);
    json_decref(root);
}

static void the_slos(void **state)
{
    fixture *f = *state;
    char message[200];
    json_t *r;

    memset(f->run->total.flaws, 0, sizeof f->run->total.flaws);
    f->run->total.sent = 1001; /* nothing is missing: one line was left behind on purpose */
    assert_int_equal(yodel_slo_parse("errors = 0", &f->slos[0], message, sizeof message), 0);
    f->options.slo_count = 1;
    r = run_of(f);
    json_is_text_at(r, "slos/0/text", "errors = 0");
    json_is_number_at(r, "slos/0/value", 0);
    assert_true(json_is_true(json_at(r, "slos/0/kept")));
    json_is_number_at(r, "status", 0);
    json_decref(r);

    assert_int_equal(yodel_slo_parse("rate>=100k", &f->slos[1], message, sizeof message), 0);
    f->options.slo_count = 2;
    r = run_of(f);
    assert_true(json_is_true(json_at(r, "slos/0/kept")));
    json_is_text_at(r, "slos/1/text", "rate>=100k");
    json_is_number_at(r, "slos/1/value", 99);
    assert_true(json_is_false(json_at(r, "slos/1/kept")));
    json_is_number_at(r, "status", 99);
    json_decref(r);

    /* What is wrong with the run itself goes first. */
    f->run->total.flaws[YODEL_FLAW_TIMEOUT] = 1;
    f->run->total.sent++;
    r = run_of(f);
    assert_true(json_is_false(json_at(r, "slos/0/kept")));
    json_is_number_at(r, "status", 4);
    json_decref(r);
}

static void the_timeline(void **state)
{
    json_t *root = run_of(*state);
    json_t *t = json_at(root, "timeline");

    assert_int_equal(json_array_size(t), 2);
    json_has_members_at(
        t, "0",
        "begin length connections in_flight sent answered errors faults p50 p90 p99 max "
        "lag_p99 client_cpu server_cpu server_resident");
    json_is_number_at(t, "0/begin", -0.1);
    json_is_null_at(t, "0/p50");
    json_is_null_at(t, "0/max");
    json_is_null_at(t, "0/server_cpu");
    json_is_null_at(t, "0/server_resident");
    json_is_number_at(t, "1/begin", 0);
    json_is_number_at(t, "1/length", 1);
    json_is_number_at(t, "1/connections", 50);
    json_is_number_at(t, "1/in_flight", 3);
    json_is_number_at(t, "1/sent", 103);
    json_is_number_at(t, "1/answered", 100);
    json_is_number_at(t, "1/errors", -1);
    json_is_number_at(t, "1/faults", 4);
    json_is_number_at(t, "1/p50", 0.001);
    json_is_number_at(t, "1/p90", 0.001000001);
    json_is_number_at(t, "1/p99", 0.1);
    json_is_number_at(t, "1/max", 0.123456789);
    json_is_number_at(t, "1/lag_p99", 38e-6);
    json_is_number_at(t, "1/client_cpu", 0.15);
    json_is_number_at(t, "1/server_cpu", 0.97);
    json_is_number_at(t, "1/server_resident", 4096);
    json_decref(root);
}

static void infinite_values(void **state)
{
    fixture *f = *state;
    json_t *root;

    f->run->seconds = INFINITY;
    f->run->client_cpu = -INFINITY;
    f->timeline[0].client_cpu = NAN;
    root = run_of(f);
    json_is_null_at(root, "seconds");
    json_is_null_at(root, "cpu/client");
    json_is_null_at(root, "timeline/0/client_cpu");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run, make, unmake),
        cmocka_unit_test_setup_teardown(the_metrics, make, unmake),
        cmocka_unit_test_setup_teardown(the_latency, make, unmake),
        cmocka_unit_test_setup_teardown(a_bad_run, make, unmake),
        cmocka_unit_test_setup_teardown(the_mismatch, make, unmake),
        cmocka_unit_test_setup_teardown(the_slos, make, unmake),
        cmocka_unit_test_setup_teardown(the_timeline, make, unmake),
        cmocka_unit_test_setup_teardown(infinite_values, make, unmake),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
