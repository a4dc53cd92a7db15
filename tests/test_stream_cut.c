/*
 * Reading at random: a handler makes random calls on random bytes that come in random pieces, and
 * gets at each call what it would get if all bytes lay before it. What it reads it writes back,
 * from where it lies.
 */
#include "core/error.h"
#include "proto/stream.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/framing_oracle.h"
#include "tests/support/random.h"

enum { MOST_BYTES = 200000 };

/* What is random about a run. */
typedef struct profile {
    const char *name;
    unsigned runs;
    size_t most_bytes; /* sent by the client */
    uint32_t most_limit;
    size_t most_taken;  /* by one read_exactly or read_some */
    size_t most_piece;  /* in one segment */
    unsigned delimiter; /* one byte of so many begins a delimiter */
} profile;

static const profile profiles[] = {
    {"small", 2000, 200, 20, 12, 9, 4},
    {"gathered", 300, 20000, 3000, 2000, 5000, 900},
    {"long", 30, MOST_BYTES, 100000, 90000, 70000, 30000},
};

static const char *const delimiters[] = {"\r\n", "\n", "a", "aab", "abab", "\r\n.\r"};

typedef struct run {
    test_random random;
    const profile *profile;
    yodel_stream_config config;
    uint8_t bytes[MOST_BYTES];
    size_t len;
    size_t at; /* where the next read begins */
    size_t calls;
    net_text echo; /* what was written back */
    char problem[256];
    bool done;
} run;

static run the;

static void problem(const char *call, int code, size_t wanted, size_t got)
{
    if (the.problem[0] == '\0') {
        (void)snprintf(the.problem, sizeof the.problem,
                       "call %zu, %s at %zu of %zu: code %d, length %zu and not %zu", the.calls,
                       call, the.at, the.len, code, got, wanted);
    }
}

/* Compares what a read returned, `advance` bytes with `len` of them handed out, or a code. */
static void check(const char *call, int code, yodel_span span, int expected, size_t len,
                  size_t advance)
{
    if (code != expected ||
        (code == 0 && (span.len != len || memcmp(span.data, the.bytes + the.at, len) != 0))) {
        problem(call, code, len, span.len);
    }
    the.at += advance;
}

/* A line too long ends where it would have ended. */
static size_t passed_over(const char *delimiter)
{
    size_t len;
    ssize_t n = framing_oracle(delimiter, strlen(delimiter), SIZE_MAX / 2, the.bytes + the.at,
                               the.len - the.at, &len);
    return n > 0 ? (size_t)n : the.len - the.at;
}

static int read_line(yodel_stream *s, yodel_span *span)
{
    static const size_t count = sizeof delimiters / sizeof delimiters[0];
    const char *delimiter = delimiters[test_random_below(&the.random, count)];
    size_t delimiter_len = strlen(delimiter);
    size_t len = 0;
    ssize_t n = framing_oracle(delimiter, delimiter_len, the.config.limit, the.bytes + the.at,
                               the.len - the.at, &len);
    int code = yodel_stream_read_until(s, delimiter, delimiter_len, 0, span);
    if (n > 0) {
        check("read_until", code, *span, 0, len, (size_t)n);
    } else if (n < 0) {
        check("read_until", code, *span, YODEL_ELINETOOLONG, 0, passed_over(delimiter));
    } else {
        check("read_until", code, *span, YODEL_EOF, 0, 0);
    }
    return code;
}

static int read_exactly(yodel_stream *s, yodel_span *span)
{
    size_t n = 1 + test_random_below(&the.random, the.profile->most_taken);
    int code = yodel_stream_read_exactly(s, n, 0, span);
    if (n <= the.len - the.at) {
        check("read_exactly", code, *span, 0, n, n);
    } else {
        check("read_exactly", code, *span, YODEL_EOF, 0, 0);
    }
    return code;
}

/* How much it takes depends on the pieces. */
static int read_some(yodel_stream *s, yodel_span *span)
{
    size_t max = 1 + test_random_below(&the.random, the.profile->most_taken);
    int code = yodel_stream_read_some(s, max, 0, span);
    if (the.at == the.len) {
        check("read_some", code, *span, YODEL_EOF, 0, 0);
        return code;
    }
    bool possible = span->len >= 1 && span->len <= max && span->len <= the.len - the.at;
    check("read_some", code, *span, 0, possible ? span->len : 1, possible ? span->len : 0);
    return code;
}

static void read_at_random(yodel_stream *s, void *arg)
{
    (void)arg;
    size_t ends = 0;
    while (ends < 5 && the.problem[0] == '\0') {
        yodel_span span = {NULL, 0};
        int code;
        the.calls++;
        switch (test_random_below(&the.random, 8)) {
        case 0:
            (void)yodel_stream_sleep(s, 0); /* so that what comes is kept */
            continue;
        case 1:
            code = read_exactly(s, &span);
            break;
        case 2:
            code = read_some(s, &span);
            break;
        default:
            code = read_line(s, &span);
            break;
        }
        ends += code == YODEL_EOF ? 1 : 0;
        if (code == 0 && span.len > 0) {
            net_text_add(&the.echo, span.data, span.len);
            if (yodel_stream_write(s, span.data, span.len) != 0) {
                problem("write", -1, span.len, 0);
            }
        }
    }
    if (yodel_stream_at_eof(s) != (the.at == the.len)) {
        problem("at_eof", 0, the.len, the.at);
    }
    the.done = true;
}

static void make_bytes(void)
{
    the.len = test_random_below(&the.random, the.profile->most_bytes + 1);
    for (size_t i = 0; i < the.len; i++) {
        bool begins = test_random_below(&the.random, the.profile->delimiter) == 0;
        if (!begins) {
            the.bytes[i] = (uint8_t) "ab\r\nxyz"[test_random_below(&the.random, 7)];
            if (the.profile->delimiter > 100) {
                the.bytes[i] = 'x'; /* long lines */
            }
            continue;
        }
        const char *d = delimiters[test_random_below(&the.random, 6)];
        for (size_t j = 0; d[j] != '\0' && i < the.len; j++) {
            the.bytes[i++] = (uint8_t)d[j];
        }
        i--;
    }
}

static void one_run(fixture *f)
{
    the.at = the.calls = 0;
    the.done = false;
    make_bytes();
    the.config.limit = (uint32_t)test_random_below(&the.random, the.profile->most_limit + 1);

    int client = fixture_connect(f);
    for (size_t sent = 0; sent < the.len && the.problem[0] == '\0';) {
        size_t n = 1 + test_random_below(&the.random, the.profile->most_piece);
        n = n < the.len - sent ? n : the.len - sent;
        /* No wait for the acknowledgement, which may take 40 ms: should two pieces meet, that is
         * one more way to cut. */
        fixture_send(f, client, the.bytes + sent, n);
        fixture_settle(f);
        sent += n;
    }
    net_finish_sending(client);
    fixture_run_until_true(f, &the.done, "the handler returns");
    if (the.problem[0] != '\0') {
        fail_msg("%s, limit %u", the.problem, (unsigned)the.config.limit);
    }
    if (the.echo.len > 0) {
        fixture_expect(f, client, the.echo.data, the.echo.len);
    }
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    net_text_free(&the.echo);
}

static void run_profile(fixture *f, const profile *p)
{
    memset(&the, 0, sizeof the);
    test_random_init(&the.random, p->name);
    the.profile = p;
    the.config.handler = read_at_random;
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_stream_factory(&the.config)});
    for (unsigned i = 0; i < p->runs; i++) {
        one_run(f);
    }
}

static void test_short_lines(void **state)
{
    run_profile(*state, &profiles[0]);
}

static void test_lines_that_are_gathered(void **state)
{
    run_profile(*state, &profiles[1]);
}

static void test_lines_longer_than_a_receive(void **state)
{
    run_profile(*state, &profiles[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_short_lines),
        fixture_test(test_lines_that_are_gathered),
        fixture_test(test_lines_longer_than_a_receive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
