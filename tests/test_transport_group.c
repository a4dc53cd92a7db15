/* All the transports of a loop: adopting, the connection limit, refusing, aborting, freeing. */
#include "core/error.h"
#include "core/transport_group.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

#define FULL "Error: server is full\r\n"

/* --- adopting ----------------------------------------------------------------------------------*/

static void test_adopted_ones_are_counted(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    for (int i = 0; i < 5; i++) {
        (void)fixture_connect(f);
    }
    assert_int_equal(plan->made_count, 5);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACCEPTED), 5);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 5);
    assert_int_equal(atomic_load(&f->limit.open), 5);
    assert_ptr_equal(yodel_transport_group_of(plan->of[3]->transport), f->group);
    yodel_transport_abort(plan->of[3]->transport, 0);
    fixture_wait_active(f, 4);
    assert_int_equal(atomic_load(&f->limit.open), 4);
}

/* A socket that is at its end already, or not even connected, is adopted and ends. */
static void test_adopting_a_socket_that_is_useless(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int pair[2];
    fixture_pair(pair, false);
    net_reset(pair[1]);
    yodel_transport_group_adopt(f->group, pair[0]);
    int lonely = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    yodel_transport_group_adopt(f->group, lonely);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->lost_count, 2);
    assert_int_equal(plan->reason[0], -ECONNRESET);
    assert_int_equal(plan->reason[1], -ENOTCONN);
    assert_int_equal(fcntl(lonely, F_GETFD), -1);
}

/* --- the limit ---------------------------------------------------------------------------------*/

static void start_with_limit(fixture *f, size_t max, const char *message, probe_plan **plan)
{
    f->limit.max = max;
    *plan = probe_start(f, &(yodel_transport_settings){.full_message = message}, &(probe_plan){0});
}

static void test_above_the_limit(void **state)
{
    fixture *f = *state;
    probe_plan *plan;
    start_with_limit(f, 2, FULL, &plan);
    int first = fixture_connect(f);
    (void)fixture_connect(f);
    int refused = fixture_connect(f);
    fixture_send_text(f, refused, "hello\r\n");
    fixture_expect_text(f, refused, FULL);
    fixture_expect_eof(f, refused);
    assert_int_equal(plan->made_count, 2); /* no protocol for it */
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 1);
    assert_int_equal(atomic_load(&f->limit.open), 2);
    assert_true(fixture_logged(f, "connection refused: 2 are open, the limit"));
    fixture_disconnect(f, refused, false);
    fixture_wait_active(f, 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_FULL), 1);

    fixture_send_text(f, first, "hello");
    fixture_expect_text(f, first, "hello");
    fixture_disconnect(f, first, false);
    fixture_wait_active(f, 1);
    int third = fixture_connect(f); /* there is room again */
    fixture_send_text(f, third, "hello");
    fixture_expect_text(f, third, "hello");
}

/* FAULTS 15: with more refused ones than may linger each still reads why. */
static void test_far_above_the_limit(void **state)
{
    fixture *f = *state;
    probe_plan *plan;
    start_with_limit(f, 1, FULL, &plan);
    int client[FIXTURE_CLIENTS];
    for (size_t i = 0; i < FIXTURE_CLIENTS; i++) {
        client[i] = fixture_connect(f);
    }
    assert_int_equal(plan->made_count, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), FIXTURE_CLIENTS - 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1 + YODEL_REFUSED_LINGERING);
    for (size_t i = 1; i < FIXTURE_CLIENTS; i++) {
        fixture_expect_text(f, client[i], FULL);
        fixture_expect_eof(f, client[i]);
        net_finish_sending(client[i]);
    }
    fixture_wait_active(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_FULL), FIXTURE_CLIENTS - 1);
    assert_true(f->log.lines <= 3); /* FAULTS 24: one a second */
}

static void test_refused_without_a_message(void **state)
{
    fixture *f = *state;
    probe_plan *plan;
    start_with_limit(f, 0, NULL, &plan);
    for (size_t i = 0; i < YODEL_REFUSED_LINGERING + 4; i++) {
        int client = fixture_connect(f);
        fixture_expect_eof(f, client);
    }
    assert_int_equal(plan->made_count, 0);
}

/* Refused ones that end otherwise, too. */
static void test_refused_ones_that_reset(void **state)
{
    fixture *f = *state;
    probe_plan *plan;
    start_with_limit(f, 0, FULL, &plan);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < YODEL_REFUSED_LINGERING; i++) {
            fixture_disconnect(f, fixture_connect(f), i % 2 == 0);
        }
        fixture_wait_active(f, 0);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 3 * YODEL_REFUSED_LINGERING);
}

/* One limit for all groups that share it. */
static void test_groups_share_a_limit(void **state)
{
    fixture *f = *state;
    fixture *other = NULL;
    void *other_state = NULL;
    assert_int_equal(fixture_setup(&other_state), 0);
    other = other_state;
    probe_plan *plan;
    start_with_limit(f, 3, FULL, &plan);
    fixture_start(other, &f->settings);
    (void)fixture_connect(f);
    int here = fixture_connect(f);
    (void)fixture_connect(other);
    int refused = fixture_connect(other);
    fixture_expect_text(other, refused, FULL);
    fixture_disconnect(f, here, false);
    fixture_wait_active(f, 1);
    int welcome = fixture_connect(other);
    fixture_send_text(other, welcome, "hello");
    fixture_expect_text(other, welcome, "hello");
    fixture_settle(f);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    assert_int_equal(atomic_load(&f->limit.open), 2);
    assert_int_equal(fixture_teardown(&other_state), 0);
    assert_int_equal(atomic_load(&f->limit.open), 0);
}

/* A protocol may say that there is no room for another one. */
static int no_room(probe *p)
{
    return p->index == 1 ? YODEL_EFULL : 0;
}

static void test_a_protocol_refuses(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.full_message = FULL},
                                   &(probe_plan){.made = no_room});
    (void)fixture_connect(f);
    int refused = fixture_connect(f);
    fixture_send_text(f, refused, "hello");
    fixture_expect_text(f, refused, FULL);
    fixture_expect_eof(f, refused);
    net_finish_sending(refused);
    fixture_wait_active(f, 1);
    assert_string_equal(plan->trace, "made made lost");
    assert_int_equal(plan->reason[1], YODEL_EFULL);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_FULL), 1);
    assert_true(fixture_logged(f, "connection refused: the protocol has no room"));
}

/* --- holding them ------------------------------------------------------------------------------*/

static void test_held_ones_are_not_closed(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int ending = fixture_connect(f);
    int other = fixture_connect(f);
    yodel_transport_group_hold(f->group);
    yodel_transport_group_hold(f->group);
    yodel_transport_abort(plan->of[0]->transport, -EDQUOT);
    fixture_run_until_count(f, &plan->lost_count, 1, "its protocol is told");
    fixture_send_text(f, other, "hello"); /* the loop goes on */
    fixture_expect_text(f, other, "hello");
    fixture_expect_nothing(f, ending);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 2);
    fixture_disconnect(f, other, false);
    fixture_run_until_count(f, &plan->lost_count, 2, "the other's, too");
    assert_int_equal(atomic_load(&f->limit.open), 2); /* they still have their descriptors */

    yodel_transport_group_release(f->group); /* one of two */
    fixture_settle(f);
    assert_int_equal(atomic_load(&f->limit.open), 2);

    yodel_transport_group_release(f->group);
    fixture_expect_eof(f, ending);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->lost_count, 2); /* once each */
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
}

/* --- aborting all, and freeing -----------------------------------------------------------------*/

static char much[1000000];

/* One idle, one with output waiting, one closing with output waiting, one lingering. */
static void connect_all_kinds(fixture *f, probe_plan *plan)
{
    for (int i = 0; i < 4; i++) {
        (void)fixture_connect_small(f);
    }
    (void)yodel_transport_write(plan->of[1]->transport, much, 100000);
    (void)yodel_transport_write(plan->of[2]->transport, much, 100000);
    yodel_transport_close(plan->of[2]->transport, 0);
    yodel_transport_close(plan->of[3]->transport, -EDQUOT);
    fixture_settle(f);
}

static void test_abort_all(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    connect_all_kinds(f, plan);
    assert_int_equal(yodel_transport_group_abort(f->group, YODEL_EDRAINABORT), 4);
    assert_int_equal(plan->lost_count, 0); /* comes from the reaper */
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EDRAINABORT);
    assert_int_equal(plan->reason[1], YODEL_EDRAINABORT);
    assert_int_equal(plan->reason[2], YODEL_EDRAINABORT); /* it failed at closing in good order */
    assert_int_equal(plan->reason[3], -EDQUOT);           /* it did not */
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_DRAIN_ABORT), 3);
    int client = fixture_connect(f); /* the group goes on */
    fixture_send_text(f, client, "hello");
    fixture_expect_text(f, client, "hello");
}

static void test_free_with_connections(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    connect_all_kinds(f, plan);
    (void)yodel_transport_write(plan->of[0]->transport, "corked", 6);
    yodel_transport_group_free(f->group);
    f->group = NULL;
    assert_int_equal(plan->lost_count, 4);
    assert_int_equal(plan->reason[0], YODEL_EDRAINABORT);
    fixture_settle(f); /* nothing of it is left on the loop */
    yodel_transport_group_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_adopted_ones_are_counted),
        fixture_test(test_adopting_a_socket_that_is_useless),
        fixture_test(test_above_the_limit),
        fixture_test(test_far_above_the_limit),
        fixture_test(test_refused_without_a_message),
        fixture_test(test_refused_ones_that_reset),
        fixture_test(test_groups_share_a_limit),
        fixture_test(test_a_protocol_refuses),
        fixture_test(test_held_ones_are_not_closed),
        fixture_test(test_abort_all),
        fixture_test(test_free_with_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
