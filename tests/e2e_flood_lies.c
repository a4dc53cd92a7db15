/*
 * flood never lies: whatever a server does wrong comes out as that, so often as it was done, with
 * the exit status for it; with one line in flight and with 64; and the command that flood says
 * replays the run shows the same again.
 *
 * With one line in flight an answer that does not come is noticed by its timeout only, so that is
 * short where it has to be; everywhere else it is so long that no busy machine makes it expire.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/json_at.h"
#include "tests/support/liar.h"

#define SHORT "1s"
#define LONG  "60s"

enum { WRONG = 3, MISSING = 4 };

/* What is done to some lines, and what flood has to say about it. */
typedef struct lie {
    liar_rule rule;
    unsigned connections, lines; /* lines: of each connection */
    const char *timeout;         /* at depth 1; otherwise LONG. With "!" in front: at any depth */
    int status;
    flood_error errors[4];
    flood_error deep_errors[4]; /* at depth 64, if they are others */
} lie;

static program *start(liar *l, const lie *what, const char *depth)
{
    char connections[16], lines[16];
    bool always = what->timeout[0] == '!';
    const char *timeout = always                    ? what->timeout + 1
                          : strcmp(depth, "1") == 0 ? what->timeout
                                                    : LONG;

    snprintf(connections, sizeof connections, "%u", what->connections);
    snprintf(lines, sizeof lines, "%u", what->connections * what->lines);
    return flood_start(NULL, liar_port(l), "-c", connections, "-n", lines, "-P", depth, "-T",
                       timeout, "-s", "20-60", NULL);
}

static flood_run end(program *p, liar *l, const lie *what, const flood_error *errors)
{
    flood_run run = flood_end(p);
    liar_counts counts = liar_again(l);

    flood_expect(&run, what->status, errors);
    if (counts.did[what->rule.lie] == 0) {
        program_fail(p, "lie %d was not told", what->rule.lie);
    }
    return run;
}

static void tell(const lie *what, const char *depth)
{
    const flood_error *errors = strcmp(depth, "1") == 0 || what->deep_errors[0].name == NULL
                                    ? what->errors
                                    : what->deep_errors;
    const liar_rule rules[] = {what->rule, {0}};
    liar *l = liar_start(&(liar_options){.rules = rules});

    flood_run run = end(start(l, what, depth), l, what, errors);
    flood_run again = end(flood_replay(&run), l, what, errors);
    flood_run_free(&run);
    flood_run_free(&again);
    liar_stop(l);
}

/* The rule's connection is 1 of `connections` (any, if it is said how often), its line 5 of
 * `lines`, unless it says otherwise. */
static void tell_all(const lie *lies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        lie what = lies[i];
        if (what.rule.times == 0) {
            what.rule.connection = 1;
        }
        what.rule.line = what.rule.line > 0 ? what.rule.line : 5;
        what.connections = what.connections > 0 ? what.connections : 1;
        what.lines = what.lines > 0 ? what.lines : 200;
        what.timeout = what.timeout != NULL ? what.timeout : LONG;
        tell(&what, "1");
        tell(&what, "64");
    }
}

#define TELL(lies) tell_all(lies, sizeof(lies) / sizeof(lies)[0])

/* --- wrong bytes -------------------------------------------------------------------------------*/

static void test_corrupt(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_CORRUPT, .at = 0}, .status = WRONG, .errors = {{"corrupt", 1}}},
        {{.lie = LIAR_CORRUPT, .at = 12}, .status = WRONG, .errors = {{"corrupt", 1}}},
        {{.lie = LIAR_CORRUPT, .at = -3},
         .connections = 5,
         .status = WRONG,
         .errors = {{"corrupt", 1}}},
        {{.lie = LIAR_CORRUPT, .at = 17, .line = 200}, .status = WRONG, .errors = {{"corrupt", 1}}},
    };

    (void)state;
    TELL(lies);
}

/* In the CRLF: with one line in flight the end of the answer does not come until the next one's
 * does. */
static void test_corrupt_end(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_CORRUPT, .at = -2},
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"corrupt", 1}}},
        {{.lie = LIAR_CORRUPT, .at = -1},
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"corrupt", 1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_truncated(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_CUT, .at = 1}, .status = WRONG, .errors = {{"truncated", 1}}},
        {{.lie = LIAR_CUT, .at = 15},
         .connections = 5,
         .status = WRONG,
         .errors = {{"truncated", 1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_truncated_with_its_end(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_CUT_OFF, .at = 1},
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"truncated", 1}}},
        {{.lie = LIAR_CUT_OFF, .at = 2},
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"truncated", 1}}},
        {{.lie = LIAR_CUT_OFF, .at = 9},
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"truncated", 1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_doubled(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_REPEAT}, .status = WRONG, .errors = {{"duplicated", 1}}},
        {{.lie = LIAR_REPEAT, .line = 1},
         .connections = 5,
         .status = WRONG,
         .errors = {{"duplicated", 1}}},
        {{.lie = LIAR_REPEAT, .line = 200}, .status = WRONG, .errors = {{"duplicated", 1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_swapped(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_SWAP}, .timeout = SHORT, .status = WRONG, .errors = {{"reordered", 1}}},
        {{.lie = LIAR_SWAP, .at = 3},
         .connections = 5,
         .timeout = SHORT,
         .status = WRONG,
         .errors = {{"reordered", 1}}},
    };

    (void)state;
    TELL(lies);
}

/* The first that comes to line 5 waits for one of those that have not: there is one. */
static void test_exchanged(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_EXCHANGE, .times = 1},
         .connections = 2,
         .status = WRONG,
         .errors = {{"foreign", 2}}},
        {{.lie = LIAR_EXCHANGE, .times = 1},
         .connections = 7,
         .status = WRONG,
         .errors = {{"foreign", 2}}},
    };

    (void)state;
    TELL(lies);
}

static void test_extra(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_INSERT, .text = "You sent: me a letter\r\n"},
         .status = WRONG,
         .errors = {{"extra", 1}}},
        {{.lie = LIAR_APPEND, .text = "\r\n"},
         .connections = 5,
         .status = WRONG,
         .errors = {{"extra", 1}}},
        {{.lie = LIAR_APPEND, .text = "bye\r\n", .line = 200},
         .status = WRONG,
         .errors = {{"extra", 1}}},
        {{.lie = LIAR_GREET, .text = "220 welcome\r\n"}, .status = WRONG, .errors = {{"extra", 1}}},
        /* Without an end of its own it spoils the answer behind it. */
        {{.lie = LIAR_INSERT, .text = "me"}, .status = WRONG, .errors = {{"corrupt", 1}}},
    };

    (void)state;
    TELL(lies);
}

/* What is shown of the first wrong answer is where and what it was; and how to have it again. */
static void test_mismatch(void **state)
{
    const liar_rule rules[] = {{.lie = LIAR_CORRUPT, .line = 5, .at = 17}, {0}};
    const lie what = {.connections = 1, .lines = 20, .timeout = LONG};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    flood_run run = flood_end(start(l, &what, "64"));
    json_is_text_at(run.report, "runs/0/mismatch/error", "corrupt");
    json_is_number_at(run.report, "runs/0/mismatch/connection", 0);
    json_is_number_at(run.report, "runs/0/mismatch/line", 5);
    json_is_number_at(run.report, "runs/0/mismatch/offset", 17);
    assert_int_equal(flood_count(&run, "mismatch/got_length"),
                     flood_count(&run, "mismatch/expected_length"));
    size_t at = 2 * (size_t)(17 - flood_count(&run, "mismatch/from"));
    const char *expected = json_string_value(json_at(run.report, "runs/0/mismatch/expected/hex"));
    const char *got = json_string_value(json_at(run.report, "runs/0/mismatch/got/hex"));
    assert_memory_equal(expected, got, at);
    assert_int_equal(strtol((char[]){expected[at], expected[at + 1], '\0'}, NULL, 16) ^ 1,
                     strtol((char[]){got[at], got[at + 1], '\0'}, NULL, 16));
    assert_string_equal(expected + at + 2, got + at + 2);
    program_wait_line(run.program, PROGRAM_STDERR,
                      json_string_value(json_at(run.report, "replay")));
    /* With the same seed it is the same in every byte. */
    liar_again(l);
    flood_run again = flood_end(flood_replay(&run));
    assert_true(json_equal(json_at(run.report, "runs/0/mismatch"),
                           json_at(again.report, "runs/0/mismatch")));
    flood_run_free(&run);
    flood_run_free(&again);
    liar_stop(l);
}

/* --- something missing -------------------------------------------------------------------------*/

static void test_dropped(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_DROP}, .timeout = SHORT, .status = MISSING, .errors = {{"lost", 1}}},
        /* None comes after it that would show that it is lost. */
        {{.lie = LIAR_DROP, .line = 200},
         .connections = 5,
         .timeout = "!" SHORT,
         .status = MISSING,
         .errors = {{"timeout", 1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_delayed(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_DELAY, .seconds = 2.5, .line = 10},
         .lines = 10,
         .timeout = "!" SHORT,
         .status = MISSING,
         .errors = {{"timeout", 1}}},
    };

    (void)state;
    TELL(lies);
}

/* After a close flood connects again and goes on with the line behind. */
static void test_closed(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_FINISH},
         .lines = 10,
         .status = MISSING,
         .errors = {{"closed early", 1}, {"lost", 1}},
         .deep_errors = {{"closed early", 1}, {"lost", 6}}},
        {{.lie = LIAR_FINISH, .at = 12},
         .lines = 10,
         .connections = 5,
         .status = MISSING,
         .errors = {{"closed early", 1}, {"lost", 1}},
         .deep_errors = {{"closed early", 1}, {"lost", 6}}},
        {{.lie = LIAR_FINISH, .at = 12},
         .status = MISSING,
         .errors = {{"closed early", 1}, {"lost", 1}},
         .deep_errors = {{"closed early", 1}, {"lost", -1}}},
        {{.lie = LIAR_SLAM}, .status = MISSING, .errors = {{"closed early", 1}, {"lost", -1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_reset(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_RESET},
         .lines = 10,
         .status = MISSING,
         .errors = {{"reset", 1}, {"lost", 1}},
         .deep_errors = {{"reset", 1}, {"lost", 6}}},
        {{.lie = LIAR_RESET, .at = 12},
         .lines = 10,
         .connections = 5,
         .status = MISSING,
         .errors = {{"reset", 1}, {"lost", 1}},
         .deep_errors = {{"reset", 1}, {"lost", 6}}},
        {{.lie = LIAR_RESET, .at = 12},
         .status = MISSING,
         .errors = {{"reset", 1}, {"lost", 1}},
         .deep_errors = {{"reset", 1}, {"lost", -1}}},
    };

    (void)state;
    TELL(lies);
}

static void test_stops_reading(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_STOP_READING},
         .lines = 7,
         .connections = 5,
         .timeout = "!" SHORT,
         .status = MISSING,
         .errors = {{"timeout", 3}}},
        {{.lie = LIAR_STOP_ALL},
         .lines = 7,
         .timeout = "!" SHORT,
         .status = MISSING,
         .errors = {{"timeout", 3}}},
    };

    (void)state;
    TELL(lies);
}

/* --- no lies -----------------------------------------------------------------------------------*/

/* Odd, but nothing that was promised to anybody. */
static void test_odd(void **state)
{
    static const lie lies[] = {
        {{.lie = LIAR_DRIP}, .status = 0},
        {{.lie = LIAR_DELAY, .seconds = 0.5}, .status = 0},
        {{.lie = LIAR_STAY}, .status = 0},
    };

    (void)state;
    TELL(lies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_corrupt),   liar_test(test_corrupt_end),
        liar_test(test_truncated), liar_test(test_truncated_with_its_end),
        liar_test(test_doubled),   liar_test(test_swapped),
        liar_test(test_exchanged), liar_test(test_extra),
        liar_test(test_mismatch),  liar_test(test_dropped),
        liar_test(test_delayed),   liar_test(test_closed),
        liar_test(test_reset),     liar_test(test_stops_reading),
        liar_test(test_odd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
