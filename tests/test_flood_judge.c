/* Every kind of wrong answer is called what it is, once, and the right ones around it stay
 * right. */
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

/* --- with many lines in flight -----------------------------------------------------------------*/

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

/* --- with one line in flight -------------------------------------------------------------------*/

/* One line after the other; the answers to line n are what play adds. */
static void run_shallow(void (*play)(talk *t, uint64_t n), script *check)
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

/* --- the end -----------------------------------------------------------------------------------*/

static void test_a_wrong_rest_at_the_end(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 2);
    talk_answers(t, 1, 1);
    talk_answer(t, OWN, 2)[12] ^= 1;
    talk_cut(t, 5);
    talk_receive(t);
    yodel_conversation_ended(&t->c, &t->referee, false);
    talk_expect(t, 1, YODEL_FLAW_CORRUPT, 1, -1);
    talk_free(t);
}

static void test_a_right_rest_at_the_end(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 3);
    talk_answers(t, 1, 2);
    talk_cut(t, 5);
    talk_receive(t);
    yodel_conversation_ended(&t->c, &t->referee, false);
    talk_expect(t, 1, YODEL_FLAW_LOST, 2, -1);
    talk_free(t);
}

static void test_bytes_that_nobody_asked_for(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_text(t, "220 ready\r\nand half a line");
    talk_receive(t);
    yodel_conversation_ended(&t->c, &t->referee, false);
    talk_expect(t, 0, YODEL_FLAW_EXTRA, 2, -1);
    assert_int_equal(t->referee.mismatch.got_length, 11);
    assert_memory_equal(t->referee.mismatch.got, "220 ready\r\n", 11);
    assert_int_equal(t->referee.mismatch.expected_kept, 0);
    talk_free(t);
}

static void test_a_flood_without_end(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 2);
    memset(t->text, 'x', sizeof t->text);
    for (int i = 0; i < 10; i++) {
        t->length = sizeof t->text;
        talk_receive(t);
    }
    talk_text(t, "\r\n");
    talk_answers(t, 2, 2);
    talk_receive(t);
    talk_expect(t, 1, YODEL_FLAW_CORRUPT, 1, -1);
    talk_free(t);
}

/* --- lines that cannot say whose they are ------------------------------------------------------*/

static void test_lines_of_one_byte(void **state)
{
    (void)state;
    talk *t = talk_new_lines(16, 1, NULL);
    talk_send(t, 10);
    talk_answers(t, 1, 2);
    talk_answers(t, 4, 5); /* 3 is lost */
    talk_answers(t, 5, 5); /* duplicated */
    talk_answers(t, 7, 7);
    talk_answers(t, 6, 6); /* reordered */
    talk_answers(t, 8, 10);
    talk_receive(t);
    talk_expect(t, 8, YODEL_FLAW_LOST, 1, YODEL_FLAW_DUPLICATED, 1, YODEL_FLAW_REORDERED, 1, -1);
    talk_free(t);
}

/* An extra one pushes the right answer aside; 32 lines ahead there is another of that letter. */
static void test_an_extra_line_among_lines_of_one_byte(void **state)
{
    (void)state;
    talk *t = talk_new_lines(64, 1, NULL);
    talk_send(t, 50);
    talk_answers(t, 1, 9);
    talk_text(t, "\r\n");
    talk_answers(t, 10, 50);
    talk_receive(t);
    talk_expect(t, 50, YODEL_FLAW_EXTRA, 1, -1);
    talk_free(t);
}

/* Searching a deep window through for each of many wrong answers would take minutes. */
static void test_only_near_lines_are_searched(void **state)
{
    (void)state;
    talk *t = talk_new_lines(1024, 2, NULL); /* the last digits */
    talk_send(t, 1000);
    talk_answers(t, 258, 258); /* too far away: stands in for line 1 */
    talk_answers(t, 257, 257); /* near */
    talk_receive(t);
    talk_expect(t, 1, YODEL_FLAW_CORRUPT, 1, YODEL_FLAW_LOST, 255, -1);
    talk_free(t);
}

static void test_a_fixed_line(void **state)
{
    (void)state;
    talk *t = talk_new_lines(16, 4, "ping");
    talk_send(t, 4);
    talk_answers(t, 1, 2);
    talk_text(t, "You sent: pong\r\n");
    talk_answers(t, 4, 4);
    talk_receive(t);
    talk_expect(t, 3, YODEL_FLAW_CORRUPT, 1, -1);
    /* One more: then all four were answered, and what was wrong came in addition. */
    talk_answers(t, 4, 4);
    talk_receive(t);
    talk_expect(t, 4, YODEL_FLAW_EXTRA, 1, -1);
    talk_answers(t, 4, 4);
    talk_receive(t);
    talk_expect(t, 4, YODEL_FLAW_EXTRA, 1, YODEL_FLAW_DUPLICATED, 1, -1);
    talk_free(t);
}

/* More failures than are remembered: what is forgotten stays as it was judged. */
static void test_it_forgets(void **state)
{
    (void)state;
    uint64_t lost = YODEL_JUDGE_MEMORY + 5;
    talk *t = talk_new(1024);
    talk_send(t, lost + 1);
    talk_answers(t, lost + 1, lost + 1);
    talk_receive(t);
    talk_expect(t, 1, YODEL_FLAW_LOST, (int)lost, -1);
    talk_answers(t, 1, lost);
    talk_receive(t);
    talk_expect(t, 1, YODEL_FLAW_LOST, 5, YODEL_FLAW_DUPLICATED, 5, YODEL_FLAW_REORDERED,
                YODEL_JUDGE_MEMORY, -1);
    talk_free(t);
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
        cmocka_unit_test(test_one_in_flight),
        cmocka_unit_test(test_a_wrong_rest_at_the_end),
        cmocka_unit_test(test_a_right_rest_at_the_end),
        cmocka_unit_test(test_bytes_that_nobody_asked_for),
        cmocka_unit_test(test_a_flood_without_end),
        cmocka_unit_test(test_lines_of_one_byte),
        cmocka_unit_test(test_an_extra_line_among_lines_of_one_byte),
        cmocka_unit_test(test_only_near_lines_are_searched),
        cmocka_unit_test(test_a_fixed_line),
        cmocka_unit_test(test_it_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
