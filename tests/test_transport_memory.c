/* What the buffers of a group's connections take: counted to the byte, and limited together. */
#include "core/error.h"
#include "core/transport_internal.h"

#include <errno.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

#define MIB (1u << 20)

static uint8_t *bytes; /* what is written and expected */
#define BYTES ((size_t)4 << 20)

static yodel_counters other; /* another group's */
static const yodel_counters *groups[2];
static yodel_memory_budget budget;
static probe_plan *plan;

static int setup(void **state)
{
    other = (yodel_counters){0};
    budget = (yodel_memory_budget){.max = MIB, .counters = groups, .groups = 1};
    bytes = probe_pattern(BYTES);
    return fixture_setup(state);
}

static int teardown(void **state)
{
    test_free(bytes);
    return fixture_teardown(state);
}

static void start(fixture *f)
{
    groups[0] = &f->counters;
    groups[1] = &other;
    plan = probe_start(f,
                       &(yodel_transport_settings){
                           .write_limits = {.high = 65536, .low = 16384, .hard = 8 * MIB},
                           .memory = &budget,
                       },
                       &(probe_plan){0});
}

/* What the transports really have. */
static uint64_t really(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->made_count; i++) {
        if (plan->of[i] != NULL) {
            sum += plan->of[i]->transport->in.capacity + plan->of[i]->transport->out.capacity;
        }
    }
    return sum;
}

static uint64_t buffered(const fixture *f)
{
    uint64_t n = fixture_count(f, YODEL_COUNT_BUFFERED);
    assert_int_equal(n, really());
    return n;
}

/* A client that does not read, of which about so many bytes have to wait. */
static int slow_reader(fixture *f, size_t len)
{
    int client = fixture_connect_small(f);
    assert_int_equal(yodel_transport_write(plan->of[plan->made_count - 1]->transport, bytes, len),
                     0);
    return client;
}

static void expect_lost(size_t index, int reason)
{
    assert_int_equal(plan->reason[index], reason);
}

/* --- counting ----------------------------------------------------------------------------------*/

static void test_output_is_counted(void **state)
{
    fixture *f = *state;
    start(f);
    int client = slow_reader(f, 200000);
    fixture_settle(f);
    assert_in_range(buffered(f), 100000, 200000);
    fixture_expect(f, client, bytes, 100000);
    assert_true(buffered(f) > 0);
    fixture_expect(f, client, bytes + 100000, 100000);
    fixture_settle(f);
    assert_int_equal(buffered(f), 0);
}

static ssize_t whole_lines(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    const uint8_t *end = memrchr(data, '\n', len);
    return end != NULL ? end - data + 1 : 0;
}

static void test_input_is_counted(void **state)
{
    fixture *f = *state;
    start(f);
    plan->data = whole_lines;
    int client = fixture_connect(f);
    fixture_feed(f, client, "a\nb", 3);
    assert_in_range(buffered(f), 1, 256);
    static uint8_t line[100000];
    memset(line, 'x', sizeof line);
    fixture_feed(f, client, line, sizeof line);
    assert_in_range(buffered(f), sizeof line, 4 * sizeof line);
    fixture_feed(f, client, "\nhalf", 5);
    assert_in_range(buffered(f), 4, 65536 + 4096);
    fixture_feed(f, client, "\n", 1);
    assert_int_equal(buffered(f), 0);
}

/* However a connection ends its bytes count no more. */
static void test_the_end(void **state)
{
    fixture *f = *state;
    start(f);
    int reset = slow_reader(f, 200000);
    (void)slow_reader(f, 200000);
    (void)slow_reader(f, 200000);
    fixture_settle(f);
    assert_true(buffered(f) > 300000);
    fixture_disconnect(f, reset, true);
    yodel_transport_abort(plan->of[1]->transport, 0);
    /* At once, although the memory goes at the end of the turn. */
    assert_true(fixture_count(f, YODEL_COUNT_BUFFERED) < really());
    yodel_transport_close(plan->of[2]->transport, 0);
    fixture_wait_active(f, 1);
    assert_true(buffered(f) > 100000);
    yodel_transport_abort(plan->of[2]->transport, 0);
    fixture_wait_active(f, 0);
    assert_int_equal(buffered(f), 0);
}

/* --- making room -------------------------------------------------------------------------------*/

static void test_the_largest_goes_first(void **state)
{
    fixture *f = *state;
    start(f);
    int echo = fixture_connect(f);
    int small = slow_reader(f, 150000);
    int largest = slow_reader(f, 550000);
    int medium = slow_reader(f, 250000);
    fixture_settle(f);
    assert_in_range(buffered(f), 800000, MIB);
    assert_int_equal(plan->lost_count, 0);

    int last = slow_reader(f, 250000);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 1);
    expect_lost(2, YODEL_EMEMORY);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 1);
    assert_int_equal(net_wait_end(largest), ECONNRESET);
    assert_true(fixture_logged(f, "more than 1048576 bytes: aborted the 1 largest"));
    assert_true(buffered(f) < MIB - MIB / 8);

    fixture_send_text(f, echo, "hello");
    fixture_expect_text(f, echo, "hello");
    fixture_expect(f, small, bytes, 150000);
    fixture_expect(f, medium, bytes, 250000);
    fixture_expect(f, last, bytes, 250000);
}

/* So many as are needed to come down to seven eighths, and no more. */
static void test_as_many_as_needed(void **state)
{
    fixture *f = *state;
    start(f);
    for (size_t i = 0; i < 40; i++) {
        (void)slow_reader(f, 80000);
        fixture_settle(f);
        assert_true(buffered(f) <= MIB);
        if (plan->lost_count > 0) {
            assert_true(buffered(f) > MIB - MIB / 8 - 2 * 80000);
        }
    }
    assert_true(plan->lost_count > 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), plan->lost_count);
    assert_int_equal(f->log.lines, 1); /* one a second */
}

/* No connection of this group is touched while it has no more than its share. */
static void test_shares(void **state)
{
    fixture *f = *state;
    budget.groups = 2;
    start(f);
    yodel_count(&other, YODEL_COUNT_BUFFERED, MIB);
    (void)slow_reader(f, 200000);
    (void)slow_reader(f, 200000);
    fixture_settle(f);
    yodel_transport_group_shed(f->group);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 0);
    assert_true(buffered(f) > 300000);
    (void)slow_reader(f, 300000); /* more than half a MiB: both have too much */
    fixture_settle(f);
    assert_true(plan->lost_count >= 1);
    expect_lost(2, YODEL_EMEMORY);
    assert_true(buffered(f) > 0);
}

/* What the others leave may be used. When they need it they ask for it. */
static void test_room_for_others(void **state)
{
    fixture *f = *state;
    budget.groups = 2;
    start(f);
    for (size_t i = 0; i < 4; i++) {
        (void)slow_reader(f, 230000);
    }
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 0);
    assert_true(buffered(f) > MIB / 2);
    yodel_transport_group_shed(f->group);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 0);
    yodel_count(&other, YODEL_COUNT_BUFFERED, MIB / 2);
    yodel_transport_group_shed(f->group);
    fixture_settle(f);
    assert_in_range(plan->lost_count, 1, 3);
    assert_in_range(buffered(f), MIB / 4, MIB / 2);
}

static void write_much(uint8_t *data)
{
    for (size_t i = 0; i < 10; i++) {
        int code = yodel_transport_write(plan->of[i]->transport, data, 500000);
        if (fixture_count((fixture *)plan->arg, YODEL_COUNT_BUFFERED) > 2 * MIB) {
            plan->trace[0] = '!';
        }
        if (code == 0) {
            plan->bytes++;
        } else {
            plan->resume_count += code == YODEL_EMEMORY;
        }
    }
}

/* Within one turn, before anybody can be chosen: nobody grows above an eighth too much, but for
 * small ones. */
static void test_a_burst_in_one_turn(void **state)
{
    fixture *f = *state;
    start(f);
    plan->arg = f;
    for (size_t i = 0; i < 12; i++) {
        (void)fixture_connect_small(f);
    }
    /* One has a little waiting already. */
    yodel_transport *small = plan->of[10]->transport;
    while (yodel_buffer_len(&small->out) == 0) {
        assert_int_equal(yodel_transport_write(small, bytes, 1000), 0);
        yodel_transport_flush(f->group);
    }
    write_much(bytes);
    assert_true(plan->trace[0] != '!');
    assert_in_range(plan->bytes, 2, 4);
    assert_int_equal(plan->resume_count, 10 - plan->bytes);
    plan->resume_count = 0;
    size_t left = plan->bytes;
    assert_int_equal(yodel_transport_write(small, bytes, 1500), 0);
    assert_int_equal(yodel_transport_write(small, bytes, 10), 0);
    fixture_settle(f);
    assert_true(plan->lost_count > 10 - left);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), plan->lost_count);
    assert_true(buffered(f) <= MIB);
    assert_non_null(plan->of[10]);
    assert_non_null(plan->of[11]);
}

/* A line that never ends is as good a way to fill the memory as an answer that nobody reads. */
static void test_input_counts_as_well(void **state)
{
    fixture *f = *state;
    start(f);
    plan->data = whole_lines;
    memset(bytes, 'x', BYTES);
    for (size_t i = 0; i < 20; i++) {
        int client = fixture_connect(f);
        fixture_feed(f, client, bytes, 4000 + 10000 * i);
        assert_true(buffered(f) <= MIB);
    }
    assert_true(plan->lost_count > 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), plan->lost_count);
    assert_non_null(plan->of[0]);
}

static void test_no_limit(void **state)
{
    fixture *f = *state;
    budget.max = 0;
    start(f);
    for (size_t i = 0; i < 4; i++) {
        (void)slow_reader(f, BYTES);
    }
    fixture_settle(f);
    yodel_transport_group_shed(f->group);
    assert_true(buffered(f) > 3 * BYTES);
    assert_int_equal(plan->lost_count, 0);
}

#define memory_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        memory_test(test_output_is_counted),
        memory_test(test_input_is_counted),
        memory_test(test_the_end),
        memory_test(test_the_largest_goes_first),
        memory_test(test_as_many_as_needed),
        memory_test(test_shares),
        memory_test(test_room_for_others),
        memory_test(test_a_burst_in_one_turn),
        memory_test(test_input_counts_as_well),
        memory_test(test_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
