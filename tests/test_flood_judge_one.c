/* Every kind of wrong answer when one line at a time is in flight: the right kind, once, and the
 * lines after it are answered. */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "support/talk.h"
#include "tools/flood/judge.h"

#define OWN     3
#define ANOTHER 7

/* Everything is done with pieces of these sizes: 0 is all at once. */
static const size_t pieces[] = {0, 1, 2, 3, 7, 64};
#define PIECES (sizeof pieces / sizeof pieces[0])

/* One line after the other; the answers to line n are what play adds. */
static void run_shallow(void (*play)(talk *t, uint64_t n), void (*check)(talk *t))
{
    for (size_t i = 0; i < PIECES; i++) {
        talk *t = talk_new(1);
        t->piece = pieces[i];
        for (uint64_t n = 1; n <= 10; n++) {
            talk_send(t, 1);
            play(t, n);
            talk_receive(t);
            t->now += 6 * TALK_SECOND; /* whoever has no answer now has none */
            (void)yodel_conversation_expire(&t->c, &t->referee, t->now);
        }
        yodel_conversation_ended(&t->c, &t->referee, false);
        check(t);
        assert_int_equal(t->c.answered, 10);
        talk_free(t);
    }
}

static void honest_but(talk *t, uint64_t n, uint64_t line)
{
    if (n != line) {
        talk_answers(t, n, n);
    }
}

static void one_corrupt(talk *t, uint64_t n)
{
    talk_answer(t, OWN, n)[20] ^= n == 5;
}

static void expect_corrupt(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_CORRUPT, 1, -1);
}

static void one_dropped(talk *t, uint64_t n)
{
    honest_but(t, n, 5);
}

static void expect_lost(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_LOST, 1, -1);
}

static void one_doubled(talk *t, uint64_t n)
{
    talk_answers(t, n, n);
    if (n == 5) {
        talk_answers(t, n, n);
    }
}

static void expect_doubled(talk *t)
{
    talk_expect(t, 10, YODEL_FLAW_DUPLICATED, 1, -1);
}

/* It waits for the next line, and answers both in the wrong order. */
static void one_swapped(talk *t, uint64_t n)
{
    honest_but(t, n, 5);
    if (n == 6) {
        talk_answers(t, 5, 5);
    }
}

static void expect_swapped(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_REORDERED, 1, -1);
}

/* In time for nobody, but in order. */
static void one_delayed(talk *t, uint64_t n)
{
    if (n == 6) {
        talk_answers(t, 5, 5);
    }
    honest_but(t, n, 5);
}

static void expect_timeout(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_TIMEOUT, 1, -1);
}

static void one_foreign(talk *t, uint64_t n)
{
    honest_but(t, n, 5);
    if (n == 5) {
        talk_answer(t, ANOTHER, 5);
    }
}

static void expect_foreign(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_FOREIGN, 1, -1);
}

static void one_truncated(talk *t, uint64_t n)
{
    talk_answers(t, n, n);
    if (n == 5) {
        talk_cut(t, 4);
        talk_text(t, "\r\n");
    }
}

/* Its end never comes: that shows when the next answer does. */
static void one_endless(talk *t, uint64_t n)
{
    talk_answers(t, n, n);
    if (n == 5) {
        talk_cut(t, 4);
    }
}

static void expect_truncated(talk *t)
{
    talk_expect(t, 9, YODEL_FLAW_TRUNCATED, 1, -1);
}

static void one_wrong_end(talk *t, uint64_t n)
{
    talk_answers(t, n, n);
    if (n == 5) {
        t->text[t->length - 2] = '!';
    }
}

static void one_extra(talk *t, uint64_t n)
{
    if (n == 5) {
        talk_text(t, "one more\r\n");
    }
    talk_answers(t, n, n);
}

static void one_extra_after(talk *t, uint64_t n)
{
    talk_answers(t, n, n);
    if (n == 5) {
        talk_text(t, "one more\r\n");
    }
}

static void expect_extra(talk *t)
{
    talk_expect(t, 10, YODEL_FLAW_EXTRA, 1, -1);
}

static void test_one_in_flight(void **state)
{
    (void)state;
    run_shallow(one_corrupt, expect_corrupt);
    run_shallow(one_dropped, expect_lost);
    run_shallow(one_doubled, expect_doubled);
    run_shallow(one_swapped, expect_swapped);
    run_shallow(one_delayed, expect_timeout);
    run_shallow(one_foreign, expect_foreign);
    run_shallow(one_truncated, expect_truncated);
    run_shallow(one_endless, expect_truncated);
    run_shallow(one_wrong_end, expect_corrupt);
    run_shallow(one_extra, expect_extra);
    run_shallow(one_extra_after, expect_extra);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
