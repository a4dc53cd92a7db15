/* Connections that a handler opens itself: how they begin, are used, and end with their handler. */
#include "core/error.h"
#include "proto/stream.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/threads.h"
#include "tests/support/trace.h"

/* The server that handlers connect to: the test itself. */
static int listener = -1;
static uint16_t port;
static size_t fds; /* open when there is a listener and nothing else */

static int setup(void **state)
{
    int result = fixture_setup(state);
    listener = net_listen(&port);
    fds = count_fds();
    return result;
}

static int teardown(void **state)
{
    fixture *f = *state;
    faults_reset();
    yodel_transport_group_free(f->group); /* its resolver may hold descriptors */
    f->group = NULL;
    for (size_t i = 0; i < f->clients; i++) {
        close(f->client[i]);
    }
    f->clients = 0;
    size_t left = count_fds();
    close(listener);
    if (left > fds) {
        print_error("%zu descriptors are left open\n", left - fds);
    }
    return trace_teardown(state) != 0 || left > fds ? -1 : 0;
}

#define connect_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

/* The handler's end of its connection to us. */
static int accept_upstream(fixture *f)
{
    trace_wait_text(f, "connect=ok");
    return net_accept(listener);
}

static bool is_readable(void *arg)
{
    return net_wait_readable(*(const int *)arg, 0);
}

static void run_until_readable(fixture *f, int fd)
{
    fixture_run_until(f, is_readable, &fd, "the handler connects");
}

/* --- beginning ---------------------------------------------------------------------------------*/

static void connect_and_talk(yodel_stream *s, void *arg)
{
    yodel_stream *up = NULL;
    if (traced_connect(s, arg, port, 5.0, &up) == 0) {
        traced_write(up, "hello");
        traced_until(up, "\n", 0);
        traced_until(s, "\n", 0);
    }
}

static void test_talks_to_another_server(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    fixture *f = *state;
    trace_serve(f, connect_and_talk, NULL);
    for (size_t i = 0; i < 2; i++) {
        trace_again(connect_and_talk, (void *)(uintptr_t)hosts[i]);
        int client = fixture_connect(f);
        int up = accept_upstream(f);
        fixture_expect_text(f, up, "hello");
        fixture_send_text(f, client, "here\n"); /* comes while the handler waits for the other */
        fixture_settle(f);
        fixture_send_text(f, up, "there\nmore");
        trace_wait_returned(f, 1);
        trace_expect("connect=ok write=ok until=there until=here");
        fixture_expect_eof(f, up); /* the handler's end is its own end */
        fixture_expect_eof(f, client);
        close(up);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
        assert_int_equal(fixture_count(f, YODEL_COUNT_OPENED), i + 1);
        assert_int_equal(fixture_count(f, YODEL_COUNT_ACCEPTED), i + 1);
    }
}

static void connect_in_vain(yodel_stream *s, void *arg)
{
    yodel_stream *up = (yodel_stream *)arg;
    static const char *const ports[] = {"", "0", "65536", "http", "-1", "80x"};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        trace_code("port", yodel_stream_connect(s, "127.0.0.1", ports[i], 0, &up));
    }
    traced_connect(s, "127.0.0.1", port, 0, &up);
    traced_connect(s, "localhost", port, 1.0, &up);
    traced_connect(s, "not a name", port, 1.0, &up);
    trace_note(up == arg ? "untouched" : "touched");
    traced_until(s, "\n", 0);
}

static void test_a_connect_that_fails(void **state)
{
    fixture *f = *state;
    trace_serve(f, connect_in_vain, &trace);
    close(listener);
    int client = fixture_connect(f);
    fixture_send_text(f, client, "on we go\n");
    trace_wait_returned(f, 1);
    listener = net_listen(&port);
    trace_expect("port=INVAL port=INVAL port=INVAL port=INVAL port=INVAL port=INVAL "
                 "connect=CONNREFUSED connect=CONNREFUSED connect=NONAME untouched "
                 "until=on we go");
}

static void connect_until_it_hangs(yodel_stream *s, void *arg)
{
    yodel_stream *up = NULL;
    uint16_t full = *(uint16_t *)arg;
    traced_connect(s, "127.0.0.1", full, 0.03, &up);
    traced_until(s, "\n", 0);
}

static void test_a_connect_that_takes_too_long(void **state)
{
    fixture *f = *state;
    uint16_t full = 0;
    int inside;
    int busy = net_listen_full("127.0.0.1", &full, &inside);
    trace_serve(f, connect_until_it_hangs, &full);
    int client = fixture_connect(f);
    fixture_send_text(f, client, "on we go\n");
    trace_wait_returned(f, 1);
    trace_expect("connect=TIMEDOUT until=on we go");
    close(inside);
    close(busy);
}

static void connect_without_memory(yodel_stream *s, void *arg)
{
    bool failed = true;
    (void)arg;
    for (size_t n = 1; failed && n < 100; n++) {
        yodel_stream *up = NULL;
        faults_fail_allocation(n);
        int code = yodel_stream_connect(s, "127.0.0.1", "1", 5.0, &up);
        failed = faults_allocation_failed();
        if (code != (failed ? -ENOMEM : -ECONNREFUSED) || up != NULL) {
            trace_code("wrong", code);
        }
        trace_note("%zu", n);
    }
    traced_connect(s, "127.0.0.1", port, 5.0, &(yodel_stream *){NULL});
}

static void test_a_connect_without_memory(void **state)
{
    fixture *f = *state;
    trace_serve(f, connect_without_memory, NULL);
    (void)fixture_connect(f);
    int up = accept_upstream(f);
    trace_wait_returned(f, 1);
    assert_null(strstr(trace.text.data, "wrong"));
    assert_non_null(strstr(trace.text.data, "1 2 3 4"));
    close(up);
}

/* --- the other side's end is not the handler's -------------------------------------------------*/

static void outlive_the_other(yodel_stream *s, void *arg)
{
    yodel_stream *up = NULL;
    traced_connect(s, "127.0.0.1", port, 0, &up);
    traced_until(up, "\n", 0);
    traced_until(up, "\n", 0);
    if (arg == NULL) {
        traced_some(up, 9, 0);
        traced_at_eof(up);
    } else {
        traced_write(up, "x");
        traced_drain(up, 0);
    }
    trace_note("%s", yodel_stream_transport(up) != NULL ? "alive" : "ended");
    traced_until(s, "\n", 0);
    traced_wait_closed(up, 0);
    traced_write(s, "bye\n");
}

static void test_the_other_one_closes(void **state)
{
    fixture *f = *state;
    trace_serve(f, outlive_the_other, NULL);
    int client = fixture_connect(f);
    int up = accept_upstream(f);
    fixture_send_text(f, up, "a\nrest");
    net_finish_sending(up);
    trace_wait_text(f, "alive");
    fixture_send_text(f, client, "b\n");
    fixture_expect_text(f, client, "bye\n");
    fixture_expect_eof(f, up);
    trace_expect("connect=ok until=a until=EOF some=rest eof=yes alive until=b closed=ok write=ok");
    close(up);
}

static void test_the_other_one_resets(void **state)
{
    fixture *f = *state;
    trace_serve(f, outlive_the_other, &port);
    int client = fixture_connect(f);
    int up = accept_upstream(f);
    fixture_send_text(f, up, "a\n");
    trace_wait_text(f, "until=a");
    net_reset(up);
    trace_wait_text(f, "ended");
    fixture_send_text(f, client, "b\n");
    fixture_expect_text(f, client, "bye\n");
    trace_expect("connect=ok until=a until=CONNRESET write=CONNRESET drain=CONNRESET ended until=b "
                 "closed=CONNRESET write=ok");
}

/* The kernel's own time out is not one that a handler would wait for again. */
static void test_the_kernel_gives_the_other_one_up(void **state)
{
    fixture *f = *state;
    trace_serve(f, outlive_the_other, &port);
    int client = fixture_connect(f);
    int up = accept_upstream(f);
    fixture_send_text(f, up, "a\n");
    trace_wait_text(f, "until=a");
    faults.receive_error = ETIMEDOUT;
    fixture_send_text(f, up, "b\n");
    trace_wait_text(f, "ended");
    faults.receive_error = 0;
    fixture_send_text(f, client, "b\n");
    fixture_expect_text(f, client, "bye\n");
    trace_expect("connect=ok until=a until=STALLED write=STALLED drain=STALLED ended until=b "
                 "closed=STALLED write=ok");
    close(up);
}

/* Closed by the handler before its own end, in the middle of what the other one says. */
static void close_the_other(yodel_stream *s, void *arg)
{
    const char *how = arg;
    yodel_stream *up = NULL;
    traced_connect(s, "127.0.0.1", port, 0, &up);
    traced_until(up, "\n", 0);
    if (*how == 'c') {
        yodel_stream_close(up);
        traced_until(up, "\n", 0);
        traced_write(up, "x");
    } else if (*how == 'C') {
        traced_wait_closed(up, 0); /* which frees it */
    } else if (*how == 't') {
        traced_wait_closed(up, 0.001); /* which does not */
        traced_wait_closed(up, 0);
    }
    traced_until(s, "\n", 0);
}

static void test_the_handler_closes_the_other(void **state)
{
    static const char *const ways[][2] = {
        {"r", "connect=ok until=a until=b"},
        {"c", "connect=ok until=a until=EOF write=PIPE until=b"},
        {"C", "connect=ok until=a closed=ok until=b"},
        {"t", "connect=ok until=a closed=TIMEDOUT closed=ok until=b"},
    };
    fixture *f = *state;
    trace_serve(f, close_the_other, NULL);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        trace_again(close_the_other, (void *)(uintptr_t)ways[i][0]);
        int client = fixture_connect(f);
        int up = accept_upstream(f);
        fixture_send_text(f, up, "a\nand more of it");
        if (*ways[i][0] == 'r') {
            fixture_settle(f);
        } else {
            fixture_expect_eof(f, up);
        }
        if (*ways[i][0] == 't') {
            trace_wait_text(f, "TIMEDOUT");
        }
        close(up);
        fixture_send_text(f, client, "b\n");
        trace_wait_returned(f, 1);
        trace_expect(ways[i][1]);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
    }
}

/* --- many --------------------------------------------------------------------------------------*/

enum { MANY = 10 };

static void open_many(yodel_stream *s, void *arg)
{
    yodel_stream *up[MANY];
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        char text[8];
        (void)snprintf(text, sizeof text, "%d\n", i);
        if (traced_connect(s, "127.0.0.1", port, 0, &up[i]) != 0 ||
            yodel_stream_write(up[i], text, strlen(text)) != 0) {
            return;
        }
    }
    for (int i = MANY - 1; i >= 0; i--) {
        traced_until(up[i], "\n", 0);
    }
    traced_wait_closed(up[3], 0); /* one by hand, the others by returning */
}

static void test_many_of_one_handler(void **state)
{
    fixture *f = *state;
    int up[MANY];
    char text[8];
    trace_serve(f, open_many, NULL);
    int client = fixture_connect(f);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "%d\n", i);
        run_until_readable(f, listener);
        up[i] = net_accept(listener);
        fixture_expect_text(f, up[i], text);
    }
    for (int i = 0; i < MANY; i++) { /* nine of ten while it waits for another one */
        (void)snprintf(text, sizeof text, "%d\n", i);
        fixture_send_text(f, up[i], text);
        fixture_settle(f);
    }
    fixture_expect_eof(f, up[3]);
    close(up[3]);
    for (int i = 0; i < MANY; i++) {
        if (i != 3) {
            fixture_expect_eof(f, up[i]);
            close(up[i]);
        }
    }
    fixture_expect_eof(f, client);
    assert_non_null(strstr(trace.text.data, "until=9 until=8 until=7 until=6 until=5 until=4 "
                                            "until=3 until=2 until=1 until=0 closed=ok"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        connect_test(test_talks_to_another_server),
        connect_test(test_a_connect_that_fails),
        connect_test(test_a_connect_that_takes_too_long),
        connect_test(test_a_connect_without_memory),
        connect_test(test_the_other_one_closes),
        connect_test(test_the_other_one_resets),
        connect_test(test_the_kernel_gives_the_other_one_up),
        connect_test(test_the_handler_closes_the_other),
        connect_test(test_many_of_one_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
