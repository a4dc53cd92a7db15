/*
 * The live line: its columns, and what reaches a log and a terminal.
 */
#include "tools/flood/live.h"

#include <math.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

/* For what has been written already to come out of a terminal. */
#define PATIENCE_MS 20000

#define HEADER " time  conns sent/s recv/s  inflt    p50    p99    max  errs  lag99  cli%  srv%"
#define TWELVE "  12s  10.0k 250.0k 249.9k   8100  412us 1.90ms 7.20ms     0   38us    61    97"

static yodel_second second_at(double begin)
{
    return (yodel_second){
        .begin = begin,
        .length = 1,
        .connections = 10000,
        .in_flight = 8100,
        .sent = 250000,
        .answered = 249900,
        .p50 = 412000,
        .p90 = 900000,
        .p99 = 1900000,
        .most = 7200000,
        .lag99 = 38000,
        .client_cpu = 0.61,
        .server_cpu = 0.97,
    };
}

static void assert_line(const yodel_second *s, int64_t flaws, const char *expected)
{
    yodel_live_line line = {.length = 0};

    yodel_live_format(s, flaws, &line);
    assert_string_equal(line.text, expected);
    assert_int_equal(line.length, strlen(expected));
}

static void test_columns(void **state)
{
    (void)state;
    yodel_second s = second_at(11);

    assert_string_equal(yodel_live_header, HEADER);
    assert_int_equal(strlen(HEADER), strlen(TWELVE));
    assert_in_range(strlen(HEADER), 1, 80); /* of a terminal as most are */
    assert_line(&s, 0, TWELVE);
}

static void test_nothing_to_show(void **state)
{
    (void)state;
    yodel_second s = {.begin = -1, .length = 1, .server_cpu = NAN};

    assert_line(&s, 0,
                " warm      0      0      0      0      -      -      -     0      0     0     -");
    s.length = 0; /* no rate */
    s.sent = 5;
    s.begin = 0;
    s.client_cpu = NAN;
    assert_line(&s, 0,
                "   0s      0      0      0      0      -      -      -     0      0     -     -");
}

/* Rates are per second, though a second may be short or long. */
static void test_length(void **state)
{
    (void)state;
    yodel_second s = second_at(2);
    yodel_live_line line = {.length = 0};

    s.length = 0.5;
    yodel_live_format(&s, 0, &line);
    assert_non_null(strstr(line.text, " 500.0k 499.8k "));
}

/* The columns stay where they are, whatever the numbers are. */
static void test_widest(void **state)
{
    (void)state;
    yodel_second s = {
        .begin = 359998,
        .length = 1,
        .connections = 999940,
        .in_flight = 999940,
        .sent = 999940000,
        .answered = 999940000,
        .p50 = 9990000,
        .p99 = 9990000,
        .most = 60000000000,
        .lag99 = 9990000,
        .client_cpu = 128,
        .server_cpu = 128,
    };

    assert_line(&s, 99940,
                "5999m 999.9k 999.9M 999.9M 999.9k 9.99ms 9.99ms  60.0s 99.9k 9.99ms 12800 12800");
    s.begin = 9998;
    yodel_live_line line = {.length = 0};
    yodel_live_format(&s, 0, &line);
    assert_memory_equal(line.text, "9999s ", 6);
    s.begin = 9999;
    yodel_live_format(&s, 0, &line);
    assert_memory_equal(line.text, " 166m ", 6);
    s.begin = -0.005; /* a little early is not the warm-up */
    yodel_live_format(&s, 0, &line);
    assert_memory_equal(line.text, "   1s ", 6);
}

static void test_log(void **state)
{
    (void)state;
    char *text = NULL, expected[4096] = HEADER "\n" TWELVE "\n";
    size_t length;
    FILE *out = open_memstream(&text, &length);
    yodel_live live;
    yodel_second s = second_at(11);

    assert_non_null(out);
    yodel_live_init(&live, out, false);
    yodel_live_second(&live, &s);
    for (int i = 1; i < 20; i++) {
        yodel_live_second(&live, &s);
        strcat(expected, TWELVE "\n");
    }
    fflush(out);
    assert_string_equal(text, expected);
    /* The twenty-first has a header again. */
    yodel_live_second(&live, &s);
    strcat(expected, HEADER "\n" TWELVE "\n");
    assert_string_equal(text, expected);
    /* And the first one of another run. */
    yodel_live_finish(&live);
    yodel_live_second(&live, &s);
    strcat(expected, HEADER "\n" TWELVE "\n");
    assert_string_equal(text, expected);
    fclose(out);
    free(text);
}

/* The moment in which the last answers come in must not take the place of the last full second. */
static void test_short(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    yodel_live live;
    yodel_second s = second_at(11), end = {.begin = 12, .length = 0.01, .server_cpu = NAN};

    assert_non_null(out);
    yodel_live_init(&live, out, false);
    yodel_live_second(&live, &s);
    yodel_live_second(&live, &end);
    assert_string_equal(text, HEADER "\n" TWELVE "\n");
    end.flaws = 3;
    yodel_live_second(&live, &end);
    assert_non_null(
        strstr(text, "\n  12s      0      0      0      0      -      -      -     3 "));
    /* The only one that there is. */
    yodel_live_finish(&live);
    end.flaws = 0;
    yodel_live_second(&live, &end);
    assert_non_null(
        strstr(text, "\n  12s      0      0      0      0      -      -      -     0 "));
    fclose(out);
    free(text);
}

/* Errors are counted up over the seconds, corrections included, and are red. */
static void test_errors(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    yodel_live live;
    yodel_second s = second_at(0);

    assert_non_null(out);
    yodel_live_init(&live, out, true);
    yodel_live_second(&live, &s);
    assert_null(strstr(text, "\x1b[1;31m"));
    s.flaws = 12;
    yodel_live_second(&live, &s);
    assert_non_null(strstr(text, "7.20ms \x1b[1;31m   12\x1b[0m   38us "));
    s.flaws = -3;
    yodel_live_second(&live, &s);
    assert_non_null(strstr(text, "7.20ms \x1b[1;31m    9\x1b[0m   38us "));
    assert_null(strstr(text, "\r"));
    yodel_live_finish(&live);
    assert_int_equal(live.flaws, 0);
    fclose(out);
    free(text);
}

/* Everything that a terminal got, up to `last`. */
static void assert_shown(int terminal, const char *expected)
{
    char text[4096];
    size_t length = 0, wanted = strlen(expected);

    while (length < wanted) {
        struct pollfd poll_fd = {.fd = terminal, .events = POLLIN};
        if (poll(&poll_fd, 1, PATIENCE_MS) != 1) {
            text[length] = '\0';
            fail_msg("only \"%s\" came", text);
        }
        ssize_t n = read(terminal, text + length, sizeof text - 1 - length);
        assert_true(n > 0);
        length += (size_t)n;
    }
    text[length] = '\0';
    assert_string_equal(text, expected);
}

static FILE *open_terminal(int *terminal, unsigned short columns)
{
    struct winsize size = {.ws_col = columns, .ws_row = 24};
    int line;

    assert_int_equal(openpty(terminal, &line, NULL, NULL, &size), 0);
    FILE *out = fdopen(line, "w");
    assert_non_null(out);
    return out;
}

static void test_terminal(void **state)
{
    (void)state;
    int terminal;
    FILE *out = open_terminal(&terminal, 100);
    yodel_live live;
    yodel_second s = second_at(11);

    yodel_live_init(&live, out, false);
    yodel_live_second(&live, &s);
    assert_shown(terminal, HEADER "\r\n" TWELVE);
    for (int i = 0; i < 25; i++) { /* no second header */
        yodel_live_second(&live, &s);
        assert_shown(terminal, "\r\x1b[K" TWELVE);
    }
    yodel_live_finish(&live);
    assert_shown(terminal, "\r\n");
    yodel_live_finish(&live); /* nothing to leave any more */
    yodel_live_second(&live, &s);
    assert_shown(terminal, HEADER "\r\n" TWELVE);
    fclose(out);
    close(terminal);
}

/* A line that wraps could not be rewritten. */
static void test_narrow(void **state)
{
    (void)state;
    int terminal;
    FILE *out = open_terminal(&terminal, 59);
    yodel_live live;
    yodel_second s = second_at(11);

    s.flaws = 123;
    yodel_live_init(&live, out, true);
    yodel_live_second(&live, &s);
    assert_shown(terminal, "\x1b[1m time  conns sent/s recv/s  inflt    p50    p99    max  err"
                           "\x1b[0m\r\n"
                           "  12s  10.0k 250.0k 249.9k   8100  412us 1.90ms 7.20ms "
                           "\x1b[1;31m  12\x1b[0m");
    struct winsize size = {.ws_col = 10, .ws_row = 24};
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    yodel_live_second(&live, &s);
    assert_shown(terminal, "\r\x1b[K  12s  10.\x1b[1;31m\x1b[0m");
    size.ws_col = 0; /* the terminal does not know */
    assert_int_equal(ioctl(terminal, TIOCSWINSZ, &size), 0);
    s.flaws = -246;
    yodel_live_second(&live, &s);
    assert_shown(terminal, "\r\x1b[K" TWELVE);
    fclose(out);
    close(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns), cmocka_unit_test(test_nothing_to_show),
        cmocka_unit_test(test_length),  cmocka_unit_test(test_short),
        cmocka_unit_test(test_widest),  cmocka_unit_test(test_log),
        cmocka_unit_test(test_errors),  cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
