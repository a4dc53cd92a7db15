/* Pausing and resuming, redelivery, the end of input. */
#include "core/error.h"
#include "core/transport.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

#define pause_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static int setup(void **state)
{
    faults_reset();
    return fixture_setup(state);
}

static int teardown(void **state)
{
    faults_reset();
    return fixture_teardown(state);
}

/* --- pausing -----------------------------------------------------------------------------------*/

static void test_paused_nothing_is_delivered(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_true(yodel_transport_is_reading(t));
    yodel_transport_pause_reading(t);
    yodel_transport_pause_reading(t); /* no effect */
    assert_false(yodel_transport_is_reading(t));
    fixture_feed(f, client, "hello", 5);
    assert_string_equal(plan->trace, "made");
    yodel_transport_resume_reading(t);
    assert_true(yodel_transport_is_reading(t));
    assert_string_equal(plan->trace, "made"); /* not from inside the call */
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    yodel_transport_resume_reading(t); /* no effect */
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    assert_int_equal(plan->bytes, 5);
}

/* The peer of a paused connection has to wait; nothing is read ahead. */
static void test_paused_the_peer_waits(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    int client = fixture_connect(f);
    static const char much[1 << 20];
    yodel_transport_pause_reading(plan->of[0]->transport);
    size_t sent = net_fill(client, much, sizeof much, 100);
    fixture_settle(f);
    assert_int_equal(faults.receives, 0);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_run_until_count(f, &plan->bytes, sent, "all bytes are consumed");
}

static ssize_t pause_and_keep(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->plan->data_count == 1) {
        yodel_transport_pause_reading(p->transport);
        return 1;
    }
    return (ssize_t)len;
}

/* What was kept comes first, without a byte from the network, then what waits there. */
static void test_resume_delivers_what_was_kept(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    assert_int_equal(plan->bytes, 1);
    assert_int_equal(yodel_transport_unread(plan->of[0]->transport), 4);
    size_t receives = faults.receives;
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->bytes, 5);
    assert_int_equal(plan->data_count, 2);
    assert_int_equal(faults.receives, receives);
}

static ssize_t pause_and_resume(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)len;
    yodel_transport_pause_reading(p->transport);
    yodel_transport_resume_reading(p->transport);
    return 1;
}

/* The rest that this very call leaves is kept, too. */
static void test_resume_from_inside_data_received(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_resume});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    assert_int_equal(plan->bytes, 5);
    assert_int_equal(plan->data_count, 5);
    assert_false(plan->nested);
}

/* The last word counts. */
static void test_resume_and_pause_again(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    yodel_transport_resume_reading(plan->of[0]->transport);
    yodel_transport_pause_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 1);
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_settle(f);
    assert_int_equal(plan->bytes, 5);
}

/* Closed with output waiting and input kept that was about to be handed in: never any more. */
static void test_closed_with_input_kept(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect_small(f);
    fixture_feed(f, client, "hello", 5);
    yodel_transport *t = plan->of[0]->transport;
    static char much[300000];
    assert_int_equal(yodel_transport_write(t, much, sizeof much), 0);
    fixture_settle(f);
    yodel_transport_resume_reading(t);
    yodel_transport_close(t, 0);
    fixture_expect(f, client, much, sizeof much);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->data_count, 1);
}

/* --- redelivery --------------------------------------------------------------------------------*/

static void test_redeliver(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    yodel_transport *t = plan->of[0]->transport;
    yodel_transport_redeliver(t); /* nothing there: no effect */
    fixture_settle(f);
    assert_int_equal(plan->data_count, 0);
    fixture_feed(f, client, "0123456789", 10);
    yodel_transport_redeliver(t); /* while paused */
    assert_int_equal(plan->data_count, 1);
    fixture_settle(f);
    assert_int_equal(plan->data_count, 2);
    assert_int_equal(plan->bytes, 10);
}

static int stay(probe *p)
{
    (void)p;
    return 1;
}

/* Consumes what *arg says, at the most. */
static ssize_t consume(probe *p, const uint8_t *data, size_t len)
{
    const size_t *wanted = p->plan->arg;
    (void)data;
    return (ssize_t)(*wanted < len ? *wanted : len);
}

static void test_redeliver_after_the_end_of_file(void **state)
{
    fixture *f = *state;
    size_t wanted = 0;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = consume, .eof = stay, .arg = &wanted});
    int client = fixture_connect(f);
    fixture_feed(f, client, "0123456789", 10);
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof");
    wanted = 10;
    yodel_transport_redeliver(plan->of[0]->transport);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof data");
    assert_int_equal(plan->bytes, 10);
}

/* --- the end of input --------------------------------------------------------------------------*/

/* 1: open for writing; the protocol closes. */
static void test_half_open(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow, .eof = stay});
    int client = fixture_connect(f);
    fixture_send_text(f, client, "hello");
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data eof");
    yodel_transport *t = plan->of[0]->transport;
    assert_false(yodel_transport_is_closing(t));
    assert_false(yodel_transport_is_reading(t));
    yodel_transport_pause_reading(t);
    yodel_transport_resume_reading(t);
    assert_int_equal(yodel_transport_write(t, "later", 5), 0);
    fixture_expect_text(f, client, "later");
    yodel_transport_close(t, 0);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data eof lost");
    assert_int_equal(plan->reason[0], 0);
}

/* 0: everything written is sent first. */
static int write_and_close(probe *p)
{
    return yodel_transport_write(p->transport, p->plan->arg, 500000) < 0 ? -1 : 0;
}

static void test_end_of_file_sends_everything_first(void **state)
{
    fixture *f = *state;
    uint8_t *bytes = probe_pattern(500000);
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.eof = write_and_close, .arg = bytes});
    int client = fixture_connect_small(f);
    net_finish_sending(client);
    fixture_expect(f, client, bytes, 500000);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], YODEL_EOF);
    test_free(bytes);
}

/* The end comes after all bytes, also for one who was paused when both had arrived. */
static void test_end_of_file_waits_for_resume(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = pause_and_keep});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    fixture_send_text(f, client, "world");
    net_finish_sending(client);
    fixture_settle(f);
    assert_string_equal(plan->trace, "made data");
    yodel_transport_resume_reading(plan->of[0]->transport);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data data data eof lost");
    assert_int_equal(plan->bytes, 10);
}

static int write_much_and_stay(probe *p)
{
    static char much[300000];
    (void)yodel_transport_write(p->transport, much, sizeof much);
    return 1;
}

/* The transport's own pausing and resuming (no pause_writing) ends with the input: what was offered
 * and not consumed is not offered again. */
static void test_nothing_comes_after_the_end_of_file(void **state)
{
    fixture *f = *state;
    size_t wanted = 0;
    probe_plan *plan = probe_start(
        f, NULL, &(probe_plan){.data = consume, .eof = write_much_and_stay, .arg = &wanted});
    yodel_protocol_ops ops = *f->settings.factory.ops;
    ops.pause_writing = NULL;
    ops.resume_writing = NULL;
    f->settings.factory.ops = &ops;
    int client = fixture_connect_small(f);
    fixture_feed(f, client, "0123456789", 10);
    net_finish_sending(client);
    char *got = test_malloc(300000);
    fixture_receive(f, client, got, 300000);
    fixture_settle(f);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PAUSED), 1);
    assert_string_equal(plan->trace, "made data eof");
    yodel_transport_close(plan->of[0]->transport, 0);
    fixture_wait_active(f, 0); /* ops ends here */
    test_free(got);
}

/* --- the gauge of those who are not read -------------------------------------------------------*/

static uint64_t not_read(const fixture *f)
{
    return fixture_count(f, YODEL_COUNT_PAUSED_NOW);
}

static void test_gauge_of_the_protocols_pauses(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = probe_swallow});
    yodel_transport *t[3];
    for (int i = 0; i < 3; i++) {
        (void)fixture_connect(f);
        t[i] = plan->of[i]->transport;
    }
    assert_int_equal(not_read(f), 0);
    yodel_transport_pause_reading(t[0]);
    yodel_transport_pause_reading(t[0]);
    yodel_transport_pause_reading(t[1]);
    yodel_transport_pause_reading(t[2]);
    assert_int_equal(not_read(f), 3);
    yodel_transport_resume_reading(t[0]);
    yodel_transport_resume_reading(t[0]);
    assert_int_equal(not_read(f), 2);
    yodel_transport_close(t[1], 0); /* those that end are no longer among them */
    assert_int_equal(not_read(f), 1);
    yodel_transport_abort(t[2], 0);
    assert_int_equal(not_read(f), 0);
    yodel_transport_abort(t[0], 0);
    fixture_wait_active(f, 0);
    assert_int_equal(not_read(f), 0);
}

static int note_eof(probe *p)
{
    *(bool *)p->plan->arg = true;
    return 1;
}

/* Resumed when there is nothing more to read. */
static void test_gauge_after_the_end_of_input(void **state)
{
    fixture *f = *state;
    bool ended = false;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = probe_swallow, .eof = note_eof, .arg = &ended});
    int client = fixture_connect(f);
    net_finish_sending(client);
    fixture_run_until_true(f, &ended, "the end of input");
    yodel_transport_pause_reading(plan->of[0]->transport);
    assert_int_equal(not_read(f), 1);
    yodel_transport_resume_reading(plan->of[0]->transport);
    assert_int_equal(not_read(f), 0);
    yodel_transport_close(plan->of[0]->transport, 0);
    fixture_wait_active(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pause_test(test_paused_nothing_is_delivered),
        pause_test(test_paused_the_peer_waits),
        pause_test(test_resume_delivers_what_was_kept),
        pause_test(test_resume_from_inside_data_received),
        pause_test(test_resume_and_pause_again),
        pause_test(test_closed_with_input_kept),
        pause_test(test_redeliver),
        pause_test(test_redeliver_after_the_end_of_file),
        pause_test(test_half_open),
        pause_test(test_end_of_file_sends_everything_first),
        pause_test(test_end_of_file_waits_for_resume),
        pause_test(test_nothing_comes_after_the_end_of_file),
        pause_test(test_gauge_of_the_protocols_pauses),
        pause_test(test_gauge_after_the_end_of_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
