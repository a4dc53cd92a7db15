/*
 * The intrusive list: each operation, and random ones against an array.
 */
#include "core/list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/random.h"

typedef struct thing {
    int number; /* first, so that the node is not at the struct's own address */
    yodel_list node;
} thing;

enum { THINGS = 8 };

typedef struct fixture {
    yodel_list head;
    thing things[THINGS];
} fixture;

static void set_up(fixture *f)
{
    yodel_list_init(&f->head);
    for (int i = 0; i < THINGS; i++) {
        f->things[i].number = i;
        yodel_list_init(&f->things[i].node);
    }
}

/* The list holds exactly these things in this order, forwards and backwards. */
static void expect(const yodel_list *head, const int *numbers, size_t count)
{
    const yodel_list *node = head;

    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(node->next->prev, node);
        node = node->next;
        assert_ptr_not_equal(node, head);
        assert_int_equal(yodel_container_of(node, thing, node)->number, numbers[i]);
        assert_true(yodel_list_linked(node));
    }
    assert_ptr_equal(node->next, head);
    assert_ptr_equal(head->prev, node);
    assert_int_equal(yodel_list_empty(head), count == 0);
}

static void starts_empty(void **state)
{
    fixture f;

    (void)state;
    set_up(&f);
    expect(&f.head, NULL, 0);
    assert_null(yodel_list_first(&f.head));
    assert_false(yodel_list_linked(&f.things[0].node));
}

static void keeps_the_order(void **state)
{
    fixture f;

    (void)state;
    set_up(&f);
    yodel_list_push_back(&f.head, &f.things[1].node);
    yodel_list_push_back(&f.head, &f.things[2].node);
    yodel_list_push_front(&f.head, &f.things[0].node);
    expect(&f.head, (const int[]){0, 1, 2}, 3);
    assert_ptr_equal(yodel_list_first(&f.head), &f.things[0].node);
}

static void removes_from_anywhere(void **state)
{
    fixture f;

    (void)state;
    set_up(&f);
    for (int i = 0; i < 4; i++) {
        yodel_list_push_back(&f.head, &f.things[i].node);
    }
    yodel_list_remove(&f.things[1].node);
    expect(&f.head, (const int[]){0, 2, 3}, 3);
    yodel_list_remove(&f.things[0].node);
    expect(&f.head, (const int[]){2, 3}, 2);
    yodel_list_remove(&f.things[3].node);
    expect(&f.head, (const int[]){2}, 1);
    yodel_list_remove(&f.things[2].node);
    expect(&f.head, NULL, 0);
    assert_false(yodel_list_linked(&f.things[2].node));
}

static void a_removed_node_can_be_removed_and_pushed_again(void **state)
{
    fixture f;

    (void)state;
    set_up(&f);
    yodel_list_push_back(&f.head, &f.things[0].node);
    yodel_list_push_back(&f.head, &f.things[1].node);
    yodel_list_remove(&f.things[0].node);
    yodel_list_remove(&f.things[0].node);
    expect(&f.head, (const int[]){1}, 1);
    yodel_list_push_back(&f.head, &f.things[0].node);
    expect(&f.head, (const int[]){1, 0}, 2);
}

static void walking_may_free_what_it_stands_on(void **state)
{
    yodel_list head;
    yodel_list *item;
    yodel_list *next;
    int expected = 0;

    (void)state;
    yodel_list_init(&head);
    for (int i = 0; i < THINGS; i++) {
        thing *t = malloc(sizeof *t);

        assert_non_null(t);
        t->number = i;
        yodel_list_init(&t->node);
        yodel_list_push_back(&head, &t->node);
    }
    yodel_list_for_each_safe(item, next, &head)
    {
        thing *t = yodel_container_of(item, thing, node);

        assert_int_equal(t->number, expected++);
        yodel_list_remove(item);
        free(t);
    }
    assert_int_equal(expected, THINGS);
    assert_true(yodel_list_empty(&head));
}

static void splice_moves_all_in_order(void **state)
{
    yodel_list from;
    fixture f;

    (void)state;
    set_up(&f);
    yodel_list_init(&from);
    yodel_list_splice(&f.head, &from); /* of nothing: no effect */
    assert_true(yodel_list_empty(&f.head));

    yodel_list_push_back(&f.head, &f.things[0].node);
    for (int i = 1; i < 4; i++) {
        yodel_list_push_back(&from, &f.things[i].node);
    }
    yodel_list_splice(&f.head, &from);
    assert_true(yodel_list_empty(&from));
    for (int i = 0; i < 4; i++) {
        yodel_list *first = yodel_list_first(&f.head);

        assert_ptr_equal(first, &f.things[i].node);
        yodel_list_remove(first);
    }
    assert_true(yodel_list_empty(&f.head));
}

static void random_operations_against_an_array(void **state)
{
    int oracle[THINGS] = {0};
    size_t count = 0;
    test_random r;
    fixture f;

    (void)state;
    test_random_init(&r, __func__);
    set_up(&f);
    for (int step = 0; step < 20000; step++) {
        int i = (int)test_random_below(&r, THINGS);
        yodel_list *node = &f.things[i].node;

        if (yodel_list_linked(node)) {
            size_t at = 0;

            while (oracle[at] != i) {
                at++;
            }
            memmove(&oracle[at], &oracle[at + 1], (--count - at) * sizeof oracle[0]);
            yodel_list_remove(node);
        } else if (test_random_below(&r, 2) == 0) {
            oracle[count++] = i;
            yodel_list_push_back(&f.head, node);
        } else {
            memmove(&oracle[1], &oracle[0], count++ * sizeof oracle[0]);
            oracle[0] = i;
            yodel_list_push_front(&f.head, node);
        }
        expect(&f.head, oracle, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_empty),
        cmocka_unit_test(keeps_the_order),
        cmocka_unit_test(removes_from_anywhere),
        cmocka_unit_test(a_removed_node_can_be_removed_and_pushed_again),
        cmocka_unit_test(walking_may_free_what_it_stands_on),
        cmocka_unit_test(splice_moves_all_in_order),
        cmocka_unit_test(random_operations_against_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
