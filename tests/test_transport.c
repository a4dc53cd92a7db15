/* A connection's life: begin, close, abort, the reaper, and what callbacks may do to themselves. */
#include "core/error.h"
#include "core/transport.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>

#include "core/transport_internal.h"
#include "proto/chat.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

/* --- the order of the callbacks ----------------------------------------------------------------*/

static void test_the_order_of_callbacks(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    fixture_send_text(f, client, "hello");
    fixture_expect_text(f, client, "hello");
    net_finish_sending(client);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data eof lost");
    assert_int_equal(plan->reason[0], YODEL_EOF);
    assert_false(plan->nested);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), 5);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), 5);
}

typedef struct instance {
    probe base;
    max_align_t aligned;
    char bytes[100];
} instance;

static bool zeroed_and_aligned;

static int check_instance(void *self, yodel_transport *transport, void *arg)
{
    static const char zeros[sizeof(instance)];
    (void)transport;
    zeroed_and_aligned = memcmp(self, zeros, sizeof zeros) == 0 &&
                         (uintptr_t)self % _Alignof(max_align_t) == 0 &&
                         arg == (void *)&zeroed_and_aligned;
    return 0;
}

static void test_an_instance_is_zeroed_and_aligned(void **state)
{
    fixture *f = *state;
    static const yodel_protocol_ops ops = {.connection_made = check_instance};
    fixture_start(
        f, &(yodel_transport_settings){
               .factory = {.ops = &ops, .size = sizeof(instance), .arg = &zeroed_and_aligned}});
    zeroed_and_aligned = false;
    (void)fixture_connect(f);
    assert_true(zeroed_and_aligned);
}

static int nothing(void *self, yodel_transport *transport, void *arg)
{
    (void)self;
    (void)transport;
    (void)arg;
    return 0;
}

/* Every callback but connection_made may be NULL: what comes is thrown away. */
static void test_callbacks_may_be_missing(void **state)
{
    fixture *f = *state;
    static const yodel_protocol_ops ops = {.connection_made = nothing};
    fixture_start(f, &(yodel_transport_settings){.factory = {.ops = &ops}});
    int client = fixture_connect(f);
    fixture_feed(f, client, "hello", 5);
    net_finish_sending(client);
    fixture_expect_eof(f, client);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
}

static int greet(probe *p)
{
    return yodel_transport_write(p->transport, "welcome", 7);
}

static void test_connection_made_may_write(void **state)
{
    fixture *f = *state;
    probe_start(f, NULL, &(probe_plan){.made = greet});
    int client = fixture_connect(f);
    fixture_expect_text(f, client, "welcome");
}

/* --- close -------------------------------------------------------------------------------------*/

static void test_close_sends_everything_first(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    size_t len = 600000;
    uint8_t *bytes = probe_pattern(len);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, bytes, len), 0);
    assert_false(yodel_transport_is_closing(t));
    yodel_transport_close(t, 0);
    assert_true(yodel_transport_is_closing(t));
    assert_int_equal(yodel_transport_write(t, "more", 4), -EPIPE);
    yodel_transport_close(t, -EIO); /* no effect */
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 0);
    fixture_expect(f, client, bytes, len);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_QUIT), 1);
    test_free(bytes);
}

static int close_quota(probe *p)
{
    yodel_transport_close(p->transport, -EDQUOT);
    return 0;
}

static void test_close_from_connection_made_with_a_reason(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.made = close_quota});
    int client = fixture_connect(f);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made lost");
    assert_int_equal(plan->reason[0], -EDQUOT);
}

static ssize_t answer_and_close(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    (void)yodel_transport_write(p->transport, "bye", 3);
    yodel_transport_close(p->transport, 0);
    return (ssize_t)len;
}

/* After close nothing more is handed in, and what the peer still sends makes no reset that would
 * destroy the answer on its way. */
static void test_close_discards_what_still_comes(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = answer_and_close});
    int client = fixture_connect(f);
    static char more[60000];
    fixture_feed(f, client, "x", 1);
    fixture_feed(f, client, more, sizeof more);
    assert_int_equal(plan->lost_count, 0);
    fixture_expect_text(f, client, "bye");
    fixture_expect_eof(f, client);
    net_finish_sending(client);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made data lost");
}

static void test_close_discards_at_most_64_kib(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = answer_and_close});
    int client = fixture_connect(f);
    static char more[65536];
    fixture_feed(f, client, "x", 1);
    fixture_feed(f, client, more, sizeof more - 1);
    assert_int_equal(plan->lost_count, 0);
    fixture_feed(f, client, more, 1);
    fixture_wait_active(f, 0); /* though the client has sent no end */
    assert_int_equal(plan->reason[0], 0);
}

/* --- abort -------------------------------------------------------------------------------------*/

static void test_abort_loses_output_visibly(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    static char big[100000];
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, big, sizeof big), 0);
    yodel_transport_abort(t, -ECANCELED);
    assert_true(yodel_transport_is_closing(t));
    assert_int_equal(plan->lost_count, 0); /* never from inside the call */
    assert_int_equal(yodel_transport_write(t, "x", 1), -EPIPE);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], -ECANCELED);
    assert_int_equal(net_wait_end(client), ECONNRESET);
}

/* Output that only the cork holds is lost just as well. */
static void test_abort_loses_this_turns_output_visibly(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, "half", 4), 0);
    yodel_transport_abort(plan->of[0]->transport, -ECANCELED);
    fixture_expect_reset(f, client);
}

static void test_abort_with_nothing_to_lose_is_a_clean_end(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    fixture_send_text(f, client, "hello");
    fixture_expect_text(f, client, "hello");
    yodel_transport_abort(plan->of[0]->transport, -ECANCELED);
    fixture_expect_eof(f, client);
    assert_int_equal(plan->reason[0], -ECANCELED);
}

static void test_abort_after_close_keeps_the_reason(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    static char big[100000];
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, big, sizeof big), 0);
    yodel_transport_close(t, -EDQUOT);
    yodel_transport_abort(t, -ECANCELED);
    yodel_transport_abort(t, -EIO);
    yodel_transport_close(t, -EIO);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], -EDQUOT);
    assert_int_equal(net_wait_end(client), ECONNRESET);
}

/* --- the peer's resets -------------------------------------------------------------------------*/

static void test_a_reset_is_counted_and_named(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_address peer;
    assert_int_equal(yodel_transport_peer(plan->of[0]->transport, &peer), 0);
    char text[YODEL_ADDRESS_TEXT];
    assert_true(strncmp(yodel_address_format(&peer, text), "127.0.0.1:", 10) == 0);
    fixture_disconnect(f, client, true);
    fixture_wait_active(f, 0);
    assert_string_equal(plan->trace, "made lost");
    assert_int_equal(plan->reason[0], -ECONNRESET);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
}

static void note_the_peer(probe *p, int reason)
{
    (void)reason;
    yodel_address peer;
    *(int *)p->plan->arg = yodel_transport_peer(p->transport, &peer);
}

static void test_a_peer_that_is_gone_has_no_address(void **state)
{
    fixture *f = *state;
    int code = 0;
    probe_start(f, NULL, &(probe_plan){.lost = note_the_peer, .arg = &code});
    int client = fixture_connect(f);
    fixture_disconnect(f, client, true);
    fixture_wait_active(f, 0);
    assert_int_equal(code, -ENOTCONN);
}

/* A reset that comes while nothing is read or written is noticed when the connection is used. */
static void test_a_reset_while_paused(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect(f);
    yodel_transport_pause_reading(plan->of[0]->transport);
    fixture_settle(f);
    fixture_disconnect(f, client, true);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 0);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, "x", 1), 0);
    fixture_wait_active(f, 0);
    assert_true(plan->reason[0] == -ECONNRESET || plan->reason[0] == -EPIPE);
}

/* --- what is asked about it --------------------------------------------------------------------*/

static void test_unsent_and_unread(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    static char big[200000];
    assert_int_equal(yodel_transport_unsent(t), 0);
    assert_int_equal(yodel_transport_write(t, "0123456789", 10), 0);
    assert_int_equal(yodel_transport_unsent(t), 10); /* this turn's */
    fixture_settle(f);
    assert_int_equal(yodel_transport_unsent(t), 0);
    assert_int_equal(yodel_transport_write(t, big, sizeof big), 0);
    fixture_settle(f);
    size_t unsent = yodel_transport_unsent(t);
    assert_int_equal(unsent, 10 + sizeof big - fixture_count(f, YODEL_COUNT_BYTES_OUT));
    assert_true(unsent > 0);
    assert_int_equal(yodel_transport_unread(t), 0);
    assert_ptr_equal(yodel_transport_counters(t), &f->counters);
    assert_ptr_equal(yodel_transport_loop(t), f->loop);
    assert_ptr_equal(yodel_transport_group_of(t), f->group);
    (void)client;
}

/* --- a wake-up that must not be missed ---------------------------------------------------------*/

static ssize_t keep_then_abort(probe *p, const uint8_t *data, size_t len)
{
    (void)data;
    if (p->plan->data_count == 1) {
        yodel_transport_pause_reading(p->transport);
        return 0;
    }
    yodel_transport_abort(p->transport, -ECANCELED);
    return (ssize_t)len;
}

static yodel_loop *loop_to_stop;
static bool too_late;

static void resume_the_other(probe *p, int reason)
{
    (void)reason;
    if (p->index == 0) {
        yodel_transport_resume_reading(p->plan->of[1]->transport);
    } else {
        yodel_loop_stop(loop_to_stop);
    }
}

static void on_too_late(yodel_timer *timer)
{
    too_late = true;
    yodel_loop_stop(timer->loop);
}

/* connection_lost of the one resumes the other, whose kept bytes make it end: that end is deferred
 * work of deferred work, and there is no event any more that would wake the loop for it. (The
 * fixture's own runs would not show it: they tick.) */
static void test_the_reaper_is_not_forgotten(void **state)
{
    fixture *f = *state;
    probe_plan *plan =
        probe_start(f, NULL, &(probe_plan){.data = keep_then_abort, .lost = resume_the_other});
    (void)fixture_connect(f);
    int client = fixture_connect(f);
    fixture_feed(f, client, "x", 1);
    assert_int_equal(plan->data_count, 1);

    yodel_transport_abort(plan->of[0]->transport, 0);
    yodel_timer timer;
    loop_to_stop = f->loop;
    too_late = false;
    yodel_timer_init(&timer, f->loop, on_too_late);
    yodel_timer_start(&timer, NET_TIMEOUT);
    yodel_loop_run(f->loop);
    yodel_timer_stop(&timer);
    assert_false(too_late);
    assert_int_equal(plan->lost_count, 2);
}

/* --- the memory of a connection ----------------------------------------------------------------*/

/* DESIGN section 2: an idle connection owns no buffer and less than 256 bytes. */
static void test_an_idle_connection_is_small(void **state)
{
    fixture *f = *state;
    static const yodel_line_config config = {.ops = &yodel_chat_ops, .max_line = 65536};
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&config)});
    int client = fixture_connect_small(f);
    /* Both buffers are used once: by output that the kernel refuses and by an incomplete line. */
    static char long_line[60002];
    memset(long_line, 'x', 60000);
    memcpy(long_line + 60000, "\r\n", 2);
    fixture_feed(f, client, long_line, sizeof long_line);
    fixture_expect_text(f, client, "You sent: ");
    fixture_expect(f, client, long_line, sizeof long_line);
    fixture_feed(f, client, "hel", 3);
    yodel_transport *t =
        yodel_container_of(yodel_list_first(&f->group->live), yodel_transport, link);
    assert_int_equal(yodel_transport_unread(t), 3);
    fixture_send_text(f, client, "lo\r\n");
    fixture_expect_text(f, client, "You sent: hello\r\n");

    fixture_settle(f);
    assert_null(t->in.memory);
    assert_null(t->out.memory);
    size_t size = malloc_usable_size(t);
    print_message("an idle chat connection: %zu bytes\n", size);
    assert_true(size < 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_the_order_of_callbacks),
        fixture_test(test_an_instance_is_zeroed_and_aligned),
        fixture_test(test_callbacks_may_be_missing),
        fixture_test(test_connection_made_may_write),
        fixture_test(test_close_sends_everything_first),
        fixture_test(test_close_from_connection_made_with_a_reason),
        fixture_test(test_close_discards_what_still_comes),
        fixture_test(test_close_discards_at_most_64_kib),
        fixture_test(test_abort_loses_output_visibly),
        fixture_test(test_abort_loses_this_turns_output_visibly),
        fixture_test(test_abort_with_nothing_to_lose_is_a_clean_end),
        fixture_test(test_abort_after_close_keeps_the_reason),
        fixture_test(test_a_reset_is_counted_and_named),
        fixture_test(test_a_peer_that_is_gone_has_no_address),
        fixture_test(test_a_reset_while_paused),
        fixture_test(test_unsent_and_unread),
        fixture_test(test_the_reaper_is_not_forgotten),
        fixture_test(test_an_idle_connection_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
