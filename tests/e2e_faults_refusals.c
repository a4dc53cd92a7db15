/*
 * FAULTS 24: refused connections by the thousand. At most one line of log a second,
 * however many are refused, by however many workers; every one of them is counted and told, or at
 * least ended; and those who are in are served.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/server.h"
#include "tests/support/soak.h"

enum { AT_ONCE = 50 };

/* The number in "(N more suppressed)" of all lines with this text. */
static uint64_t suppressed(const server *s, const char *text)
{
    size_t lines = program_count_lines(s->program, PROGRAM_STDERR, text);
    uint64_t sum = 0;
    for (size_t i = 1; i <= lines; i++) {
        const char *line = program_wait_lines(s->program, PROGRAM_STDERR, text, i);
        const char *more = strrchr(line, '(');
        sum += more != NULL && strstr(more, "more suppressed") != NULL
                   ? strtoull(more + 1, NULL, 10)
                   : 0;
    }
    return sum;
}

static void test_row_24_refusals_do_not_flood_the_log(void **state)
{
    (void)state;
    server s = server_start(NULL, "-t", "2", "--max-connections", "2", "--stats", "0.05", NULL);
    int inside[2], fds[AT_ONCE];
    for (int i = 0; i < 2; i++) {
        inside[i] = net_connect(s.port);
        net_send_text(inside[i], "first\r\n");
        net_expect_text(inside[i], "You sent: first\r\n");
    }
    double start = program_now(), end = start + soak_seconds(2, 20);
    uint64_t refused = 0;
    while (program_now() < end ||
           program_count_lines(s.program, PROGRAM_STDERR, "more suppressed") == 0) {
        assert_true(program_now() < end + PROGRAM_TIMEOUT);
        for (int i = 0; i < AT_ONCE; i++) {
            fds[i] = net_connect(s.port);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            if (i % 10 == 0) {
                net_expect_text(fds[i], "Error: server is full\r\n");
            }
            net_reset(fds[i]); /* which leaves no port behind */
        }
        refused += AT_ONCE;
    }
    double seconds = program_now() - start;
    /* All of them, before there is room again: the last ones may still be queued. */
    server_wait_counter(&s, "rejected", refused);
    net_send_text(inside[0], "last\r\n");
    net_expect_text(inside[0], "You sent: last\r\n");
    close(inside[0]);
    close(inside[1]);
    server_stop(&s);
    double seconds_in_all = program_now() - start;

    size_t lines = program_count_lines(s.program, PROGRAM_STDERR, "connection refused");
    print_message("    %.0f connections a second refused, %zu lines of log in %.1f s\n",
                  (double)refused / seconds, lines, seconds);
    assert_int_equal(server_counter(&s, "rejected"), refused);
    /* Our resets overtake some. */
    assert_int_equal(server_counter(&s, "closed_full") + server_counter(&s, "closed_reset"),
                     refused);
    assert_in_range(lines, 1, (size_t)(seconds_in_all + 1));
    /* Those behind the last line are told by nobody. */
    assert_true(lines + suppressed(&s, "connection refused") <= refused);
    assert_true(suppressed(&s, "connection refused") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_24_refusals_do_not_flood_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
