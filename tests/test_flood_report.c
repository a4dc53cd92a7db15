/*
 * The text report: what it says about every kind of run, and how it looks.
 */
#include "tools/flood/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/report_text.h"

static void test_whole(void **state)
{
    (void)state;
    flood_sample *s = report_round_run();
    char *text = report_text(s, false);

    assert_string_equal(
        text, "flood -c 1\n"
              "\n"
              "  load      1 connection on 1 thread, 1 line in flight each\n"
              "            closed loop\n"
              "  lines     64 bytes, seed 9876543210\n"
              "  time      10.0s after a warm-up of 1.00s\n"
              "\n"
              "  sent               1,100  1.0 KiB (with the warm-up)\n"
              "  verified           1,100  2.0 KiB in, every byte checked\n"
              "  rate               100/s\n"
              "\n"
              "  latency       mean      p50      p90      p99    p99.9   p99.99      max\n"
              "  service      412us    412us    412us    412us    412us    412us    412us\n"
              "  connect       80us     80us     80us     80us     80us     80us     80us\n"
              "\n"
              "  flood     CPU 1.0%, 100us a line\n"
              "  server    CPU 50%, 5.00ms a line\n"
              "            memory 3.0 KiB at most, 2.0 KiB a connection\n"
              "\n"
              "  errors: none\n"
              "\n"
              "VALID, no errors\n");
    free(text);
    flood_sample_free(s);
}

static void test_load(void **state)
{
    (void)state;
    flood_sample *s = report_round_run();

    s->options.connections = 10000;
    s->options.threads = 2;
    s->options.depth = 16;
    s->options.rate = 200;
    s->options.churn = 1000;
    s->options.length_max = 1024;
    report_has(s, "10,000 connections on 2 threads, 16 lines in flight each\n"
                  "            open loop, 200 lines/s asked for, reconnecting after 1,000 lines\n"
                  "  lines     64 to 1024 bytes, seed");
    report_has(s, " 100/s  50.0% of the 200/s asked for\n");
    s->options.fixed_line = "x";
    s->options.length_min = s->options.length_max = 1;
    report_has(s, "one fixed line of 1 byte, seed");
    s->options.idle = true;
    report_has(s, "on 2 threads, idle, then a line each\n");
    flood_sample_free(s);
}

/* Intended latency is there in the open loop only, and then first. */
static void test_loops(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_PAUSE);

    report_has(s, "\n  intended ");
    char *text = report_text(s, false);
    assert_true(strstr(text, "\n  intended") < strstr(text, "\n  service"));
    free(text);
    report_has(
        s, "\n  slowest   connection 17, mean 1.24ms: 2.5 times the median connection's 494us\n");
    flood_sample_free(s);

    s = flood_sample_new(FLOOD_SAMPLE_GOOD);
    report_has_not(s, "intended");
    report_has(s, "\nVALID, no errors, all SLOs kept\n");
    report_has(s, "  SLO       p99<2ms      1.85ms  kept\n"
                  "            errors=0          0  kept\n");
    flood_sample_free(s);
}

static void test_server(void **state)
{
    (void)state;
    flood_sample *s = report_round_run();

    s->results->server_cpu = NAN;
    report_has(s, "  server    CPU unknown: process 4711 ended during the run\n");
    s->results->server_resident_before = s->results->server_resident_peak = 0;
    report_has(s, "  server    process 4711 could not be read: it has ended");
    s->options.server_pid = 0;
    report_has_not(s, "  server ");
    flood_sample_free(s);
}

static void test_invalid(void **state)
{
    (void)state;
    flood_sample *s = report_round_run();
    yodel_result *r = s->results;

    snprintf(r->invalid, sizeof r->invalid,
             "flood fell behind: 1 %% of the lines left more than 4.20ms late; ask for less, or "
             "give it more threads or cores");
    snprintf(r->note, sizeof r->note, "short");
    report_has(s,
               "\nINVALID, no errors\n"
               "  do not trust these figures: flood fell behind: 1 % of the lines left more than\n"
               "  4.20ms late; ask for less, or give it more threads or cores\n"
               "  note: short\n");
    report_has_not(s, "\nVALID");
    r->interrupted = true;
    report_has(s, "\nINVALID, no errors, interrupted\n");
    flood_sample_free(s);
}

static void test_slos(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_PAUSE);

    report_has(s, "p99<2ms       1.25s  FAILED\n            errors=0          0  kept\n");
    report_has(s, "\nVALID, no errors, 1 of 2 SLOs FAILED\n");
    s->options.slo_count = 1;
    report_has(s, ", 1 of 1 SLO FAILED\n");
    flood_sample_free(s);

    s = flood_sample_new(FLOOD_SAMPLE_NOTHING);
    report_has(s, "p99<2ms           -  FAILED (not measured)\n");
    report_has(s, "\nVALID, no answers, 550 errors, 2 of 2 SLOs FAILED\n"
                  "  connecting failed, the last time with: Connection refused\n");
    report_has_not(s, "latency");
    flood_sample_free(s);
}

static void test_runs(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_RUNS);
    yodel_result *r = s->results;

    report_has(s,
               "\n    3     262.1k/s     522us    1.79ms    5.75ms      97%        0  INVALID\n");
    report_has(s, "\n  rate                           254.5k/s   252.0k/s .. 262.1k/s\n");
    report_has(s, "\nINVALID (1 of 5 runs), no errors, all SLOs kept\n"
                  "  run 3: do not trust these figures: flood itself");

    /* A metric that not every run has. */
    r[0].server_cpu = r[4].server_cpu = NAN;
    report_has(s, "      97%        97% .. 98% (of 3 runs)\n");

    /* Of an even number of values the median is in the middle of two. */
    s->report.count = 2;
    r[0].counted_rate = 1000;
    r[1].counted_rate = 3000;
    report_has(s, "\n  rate                             2000/s     1000/s .. 3000/s\n");

    /* Errors are summed up; the first run that has a wrong answer shows it. */
    r[0].total.flaws[YODEL_FLAW_CORRUPT] = 1;
    r[1].total.flaws[YODEL_FLAW_CORRUPT] = 2;
    r[1].total.flaws[YODEL_FLAW_LOST] = 4;
    r[1].has_mismatch = true;
    r[1].mismatch.flaw = YODEL_FLAW_CORRUPT;
    report_has(s, "corrupt               3  ");
    report_has(s, "lost                  4  ");
    report_has(s, "\nThe first wrong answer: corrupt, in run 2\n");
    report_has(s, "\nVALID, 7 errors, 3 with wrong bytes, 1 of 2 SLOs FAILED\n");
    report_has(s, "FAILED in 2 of 2 runs\n");

    /* One bad run of several is enough not to be green. */
    s->options.slo_count = 0;
    r[0].total.flaws[YODEL_FLAW_CORRUPT] = 0;
    char *text = report_text(s, true);
    assert_non_null(strstr(text, "\n\x1b[1mVALID\x1b[0m, \x1b[1;31m6 errors"));
    free(text);
    s->report.count = 5; /* all are freed */
    flood_sample_free(s);
}

static void test_median_run(void **state)
{
    (void)state;
    yodel_result *r = calloc(5, sizeof *r);
    yodel_report report = {.results = r, .count = 1};

    assert_non_null(r);
    assert_ptr_equal(yodel_report_median_run(&report), r);
    r[0].counted_rate = 5;
    r[1].counted_rate = 1;
    report.count = 2; /* the lower one */
    assert_ptr_equal(yodel_report_median_run(&report), r + 1);
    r[2].counted_rate = 3;
    report.count = 3;
    assert_ptr_equal(yodel_report_median_run(&report), r + 2);
    r[3].counted_rate = r[4].counted_rate = 3; /* 1 3 3 3 5: the second of the equal ones */
    report.count = 5;
    assert_ptr_equal(yodel_report_median_run(&report), r + 3);
    r[0].counted_rate = NAN; /* comes first: NAN 1 3 3 3 */
    assert_ptr_equal(yodel_report_median_run(&report), r + 2);
    for (size_t i = 0; i < 5; i++) {
        r[i].counted_rate = NAN;
    }
    assert_ptr_equal(yodel_report_median_run(&report), r + 2);
    free(r);
}

/* Every kind of run looks tidy, and is the same with colors. */
static void test_all_kinds(void **state)
{
    (void)state;
    for (int kind = 0; kind < FLOOD_SAMPLES; kind++) {
        flood_sample *s = flood_sample_new((flood_sample_kind)kind);
        char *plain = report_text(s, false);
        char *color = report_text(s, true);
        char *to = color;

        report_is_tidy(s->name, plain);
        for (const char *c = plain; *c != '\0'; c++) {
            assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
        }
        assert_non_null(strstr(color, "\x1b[1;3"));
        for (const char *from = color; *from != '\0'; from++) {
            if (*from == '\x1b') {
                from = strchr(from, 'm');
            } else {
                *to++ = *from;
            }
        }
        *to = '\0';
        assert_string_equal(plain, color);
        free(plain);
        free(color);
        flood_sample_free(s);
    }
}

/* Green is for a run with nothing to find fault with. */
static void test_colors(void **state)
{
    (void)state;
    static const struct {
        flood_sample_kind kind;
        const char *verdict;
    } rows[] = {
        {FLOOD_SAMPLE_GOOD, "\n\x1b[1;32mVALID\x1b[0m, no errors"},
        {FLOOD_SAMPLE_PAUSE, "\n\x1b[1mVALID\x1b[0m, no errors, \x1b[1;31m1 of 2 SLOs FAILED"},
        {FLOOD_SAMPLE_ERRORS, "\n\x1b[1mVALID\x1b[0m, \x1b[1;31m13 errors\x1b[0m"},
        {FLOOD_SAMPLE_EMPTY, "\n\x1b[1mVALID\x1b[0m, \x1b[1;31mno answers"},
        {FLOOD_SAMPLE_RUNS, "\n\x1b[1;31mINVALID\x1b[0m (1 of 5 runs)"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        flood_sample *s = flood_sample_new(rows[i].kind);
        char *text = report_text(s, true);

        if (strstr(text, rows[i].verdict) == NULL) {
            fail_msg("%s: %s", s->name, text);
        }
        free(text);
        flood_sample_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),     cmocka_unit_test(test_load),
        cmocka_unit_test(test_loops),     cmocka_unit_test(test_server),
        cmocka_unit_test(test_invalid),   cmocka_unit_test(test_slos),
        cmocka_unit_test(test_runs),      cmocka_unit_test(test_median_run),
        cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_colors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
