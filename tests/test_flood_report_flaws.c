/*
 * The text report on errors, planned faults and the first wrong answer.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/report_text.h"

static void test_errors(void **state)
{
    (void)state;
    flood_sample *s = report_round_run();

    /* Each kind alone, with its name and its count, and a meaning of its own. */
    for (int flaw = 0; flaw < YODEL_FLAWS; flaw++) {
        char expected[64];

        memset(s->results->total.flaws, 0, sizeof s->results->total.flaws);
        s->results->total.flaws[flaw] = 1234;
        snprintf(expected, sizeof expected, "\n  errors:   %-13s%10s  ",
                 yodel_flaw_name((yodel_flaw)flaw), "1,234");
        report_has(s, expected);
        report_has(s, yodel_flaw_is_wrong_bytes((yodel_flaw)flaw)
                          ? "\nVALID, 1,234 errors, 1,234 with wrong bytes\n"
                          : "\nVALID, 1,234 errors\n");
        report_has_not(s, "none");
        char *text = report_text(s, false);
        report_is_tidy(yodel_flaw_name((yodel_flaw)flaw), text);
        free(text);
    }
    s->results->total.flaws[YODEL_FLAW_RESET] = 1;
    s->results->total.flaws[YODEL_FLAW_EXTRA] = 0;
    report_has(s, "\nVALID, 1 error\n");
    s->results->total.answered = 900;
    report_has(s, "every byte checked; 200 unverified\n");
    flood_sample_free(s);
}

static void test_faults(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_ERRORS);

    report_has(s, "\n  faults    split 12, reset 8 (connections, on purpose)\n"
                  "            31 lines left behind by faults\n");
    /* Asked for, and it never came to it: that should be seen. */
    s->options.faults[YODEL_FAULT_DRIP] = 1;
    report_has(s, "split 12, drip 0, reset 8");
    flood_sample_free(s);
    s = flood_sample_new(FLOOD_SAMPLE_GOOD);
    report_has_not(s, "faults");
    flood_sample_free(s);
}

static void test_mismatch(void **state)
{
    (void)state;
    flood_sample *s = flood_sample_new(FLOOD_SAMPLE_ERRORS);
    yodel_mismatch *m = &s->results->mismatch;

    report_has(s,
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
    report_has(s, "|You sent: 3:4711|\n"
                  "                                     ^^                                ^\n");

    /* From the middle of a longer answer; what was got ends before what was expected. */
    m->flaw = YODEL_FLAW_TRUNCATED;
    m->from = 4096;
    m->offset = 4096 + 16;
    m->expected_length = 10000;
    m->got_length = 4096 + 16;
    m->got_kept = 16;
    report_has(s, "  expected, 10,000 bytes\n  00001000  59 ");
    report_has(s, "|\n            ^^                                                 ^\n");
    report_has(s,
               "  got, 4,112 bytes\n"
               "  00001000  59 6f 75 20 73 65 6e 74  3a 20 33 3a 34 37 31 31  |You sent: 3:4711|\n"
               "  00001010  ends here\n");

    /* Nothing came at all. */
    m->from = m->offset = 0;
    m->got_length = 0;
    m->got_kept = 0;
    report_has(s, "  got, 0 bytes\n  00000000  ends here\n");
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
    report_has(s, "  00000000  00 07 1b 1f 20 7e 7f 80  9b ff                    |.... ~....|\n");
    flood_sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_mismatch),
        cmocka_unit_test(test_mismatch_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
