/* What the reading calls of a stream return, and where the next one begins. */
#include "core/error.h"
#include "proto/stream.h"
#include "proto/stream_echo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/trace.h"

/* --- what is read does not depend on the segments ----------------------------------------------*/

typedef struct reading {
    const char *script; /* of the handler, see trace.h */
    const char *input;  /* all that the client sends, then a FIN */
    const char *expected;
} reading;

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN /* TRACE_LIMIT */
#define SHOWN   TEN TEN TEN TEN TEN TEN                 /* what a trace shows of it */

static const reading readings[] = {
    /* lines */
    {"u u u", "one\r\ntwo\r\n", "until=one until=two until=EOF"},
    {"u u", "\r\n\r\n", "until= until="},
    {"u u", "a\nb\rc\r\r\n\r\n", "until=a\\nb\\rc\\r until="},
    {"n n", "a\r\nb\n", "until=a\\r until=b"},
    {"D D D", "xaaabaabaab", "until=xa until= until="},
    {"D D", "aaba\r\naab", "until= until=a\\r\\n"},
    /* another delimiter from one call to the next */
    {"u n u n", "a\r\nb\nc\nd\r\ne\r\n", "until=a until=b until=c\\nd until=e\\r"},
    {"u D n", "a\r\nbaab\r\n", "until=a until=b until=\\r"},
    /* the end: what is left stays, for whatever is read next */
    {"u ? u x4 ?", "rest", "until=EOF eof=no until=EOF exactly=rest eof=yes"},
    {"u n u", "a\nb", "until=EOF until=a until=EOF"},
    {"u ? u", "", "until=EOF eof=yes until=EOF"},
    {"u u x1 x1 ?", "a\r\n\r", "until=a until=EOF exactly=\\r exactly=EOF eof=yes"},
    {"x5 x4 x1", "1234", "exactly=EOF exactly=1234 exactly=EOF"},
    {"s9 ? s9", "", "some=EOF eof=yes some=EOF"},
    /* so many bytes */
    {"x3 x4 u", "abcdefgh\r\n", "exactly=abc exactly=defg until=h"},
    {"x2 u x2", "\r\na\r\n\r\n", "exactly=\\r\\n until=a exactly=\\r\\n"},
    {"u x2 u", "a\r\n\r\nb\r\n", "until=a exactly=\\r\\n until=b"},
    {"x1 u", "\r\n\r\n", "exactly=\\r until=\\n"},
    /* at most so many: one at a time is the same in any segments */
    {"s1 s1 u s1", "abc\r\nd", "some=a some=b until=c some=d"},
    {"s1 u", "\r\n\r\n", "some=\\r until=\\n"},
    /* an incomplete line was looked at before something else took of it */
    {"u x1 u x1 u", "ab", "until=EOF exactly=a until=EOF exactly=b until=EOF"},
    /* the limit: 100 bytes and the delimiter are a line, one more byte is too long */
    {"u u u", HUNDRED "\r\nnext\r\n", "until=" SHOWN " until=next until=EOF"},
    {"u u u", HUNDRED "x\r\nnext\r\n", "until=TOOLONG until=next until=EOF"},
    {"u u u", HUNDRED HUNDRED HUNDRED "\r\nnext\r\n", "until=TOOLONG until=next until=EOF"},
    {"u u u", HUNDRED "\r\r\n\r\n", "until=TOOLONG until= until=EOF"},
    {"u u u u", HUNDRED "x\r\n" HUNDRED "\r\n" HUNDRED "y\r\n",
     "until=TOOLONG until=" SHOWN " until=TOOLONG until=EOF"},
    {"n n n", HUNDRED "\r\nnext\n", "until=TOOLONG until=next until=EOF"},
    {"D D D", HUNDRED "aaaab1aab", "until=TOOLONG until=1 until=EOF"},
    /* ... which ends where it would have ended, whatever is read next */
    {"u x4 u", HUNDRED "x\r\nnext\r\n", "until=TOOLONG exactly=next until="},
    {"u s1 u", HUNDRED "x\r\nnext\r\n", "until=TOOLONG some=n until=ext"},
    {"u n n n", HUNDRED "x\r\nnext\nand\n", "until=TOOLONG until=next until=and until=EOF"},
    {"u n n", HUNDRED HUNDRED "\nx\r\nnext\n", "until=TOOLONG until=next until=EOF"},
    {"n u u u", HUNDRED "xy\nz\r\nlast\r\n", "until=TOOLONG until=z until=last until=EOF"},
    {"u D u", HUNDRED "aab\r\n1aab2\r\n", "until=TOOLONG until=1 until=2"},
    {"u n u", HUNDRED "x\r\n" HUNDRED "yy\r\nz\r\n", "until=TOOLONG until=TOOLONG until=z"},
    /* ... or not at all: then nothing of it is left */
    {"u u ? s9 x1 ?", HUNDRED "xyz",
     "until=TOOLONG until=EOF eof=yes some=EOF exactly=EOF eof=yes"},
    {"u s9 ?", HUNDRED "xy\r", "until=TOOLONG some=EOF eof=yes"},
    /* too long at the end only: not enough came to know */
    {"u u ?", HUNDRED "x", "until=EOF until=EOF eof=no"},
    /* the handler waits for other things in between, so that what comes is kept and handed in later
     */
    {"u z u z x2 z u z u", "a\r\nb\r\ncdef\r\n",
     "until=a sleep=ok until=b sleep=ok exactly=cd sleep=ok until=ef sleep=ok until=EOF"},
    {"z u z u z n", HUNDRED "x\r\nn1\r\nn2\n",
     "sleep=ok until=TOOLONG sleep=ok until=n1 sleep=ok until=n2"},
    /* calls that make no sense */
    {"x0 s0 u", "a\r\n", "exactly=INVAL some=INVAL until=a"},
    /* closed by the handler: no more is read, also of what had come already */
    {"u c u x1 s1 ?", "a\r\nb\r\nc\r\n", "until=a until=EOF exactly=EOF some=EOF eof=yes"},
};

/* One connection after another in the same group, for every reading and each way to cut its input:
 * up to `at`, then up to `then`, and the rest. */
static void read_cut(fixture *f, const reading *r, size_t at, size_t then)
{
    size_t len = strlen(r->input);
    trace_again(traced_script, (void *)(uintptr_t)r->script);
    int client = fixture_connect(f);
    fixture_feed(f, client, r->input, at);
    fixture_feed(f, client, r->input + at, then - at);
    fixture_feed(f, client, r->input + then, len - then);
    net_finish_sending(client);
    trace_wait_returned(f, 1);
    trace_expect(r->expected);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
}

static void start_readings(fixture *f)
{
    trace_serve(f, traced_script, (void *)(uintptr_t) "");
}

static void test_whole(void **state)
{
    start_readings(*state);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        read_cut(*state, &readings[i], 0, 0);
    }
}

static void test_cut_once_anywhere(void **state)
{
    start_readings(*state);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        for (size_t at = 1; at < strlen(readings[i].input); at++) {
            read_cut(*state, &readings[i], at, at);
        }
    }
}

static void test_cut_twice_around_the_delimiter(void **state)
{
    start_readings(*state);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const char *input = readings[i].input;
        for (const char *cr = input; (cr = strchr(cr, '\r')) != NULL; cr++) {
            size_t at = (size_t)(cr - input);
            read_cut(*state, &readings[i], at, at + 1);
        }
    }
}

static void test_drop_by_drop(void **state)
{
    fixture *f = *state;
    start_readings(f);
    for (size_t i = 0; i < sizeof readings / sizeof readings[0]; i++) {
        const reading *r = &readings[i];
        trace_again(traced_script, (void *)(uintptr_t)r->script);
        int client = fixture_connect(f);
        for (const char *drop = r->input; *drop != '\0' && trace.returned == 0; drop++) {
            fixture_feed(f, client, drop, 1);
        }
        net_finish_sending(client);
        trace_wait_returned(f, 1);
        trace_expect(r->expected);
        fixture_disconnect(f, client, false);
        fixture_wait_active(f, 0);
    }
}

/* --- some --------------------------------------------------------------------------------------*/

static void test_some_takes_what_is_there(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, (void *)(uintptr_t) "s4 s4 s4 s100 s100 ?");
    int client = fixture_connect(f);
    fixture_feed(f, client, "0123456789", 10); /* 4, 4, 2 and then it waits */
    trace_expect("some=0123 some=4567 some=89");
    fixture_feed(f, client, "ab", 2);
    trace_expect("some=0123 some=4567 some=89 some=ab");
    net_finish_sending(client);
    trace_wait_returned(f, 1);
    trace_expect("some=0123 some=4567 some=89 some=ab some=EOF eof=yes");
}

/* --- bad delimiters ----------------------------------------------------------------------------*/

static void read_with_bad_delimiters(yodel_stream *s, void *arg)
{
    yodel_span line;
    (void)arg;
    trace_code("none", yodel_stream_read_until(s, "", 0, 0, &line));
    trace_code("five", yodel_stream_read_until(s, "12345", 5, 0, &line));
    traced_until(s, "1234", 0);
    /* NUL is a byte like any other. */
    if (trace_code("nul", yodel_stream_read_until(s, "\0", 1, 0, &line)) == 0) {
        trace_note("%.*s", (int)line.len, line.data);
    }
}

static void test_delimiters_of_one_to_four_bytes(void **state)
{
    fixture *f = *state;
    trace_serve(f, read_with_bad_delimiters, NULL);
    int client = fixture_connect(f);
    fixture_send(f, client, "a123b1234two\0", 13);
    trace_wait_returned(f, 1);
    trace_expect("none=INVAL five=INVAL until=a123b nul=ok two");
}

/* --- timeouts ----------------------------------------------------------------------------------*/

static void test_no_byte_is_lost_by_a_timeout(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script,
                (void *)(uintptr_t) "u@20 u@20 x5@20 u x5@20 x5@20 x5 u@20 s1@20 s1 D@20 u");
    int client = fixture_connect(f);
    trace_wait_text(f, "until=TIMEDOUT");
    fixture_send_text(f, client, "lin");
    trace_wait_text(f, "until=TIMEDOUT until=TIMEDOUT exactly=TIMEDOUT");
    fixture_send_text(f, client, "e\r\n12");
    trace_wait_text(f, "until=line exactly=TIMEDOUT exactly=TIMEDOUT");
    fixture_send_text(f, client, "345");
    trace_wait_text(f, "exactly=12345 until=TIMEDOUT some=TIMEDOUT");
    fixture_send_text(f, client, "s");
    trace_wait_text(f, "some=s until=TIMEDOUT");
    fixture_send_text(f, client, "end\r\n");
    trace_wait_returned(f, 1);
    trace_expect("until=TIMEDOUT until=TIMEDOUT exactly=TIMEDOUT until=line exactly=TIMEDOUT "
                 "exactly=TIMEDOUT exactly=12345 until=TIMEDOUT some=TIMEDOUT some=s "
                 "until=TIMEDOUT until=end");
}

static void test_a_timeout_while_passing_over_a_line(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, (void *)(uintptr_t) "u u@20 x1@20 u");
    int client = fixture_connect(f);
    fixture_send_text(f, client, HUNDRED HUNDRED);
    trace_wait_text(f, "until=TOOLONG until=TIMEDOUT exactly=TIMEDOUT");
    fixture_send_text(f, client, HUNDRED "\r\nnext\r\n");
    trace_wait_returned(f, 1);
    trace_expect("until=TOOLONG until=TIMEDOUT exactly=TIMEDOUT until=next");
}

/* --- a reset -----------------------------------------------------------------------------------*/

static void test_a_reset_is_the_reads_answer(void **state)
{
    static const char *const scripts[] = {"u u x1 s1 ?", "x9 u x1 s1 ?", "s9 u x1 s1 ?"};
    static const char *const first[] = {"until", "exactly", "some"};
    fixture *f = *state;
    start_readings(f);
    for (size_t i = 0; i < 3; i++) {
        char expected[128];
        trace_again(traced_script, (void *)(uintptr_t)scripts[i]);
        int client = fixture_connect(f);
        fixture_settle(f);
        fixture_disconnect(f, client, true);
        trace_wait_returned(f, 1);
        (void)snprintf(expected, sizeof expected,
                       "%s=CONNRESET until=CANCELED exactly=CANCELED some=CANCELED eof=yes",
                       first[i]);
        trace_expect(expected);
    }
}

/* --- large -------------------------------------------------------------------------------------*/

enum { LARGE = 1 << 20 };

static void read_large(yodel_stream *s, void *arg)
{
    const char *expected = arg;
    yodel_span all = {NULL, 0};
    int code = yodel_stream_read_exactly(s, LARGE, 0, &all);
    trace_note("exactly=%s %s", trace_name(code),
               all.len == LARGE && memcmp(all.data, expected, LARGE) == 0 ? "same" : "different");
    traced_until(s, "\r\n", 0);
}

static void test_a_megabyte_in_one_piece(void **state)
{
    fixture *f = *state;
    char *bytes = test_malloc(LARGE);
    for (size_t i = 0; i < LARGE; i++) {
        bytes[i] = (char)(i % 251);
    }
    trace_serve(f, read_large, bytes);
    int client = fixture_connect(f);
    fixture_send(f, client, bytes, LARGE);
    fixture_send_text(f, client, "after\r\n");
    trace_wait_returned(f, 1);
    trace_expect("exactly=ok same until=after");
    test_free(bytes);
}

/* A handler that reads nothing for a while does not make the server keep all that comes. */
static void look_at_the_pile(yodel_stream *s, void *arg)
{
    const bool *go_on = arg;
    while (!*go_on) {
        (void)yodel_stream_sleep(s, 0.001);
    }
    trace_note("%s",
               yodel_transport_unread(yodel_stream_transport(s)) <= 256 * 1024 ? "little" : "much");
    size_t total = 0;
    int code;
    yodel_span bytes;
    while ((code = yodel_stream_read_some(s, SIZE_MAX, 0, &bytes)) == 0) {
        total += bytes.len;
    }
    trace_note("total=%zu %s", total, trace_name(code));
}

static void test_unread_input_does_not_pile_up(void **state)
{
    fixture *f = *state;
    enum { FLOOD = 64 << 20 };
    bool go_on = false;
    trace_serve(f, look_at_the_pile, &go_on);
    int client = fixture_connect(f);
    fixture_settle(f);
    /* Fills the kernel's buffers while the loop takes what it will. */
    char *flood = test_calloc(1, FLOOD);
    size_t sent = 0;
    for (size_t before = 1; sent != before;) {
        before = sent;
        sent += net_send_until_blocked(client, flood, FLOOD - sent, 0);
        fixture_settle(f);
    }
    assert_true(sent < FLOOD);
    go_on = true;
    fixture_send(f, client, flood, 1000);
    net_finish_sending(client);
    trace_wait_returned(f, 1);
    char expected[64];
    (void)snprintf(expected, sizeof expected, "little total=%zu EOF", sent + 1000);
    trace_expect(expected);
    test_free(flood);
}

/* Input that nobody has read is no reason to lose the answer. */
static void test_returning_with_unread_input(void **state)
{
    fixture *f = *state;
    trace_serve(f, traced_script, (void *)(uintptr_t) "u wbye");
    int client = fixture_connect(f);
    fixture_send_text(f, client, "a\r\nb\r\nc\r\nd");
    fixture_expect_text(f, client, "bye\r\n");
    fixture_expect_eof(f, client);
    trace_expect("until=a write=ok");
}

/* What cannot be is not made. */
static void test_bad_configs(void **state)
{
    (void)state;
    assert_null(yodel_stream_factory(&(yodel_stream_config){.limit = 100}).ops);
    assert_null(yodel_stream_factory(&(yodel_stream_config){.handler = yodel_stream_echo,
                                                            .limit = YODEL_LINE_MAX + 1})
                    .ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        trace_test(test_whole),
        trace_test(test_cut_once_anywhere),
        trace_test(test_cut_twice_around_the_delimiter),
        trace_test(test_drop_by_drop),
        trace_test(test_some_takes_what_is_there),
        trace_test(test_delimiters_of_one_to_four_bytes),
        trace_test(test_no_byte_is_lost_by_a_timeout),
        trace_test(test_a_timeout_while_passing_over_a_line),
        trace_test(test_a_reset_is_the_reads_answer),
        trace_test(test_a_megabyte_in_one_piece),
        trace_test(test_unread_input_does_not_pile_up),
        trace_test(test_returning_with_unread_input),
        cmocka_unit_test(test_bad_configs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
