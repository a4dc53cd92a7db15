/*
 * What stream handlers saw, as text.
 *
 * A handler makes its calls through these functions, each of which adds what came of it to the one
 * trace of the test program; the test plays the client and compares the trace with what it should
 * be:
 *
 *     static void read_two_lines(yodel_stream *s, void *arg)
 *     {
 *         traced_until(s, "\r\n", 0);
 *         traced_until(s, "\r\n", 0);
 *     }
 *     ...
 *     trace_serve(f, read_two_lines, NULL);
 *     int client = fixture_connect(f);
 *     fixture_send_text(f, client, "a\r\n");
 *     net_finish_sending(client);
 *     trace_wait_returned(f, 1);
 *     trace_expect("until=a until=EOF");
 *
 * Handlers must not assert: a failing assertion would jump from the handler's stack to the test's.
 */
#ifndef YODEL_TESTS_TRACE_H
#define YODEL_TESTS_TRACE_H

#include "fixture.h"
#include "proto/stream.h"

#include <stddef.h>
#include <stdint.h>

/* The limit of a line that trace_serve gives, in bytes. */
#define TRACE_LIMIT 100

typedef struct trace_state {
    net_text text;
    size_t started; /* handlers */
    size_t returned;
    bool alive_at_last_return; /* its connection had not ended when the last one returned */
} trace_state;

extern trace_state trace;

/* Begins a trace and a group whose connections are served by the handler. */
void trace_serve(fixture *f, yodel_stream_handler *handler, void *arg);

/* The same with these settings, for their limits and timeouts (the factory is ours), and a limit of
 * a line. */
void trace_serve_with(fixture *f, yodel_stream_handler *handler, void *arg,
                      const yodel_transport_settings *settings, uint32_t limit);

/* Begins a trace anew in the same group: its next connections are served by this handler. For when
 * no connection is left. */
void trace_again(yodel_stream_handler *handler, void *arg);

/* Adds a word. */
void trace_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "name=ok", or the code's name. Returns the code. */
int trace_code(const char *name, int code);

/* EOF, TIMEDOUT, ...; the same for every code that has no short name of its own. */
const char *trace_name(int code);

/* The calls, and what they add: until=LINE exactly=BYTES some=BYTES (at most 60 of them, escaped)
 * or the code's name; drain= sleep= closed= connect= with a code's name, ok for 0; eof= with yes or
 * no. Times are in seconds. They return what the call returned. */
int traced_until(yodel_stream *s, const char *delimiter, double timeout);
int traced_exactly(yodel_stream *s, size_t n, double timeout);
int traced_some(yodel_stream *s, size_t max, double timeout);
bool traced_at_eof(const yodel_stream *s);
int traced_write(yodel_stream *s, const char *text);
int traced_drain(yodel_stream *s, double timeout);
int traced_sleep(yodel_stream *s, double seconds);
int traced_wait_closed(yodel_stream *s, double timeout);
int traced_connect(yodel_stream *s, const char *host, uint16_t port, double timeout,
                   yodel_stream **out);

/* A handler whose calls stand in arg, a string of words separated by single spaces:
 *
 *     u  n  D  read until CRLF / LF / "aab"     xN  read exactly N     sN  read some, at most N
 *     ?  at_eof                                 c   close              C   wait_closed
 *     wT write T and CRLF                       d   drain              z   sleep(0); zN N ms
 *
 * A read, d or C may end in @MS: its timeout in milliseconds. */
void traced_script(yodel_stream *s, void *arg);

/* Runs the loop until n handlers in all have returned / the trace contains a text. */
void trace_wait_returned(fixture *f, size_t n);
void trace_wait_text(fixture *f, const char *text);

/* What the trace must be, all of it, words separated by single spaces. */
void trace_expect(const char *text);

/* For cmocka: a fixture, and a trace that is freed with it. */
int trace_teardown(void **state);

#define trace_test(function)                                                                       \
    cmocka_unit_test_setup_teardown(function, fixture_setup, trace_teardown)

#endif
