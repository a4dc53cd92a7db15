/* How long a handler waits: in virtual time, to the millisecond. */
#include "tests/support/virtual_time.h"

#include "core/clock.h"
#include "proto/stream.h"

#include <math.h>
#include <sys/socket.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/trace.h"

/* When time began to stand still; what a handler notes are seconds since then. */
static uint64_t begin;

static void note_time(void)
{
    trace_note("@%.1f", (double)(yodel_clock_now() - begin) / 1e9);
}

static void stop_loop(yodel_timer *timer)
{
    yodel_loop_stop(timer->loop);
}

/* Lets time pass until handlers have nothing more to wait for, at most a day. */
static void pass_time(fixture *f)
{
    yodel_timer day;
    yodel_timer_init(&day, f->loop, stop_loop);
    yodel_timer_start(&day, 86400.0);
    yodel_loop_run(f->loop);
    yodel_timer_stop(&day);
}

/* A client whose handler has run until its first wait; from then on time stands still. */
static int connect_and_stop_time(fixture *f)
{
    int client = fixture_connect(f);
    fixture_settle(f);
    virtual_time_begin();
    begin = yodel_clock_now();
    return client;
}

/* The loop is told of nothing meanwhile. */
static void pass_time_deaf(fixture *f)
{
    virtual_time.deaf = true;
    pass_time(f);
    virtual_time.deaf = false;
}

static int end_time(void **state)
{
    virtual_time_end();
    return trace_teardown(state);
}

/* The last thing such a handler does. */
static void time_is_over(yodel_stream *s)
{
    note_time();
    yodel_loop_stop(yodel_transport_loop(yodel_stream_transport(s)));
}

/* --- sleep -------------------------------------------------------------------------------------*/

static void sleep_long(yodel_stream *s, void *arg)
{
    (void)arg;
    static const double times[] = {3600.0, 0.0, 1.5, -1.0, 0.1, 100.0};
    traced_until(s, "\n", 10); /* when this ends time stands still */
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        note_time();
        traced_sleep(s, times[i]);
    }
    time_is_over(s);
}

static void test_sleep(void **state)
{
    fixture *f = *state;
    trace_serve(f, sleep_long, NULL);
    (void)connect_and_stop_time(f);
    pass_time(f);
    trace_expect("until=TIMEDOUT @10.0 sleep=ok @3610.0 sleep=ok @3610.0 sleep=ok @3611.5 sleep=ok "
                 "@3611.5 sleep=ok @3611.6 sleep=ok @3711.6");
}

static void sleep_for_ever(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_sleep(s, (double)INFINITY);
    traced_sleep(s, 1e300);
}

static void test_sleep_without_end(void **state)
{
    fixture *f = *state;
    trace_serve(f, sleep_for_ever, NULL);
    int client = connect_and_stop_time(f);
    pass_time(f); /* the whole day */
    assert_int_equal(trace.returned, 0);
    virtual_time_end();
    ev_now_update(yodel_loop_ev(f->loop)); /* a timer that is started now must not be a day late */
    fixture_disconnect(f, client, true);
    trace_wait_returned(f, 1);
    trace_expect("sleep=CANCELED sleep=CANCELED");
}

/* While one sleeps for nothing others run: sleep(0) lets everybody have a turn. */
static void take_turns(yodel_stream *s, void *arg)
{
    char *name = arg;
    char mine = (*name)++;
    for (int i = 0; i < 3; i++) {
        trace_note("%c", mine);
        (void)yodel_stream_sleep(s, 0);
    }
}

static void test_sleep_of_nothing_lets_others_run(void **state)
{
    fixture *f = *state;
    char name = 'a';
    trace_serve(f, take_turns, &name);
    (void)fixture_connect(f);
    (void)fixture_connect(f);
    trace_wait_returned(f, 2);
    trace_expect("a b a b a b");
}

/* --- deadlines ---------------------------------------------------------------------------------*/

/* The handler's timer is set for a wait that ends early, and is in the way of no later one. */
static void wait_long_and_short(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_until(s, "\n", 30); /* the line comes at once */
    note_time();
    traced_sleep(s, 2); /* sooner than the timer that is still set */
    note_time();
    traced_until(s, "\n", 100); /* later */
    note_time();
    traced_until(s, "\n", 5);
    note_time();
    traced_some(s, 1, 7);
    note_time();
    traced_exactly(s, 1, 0.5);
    note_time();
    traced_sleep(s, 60);
    time_is_over(s);
}

static void test_each_wait_has_its_own_time(void **state)
{
    fixture *f = *state;
    trace_serve(f, wait_long_and_short, NULL);
    int client = fixture_connect(f);
    fixture_settle(f);
    net_send_text(client, "x\n");
    virtual_time_begin();
    begin = yodel_clock_now();
    net_wait_delivered(client);
    pass_time(f);
    trace_expect("until=x @0.0 sleep=ok @2.0 until=TIMEDOUT @102.0 until=TIMEDOUT @107.0 "
                 "some=TIMEDOUT @114.0 exactly=TIMEDOUT @114.5 sleep=ok @174.5");
}

static void read_lines_in_time(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_until(s, "\n", 10);
    note_time();
    traced_until(s, "\n", 10);
    note_time();
    traced_until(s, "\n", 0);
    traced_until(s, "\n", 0);
    time_is_over(s);
}

/* What came in time counts, whether the loop was told of it or not; and an end in time is one. */
static void test_what_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    trace_serve(f, read_lines_in_time, NULL);
    int client = connect_and_stop_time(f);
    net_send_text(client, "a\nb");
    net_wait_delivered(client);
    pass_time_deaf(f);
    trace_expect("until=a @10.0 until=TIMEDOUT @20.0");
    net_send_text(client, "c\n");
    net_finish_sending(client);
    net_wait_delivered(client);
    pass_time(f);
    trace_expect("until=a @10.0 until=TIMEDOUT @20.0 until=bc until=EOF @86400.0");
}

static void read_the_end_in_time(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_until(s, "\n", 10);
    note_time();
}

static void test_an_end_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    trace_serve(f, read_the_end_in_time, NULL);
    int client = connect_and_stop_time(f);
    net_finish_sending(client);
    net_wait_delivered(client);
    pass_time_deaf(f);
    trace_expect("until=EOF @10.0");
}

/* The end is what the handler hears of, not the time. */
static void test_a_reset_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    trace_serve(f, read_the_end_in_time, NULL);
    int client = connect_and_stop_time(f);
    fixture_disconnect(f, client, true);
    pass_time_deaf(f);
    trace_expect("until=CONNRESET @10.0");
}

static void wait_for_the_end(yodel_stream *s, void *arg)
{
    (void)arg;
    (void)yodel_stream_write(s, "x", 1);
    traced_wait_closed(s, 1);
    note_time();
}

/* So does who waits for the peer's end, with the stream closed. */
static void test_a_last_end_that_the_loop_was_not_told_of(void **state)
{
    fixture *f = *state;
    trace_serve(f, wait_for_the_end, NULL);
    int client = connect_and_stop_time(f);
    net_expect_text(client, "x");
    net_finish_sending(client);
    net_wait_delivered(client);
    pass_time_deaf(f);
    trace_expect("closed=ok @1.0");
}

/* Bytes of a line do not give it more time. */
typedef struct drip {
    yodel_timer timer; /* first */
    int client;
} drip;

static void send_drop(yodel_timer *timer)
{
    drip *d = (drip *)(void *)timer;
    (void)send(d->client, "x", 1, MSG_NOSIGNAL);
    yodel_timer_start(timer, 1);
}

static void wait_for_a_line(yodel_stream *s, void *arg)
{
    (void)arg;
    traced_until(s, "\n", 30);
    note_time();
    trace_note("%s", yodel_transport_unread(yodel_stream_transport(s)) > 10 ? "many" : "few");
    traced_exactly(s, 10, 0);
    time_is_over(s);
}

static void test_a_drip_does_not_extend_a_line(void **state)
{
    fixture *f = *state;
    drip d;
    trace_serve(f, wait_for_a_line, NULL);
    d.client = connect_and_stop_time(f);
    yodel_timer_init(&d.timer, f->loop, send_drop);
    yodel_timer_start(&d.timer, 1);
    pass_time(f);
    yodel_timer_stop(&d.timer);
    trace_expect("until=TIMEDOUT @30.0 many exactly=xxxxxxxxxx @30.0");
}

/* --- writing and closing -----------------------------------------------------------------------*/

/* A client that reads nothing: neither drain nor wait_closed get anywhere. */
static void write_to_nobody(yodel_stream *s, void *arg)
{
    (void)arg;
    static const char kilobyte[1024] = "...";
    int code = 0;
    for (int i = 0; i < 1000 && code == 0; i++) {
        code = yodel_stream_write(s, kilobyte, sizeof kilobyte);
    }
    trace_code("write", code);
    traced_sleep(s, 0); /* until time stands still */
    traced_drain(s, 12);
    note_time();
    traced_drain(s, 0.5);
    note_time();
    traced_wait_closed(s, 20);
    note_time();
    traced_wait_closed(s, 3);
    time_is_over(s);
}

static void test_drain_and_wait_closed_give_up(void **state)
{
    fixture *f = *state;
    trace_serve(f, write_to_nobody, NULL);
    (void)fixture_connect_small(f);
    virtual_time_begin();
    begin = yodel_clock_now();
    pass_time(f);
    trace_expect("write=ok sleep=ok drain=TIMEDOUT @12.0 drain=TIMEDOUT @12.5 closed=TIMEDOUT "
                 "@32.5 closed=TIMEDOUT @35.5");
}

/* The transport's own limit for output that waits holds for streams, too, also once closed. */
typedef struct stalling {
    const char *script;
    yodel_loop *loop;
} stalling;

static void write_and_wait(yodel_stream *s, void *arg)
{
    const stalling *plan = arg;
    static const char kilobyte[1024] = "...";
    for (int i = 0; i < 500; i++) {
        (void)yodel_stream_write(s, kilobyte, sizeof kilobyte);
    }
    traced_script(s, (void *)(uintptr_t)plan->script);
    note_time();
    yodel_loop_stop(plan->loop);
}

static void test_a_reader_that_stalls(void **state)
{
    static const char *const stalls[][2] = {
        {"d d s1", "drain=STALLED drain=STALLED some=CANCELED @30.0"},
        {"s1 s1", "some=STALLED some=CANCELED @30.0"},
        {"z90000 d", "sleep=CANCELED drain=STALLED @30.0"},
        {"C C", "closed=STALLED closed=STALLED @30.0"},
        {"c z90000 C", "sleep=CANCELED closed=STALLED @30.0"},
    };
    fixture *f = *state;
    stalling plan = {.loop = f->loop};
    trace_serve_with(f, write_and_wait, &plan, &(yodel_transport_settings){.write_timeout = 30},
                     TRACE_LIMIT);
    virtual_time_begin();
    for (size_t i = 0; i < sizeof stalls / sizeof stalls[0]; i++) {
        plan.script = stalls[i][0];
        begin = yodel_clock_now();
        trace_again(write_and_wait, &plan);
        (void)fixture_connect_small(f);
        pass_time(f);
        trace_expect(stalls[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sleep, fixture_setup, end_time),
        cmocka_unit_test_setup_teardown(test_sleep_without_end, fixture_setup, end_time),
        cmocka_unit_test_setup_teardown(test_sleep_of_nothing_lets_others_run, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_each_wait_has_its_own_time, fixture_setup, end_time),
        cmocka_unit_test_setup_teardown(test_what_the_loop_was_not_told_of, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_an_end_that_the_loop_was_not_told_of, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_a_reset_that_the_loop_was_not_told_of, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_a_last_end_that_the_loop_was_not_told_of,
                                        fixture_setup, end_time),
        cmocka_unit_test_setup_teardown(test_a_drip_does_not_extend_a_line, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_drain_and_wait_closed_give_up, fixture_setup,
                                        end_time),
        cmocka_unit_test_setup_teardown(test_a_reader_that_stalls, fixture_setup, end_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
