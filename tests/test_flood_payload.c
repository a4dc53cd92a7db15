/* The lines are a function of seed, connection and number, and can be told apart. */
#include "support/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#include "support/random.h"
#include "tools/flood/payload.h"

#define PREFIX "You sent: "

static yodel_payload make(uint64_t seed, uint32_t min, uint32_t max)
{
    yodel_payload p;
    assert_int_equal(yodel_payload_init(&p, seed, min, max, NULL, PREFIX), 0);
    return p;
}

/* The line as it is sent, with CRLF. */
static size_t sent(const yodel_payload *p, uint32_t connection, uint64_t number, char *out,
                   size_t room)
{
    yodel_line line;
    yodel_payload_line(p, connection, number, &line);
    size_t n = yodel_line_copy(&line, false, 0, out, room);
    assert_int_equal(n, yodel_line_sent_length(&line));
    assert_int_equal(n, yodel_payload_length(p, connection, number));
    return n;
}

static void test_lengths_are_as_asked(void **state)
{
    (void)state;
    yodel_payload p = make(1, 3, 70);
    size_t least = 1000, most = 0;
    for (uint64_t n = 1; n < 5000; n++) {
        char text[80];
        size_t length = sent(&p, 4, n, text, sizeof text) - 2;
        least = length < least ? length : least;
        most = length > most ? length : most;
        assert_memory_equal(text + length, "\r\n", 2);
    }
    assert_int_equal(least, 3);
    assert_int_equal(most, 70);
    yodel_payload_destroy(&p);
}

static void test_lines_are_printable(void **state)
{
    (void)state;
    yodel_payload p = make(2, 1, 200);
    for (uint64_t n = 1; n < 3000; n++) {
        char text[210];
        size_t length = sent(&p, 9, n, text, sizeof text) - 2;
        assert_false(length == 1 && text[0] == '.');
        for (size_t i = 0; i < length; i++) {
            assert_in_range((unsigned char)text[i], '!', '~');
        }
    }
    yodel_payload_destroy(&p);
}

static void test_the_same_seed_gives_the_same_lines(void **state)
{
    (void)state;
    yodel_payload a = make(77, 40, 50), b = make(77, 40, 50), other = make(78, 40, 50);
    for (uint64_t n = 1; n < 100; n++) {
        char x[60], y[60], z[60];
        size_t length = sent(&a, 3, n, x, sizeof x);
        assert_int_equal(sent(&b, 3, n, y, sizeof y), length);
        assert_memory_equal(x, y, length);
        size_t of_other = sent(&other, 3, n, z, sizeof z);
        assert_true(of_other != length || memcmp(x, z, length) != 0);
    }
    yodel_payload_destroy(&a);
    yodel_payload_destroy(&b);
    yodel_payload_destroy(&other);
}

/* Even lines of one byte: 32 of them in a row are different. */
static void test_neighbours_differ(void **state)
{
    (void)state;
    yodel_payload p = make(5, 1, 1);
    for (uint64_t n = 1; n < 200; n++) {
        char x[3], y[3];
        sent(&p, 0, n, x, sizeof x);
        for (uint64_t k = 1; k < 32; k++) {
            sent(&p, 0, n + k, y, sizeof y);
            assert_int_not_equal(x[0], y[0]);
        }
    }
    yodel_payload_destroy(&p);
}

static void test_an_answer_says_whose_it_is(void **state)
{
    static const uint64_t numbers[] = {1, 31, 32, 33, 1023, 1024, 123456789, UINT64_MAX};
    static const uint32_t connections[] = {0, 1, 31, 32, 14999, UINT32_MAX};
    (void)state;
    yodel_payload p = make(6, 64, 64);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        for (size_t k = 0; k < sizeof connections / sizeof connections[0]; k++) {
            yodel_line line;
            char answer[128];
            uint32_t connection = 1234;
            uint64_t number = 0;
            yodel_payload_line(&p, connections[k], numbers[i], &line);
            size_t length = yodel_line_copy(&line, true, 0, answer, sizeof answer);
            assert_int_equal(length, yodel_line_answer_length(&line));
            assert_true(yodel_payload_claim(&p, answer, length - 2, &connection, &number));
            assert_int_equal(connection, connections[k]);
            assert_true(number == numbers[i]);
        }
    }
    yodel_payload_destroy(&p);
}

static void test_what_claims_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "You sent: ",
        "You sent: 1",
        "You sent: 1.",
        "You sent: 1.2",
        "You sent: .2:",
        "You sent: 1.:",
        "You sent: 0.2:x",
        "You sent: 1.w:x",
        "you sent: 1.2:x",
        "1.2:x",
        "You sent: 1.00000001:", /* a connection beyond 32 bits */
        "You sent: 00000000000001.1:x",
    };
    (void)state;
    yodel_payload p = make(6, 64, 64);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint32_t connection = 7;
        uint64_t number = 8;
        if (yodel_payload_claim(&p, texts[i], strlen(texts[i]), &connection, &number)) {
            fail_msg("'%s' claims line %llu of %u", texts[i], (unsigned long long)number,
                     connection);
        }
        assert_int_equal(connection, 7);
        assert_int_equal(number, 8);
    }
    assert_false(yodel_payload_claim(&p, "You sent: 1\0.2:", 15, &(uint32_t){0}, &(uint64_t){0}));
    yodel_payload_destroy(&p);
}

/* Copying and matching in pieces, wherever cut, is the same as in one. */
static void test_pieces(void **state)
{
    (void)state;
    yodel_payload p = make(9, 1, 40);
    for (uint64_t n = 1; n < 60; n++) {
        yodel_line line;
        char whole[64];
        yodel_payload_line(&p, 12, n, &line);
        size_t length = yodel_line_copy(&line, true, 0, whole, sizeof whole);
        for (size_t from = 0; from <= length; from++) {
            for (size_t to = from; to <= length; to++) {
                char piece[64];
                assert_int_equal(yodel_line_copy(&line, true, from, piece, to - from), to - from);
                assert_memory_equal(piece, whole + from, to - from);
                assert_int_equal(yodel_line_match(&line, from, whole + from, to - from), to - from);
            }
        }
        assert_int_equal(yodel_line_match(&line, length, "x", 1), 0);
    }
    yodel_payload_destroy(&p);
}

static void test_every_wrong_byte_is_found(void **state)
{
    (void)state;
    yodel_payload p = make(10, 30, 30);
    yodel_line line;
    char whole[64];
    yodel_payload_line(&p, 3, 500, &line);
    size_t length = yodel_line_copy(&line, true, 0, whole, sizeof whole);
    for (size_t at = 0; at < length; at++) {
        for (int bit = 0; bit < 8; bit++) {
            whole[at] = (char)(whole[at] ^ (1 << bit));
            assert_int_equal(yodel_line_match(&line, 0, whole, length), at);
            whole[at] = (char)(whole[at] ^ (1 << bit));
        }
    }
    yodel_payload_destroy(&p);
}

static void test_a_fixed_line(void **state)
{
    (void)state;
    yodel_payload p;
    char text[32];
    yodel_line line;
    assert_int_equal(yodel_payload_init(&p, 3, 4, 4, "ping", ""), 0);
    for (uint64_t n = 1; n < 5; n++) {
        assert_int_equal(sent(&p, (uint32_t)n, n, text, sizeof text), 6);
        assert_memory_equal(text, "ping\r\n", 6);
    }
    assert_false(yodel_payload_claim(&p, "1.2:", 4, &(uint32_t){0}, &(uint64_t){0}));
    yodel_payload_line(&p, 0, 1, &line);
    assert_int_equal(yodel_line_copy(&line, true, 0, text, sizeof text), 6);
    assert_memory_equal(text, "ping\r\n", 6);
    yodel_payload_destroy(&p);
}

/* Chances decide who gets a fault: they have to be even, and the same each time. */
static void test_chances_are_even(void **state)
{
    (void)state;
    yodel_payload p = make(11, 1, 1);
    unsigned upper = 0;
    for (uint32_t c = 0; c < 10000; c++) {
        uint64_t chance = yodel_payload_chance(&p, c, 1, 2);
        assert_true(chance == yodel_payload_chance(&p, c, 1, 2));
        assert_true(chance != yodel_payload_chance(&p, c, 1, 3));
        upper += chance > UINT64_MAX / 2;
    }
    assert_in_range(upper, 4700, 5300);
    yodel_payload_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_as_asked),
        cmocka_unit_test(test_lines_are_printable),
        cmocka_unit_test(test_the_same_seed_gives_the_same_lines),
        cmocka_unit_test(test_neighbours_differ),
        cmocka_unit_test(test_an_answer_says_whose_it_is),
        cmocka_unit_test(test_what_claims_nothing),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_every_wrong_byte_is_found),
        cmocka_unit_test(test_a_fixed_line),
        cmocka_unit_test(test_chances_are_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
