/*
 * The cork: what a turn writes, copied, composed in place, gathered from what was received or put
 * in front of it, to this connection or another one, arrives as it was written, whatever the kernel
 * takes.
 */
#include "core/error.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"
#include "tests/support/random.h"

#define cork_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* What connection i should be sent. */
#define WRITTEN_MAX ((size_t)4 << 20)
static struct {
    uint8_t *bytes;
    size_t len;
    size_t got;
} written[2];

static uint8_t *pattern;
static test_random random_numbers;

static int setup(void **state)
{
    faults_reset();
    pattern = probe_pattern(200000);
    for (int i = 0; i < 2; i++) {
        written[i].bytes = malloc(WRITTEN_MAX);
        written[i].len = written[i].got = 0;
    }
    test_random_init(&random_numbers, "test_transport_cork");
    return fixture_setup(state);
}

static int teardown(void **state)
{
    faults_reset();
    test_free(pattern);
    for (int i = 0; i < 2; i++) {
        free(written[i].bytes);
    }
    return fixture_teardown(state);
}

static size_t below(size_t limit)
{
    return test_random_below(&random_numbers, limit);
}

static int note(size_t to, const void *data, size_t len)
{
    if (len > WRITTEN_MAX - written[to].len) {
        return -ENOSPC;
    }
    memcpy(written[to].bytes + written[to].len, data, len);
    written[to].len += len;
    return 0;
}

static int write_and_note(probe *p, const void *data, size_t len)
{
    int code = yodel_transport_write(p->transport, data, len);
    return code == 0 ? note(p->index, data, len) : code;
}

static int compose_and_note(probe *p, const void *data, size_t len)
{
    uint8_t *room = yodel_transport_compose(p->transport, len);
    if (room == NULL) {
        return write_and_note(p, data, len);
    }
    memset(room + len, '!', YODEL_COMPOSE_SLACK);
    memcpy(room, data, len);
    return note(p->index, data, len);
}

static void expect_written(fixture *f, const int client[2])
{
    for (size_t i = 0; i < 2; i++) {
        fixture_expect(f, client[i], written[i].bytes + written[i].got,
                       written[i].len - written[i].got);
        written[i].got = written[i].len;
    }
}

/* --- one send for a line, however long ---------------------------------------------------------*/

static ssize_t reply(probe *p, const uint8_t *data, size_t len)
{
    int code = write_and_note(p, "You sent: ", 10);
    if (code == 0) {
        code = write_and_note(p, data, len);
    }
    return code < 0 ? code : (ssize_t)len;
}

static void test_a_long_line_is_one_send_with_what_is_before_it(void **state)
{
    fixture *f = *state;
    static const size_t lengths[] = {1, YODEL_GATHER_MIN - 1, YODEL_GATHER_MIN, 30000, 60000};
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = reply});
    int client = fixture_connect(f);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t turns = plan->data_count;
        faults.sends = 0;
        fixture_feed(f, client, pattern, lengths[i]);
        assert_int_equal(faults.sends, plan->data_count - turns);
        expect_written(f, (int[]){client, client});
    }
}

static ssize_t four_replies(probe *p, const uint8_t *data, size_t len)
{
    if (len < 60000) {
        return 0;
    }
    for (size_t i = 0; i < 4; i++) {
        if (reply(p, data + i * 15000, 15000) < 0) {
            return -EIO;
        }
    }
    return 60000;
}

static void test_long_lines_of_a_turn_are_one_send(void **state)
{
    fixture *f = *state;
    probe_start(f, &(yodel_transport_settings){.write_limits = {40000, 10000, 1 << 20}},
                &(probe_plan){.data = four_replies});
    int client = fixture_connect(f);
    fixture_feed(f, client, pattern, 60000);
    assert_int_equal(faults.sends, 1); /* though above the high mark: the kernel takes it */
    expect_written(f, (int[]){client, client});
}

/* --- composing ---------------------------------------------------------------------------------*/

static void test_there_is_room_only_while_it_is_open(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_null(yodel_transport_compose(t, YODEL_GATHER_MIN)); /* better not copied */
    char *room = yodel_transport_compose(t, 5);
    assert_non_null(room);
    assert_int_equal(yodel_transport_unsent(t), 5);
    yodel_transport_close(t, 0);
    assert_null(yodel_transport_compose(t, 5));
    assert_int_equal(yodel_transport_write(t, "more", 4), -EPIPE);
    memcpy(room, "hello", 5);
    fixture_expect(f, client, "hello", 5);
}

static void test_no_room_behind_what_the_kernel_refused(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    faults.send_max = 1;
    assert_int_equal(write_and_note(plan->of[0], pattern, 70000), 0); /* more than a cork */
    assert_null(yodel_transport_compose(t, 5));
    assert_int_equal(compose_and_note(plan->of[0], "behind", 6), 0);
    faults_reset();
    expect_written(f, (int[]){client, client});
}

static void test_room_ends_at_the_high_mark(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(
        f, &(yodel_transport_settings){.write_limits = {1000, 0, 1 << 20}}, &(probe_plan){0});
    (void)fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_non_null(yodel_transport_compose(t, 999));
    assert_null(yodel_transport_compose(t, 1));
    yodel_transport_set_limits(t, (yodel_write_limits){2000, 0, 1 << 20});
    assert_non_null(yodel_transport_compose(t, 1));
}

/* The same line eight times, as long as nobody says stop. */
static ssize_t write_until_paused(probe *p, const uint8_t *data, size_t len)
{
    for (int i = 0; i < 8 && p->plan->pause_count == 0; i++) {
        if (write_and_note(p, data, len) < 0) {
            return -EIO;
        }
    }
    return (ssize_t)len;
}

/* The hard cap must not end a writer that could not know of the kernel's refusal. */
static void test_a_turn_does_not_pass_the_hard_cap_unseen(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = {5000, 1000, 100000}},
                    &(probe_plan){.data = write_until_paused});
    int client = fixture_connect(f);
    faults.send_max = 1;
    fixture_feed(f, client, pattern, 15000);
    assert_int_equal(plan->reason[0], PROBE_ALIVE);
    assert_int_equal(plan->pause_count, 1);
    faults_reset();
    expect_written(f, (int[]){client, client});
}

/* --- in front of the line ----------------------------------------------------------------------*/

static ssize_t reply_at_length(probe *p, const uint8_t *data, size_t len)
{
    if (len <= 30000) {
        return 0;
    }
    if (write_and_note(p, pattern, 4000) < 0 || write_and_note(p, pattern + 4000, 4000) < 0 ||
        write_and_note(p, data, len) < 0) {
        return -EIO;
    }
    return (ssize_t)len;
}

/* What was kept of the turns before lies there: asan sees it when more is put than there is room.
 */
static void test_no_room_in_front_of_what_was_kept(void **state)
{
    fixture *f = *state;
    probe_start(f, NULL, &(probe_plan){.data = reply_at_length});
    int client = fixture_connect(f);
    fixture_feed(f, client, pattern, 30000);
    fixture_feed(f, client, pattern, 10);
    assert_int_equal(faults.sends, 1);
    expect_written(f, (int[]){client, client});
}

/* --- anything ----------------------------------------------------------------------------------*/

/* A turn with some writes of each kind, to this connection and the other one. */
static ssize_t anything(probe *p, const uint8_t *data, size_t len)
{
    size_t used = 1 + below(len);
    for (size_t writes = below(12); writes > 0; writes--) {
        probe *to = p->plan->of[below(2)];
        size_t from = below(3) == 0 ? 0 : below(len);
        size_t n = below(3) == 0 ? below(60) : below(len - from + 1);
        int code = 0;
        if (yodel_transport_unsent(to->transport) > 500000) {
            continue;
        }
        switch (below(4)) {
        case 0:
            code = compose_and_note(to, pattern + below(1000), below(100));
            break;
        case 1:
            code = write_and_note(to, pattern + below(1000), n);
            break;
        default:
            code = write_and_note(to, data + from, n);
            break;
        }
        if (code < 0) {
            return code;
        }
    }
    return (ssize_t)used;
}

static void test_anything(void **state)
{
    fixture *f = *state;
    uint32_t high = (uint32_t)(below(2) == 0 ? 65536 : 3000);
    probe_plan *plan =
        probe_start(f, &(yodel_transport_settings){.write_limits = {high, high / 4, 2 << 20}},
                    &(probe_plan){.data = anything});
    const int client[2] = {fixture_connect(f), fixture_connect(f)};
    for (int round = 0;
         round < 400 && written[0].len < WRITTEN_MAX / 2 && written[1].len < WRITTEN_MAX / 2;
         round++) {
        faults.send_max = below(3) == 0 ? 1 + below(20000) : 0;
        faults.disturb_every = below(2) == 0 ? 5 : 0;
        fixture_feed(f, client[below(2)], pattern, 1 + below(below(3) == 0 ? 60000 : 3000));
        if (below(3) == 0) {
            yodel_transport_set_limits(
                plan->of[below(2)]->transport,
                (yodel_write_limits){(uint32_t)(1 + below(70000)), 1, 2 << 20});
        }
        faults_reset();
        expect_written(f, client);
    }
    assert_int_equal(plan->lost_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cork_test(test_a_long_line_is_one_send_with_what_is_before_it),
        cork_test(test_long_lines_of_a_turn_are_one_send),
        cork_test(test_there_is_room_only_while_it_is_open),
        cork_test(test_no_room_behind_what_the_kernel_refused),
        cork_test(test_room_ends_at_the_high_mark),
        cork_test(test_a_turn_does_not_pass_the_hard_cap_unseen),
        cork_test(test_no_room_in_front_of_what_was_kept),
        cork_test(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
