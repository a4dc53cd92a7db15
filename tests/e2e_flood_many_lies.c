/*
 * Lies by the hundred: flood counts each of them, of each kind, with several connections and
 * threads, and takes none of the right answers between them for wrong.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/liar.h"
#include "tests/support/random.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* The last line of a connection is right: then it is clear what became of those before. */
enum { LINES = 1001 };

typedef struct kind {
    liar_rule rule;
    const char *error;
    int status;
} kind;

/* With so many lines in flight that none has to wait for a timeout. */
static program *start(test_random *r, const liar *l, unsigned connections)
{
    static const char *const threads[] = {"1", "2", "3"}, *const depths[] = {"16", "64", "200"};
    char connection_count[16], lines[16];

    snprintf(connection_count, sizeof connection_count, "%u", connections);
    snprintf(lines, sizeof lines, "%u", connections * LINES);
    return flood_start(NULL, liar_port(l), "-c", connection_count, "-n", lines, "-T", "60s", "-s",
                       "20-60", "-t", threads[test_random_below(r, COUNT(threads))], "-P",
                       depths[test_random_below(r, COUNT(depths))], NULL);
}

static void test_each(void **state)
{
    static const kind kinds[] = {
        {{.lie = LIAR_CORRUPT, .at = 5}, "corrupt", 3},
        {{.lie = LIAR_CORRUPT, .at = 14}, "corrupt", 3},
        {{.lie = LIAR_CORRUPT, .at = -1}, "corrupt", 3},
        {{.lie = LIAR_CORRUPT, .at = -2}, "corrupt", 3},
        {{.lie = LIAR_DROP}, "lost", 4},
        {{.lie = LIAR_REPEAT}, "duplicated", 3},
        {{.lie = LIAR_SWAP}, "reordered", 3},
        {{.lie = LIAR_SWAP, .at = 2}, "reordered", 3},
        {{.lie = LIAR_CUT, .at = 3}, "truncated", 3},
        {{.lie = LIAR_CUT_OFF, .at = 2}, "truncated", 3},
        {{.lie = LIAR_CUT_OFF, .at = 6}, "truncated", 3},
        {{.lie = LIAR_INSERT, .text = "You sent: nothing\r\n"}, "extra", 3},
        {{.lie = LIAR_APPEND, .text = "\r\n"}, "extra", 3},
    };
    test_random r;

    (void)state;
    test_random_init(&r, "test_each");
    for (size_t i = 0; i < COUNT(kinds); i++) {
        liar_rule rules[] = {kinds[i].rule, {0}};
        unsigned connections = 1 + (unsigned)test_random_below(&r, 20);
        rules[0].every = 3 + (unsigned)test_random_below(&r, 40);
        rules[0].line = 1 + (unsigned)test_random_below(&r, rules[0].every);
        while ((LINES - rules[0].line) % rules[0].every < 3) {
            rules[0].every++;
        }
        liar *l = liar_start(&(liar_options){.rules = rules});
        flood_run run = flood_end(start(&r, l, connections));
        int64_t told = (int64_t)liar_stop(l).did[rules[0].lie];
        print_message("    %" PRId64 " %s: every %u, %u connections\n", told, kinds[i].error,
                      rules[0].every, connections);
        assert_true(told >= 20);
        flood_expect(&run, kinds[i].status, (const flood_error[]){{kinds[i].error, told}, {0}});
        flood_run_free(&run);
    }
}

/* All of them in one run, on neighbouring lines, too. The byte that is corrupted is not one of the
 * connection's digits: once in some hundred runs that makes another connection's answer, rightly
 * called foreign. */
static void test_all_at_once(void **state)
{
    static const liar_rule rules[] = {
        {.lie = LIAR_EXCHANGE, .line = 4, .times = 1},
        {.lie = LIAR_CORRUPT, .line = 2, .every = 20, .at = 14},
        {.lie = LIAR_DROP, .line = 5, .every = 20},
        {.lie = LIAR_REPEAT, .line = 6, .every = 20},
        {.lie = LIAR_SWAP, .line = 9, .every = 20},
        {.lie = LIAR_CUT, .line = 13, .every = 20, .at = 4},
        {.lie = LIAR_CUT_OFF, .line = 15, .every = 20, .at = 2},
        {.lie = LIAR_INSERT, .line = 18, .every = 20, .text = "by the way\r\n"},
        {0},
    };
    test_random r;

    (void)state;
    test_random_init(&r, "test_all_at_once");
    for (unsigned connections = 2; connections <= 20; connections += 6) {
        liar *l = liar_start(&(liar_options){.rules = rules});
        flood_run run = flood_end(start(&r, l, connections));
        liar_counts counts = liar_stop(l);
        const flood_error errors[] = {
            {"foreign", 2},
            {"corrupt", (int64_t)counts.did[LIAR_CORRUPT]},
            {"lost", (int64_t)counts.did[LIAR_DROP]},
            {"duplicated", (int64_t)counts.did[LIAR_REPEAT]},
            {"reordered", (int64_t)counts.did[LIAR_SWAP]},
            {"truncated", (int64_t)(counts.did[LIAR_CUT] + counts.did[LIAR_CUT_OFF])},
            {"extra", (int64_t)counts.did[LIAR_INSERT]},
            {0},
        };
        flood_expect(&run, 3, errors);
        flood_run_free(&run);
    }
}

/* Lines that cannot be told apart: one dropped answer must not make all later ones late. */
static void test_one_dropped_of_lines_all_alike(void **state)
{
    static const liar_rule rules[] = {{.lie = LIAR_DROP, .line = 5, .times = 1}, {0}};
    const flood_error errors[] = {{"timeout", 1}, {0}};

    (void)state;
    liar *l = liar_start(&(liar_options){.rules = rules});
    flood_run run = flood_end(flood_start(NULL, liar_port(l), "-c", "1", "-n", "20", "-T", "1s",
                                          "-m", "always the same", NULL));
    (void)liar_stop(l);
    flood_expect(&run, 4, errors);
    assert_int_equal(flood_count(&run, "counts/answered"), 19);
    flood_run_free(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        liar_test(test_each),
        liar_test(test_all_at_once),
        liar_test(test_one_dropped_of_lines_all_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
