/*
 * The text report: what it says about every kind of run, and how it looks.
 */
#include "tools/flood/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_samples.h"

static char *report_of(const flood_sample *s, bool color)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    yodel_report_write(&s->report, out, color);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), length);
    return text;
}

static void assert_has(const flood_sample *s, const char *part)
{
    char *text = report_of(s, false);

    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
    free(text);
}

static void assert_has_not(const flood_sample *s, const char *part)
{
    char *text = report_of(s, false);

    if (strstr(text, part) != NULL) {
        fail_msg("\"%s\" is in:\n%s", part, text);
    }
    free(text);
}

/* Within 80 columns, but for the command in the first line, and without blanks at the end. */
static void assert_tidy(const char *name, const char *text)
{
    for (const char *line = strchr(text, '\n'); line[1] != '\0';) {
        const char *end = strchr(line + 1, '\n');
        assert_non_null(end);
        if (end - line - 1 > 80 || end[-1] == ' ') {
            fail_msg("%s: %.*s", name, (int)(end - line - 1), line + 1);
        }
        line = end;
    }
}

/* A run whose figures are round. */
static flood_sample *round_run(void)
{
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_LINE);
    yodel_result *r = s->results;

    s->report.command = "flood -c 1";
    s->options.connections = s->options.threads = s->options.depth = 1;
    s->options.warm_up = 1;
    s->options.server_pid = 4711;
    r->connections = 1;
    r->seconds = 10;
    r->total.sent = r->total.answered = 1100;
    r->total.counted = 1000;
    r->total.bytes_out = 1024;
    r->total.bytes_in = 2048;
    r->counted_rate = 100;
    r->client_cpu = 0.1;
    r->server_cpu = 5;
    r->server_resident_before = 1024;
    r->server_resident_peak = 3072;
    return s;
}

static void test_whole(void **state)
{
    (void)state;
    flood_sample *s = round_run();
    char *text = report_of(s, false);

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
    flood_sample *s = round_run();

    s->options.connections = 10000;
    s->options.threads = 2;
    s->options.depth = 16;
    s->options.rate = 200;
    s->options.churn = 1000;
    s->options.length_max = 1024;
    assert_has(s, "10,000 connections on 2 threads, 16 lines in flight each\n"
                  "            open loop, 200 lines/s asked for, reconnecting after 1,000 lines\n"
                  "  lines     64 to 1024 bytes, seed");
    assert_has(s, " 100/s  50.0% of the 200/s asked for\n");
    s->options.fixed_line = "x";
    s->options.length_min = s->options.length_max = 1;
    assert_has(s, "one fixed line of 1 byte, seed");
    s->options.idle = true;
    assert_has(s, "on 2 threads, idle, then a line each\n");
    flood_sample_free(s);
}

/* Intended latency is there in the open loop only, and then first. */
static void test_loops(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_PAUSE);

    assert_has(s, "\n  intended ");
    char *text = report_of(s, false);
    assert_true(strstr(text, "\n  intended") < strstr(text, "\n  service"));
    free(text);
    assert_has(
        s, "\n  slowest   connection 17, mean 1.24ms: 2.5 times the median connection's 494us\n");
    flood_sample_free(s);

    s = flood_sample_new(FLOOD_SAMPLE_GOOD);
    assert_has_not(s, "intended");
    assert_has(s, "\nVALID, no errors, all SLOs kept\n");
    assert_has(s, "  SLO       p99<2ms      1.85ms  kept\n"
                  "            errors=0          0  kept\n");
    flood_sample_free(s);
}

static void test_server(void **state)
{
    (void)state;
    flood_sample *s = round_run();

    s->results->server_cpu = NAN;
    assert_has(s, "  server    CPU unknown: process 4711 ended during the run\n");
    s->results->server_resident_before = s->results->server_resident_peak = 0;
    assert_has(s, "  server    process 4711 could not be read: it has ended");
    s->options.server_pid = 0;
    assert_has_not(s, "  server ");
    flood_sample_free(s);
}

static void test_errors(void **state)
{
    (void)state;
    flood_sample *s = round_run();

    /* Each kind alone, with its name and its count, and a meaning of its own. */
    for (int flaw = 0; flaw < YODEL_FLAWS; flaw++) {
        char expected[64];

        memset(s->results->total.flaws, 0, sizeof s->results->total.flaws);
        s->results->total.flaws[flaw] = 1234;
        snprintf(expected, sizeof expected, "\n  errors:   %-13s%10s  ",
                 yodel_flaw_name((yodel_flaw)flaw), "1,234");
        assert_has(s, expected);
        assert_has(s, yodel_flaw_is_wrong_bytes((yodel_flaw)flaw)
                          ? "\nVALID, 1,234 errors, 1,234 with wrong bytes\n"
                          : "\nVALID, 1,234 errors\n");
        assert_has_not(s, "none");
        char *text = report_of(s, false);
        assert_tidy(yodel_flaw_name((yodel_flaw)flaw), text);
        free(text);
    }
    s->results->total.flaws[YODEL_FLAW_RESET] = 1;
    s->results->total.flaws[YODEL_FLAW_EXTRA] = 0;
    assert_has(s, "\nVALID, 1 error\n");
    s->results->total.answered = 900;
    assert_has(s, "every byte checked; 200 unverified\n");
    flood_sample_free(s);
}

static void test_faults(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_ERRORS);

    assert_has(s, "\n  faults    split 12, reset 8 (connections, on purpose)\n"
                  "            31 lines left behind by faults\n");
    /* Asked for, and it never came to it: that should be seen. */
    s->options.faults[YODEL_FAULT_DRIP] = 1;
    assert_has(s, "split 12, drip 0, reset 8");
    flood_sample_free(s);
    s = flood_sample_new(FLOOD_SAMPLE_GOOD);
    assert_has_not(s, "faults");
    flood_sample_free(s);
}

static void test_mismatch(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_ERRORS);
    yodel_mismatch *m = &s->results->mismatch;

    assert_has(s,
               "\nThe first wrong answer: corrupt\n"
               "  connection 3, line 4,711, differs at offset 17 (0x11)\n"
               "\n"
               "  expected, 29 bytes\n"
               "  00000000  59 6f 75 20 73 65 6e 74  3a 20 33 3a 34 37 31 31  |You sent: 3:4711|\n"
               "  00000010  20 6b 71 7a 76 62 6e 72  74 77 78 0d 0a           | kqzvbnrtwx..|\n"
               "               ^^                                               ^\n"
               "\n"
               "  got, 29 bytes\n"
               "  00000000  59 6f 75 20 73 65 6e 74  3a 20 33 3a 34 37 31 31  |You sent: 3:4711|\n"
               "  00000010  20 3c 26 3e 76 62 6e 72  74 77 78 0d 0a           | <&>vbnrtwx..|\n"
               "               ^^                                               ^\n"
               "\n"
               "  seed 9876543210; to do the same again:\n"
               "  flood --seed 9876543210 -c 50 -P 16 -d 10s 127.0.0.1:8007\n");

    /* In the second half of a row there is a blank more before it. */
    m->offset = 8;
    assert_has(s, "|You sent: 3:4711|\n"
                  "                                     ^^                                ^\n");

    /* From the middle of a longer answer; what was got ends before what was expected. */
    m->flaw = YODEL_FLAW_TRUNCATED;
    m->from = 4096;
    m->offset = 4096 + 16;
    m->expected_length = 10000;
    m->got_length = 4096 + 16;
    m->got_kept = 16;
    assert_has(s, "  expected, 10,000 bytes\n  00001000  59 ");
    assert_has(s, "|\n            ^^                                                 ^\n");
    assert_has(s,
               "  got, 4,112 bytes\n"
               "  00001000  59 6f 75 20 73 65 6e 74  3a 20 33 3a 34 37 31 31  |You sent: 3:4711|\n"
               "  00001010  ends here\n");

    /* Nothing came at all. */
    m->from = m->offset = 0;
    m->got_length = 0;
    m->got_kept = 0;
    assert_has(s, "  got, 0 bytes\n  00000000  ends here\n");
    flood_sample_free(s);
}

/* Every byte of an answer is printed so that a terminal cannot mind. */
static void test_mismatch_bytes(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_ERRORS);
    yodel_mismatch *m = &s->results->mismatch;
    static const uint8_t nasty[] = {0, 7, 0x1b, 0x1f, ' ', '~', 0x7f, 0x80, 0x9b, 0xff};

    memcpy(m->got, nasty, sizeof nasty);
    m->got_kept = m->got_length = sizeof nasty;
    assert_has(s, "  00000000  00 07 1b 1f 20 7e 7f 80  9b ff                    |.... ~....|\n");
    flood_sample_free(s);
}

static void test_invalid(void **state)
{
    (void)state;
    flood_sample *s = round_run();
    yodel_result *r = s->results;

    snprintf(r->invalid, sizeof r->invalid,
             "flood fell behind: 1 %% of the lines left more than 4.20ms late; ask for less, or "
             "give it more threads or cores");
    snprintf(r->note, sizeof r->note, "short");
    assert_has(s,
               "\nINVALID, no errors\n"
               "  do not trust these figures: flood fell behind: 1 % of the lines left more than\n"
               "  4.20ms late; ask for less, or give it more threads or cores\n"
               "  note: short\n");
    assert_has_not(s, "\nVALID");
    r->interrupted = true;
    assert_has(s, "\nINVALID, no errors, interrupted\n");
    flood_sample_free(s);
}

static void test_slos(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_PAUSE);

    assert_has(s, "p99<2ms       1.25s  FAILED\n            errors=0          0  kept\n");
    assert_has(s, "\nVALID, no errors, 1 of 2 SLOs FAILED\n");
    s->options.slo_count = 1;
    assert_has(s, ", 1 of 1 SLO FAILED\n");
    flood_sample_free(s);

    s = flood_sample_new(FLOOD_SAMPLE_NOTHING);
    assert_has(s, "p99<2ms           -  FAILED (not measured)\n");
    assert_has(s, "\nVALID, no answers, 550 errors, 2 of 2 SLOs FAILED\n"
                  "  connecting failed, the last time with: Connection refused\n");
    assert_has_not(s, "latency");
    flood_sample_free(s);
}

static void test_runs(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_RUNS);
    yodel_result *r = s->results;

    assert_has(s,
               "\n    3     262.1k/s     522us    1.79ms    5.75ms      97%        0  INVALID\n");
    assert_has(s, "\n  rate                           254.5k/s   252.0k/s .. 262.1k/s\n");
    assert_has(s, "\nINVALID (1 of 5 runs), no errors, all SLOs kept\n"
                  "  run 3: do not trust these figures: flood itself");

    /* A metric that not every run has. */
    r[0].server_cpu = r[4].server_cpu = NAN;
    assert_has(s, "      97%        97% .. 98% (of 3 runs)\n");

    /* Of an even number of values the median is in the middle of two. */
    s->report.count = 2;
    r[0].counted_rate = 1000;
    r[1].counted_rate = 3000;
    assert_has(s, "\n  rate                             2000/s     1000/s .. 3000/s\n");

    /* Errors are summed up; the first run that has a wrong answer shows it. */
    r[0].total.flaws[YODEL_FLAW_CORRUPT] = 1;
    r[1].total.flaws[YODEL_FLAW_CORRUPT] = 2;
    r[1].total.flaws[YODEL_FLAW_LOST] = 4;
    r[1].has_mismatch = true;
    r[1].mismatch.flaw = YODEL_FLAW_CORRUPT;
    assert_has(s, "corrupt               3  ");
    assert_has(s, "lost                  4  ");
    assert_has(s, "\nThe first wrong answer: corrupt, in run 2\n");
    assert_has(s, "\nVALID, 7 errors, 3 with wrong bytes, 1 of 2 SLOs FAILED\n");
    assert_has(s, "FAILED in 2 of 2 runs\n");

    /* One bad run of several is enough not to be green. */
    s->options.slo_count = 0;
    r[0].total.flaws[YODEL_FLAW_CORRUPT] = 0;
    char *text = report_of(s, true);
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
        char *plain = report_of(s, false);
        char *color = report_of(s, true);
        char *to = color;

        assert_tidy(s->name, plain);
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
        char *text = report_of(s, true);

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
        cmocka_unit_test(test_errors),    cmocka_unit_test(test_faults),
        cmocka_unit_test(test_mismatch),  cmocka_unit_test(test_mismatch_bytes),
        cmocka_unit_test(test_invalid),   cmocka_unit_test(test_slos),
        cmocka_unit_test(test_runs),      cmocka_unit_test(test_median_run),
        cmocka_unit_test(test_all_kinds), cmocka_unit_test(test_colors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
