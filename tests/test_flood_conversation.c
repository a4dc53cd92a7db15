/* What a conversation counts and times when all answers are right. */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "support/random.h"
#include "support/talk.h"

static const yodel_tally *tally(const talk *t)
{
    return t->referee.tally;
}

/* --- sending -----------------------------------------------------------------------------------*/

/* Wherever the kernel cuts, the same bytes go out, and each line counts once. */
static void test_what_is_sent_in_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 100; piece += 6) {
        talk *t = talk_new(16);
        char whole[1024], out[1024];
        size_t length = yodel_conversation_compose(&t->c, &t->referee, 10, whole, sizeof whole);
        size_t done = 0;
        while (done < length) {
            size_t n = yodel_conversation_compose(&t->c, &t->referee, 10, out, piece);
            assert_int_equal(n, length - done < piece ? length - done : piece);
            assert_memory_equal(out, whole + done, n);
            yodel_conversation_sent(&t->c, &t->referee, n, t->now);
            done += n;
        }
        assert_int_equal(tally(t)->sent, 10);
        assert_int_equal(tally(t)->bytes_out, length);
        assert_int_equal(yodel_conversation_in_flight(&t->c), 10);
        assert_int_equal(yodel_conversation_whole(&t->c), 10);
        assert_int_equal(yodel_conversation_compose(&t->c, &t->referee, 10, out, 10), 0);
        talk_free(t);
    }
}

/* Gathered or copied, the same bytes. */
static void test_long_lines_are_gathered(void **state)
{
    static char copied[64 * 1024], gathered[64 * 1024];
    (void)state;
    talk *t = talk_new_lines(64, 1500, NULL);
    yodel_batch batch;
    for (size_t cut = 0; cut < 3200; cut += 133) {
        uint64_t last = t->c.begun + 40;
        size_t length = yodel_conversation_compose(&t->c, &t->referee, last, copied, sizeof copied);
        size_t n = yodel_conversation_gather(&t->c, &t->referee, last, &batch), at = 0;
        for (size_t i = 0; i < batch.count; i++) {
            memcpy(gathered + at, batch.pieces[i].iov_base, batch.pieces[i].iov_len);
            at += batch.pieces[i].iov_len;
        }
        assert_int_equal(at, n);
        assert_true(n <= length && n > 31 * 1502);
        assert_memory_equal(gathered, copied, n);
        yodel_conversation_sent(&t->c, &t->referee, cut, t->now);
        talk_answers(t, t->c.answered + 1, yodel_conversation_whole(&t->c));
        talk_receive(t);
    }
    assert_int_equal(yodel_conversation_gather(&t->c, &t->referee, 0, &batch), 0);
    talk_free(t);
}

static void test_the_ring_is_a_power_of_two(void **state)
{
    (void)state;
    assert_int_equal(yodel_conversation_ring(1), 1);
    assert_int_equal(yodel_conversation_ring(2), 2);
    assert_int_equal(yodel_conversation_ring(3), 4);
    assert_int_equal(yodel_conversation_ring(64), 64);
    assert_int_equal(yodel_conversation_ring(65), 128);
    assert_int_equal(yodel_conversation_ring(100000), 131072);
}

static void test_a_line_begun_is_in_flight_but_not_whole(void **state)
{
    (void)state;
    talk *t = talk_new(4);
    yodel_conversation_sent(&t->c, &t->referee, 5, t->now);
    assert_int_equal(t->c.begun, 1);
    assert_int_equal(tally(t)->sent, 1);
    assert_int_equal(yodel_conversation_in_flight(&t->c), 1);
    assert_int_equal(yodel_conversation_whole(&t->c), 0);
    /* An answer to it cannot be one. */
    talk_answers(t, 1, 1);
    talk_receive(t);
    talk_expect(t, 0, YODEL_FLAW_EXTRA, 1, -1);
    talk_free(t);
}

/* --- receiving ---------------------------------------------------------------------------------*/

static void test_answers_cut_anywhere(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 60; piece++) {
        talk *t = talk_new(16);
        t->piece = piece;
        talk_send(t, 16);
        talk_answers(t, 1, 16);
        size_t length = t->length;
        talk_receive(t);
        talk_expect(t, 16, -1);
        assert_int_equal(tally(t)->bytes_in, length);
        assert_int_equal(tally(t)->service.count, 16);
        assert_int_equal(yodel_conversation_in_flight(&t->c), 0);
        assert_false(t->referee.has_mismatch);
        assert_null(t->c.doubt);
        talk_free(t);
    }
}

/* Each line has its own time of sending, in a window that is always full. */
static void test_each_line_has_its_own_time(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    for (uint64_t n = 1; n <= 8; n++) {
        talk_send(t, 1);
        t->now += 1000;
    }
    for (uint64_t n = 1; n <= 100; n++) {
        talk_answers(t, n, n);
        talk_receive(t); /* sent 8,000 ns ago */
        talk_send(t, 1);
        t->now += 1000;
    }
    assert_int_equal(tally(t)->service.count, 100);
    assert_int_equal(tally(t)->service.least, 8000);
    assert_int_equal(tally(t)->service.most, 8000);
    assert_int_equal(t->c.latency_count, 100);
    assert_int_equal(t->c.latency_sum, 800000);
    talk_free(t);
}

static void test_the_warm_up_is_not_timed(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    t->referee.counted_from = t->now + 1000;
    talk_send(t, 3);
    t->now += 1000;
    talk_send(t, 2);
    t->now += 500;
    talk_answers(t, 1, 5);
    talk_receive(t);
    talk_expect(t, 5, -1);
    assert_int_equal(tally(t)->counted_sent, 2);
    assert_int_equal(tally(t)->counted, 2);
    assert_int_equal(tally(t)->service.count, 2);
    assert_int_equal(tally(t)->service.most, 500);
    talk_free(t);
}

/* Line n of connection 3 of 10 at 100 ns a slot is due at 300, 1300, 2300 ... */
static void test_the_open_loop_counts_from_when_a_line_was_due(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    t->referee.slot_ns = 100;
    t->referee.start = t->now;
    t->referee.counted_from = t->now + 1300;
    assert_int_equal(yodel_conversation_due(&t->c, &t->referee, 1), t->now + 300);
    assert_int_equal(yodel_conversation_due(&t->c, &t->referee, 3), t->now + 2300);
    t->now += 5000;
    talk_send(t, 3);
    t->now += 200;
    talk_answers(t, 1, 3);
    talk_receive(t);
    talk_expect(t, 3, -1);
    assert_int_equal(tally(t)->counted_sent, 2);
    assert_int_equal(tally(t)->counted, 2);
    assert_int_equal(tally(t)->intended.count, 2);
    assert_int_equal(tally(t)->intended.least, 5200 - 2300);
    assert_int_equal(tally(t)->intended.most, 5200 - 1300);
    assert_int_equal(tally(t)->service.count, 2);
    assert_int_equal(tally(t)->service.least, 200);
    assert_int_equal(tally(t)->service.most, 200);
    assert_int_equal(t->c.latency_sum, 2 * 5200 - 2300 - 1300);
    talk_free(t);
}

static void test_a_faulted_connection_is_not_timed(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    t->c.faulted = true;
    talk_send(t, 3);
    t->now += 60 * TALK_SECOND;
    talk_answers(t, 1, 3);
    talk_receive(t);
    talk_expect(t, 3, -1); /* and slow is no timeout, as long as something comes */
    assert_int_equal(tally(t)->counted, 3);
    assert_int_equal(tally(t)->service.count, 0);
    assert_int_equal(t->c.latency_count, 0);
    talk_free(t);
}

/* --- timeouts ----------------------------------------------------------------------------------*/

static void test_a_line_expires_when_its_time_is_over(void **state)
{
    (void)state;
    talk *t = talk_new(4);
    talk_send(t, 2);
    t->now += TALK_SECOND;
    talk_send(t, 2);
    t->now += 4 * TALK_SECOND;
    assert_false(yodel_conversation_expire(&t->c, &t->referee, t->now)); /* 5 s are allowed */
    assert_true(yodel_conversation_expire(&t->c, &t->referee, t->now + 1));
    talk_expect(t, 0, YODEL_FLAW_TIMEOUT, 2, -1);
    assert_int_equal(yodel_conversation_in_flight(&t->c), 2);
    assert_false(yodel_conversation_expire(&t->c, &t->referee, t->now + 1));
    /* The window has room for as many others. */
    talk_send(t, 2);
    t->now += TALK_SECOND / 2;
    talk_answers(t, 1, 6);
    talk_receive(t);
    talk_expect(t, 4, YODEL_FLAW_TIMEOUT, 2, -1);
    assert_int_equal(tally(t)->service.count, 4);
    assert_int_equal(tally(t)->service.least, TALK_SECOND / 2);
    talk_free(t);
}

/* Exactly, also when nobody looked in between. */
static void test_an_answer_that_is_too_late(void **state)
{
    (void)state;
    talk *t = talk_new(4);
    talk_send(t, 1);
    t->now += 5 * TALK_SECOND;
    talk_send(t, 1);
    talk_answers(t, 1, 1);
    talk_receive(t);
    talk_expect(t, 1, -1);
    t->now += 5 * TALK_SECOND + 1;
    talk_answers(t, 2, 2);
    talk_receive(t);
    talk_expect(t, 1, YODEL_FLAW_TIMEOUT, 1, -1);
    assert_int_equal(tally(t)->service.count, 1);
    assert_int_equal(yodel_conversation_in_flight(&t->c), 0);
    talk_free(t);
}

static void test_a_slow_reader_expires_without_progress(void **state)
{
    (void)state;
    talk *t = talk_new(4);
    t->c.faulted = true;
    talk_send(t, 2);
    t->now += 4 * TALK_SECOND;
    talk_answers(t, 1, 1);
    talk_receive(t);
    t->now += 4 * TALK_SECOND;
    assert_false(yodel_conversation_expire(&t->c, &t->referee, t->now));
    t->now += 2 * TALK_SECOND;
    assert_true(yodel_conversation_expire(&t->c, &t->referee, t->now));
    talk_expect(t, 1, YODEL_FLAW_TIMEOUT, 1, -1);
    talk_free(t);
}

/* --- the end -----------------------------------------------------------------------------------*/

/* What a server sends without end is no progress. */
static void test_bytes_of_no_answer_are_no_progress(void **state)
{
    (void)state;
    talk *t = talk_new(1);
    t->c.faulted = true;
    talk_send(t, 1);
    for (int i = 0; i < 6; i++) {
        t->now += TALK_SECOND;
        talk_text(t, "x");
        talk_receive(t);
    }
    assert_true(yodel_conversation_expire(&t->c, &t->referee, t->now));
    talk_expect(t, 0, YODEL_FLAW_TIMEOUT, 1, -1);
    talk_free(t);
}

static void test_what_is_unanswered_at_the_end_is_lost(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 5);
    talk_answers(t, 1, 2);
    talk_receive(t);
    yodel_conversation_sent(&t->c, &t->referee, 3, t->now); /* the begin of a sixth */
    yodel_conversation_ended(&t->c, &t->referee, false);
    talk_expect(t, 2, YODEL_FLAW_LOST, 4, -1);
    assert_int_equal(t->c.answered, 6);
    /* The next connection begins with a whole line. */
    talk_send(t, 1);
    talk_answers(t, 7, 7);
    talk_receive(t);
    talk_expect(t, 3, YODEL_FLAW_LOST, 4, -1);
    talk_free(t);
}

static void test_what_a_planned_end_leaves_is_abandoned(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 5);
    talk_answers(t, 1, 1);
    talk_text(t, "You sent: half");
    talk_receive(t);
    yodel_conversation_ended(&t->c, &t->referee, true);
    talk_expect(t, 1, -1);
    assert_int_equal(tally(t)->abandoned, 4);
    talk_free(t);
}

/* Timed out lines are not lost on top of it. */
static void test_a_timeout_stays_one_at_the_end(void **state)
{
    (void)state;
    talk *t = talk_new(8);
    talk_send(t, 3);
    t->now += 6 * TALK_SECOND;
    (void)yodel_conversation_expire(&t->c, &t->referee, t->now);
    talk_send(t, 2);
    yodel_conversation_ended(&t->c, &t->referee, false);
    talk_expect(t, 0, YODEL_FLAW_TIMEOUT, 3, YODEL_FLAW_LOST, 2, -1);
    talk_free(t);
}

/* --- all of it, at random ----------------------------------------------------------------------*/

/* Whatever an honest server and the kernel do: no flaw, and every line counted once. */
static void test_a_long_honest_conversation(void **state)
{
    (void)state;
    test_random random;
    test_random_init(&random, "test_a_long_honest_conversation");
    for (int round = 0; round < 50; round++) {
        talk *t = talk_new(1 + (uint32_t)test_random_below(&random, 40));
        uint64_t depth = t->referee.ring_mask + 1, answers = 0;
        for (int step = 0; step < 400; step++) {
            char out[2000];
            uint64_t room = depth - yodel_conversation_in_flight(&t->c);
            uint64_t last = t->c.begun + test_random_below(&random, room + 1);
            size_t n = yodel_conversation_compose(&t->c, &t->referee, last, out,
                                                  test_random_below(&random, sizeof out));
            yodel_conversation_sent(&t->c, &t->referee, n, t->now);
            t->now += test_random_below(&random, 1000);
            uint64_t whole = yodel_conversation_whole(&t->c);
            uint64_t until = answers + test_random_below(&random, whole - answers + 1);
            talk_answers(t, answers + 1, until);
            answers = until;
            t->piece = 1 + test_random_below(&random, 100);
            talk_receive(t);
        }
        talk_expect(t, answers, -1);
        assert_int_equal(tally(t)->sent, t->c.begun);
        assert_int_equal(tally(t)->service.count, answers);
        talk_free(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent_in_pieces),
        cmocka_unit_test(test_long_lines_are_gathered),
        cmocka_unit_test(test_the_ring_is_a_power_of_two),
        cmocka_unit_test(test_a_line_begun_is_in_flight_but_not_whole),
        cmocka_unit_test(test_answers_cut_anywhere),
        cmocka_unit_test(test_each_line_has_its_own_time),
        cmocka_unit_test(test_the_warm_up_is_not_timed),
        cmocka_unit_test(test_the_open_loop_counts_from_when_a_line_was_due),
        cmocka_unit_test(test_a_faulted_connection_is_not_timed),
        cmocka_unit_test(test_a_line_expires_when_its_time_is_over),
        cmocka_unit_test(test_an_answer_that_is_too_late),
        cmocka_unit_test(test_a_slow_reader_expires_without_progress),
        cmocka_unit_test(test_bytes_of_no_answer_are_no_progress),
        cmocka_unit_test(test_what_is_unanswered_at_the_end_is_lost),
        cmocka_unit_test(test_what_a_planned_end_leaves_is_abandoned),
        cmocka_unit_test(test_a_timeout_stays_one_at_the_end),
        cmocka_unit_test(test_a_long_honest_conversation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
