/* Every kind of wrong answer among eight lines in flight is called what it is, once, and the right
 * ones around it stay right. */
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

/* A case: 8 lines are in flight; the answers are those of `play`. */
typedef void script(talk *t);

static void run_deep(script *play, script *check)
{
    for (size_t i = 0; i < PIECES; i++) {
        talk *t = talk_new(64);
        t->piece = pieces[i];
        talk_send(t, 8);
        play(t);
        talk_receive(t);
        check(t);
        /* What comes after that is right again. */
        yodel_tally before = *t->referee.tally;
        uint64_t from = t->c.answered + 1;
        talk_send(t, 3);
        talk_answers(t, from, t->c.begun);
        talk_receive(t);
        assert_int_equal(t->referee.tally->answered - before.answered, t->c.begun - from + 1);
        assert_memory_equal(t->referee.tally->flaws, before.flaws, sizeof before.flaws);
        talk_free(t);
    }
}

static void play_corrupt(talk *t)
{
    talk_answers(t, 1, 2);
    talk_answer(t, OWN, 3)[25] ^= 1;
    talk_answers(t, 4, 8);
}

static void check_corrupt(talk *t)
{
    talk_expect(t, 7, YODEL_FLAW_CORRUPT, 1, -1);
    const yodel_mismatch *m = &t->referee.mismatch;
    assert_true(t->referee.has_mismatch);
    assert_int_equal(m->flaw, YODEL_FLAW_CORRUPT);
    assert_int_equal(m->connection, OWN);
    assert_int_equal(m->line, 3);
    assert_int_equal(m->offset, 25);
    assert_int_equal(m->from, 16);
    assert_int_equal(m->got[9] ^ m->expected[9], 1);
    assert_memory_equal(m->got, m->expected, 9);
    assert_int_equal(m->expected_length, m->got_length);
}

static void test_corrupt(void **state)
{
    (void)state;
    run_deep(play_corrupt, check_corrupt);
}

/* Wherever the byte is, also in the prefix, the number, the CRLF. */
static void test_corrupt_anywhere(void **state)
{
    (void)state;
    for (size_t at = 0; at < 32; at++) {
        talk *t = talk_new_lines(8, 20, NULL); /* 10 + 20 + 2 bytes */
        talk_send(t, 3);
        talk_answer(t, OWN, 1)[at] ^= 4;
        talk_answers(t, 2, 3);
        talk_receive(t);
        talk_expect(t, 2, YODEL_FLAW_CORRUPT, 1, -1);
        assert_int_equal(t->referee.mismatch.offset, at);
        talk_free(t);
    }
}

static void play_dropped(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answers(t, 5, 8);
}

static void check_dropped(talk *t)
{
    talk_expect(t, 7, YODEL_FLAW_LOST, 1, -1);
    assert_int_equal(t->referee.mismatch.line, 4);
}

static void test_dropped(void **state)
{
    (void)state;
    run_deep(play_dropped, check_dropped);
}

static void play_doubled(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answers(t, 3, 8);
}

static void check_doubled(talk *t)
{
    talk_expect(t, 8, YODEL_FLAW_DUPLICATED, 1, -1);
}

static void test_doubled(void **state)
{
    (void)state;
    run_deep(play_doubled, check_doubled);
}

static void play_swapped(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answers(t, 5, 5);
    talk_answers(t, 4, 4);
    talk_answers(t, 6, 8);
}

static void check_swapped(talk *t)
{
    talk_expect(t, 7, YODEL_FLAW_REORDERED, 1, -1);
    assert_int_equal(t->referee.mismatch.flaw, YODEL_FLAW_REORDERED);
}

static void test_swapped(void **state)
{
    (void)state;
    run_deep(play_swapped, check_swapped);
}

static void play_late(talk *t)
{
    talk_answers(t, 3, 8);
    talk_answers(t, 1, 2);
}

static void check_late(talk *t)
{
    talk_expect(t, 6, YODEL_FLAW_REORDERED, 2, -1);
}

static void test_reordered_far(void **state)
{
    (void)state;
    run_deep(play_late, check_late);
}

static void play_foreign(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answer(t, ANOTHER, 4);
    talk_answers(t, 5, 8);
}

static void check_foreign(talk *t)
{
    talk_expect(t, 7, YODEL_FLAW_FOREIGN, 1, -1);
}

static void test_foreign_in_place(void **state)
{
    (void)state;
    run_deep(play_foreign, check_foreign);
}

static void play_foreign_in_addition(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answer(t, ANOTHER, 77777);
    talk_answers(t, 4, 8);
}

static void check_foreign_in_addition(talk *t)
{
    talk_expect(t, 8, YODEL_FLAW_FOREIGN, 1, -1);
}

static void test_foreign_in_addition(void **state)
{
    (void)state;
    run_deep(play_foreign_in_addition, check_foreign_in_addition);
}

static void play_truncated(talk *t)
{
    talk_answers(t, 1, 3);
    talk_answers(t, 4, 4);
    talk_cut(t, 7);
    talk_text(t, "\r\n");
    talk_answers(t, 5, 8);
}

static void check_truncated(talk *t)
{
    talk_expect(t, 7, YODEL_FLAW_TRUNCATED, 1, -1);
}

static void test_truncated(void **state)
{
    (void)state;
    run_deep(play_truncated, check_truncated);
}

static void test_truncated_by_any_length(void **state)
{
    (void)state;
    for (size_t by = 1; by <= 32; by++) {
        for (int with_end = 0; with_end < 2; with_end++) {
            talk *t = talk_new_lines(8, 20, NULL);
            talk_send(t, 4);
            talk_answers(t, 1, 2);
            talk_cut(t, by);
            if (with_end && by >= 2) {
                talk_text(t, "\r\n");
            }
            talk_answers(t, 3, 4);
            talk_receive(t);
            if (with_end && by == 2) {
                talk_expect(t, 4, -1); /* nothing was cut */
            } else if (!with_end && by == 32) {
                talk_expect(t, 3, YODEL_FLAW_LOST, 1, -1);
            } else {
                talk_expect(t, 3, YODEL_FLAW_TRUNCATED, 1, -1);
            }
            talk_free(t);
        }
    }
}

static void play_extra(talk *t)
{
    talk_answers(t, 1, 3);
    talk_text(t, "Hello, and welcome!\r\n");
    talk_answers(t, 4, 8);
}

static void check_extra(talk *t)
{
    talk_expect(t, 8, YODEL_FLAW_EXTRA, 1, -1);
    assert_int_equal(t->referee.mismatch.flaw, YODEL_FLAW_EXTRA);
}

static void test_extra(void **state)
{
    (void)state;
    run_deep(play_extra, check_extra);
}

static void play_empty(talk *t)
{
    talk_answers(t, 1, 3);
    talk_text(t, "\r\n");
    talk_answers(t, 4, 8);
}

static void test_an_empty_extra_line(void **state)
{
    (void)state;
    run_deep(play_empty, check_extra);
}

static void play_all_at_once(talk *t)
{
    talk_answer(t, OWN, 1)[30] ^= 32; /* corrupt */
    talk_answers(t, 3, 3);            /* 2 is lost */
    talk_answers(t, 3, 3);            /* duplicated */
    talk_text(t, "?\r\n");            /* extra */
    talk_answers(t, 4, 4);
    talk_answer(t, ANOTHER, 5); /* foreign */
    talk_answers(t, 7, 7);
    talk_answers(t, 6, 6); /* reordered */
    talk_answers(t, 8, 8);
    talk_cut(t, 5); /* truncated */
    talk_text(t, "\r\n");
}

static void check_all_at_once(talk *t)
{
    talk_expect(t, 3, YODEL_FLAW_CORRUPT, 1, YODEL_FLAW_LOST, 1, YODEL_FLAW_DUPLICATED, 1,
                YODEL_FLAW_EXTRA, 1, YODEL_FLAW_FOREIGN, 1, YODEL_FLAW_REORDERED, 1,
                YODEL_FLAW_TRUNCATED, 1, -1);
}

static void test_all_at_once(void **state)
{
    (void)state;
    run_deep(play_all_at_once, check_all_at_once);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_corrupt_anywhere),
        cmocka_unit_test(test_dropped),
        cmocka_unit_test(test_doubled),
        cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_reordered_far),
        cmocka_unit_test(test_foreign_in_place),
        cmocka_unit_test(test_foreign_in_addition),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_truncated_by_any_length),
        cmocka_unit_test(test_extra),
        cmocka_unit_test(test_an_empty_extra_line),
        cmocka_unit_test(test_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
