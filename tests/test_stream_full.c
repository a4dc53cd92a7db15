/* Connections for which no stack can be had, among others that live on. */
#include "core/coroutine.h"
#include "proto/stream.h"

#include <stdatomic.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/trace.h"

#define FULL "Error: server is full\r\n"

static void echo_lines(yodel_stream *s, void *arg)
{
    yodel_span line;
    (void)arg;
    while (yodel_stream_read_until(s, "\n", 1, 0, &line) == 0) {
        (void)yodel_stream_write(s, line.data, line.len);
        (void)yodel_stream_write(s, "\n", 1);
    }
}

static void serve(fixture *f)
{
    yodel_coroutine_trim(); /* what earlier tests left would do for these connections */
    trace_serve_with(f, echo_lines, NULL, &(yodel_transport_settings){.full_message = FULL},
                     TRACE_LIMIT);
}

static void check_echo(fixture *f, int client)
{
    fixture_send_text(f, client, "still there?\n");
    fixture_expect_text(f, client, "still there?\n");
}

static void check_refused(fixture *f, int client)
{
    fixture_expect_text(f, client, FULL);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
}

static void refuse_among_others(fixture *f, atomic_bool *fails)
{
    enum { SOME = 5 };
    int clients[SOME];
    serve(f);
    for (int i = 0; i < SOME; i++) {
        clients[i] = fixture_connect(f);
        check_echo(f, clients[i]);
    }

    *fails = true;
    for (uint64_t n = 1; n <= 3; n++) {
        int client = fixture_connect(f);
        net_send_text(client, "hello?\n"); /* what it has sent does not turn the end into a reset */
        check_refused(f, client);
        fixture_wait_active(f, SOME);
        assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), n);
        assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_FULL), n);
        for (int i = 0; i < SOME; i++) {
            check_echo(f, clients[i]);
        }
    }
    assert_int_equal(trace.started, SOME);
    assert_true(fixture_logged(f, "connection refused"));

    /* A handler that ends leaves its stack to the next one. */
    fixture_disconnect(f, clients[0], false);
    fixture_wait_active(f, SOME - 1);
    check_echo(f, fixture_connect(f));
    check_refused(f, fixture_connect(f));

    *fails = false;
    check_echo(f, fixture_connect(f));
    assert_int_equal(trace.started, SOME + 2);
}

static void test_no_mapping(void **state)
{
    refuse_among_others(*state, &faults.fail_map);
}

static void test_no_room_for_the_guard_page(void **state)
{
    refuse_among_others(*state, &faults.fail_protect);
}

/* A refused connection is none of a drain's concerns for longer than any other. */
static void note_drained(void *arg)
{
    (void)arg;
    trace_note("drained");
}

static void test_a_drain_with_refused_ones(void **state)
{
    fixture *f = *state;
    serve(f);
    faults.fail_map = true;
    int refused = fixture_connect(f);
    fixture_settle(f);
    yodel_transport_group_drain(f->group, note_drained, NULL);
    int late = fixture_connect(f);
    check_refused(f, refused);
    check_refused(f, late);
    trace_wait_text(f, "drained");
}

static int teardown(void **state)
{
    faults_reset();
    return trace_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_no_mapping, fixture_setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_for_the_guard_page, fixture_setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_drain_with_refused_ones, fixture_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
