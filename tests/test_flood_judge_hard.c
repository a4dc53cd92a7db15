/* What is hard to judge: answers without an end, lines that cannot say whose they are, and more
 * mistakes than are remembered. */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "support/talk.h"
#include "tools/flood/judge.h"

#define OWN 3

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
