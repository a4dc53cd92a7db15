/*
 * The buffer: its limit, its memory, random use against a plain array, and what it costs.
 *
 * The source is compiled into the test, not taken from the library, so that the test can make its
 * malloc fail and count what it copies.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool out_of_memory;
static size_t bytes_moved;

static void *scripted_malloc(size_t size)
{
    return out_of_memory ? NULL : malloc(size);
}

static void *counting_memmove(void *to, const void *from, size_t n)
{
    bytes_moved += n;
    return memmove(to, from, n);
}

#define malloc  scripted_malloc
#define memmove counting_memmove
#define memcpy  counting_memmove
#include "core/buffer.c" /* NOLINT(bugprone-suspicious-include) */
#undef malloc
#undef memmove
#undef memcpy

#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

static void expect(const yodel_buffer *b, const void *data, size_t len)
{
    assert_int_equal(yodel_buffer_len(b), len);
    if (len > 0) {
        assert_memory_equal(yodel_buffer_data(b), data, len);
    }
}

static void is_small(void **state)
{
    (void)state;
    assert_int_equal(sizeof(yodel_buffer), 16 + sizeof(void *));
}

static void empty_owns_nothing(void **state)
{
    static const char *nothing; /* a plain NULL makes cppcheck afraid of the memcpy */
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 1000);
    expect(&b, NULL, 0);
    assert_null(b.memory);
    assert_null(yodel_buffer_data(&b));
    assert_null(yodel_buffer_tail(&b));
    assert_int_equal(yodel_buffer_space(&b), 0);
    assert_int_equal(yodel_buffer_append(&b, nothing, 0), 0);
    yodel_buffer_consume(&b, 0);
    assert_null(b.memory);
    yodel_buffer_free(&b);
    yodel_buffer_free(NULL);
}

static void first_in_first_out(void **state)
{
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 1000);
    assert_int_equal(yodel_buffer_append(&b, "hello ", 6), 0);
    assert_int_equal(yodel_buffer_append(&b, "world", 5), 0);
    expect(&b, "hello world", 11);
    yodel_buffer_consume(&b, 6);
    expect(&b, "world", 5);
    yodel_buffer_free(&b);
}

static void memory_goes_back_when_the_last_byte_leaves(void **state)
{
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 1000);
    assert_int_equal(yodel_buffer_append(&b, "abc", 3), 0);
    yodel_buffer_consume(&b, 2);
    assert_non_null(b.memory);
    yodel_buffer_consume(&b, 1);
    assert_null(b.memory);
    assert_int_equal(b.capacity, 0);
    assert_int_equal(yodel_buffer_append(&b, "again", 5), 0); /* the limit is still there */
    expect(&b, "again", 5);
    yodel_buffer_free(&b);
    assert_int_equal(yodel_buffer_append(&b, "once more", 9), 0);
    yodel_buffer_free(&b);
}

/* A reservation that was not used is not kept for ever either. */
static void consuming_nothing_of_an_empty_buffer_frees_it(void **state)
{
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 1000);
    assert_int_equal(yodel_buffer_reserve(&b, 100), 0);
    assert_non_null(b.memory);
    yodel_buffer_consume(&b, 0);
    assert_null(b.memory);
}

static void written_at_the_tail_and_committed(void **state)
{
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 1000);
    assert_int_equal(yodel_buffer_reserve(&b, 5), 0);
    assert_true(yodel_buffer_space(&b) >= 5);
    memcpy(yodel_buffer_tail(&b), "12345", 5);
    yodel_buffer_commit(&b, 3);
    expect(&b, "123", 3);
    yodel_buffer_free(&b);
}

static void the_limit_is_exact(void **state)
{
    static const uint32_t limits[] = {0, 1, 100, 255, 256, 257, 1000, 65536};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        uint32_t limit = limits[i];
        yodel_buffer b;

        yodel_buffer_init(&b, limit);
        assert_int_equal(yodel_buffer_reserve(&b, (size_t)limit + 1), YODEL_EOVERRUN);
        assert_int_equal(yodel_buffer_reserve(&b, SIZE_MAX), YODEL_EOVERRUN);
        assert_null(b.memory);
        for (uint32_t n = 0; n < limit; n++) {
            assert_int_equal(yodel_buffer_append(&b, "x", 1), 0);
            assert_true(b.capacity <= limit);
        }
        assert_int_equal(yodel_buffer_append(&b, "x", 1), YODEL_EOVERRUN);
        assert_int_equal(yodel_buffer_reserve(&b, SIZE_MAX), YODEL_EOVERRUN);
        assert_int_equal(yodel_buffer_len(&b), limit);
        if (limit > 0) { /* what was read makes room again, though it lies at the front */
            yodel_buffer_consume(&b, 1);
            assert_int_equal(yodel_buffer_append(&b, "y", 1), 0);
            assert_int_equal(yodel_buffer_data(&b)[limit - 1], 'y');
        }
        yodel_buffer_free(&b);
    }
}

static void a_large_reservation_is_one_allocation(void **state)
{
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, UINT32_MAX);
    assert_int_equal(yodel_buffer_reserve(&b, 1), 0);
    assert_int_equal(b.capacity, 256);
    assert_int_equal(yodel_buffer_reserve(&b, 100000), 0);
    assert_int_equal(b.capacity, 100000);
    yodel_buffer_free(&b);
}

static void out_of_memory_changes_nothing(void **state)
{
    char large[1000] = {0};
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, 5000);
    out_of_memory = true;
    assert_int_equal(yodel_buffer_append(&b, "abc", 3), -ENOMEM);
    expect(&b, NULL, 0);
    out_of_memory = false;
    assert_int_equal(yodel_buffer_append(&b, "abc", 3), 0);
    yodel_buffer_consume(&b, 1);
    out_of_memory = true;
    assert_int_equal(yodel_buffer_append(&b, large, sizeof large), -ENOMEM);
    assert_int_equal(yodel_buffer_reserve(&b, sizeof large), -ENOMEM);
    expect(&b, "bc", 2);
    assert_int_equal(yodel_buffer_append(&b, "de", 2), 0); /* fits, so needs no malloc */
    expect(&b, "bcde", 4);
    out_of_memory = false;
    yodel_buffer_free(&b);
}

/* The room that consuming made at the front is found without a malloc: there is none to be had
 * above the limit, and it would copy as much. */
static void at_the_limit_it_needs_no_memory(void **state)
{
    char full[1000] = {0};
    yodel_buffer b;

    (void)state;
    yodel_buffer_init(&b, sizeof full);
    assert_int_equal(yodel_buffer_append(&b, full, sizeof full), 0);
    yodel_buffer_consume(&b, 3);
    out_of_memory = true;
    assert_int_equal(yodel_buffer_append(&b, "abc", 3), 0);
    out_of_memory = false;
    assert_memory_equal(yodel_buffer_data(&b) + sizeof full - 3, "abc", 3);
    yodel_buffer_free(&b);
}

static void random_use_against_an_array(void **state)
{
    enum { LIMIT = 3000, STEPS = 50000 };
    static uint8_t oracle[LIMIT];
    size_t len = 0;
    yodel_buffer b;
    test_random r;

    (void)state;
    test_random_init(&r, __func__);
    yodel_buffer_init(&b, LIMIT);
    for (int step = 0; step < STEPS; step++) {
        size_t n = test_random_below(&r, test_random_below(&r, 10) == 0 ? LIMIT : 200);

        if (test_random_below(&r, 2) == 0) {
            uint8_t *data = malloc(n + 1);

            assert_non_null(data);
            for (size_t i = 0; i < n; i++) {
                data[i] = (uint8_t)test_random_next(&r);
            }
            if (len + n > LIMIT) {
                assert_int_equal(yodel_buffer_append(&b, data, n), YODEL_EOVERRUN);
            } else {
                assert_int_equal(yodel_buffer_append(&b, data, n), 0);
                memcpy(oracle + len, data, n);
                len += n;
            }
            free(data);
        } else {
            n = n < len ? n : len;
            yodel_buffer_consume(&b, n);
            len -= n;
            memmove(oracle, oracle + n, len);
        }
        expect(&b, oracle, len);
        assert_true(b.capacity <= LIMIT);
        assert_int_equal(b.memory == NULL, b.capacity == 0);
    }
    yodel_buffer_free(&b);
}

/* However full it is kept, and however little is taken and added at a time: each byte is copied in,
 * and then moved at most twice on average. */
static void costs_are_linear(void **state)
{
    static const size_t fills[] = {0, 1, 255, 256, 1000, 65535, 65536, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof fills / sizeof fills[0]; i++) {
        size_t appended = 0;
        yodel_buffer b;

        yodel_buffer_init(&b, 1U << 24);
        bytes_moved = 0;
        while (appended < 1000000) {
            assert_int_equal(yodel_buffer_append(&b, "0123456", 7), 0);
            appended += 7;
            if (yodel_buffer_len(&b) > fills[i]) {
                yodel_buffer_consume(&b, yodel_buffer_len(&b) - fills[i]);
            }
        }
        assert_true(bytes_moved - appended <= 2 * appended);
        assert_true(b.capacity <= 256 + 4 * (fills[i] + 7));
        yodel_buffer_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_small),
        cmocka_unit_test(empty_owns_nothing),
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(memory_goes_back_when_the_last_byte_leaves),
        cmocka_unit_test(consuming_nothing_of_an_empty_buffer_frees_it),
        cmocka_unit_test(written_at_the_tail_and_committed),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(a_large_reservation_is_one_allocation),
        cmocka_unit_test(out_of_memory_changes_nothing),
        cmocka_unit_test(at_the_limit_it_needs_no_memory),
        cmocka_unit_test(random_use_against_an_array),
        cmocka_unit_test(costs_are_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
