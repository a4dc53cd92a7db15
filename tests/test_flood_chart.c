/*
 * Charts: how numbers become places, lines, gaps and labels.
 */
#include "tools/flood/chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/well_formed.h"

static char *written(const yodel_chart *chart)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    assert_non_null(out);
    yodel_chart_write(chart, out);
    assert_int_equal(fclose(out), 0);
    test_well_formed(text);
    assert_null(strstr(text, "nan"));
    return text;
}

static size_t occurrences(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *p = text; (p = strstr(p, what)) != NULL; p += strlen(what)) {
        n++;
    }
    return n;
}

static void has(const char *text, const char *what)
{
    if (strstr(text, what) == NULL) {
        fail_msg("no \"%s\" in:\n%s", what, text);
    }
}

/* "%.2f": with zeros for the chart to take away. */
static const char *two_digits(double number, char text[YODEL_AMOUNT_TEXT])
{
    snprintf(text, YODEL_AMOUNT_TEXT, "%.2fu", number);
    return text;
}

static const char *nine_characters(double number, char text[YODEL_AMOUNT_TEXT])
{
    snprintf(text, YODEL_AMOUNT_TEXT, "%09.0f", number);
    return text;
}

static const char *twelve_characters(double number, char text[YODEL_AMOUNT_TEXT])
{
    snprintf(text, YODEL_AMOUNT_TEXT, "%012.0f", number);
    return text;
}

static const double from[] = {0, 1, 2, 3, 4};
static const double to[] = {1, 2, 3, 4, 5};

/* Five seconds, from 0 to 4. */
static yodel_chart chart_of(const double *y, size_t points)
{
    yodel_chart c = {
        .id = "id",
        .title = "Title",
        .sub = "Sub",
        .x_title = "time",
        .x_format = yodel_chart_clock,
        .y_format = two_digits,
        .from = from,
        .to = to,
        .points = points,
        .series = {{.name = "one", .color = "a", .kind = YODEL_CHART_LINE, .y = y}},
        .series_count = 1,
    };

    yodel_scale_time(&c.x, 0, 5);
    yodel_scale_linear(&c.y, 4, 1);
    return c;
}

static void lines(void **state)
{
    const double y[] = {0, 4, 1, 2, 2};
    yodel_chart c = chart_of(y, 5);
    char *text = written(&c);

    (void)state;
    /* Through the middle of each second, level at both ends; 1,000 is the bottom. */
    has(text, "<polyline class=\"line-a\" points=\"0.0,1000.0 100.0,1000.0 300.0,0.0 500.0,750.0 "
              "700.0,500.0 900.0,500.0 1000.0,500.0 \" />");
    assert_int_equal(occurrences(text, "<polyline"), 1);
    has(text, "aria-labelledby=\"id-title id-desc\"");
    has(text, "one: 0.00u to 4.00u.");
    has(text, "1s to 2s\none: 4.00u</title>");
    free(text);

    c.series[0].kind = YODEL_CHART_AREA;
    text = written(&c);
    has(text, "<polygon class=\"area-a\" points=\"0.0,1000.0 0.0,1000.0 100.0,1000.0");
    has(text, "1000.0,500.0 1000.0,1000.0 \" />");
    free(text);
}

static void gaps(void **state)
{
    const double y[] = {1, NAN, 2, NAN, NAN};
    const double none[] = {NAN, NAN, NAN, NAN, NAN};
    const double zeros[] = {0.1, 0, 0.1, 0, 0};
    yodel_chart c = chart_of(y, 5);
    char *text = written(&c);

    (void)state;
    assert_int_equal(occurrences(text, "<polyline"), 2);
    has(text, "points=\"0.0,750.0 100.0,750.0 200.0,750.0 \"");
    has(text, "points=\"400.0,500.0 500.0,500.0 600.0,500.0 \"");
    has(text, "1s to 2s\none: none</title>");
    free(text);

    c.series[0].y = none;
    text = written(&c);
    assert_int_equal(occurrences(text, "<polyline"), 0);
    has(text, "one: nothing.");
    free(text);

    c.series[0].y = zeros; /* which a logarithmic axis does not have */
    yodel_scale_log(&c.y, 0.01, 1);
    text = written(&c);
    assert_int_equal(occurrences(text, "<polyline"), 2);
    has(text, "points=\"0.0,500.0 100.0,500.0 200.0,500.0 \"");
    free(text);
}

static void bars(void **state)
{
    const double y[] = {0, 4, -1, 2, NAN};
    yodel_chart c = chart_of(y, 5);
    char *text;

    (void)state;
    c.series[0].kind = YODEL_CHART_BARS;
    c.series[0].color = "bad";
    text = written(&c);
    has(text, "<rect class=\"bar-bad\" x=\"220.0\" y=\"0.0\" width=\"160.0\" height=\"1000.0\" />");
    has(text,
        "<rect class=\"bar-bad\" x=\"620.0\" y=\"500.0\" width=\"160.0\" height=\"500.0\" />");
    assert_int_equal(occurrences(text, "class=\"bar-bad\""), 2 + 1); /* and the legend */
    has(text, "one: -1.00u</title>");
    free(text);
}

static void bands(void **state)
{
    const double y[] = {1, 1, 1, 1, 1};
    yodel_chart c = chart_of(y, 5);
    char *text;

    (void)state;
    c.bands[0] = (yodel_chart_band){.name = "warm-up", .color = "warm", .from = from, .to = to};
    c.bands[1] = (yodel_chart_band){
        .name = "faults", .color = "fault", .from = from + 1, .to = to + 1, .count = 1};
    c.band_count = 2;
    text = written(&c);
    assert_null(strstr(text, "warm-up")); /* there is none */
    has(text, "</svg>faults</li>");
    has(text,
        "<rect class=\"band-fault\" x=\"20.00%\" y=\"0\" width=\"20.00%\" height=\"100%\" />");
    free(text);
}

static void labels(void **state)
{
    const double y[] = {1, 1, 1, 1, 1};
    yodel_chart c = chart_of(y, 5);
    char *text = written(&c);

    (void)state;
    has(text, ">4u</text>"); /* not 4.00u */
    assert_int_equal(occurrences(text, "class=\"x\""), 6 + 1);
    assert_null(strstr(text, "class=\"x wide"));
    free(text);

    yodel_scale_linear(&c.y, 0.4, 0);
    text = written(&c);
    has(text, ">0.1u</text>");
    has(text, ">0u</text>");
    free(text);

    /* Twelve characters take about 90 px: six of them have no room next to each other on a
     * telephone, nor the last one between its tick and the edge. */
    c.x_format = twelve_characters;
    text = written(&c);
    assert_int_equal(occurrences(text, "class=\"x\""), 3 + 1);
    assert_int_equal(occurrences(text, "class=\"x wider\""), 2);
    assert_int_equal(occurrences(text, "dy=\"18\""), 5);
    assert_null(strstr(text, "x=\"100.00%\" y=\"100%\" dy=\"18\""));
    free(text);

    c.x_format = nine_characters;
    text = written(&c);
    assert_int_equal(occurrences(text, "class=\"x\""), 3 + 1);
    assert_int_equal(occurrences(text, "class=\"x wide\""), 2);
    free(text);
}

static void clock_times(void **state)
{
    static const struct {
        double seconds;
        const char *text;
    } times[] = {
        {0, "0"},        {12, "12s"},    {-1, "-1s"},      {0.25, "0.25s"}, {59.5, "59.5s"},
        {60, "1m"},      {90, "1m30s"},  {-90, "-1m30s"},  {600, "10m"},    {3600, "1h"},
        {5400, "1h30m"}, {7205, "2h5s"}, {360000, "100h"},
    };
    char text[YODEL_AMOUNT_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_string_equal(yodel_chart_clock(times[i].seconds, text), times[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines), cmocka_unit_test(gaps),   cmocka_unit_test(bars),
        cmocka_unit_test(bands), cmocka_unit_test(labels), cmocka_unit_test(clock_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
