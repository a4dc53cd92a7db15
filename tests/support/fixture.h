/*
 * Real transports on real sockets, in the thread of the test.
 *
 * A loop, a transport group on it, and clients whose other ends the group has adopted: enough to
 * see a transport or a protocol do its work, without threads, an acceptor or a program. The test is
 * the client; whenever it waits for something the loop runs. Nothing here ever sleeps and hopes:
 * waits are for a condition and fail the test after NET_TIMEOUT seconds (net.h).
 *
 *     static void test_something(void **state)
 *     {
 *         fixture *f = *state;
 *         fixture_start(f, &(yodel_transport_settings){.factory = ...});
 *         int client = fixture_connect(f);
 *         fixture_send_text(f, client, "hello\r\n");
 *         fixture_expect_text(f, client, "You sent: hello\r\n");
 *         net_finish_sending(client);
 *         fixture_expect_eof(f, client);
 *         fixture_wait_active(f, 0);
 *         assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
 *     }
 *     ... fixture_test(test_something) in the list of tests
 *
 * Client sockets are closed by the fixture, as everything else, also after a failure; they may be
 * used with the functions of net.h, which do not run the loop. Callbacks should note what they see
 * instead of asserting: a failing assertion jumps out of the loop.
 */
#ifndef YODEL_TESTS_FIXTURE_H
#define YODEL_TESTS_FIXTURE_H

#include "core/counters.h"
#include "core/log.h"
#include "core/loop.h"
#include "core/transport_group.h"
#include "net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIXTURE_CLIENTS 64

/* A log that keeps what it is told, a line each. */
typedef struct fixture_log {
    yodel_log log; /* first */
    net_text text;
    size_t lines;
} fixture_log;

typedef struct fixture {
    yodel_loop *loop;
    yodel_transport_group *group; /* NULL before fixture_start */
    yodel_transport_settings settings;
    yodel_connection_limit limit; /* used unless the settings name another; max is 1000 */
    yodel_counters counters;
    fixture_log log; /* used unless the settings name another */
    int client[FIXTURE_CLIENTS];
    size_t clients;
} fixture;

/* For cmocka: *state is a fixture with a loop. The teardown frees everything, and fails when a
 * connection was not accounted for: accepted = closed + active, nothing active and the limit's open
 * back at 0 once the group is gone. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

#define fixture_test(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

/* Makes the group. The settings are copied; where they are zero: write limits 64K 16K 1M, the
 * fixture's limit and log. Timeouts of 0 stay "never". Once per test. */
void fixture_start(fixture *f, const yodel_transport_settings *settings);

/* --- clients --- */

/* A connected pair of TCP sockets on 127.0.0.1: pair[0] non-blocking, for adoption, pair[1] as in
 * net.h. small: the send buffer of the one is as small as the kernel allows and the receive buffer
 * of the other is a few KiB, so that a client who does not read is felt after some 20 KiB. The
 * caller closes both. */
void fixture_pair(int pair[2], bool small);

/* A new client whose other end the group has adopted (connection_made has returned). */
int fixture_connect(fixture *f);
int fixture_connect_small(fixture *f);

/* Closes one client before the end of the test. reset: with RST instead of FIN. */
void fixture_disconnect(fixture *f, int client, bool reset);

/* --- running the loop --- */

/* Runs a loop until the condition holds (asked every millisecond, between callbacks) or NET_TIMEOUT
 * seconds have passed: true, or false for that. It may use the loop's yodel_loop_stop itself. */
bool fixture_run_loop(yodel_loop *loop, bool (*condition)(void *arg), void *arg);

/* The same, and a failed test instead of false. what: for the message. */
void fixture_run_until(fixture *f, bool (*condition)(void *arg), void *arg, const char *what);

/* Runs the loop until *flag is true / *number is at least n. Only this thread may change them. */
void fixture_run_until_true(fixture *f, const bool *flag, const char *what);
void fixture_run_until_count(fixture *f, const size_t *number, size_t n, const char *what);

/* Runs the loop until nothing is left to do at once: what the kernel has for it is read, deferred
 * work is done, connections are reaped; timers that are not due do not count. With
 * net_wait_delivered before it, this is how to see that something does NOT happen. */
void fixture_settle_loop(yodel_loop *loop);
void fixture_settle(fixture *f);

/* Runs the loop until so many connections are active. */
void fixture_wait_active(fixture *f, uint64_t n);

/* --- the client's side; each runs the loop --- */

/* Sends all of it. */
void fixture_send(fixture *f, int client, const void *data, size_t len);
void fixture_send_text(fixture *f, int client, const char *text);

/* Sends all of it, waits until the server's kernel has it, and lets the loop settle: afterwards the
 * protocol has seen it (unless reading is paused) before any later byte. */
void fixture_feed(fixture *f, int client, const void *data, size_t len);

/* Receives exactly len bytes / exactly these bytes. */
void fixture_receive(fixture *f, int client, void *data, size_t len);
void fixture_expect(fixture *f, int client, const void *data, size_t len);
void fixture_expect_text(fixture *f, int client, const char *text);

/* Sends all of `send` and receives exactly the bytes of `expected` at the same time, which is
 * needed when neither fits into the buffers in between. */
void fixture_exchange(fixture *f, int client, const void *send, size_t send_len,
                      const void *expected, size_t expected_len);

/* The next thing is the end: a FIN / a reset. */
void fixture_expect_eof(fixture *f, int client);
void fixture_expect_reset(fixture *f, int client);

/* Receives until the FIN; malloc'ed with a NUL behind. */
char *fixture_receive_all(fixture *f, int client, size_t *len);

/* Nothing has come and nothing comes: the loop has settled, and there is no byte, no end. */
void fixture_expect_nothing(fixture *f, int client);

/* --- what the group says --- */

uint64_t fixture_count(const fixture *f, yodel_counter counter);

/* True when something was logged that contains the text. */
bool fixture_logged(const fixture *f, const char *text);

#endif
