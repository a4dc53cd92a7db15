/*
 * The HTML report: for every kind of run it is well-formed, needs nothing from outside, has no
 * number that is none, and shows what came from outside as text.
 *
 * YODEL_SAMPLES=DIR writes the pages to look at into that directory.
 */
#include "tools/flood/html.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_samples.h"
#include "tests/support/well_formed.h"

static char *page_of(const yodel_report *report)
{
    char *page = NULL;
    size_t length;
    FILE *out = open_memstream(&page, &length);

    assert_non_null(out);
    assert_int_equal(yodel_html_write(report, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(page), length);
    return page;
}

static char *page_of_sample(flood_sample_kind kind)
{
    flood_sample *sample = flood_sample_new(kind);
    char *page = page_of(&sample->report);

    flood_sample_free(sample);
    return page;
}

static size_t occurrences(const char *page, const char *what)
{
    size_t n = 0;

    for (const char *p = page; (p = strstr(p, what)) != NULL; p += strlen(what)) {
        n++;
    }
    return n;
}

static void has(const char *page, const char *what)
{
    if (strstr(page, what) == NULL) {
        fail_msg("the page has no \"%s\"", what);
    }
}

static void has_not(const char *page, const char *what)
{
    if (strcasestr(page, what) != NULL) {
        fail_msg("the page has \"%s\"", what);
    }
}

/* --- nothing odd ------------------------------------------------------------------------------*/

/* No "nan", "inf" that is not a part of a word. */
static void only_numbers(const char *page)
{
    static const char *const bad[] = {"nan", "inf"};

    for (size_t i = 0; i < 2; i++) {
        for (const char *p = page; (p = strcasestr(p, bad[i])) != NULL; p++) {
            if (!isalpha((unsigned char)p[-1]) && !isalpha((unsigned char)p[3])) {
                fail_msg("no number: %.60s", p - 20);
            }
        }
    }
}

static void needs_nothing(const char *page)
{
    has_not(page, "<script");
    has_not(page, "javascript:");
    has_not(page, "http:");
    has_not(page, "https:");
    has_not(page, "//");
    has_not(page, "@import");
    has_not(page, " src=");
    has_not(page, "href=");
    has_not(page, " onload");
    assert_int_equal(occurrences(page, "url("), occurrences(page, "url(#hatch)"));
}

/* All places given in percent lie within the chart. */
static void within_the_charts(const char *page)
{
    for (const char *p = page; (p = strstr(p, "%\"")) != NULL; p++) {
        const char *start = p;
        double percent;

        while (start[-1] != '"') {
            start--;
        }
        percent = strtod(start, NULL);
        if (!(percent >= 0 && percent <= 100)) {
            fail_msg("outside: %.60s", start - 20);
        }
    }
}

/* No two elements have the same id, and what is referred to is there. */
static void ids_are_unique(const char *page)
{
    for (const char *p = page; (p = strstr(p, " id=\"")) != NULL; p++) {
        char id[64];

        snprintf(id, sizeof id, "%.*s\"", (int)strcspn(p + 5, "\"") + 5, p);
        assert_int_equal(occurrences(page, id), 1);
    }
}

static void write_sample(const flood_sample *sample, const char *page)
{
    const char *directory = getenv("YODEL_SAMPLES");
    char path[4096];
    FILE *file;

    if (directory == NULL) {
        return;
    }
    snprintf(path, sizeof path, "%s/%s.html", directory, sample->name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(page, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void every_kind_of_run(void **state)
{
    (void)state;
    for (int i = 0; i < FLOOD_SAMPLES; i++) {
        flood_sample *sample = flood_sample_new((flood_sample_kind)i);
        char *page = page_of(&sample->report);

        write_sample(sample, page);
        test_well_formed(page);
        only_numbers(page);
        needs_nothing(page);
        within_the_charts(page);
        ids_are_unique(page);
        free(page);
        flood_sample_free(sample);
    }
}

/* Command twice (replay), three remarks, title and heading (host, port), the configuration (host,
 * port, source, line), an SLO: all as text, and nowhere as anything else. */
static void text_from_outside_is_escaped(void **state)
{
    static const char escaped[] = "&lt;b&gt;&amp;amp;&quot;&#39;\\x1b\\xff&lt;/b&gt;";
    char *page = page_of_sample(FLOOD_SAMPLE_HOSTILES);

    (void)state;
    has_not(page, "<b>");
    has_not(page, "</b>");
    assert_int_equal(occurrences(page, escaped), 2 + 3 + 2 + 2 + 4 + 1);
    free(page);
}

/* --- what it says -----------------------------------------------------------------------------*/

static void a_good_run(void **state)
{
    char *page = page_of_sample(FLOOD_SAMPLE_GOOD);

    (void)state;
    has(page, "VALID</li>");
    has_not(page, "INVALID");
    has(page, "no errors</li>");
    has(page, "SLOs kept</li>");
    has(page, "<td class=\"good\">\u2713 kept");
    has(page, "--slo &#39;p99&lt;2ms&#39;");
    has(page, "k/s</dd>");
    has(page, "closed loop, 16 in flight each");
    has(page, "class=\"band-warm\"");
    has_not(page, "class=\"band-fault\"");
    has_not(page, "Replay");
    has_not(page, "intended"); /* nothing is due in a closed loop */
    has(page, "id=\"memory-title\"");
    assert_int_equal(occurrences(page, "role=\"img\""), 6); /* none for errors */
    assert_int_equal(occurrences(page, "<figure"), occurrences(page, "</figure>"));
    free(page);
}

static void an_open_loop_with_a_pause(void **state)
{
    char *page = page_of_sample(FLOOD_SAMPLE_PAUSE);

    (void)state;
    has(page, "open loop at 250.0k lines/s");
    has(page, "% of what was asked");
    has(page, "</svg>asked for</li>");
    has(page, "</svg>intended");
    has(page, "</svg>service");
    has(page, "\u2717 failed");
    has(page, "1 of 2 SLOs kept</li>");
    free(page);
}

static void errors_and_faults(void **state)
{
    char *page = page_of_sample(FLOOD_SAMPLE_ERRORS);

    (void)state;
    has(page, "13 errors</li>");
    has(page, "2 with wrong bytes</li>");
    has(page, "Replay");
    has(page, "flood --seed 9876543210");
    has(page, "The first wrong answer: corrupt");
    has(page, "Connection 3, line 4711: differs from byte 17 on; 29 bytes expected, 29 got");
    has(page, "<mark>3c</mark> <mark>26</mark> <mark>3e</mark>");
    has(page, "</svg>planned faults</li>");
    has(page, "class=\"band-fault\"");
    assert_int_equal(occurrences(page, "class=\"bar-bad\""), 1 + 2); /* legend, two seconds */
    has(page, "<th scope=\"row\">lost</th><td>9</td>");
    has(page, "<th scope=\"row\">split</th><td>10%</td><td>12</td>");
    has(page, "<th scope=\"row\">reset</th><td>2.5%</td><td>8</td>");
    has_not(page, "drip</th>");
    free(page);
}

static void runs_without_much(void **state)
{
    char *page = page_of_sample(FLOOD_SAMPLE_NOTHING);

    (void)state;
    has(page, "no answers</li>");
    has(page, "Connection refused");
    has(page, "No line was answered.");
    has(page, "<th scope=\"row\">p99</th><td>\u2013</td><td>\u2013</td><td>\u2013</td>");
    has(page, "No line was answered after the warm-up.");
    free(page);

    page = page_of_sample(FLOOD_SAMPLE_EMPTY);
    has(page, "interrupted</li>");
    has_not(page, "no errors"); /* since there was nothing to check */
    has(page, "There are no charts over time");
    has_not(page, "role=\"img\"");
    free(page);

    page = page_of_sample(FLOOD_SAMPLE_SECOND);
    has(page, "points=\"0.0,");
    has_not(page, "</svg>server</li>");
    has_not(page, "</svg>warm-up</li>");
    has_not(page, "memory-title");
    free(page);
}

static void long_runs_are_put_together(void **state)
{
    char *page = page_of_sample(FLOOD_SAMPLE_HOURS);

    (void)state;
    has(page, "Each point stands for 8 seconds");
    assert_true(strlen(page) < 1000000);
    free(page);
}

static void several_runs(void **state)
{
    flood_sample *sample = flood_sample_new(FLOOD_SAMPLE_RUNS);
    char shown[64];
    char *page;

    (void)state;
    sample->results[1].total.flaws[YODEL_FLAW_LOST] = 1;
    page = page_of(&sample->report);
    has(page, "1 error</li>");
    has(page, "1 of 2 SLOs kept</li>");
    has(page, "<td class=\"bad\">\u2717 failed in 1 of 5 runs</td>");
    has(page, "INVALID: 1 of 5 runs");
    has(page, "Run 3: <strong class=\"bad\">Not to be trusted:</strong> flood itself");
    has(page, "<caption>Runs</caption>");
    assert_int_equal(occurrences(page, "\u2713 valid"), 4);
    snprintf(shown, sizeof shown, "<tr class=\"drawn\"><th scope=\"row\">%zu (shown)",
             (size_t)(yodel_report_median_run(&sample->report) - sample->results) + 1);
    has(page, shown);
    free(page);
    flood_sample_free(sample);
}

static void a_full_disk_is_noticed(void **state)
{
    flood_sample *sample = flood_sample_new(FLOOD_SAMPLE_GOOD);
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    assert_true(yodel_html_write(&sample->report, full) < 0);
    fclose(full);
    flood_sample_free(sample);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_run),
        cmocka_unit_test(text_from_outside_is_escaped),
        cmocka_unit_test(a_good_run),
        cmocka_unit_test(an_open_loop_with_a_pause),
        cmocka_unit_test(errors_and_faults),
        cmocka_unit_test(runs_without_much),
        cmocka_unit_test(long_runs_are_put_together),
        cmocka_unit_test(several_runs),
        cmocka_unit_test(a_full_disk_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
