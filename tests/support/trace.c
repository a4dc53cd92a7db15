#include "tests/support/trace.h"

#include "core/error.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST_SHOWN = 60 };

trace_state trace;

static yodel_stream_config config; /* what the group is given */
static yodel_stream_handler *traced_handler;

/* --- the handler under test --------------------------------------------------------------------*/

static void run_handler(yodel_stream *s, void *arg)
{
    trace.started++;
    traced_handler(s, arg);
    trace.returned++;
    trace.alive_at_last_return = yodel_stream_transport(s) != NULL;
}

void trace_again(yodel_stream_handler *handler, void *arg)
{
    net_text_free(&trace.text);
    trace = (trace_state){.started = 0};
    traced_handler = handler;
    config.handler = run_handler;
    config.arg = arg;
}

void trace_serve_with(fixture *f, yodel_stream_handler *handler, void *arg,
                      const yodel_transport_settings *settings, uint32_t limit)
{
    trace_again(handler, arg);
    config.limit = limit;
    yodel_transport_settings with_factory = *settings;
    with_factory.factory = yodel_stream_factory(&config);
    fixture_start(f, &with_factory);
}

void trace_serve(fixture *f, yodel_stream_handler *handler, void *arg)
{
    trace_serve_with(f, handler, arg, &(yodel_transport_settings){.idle_timeout = 0}, TRACE_LIMIT);
}

int trace_teardown(void **state)
{
    int result = fixture_teardown(state); /* may still end handlers, which add to the trace */
    net_text_free(&trace.text);
    return result;
}

/* --- words -------------------------------------------------------------------------------------*/

void trace_note(const char *format, ...)
{
    char word[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(word, sizeof word, format, args);
    va_end(args);
    if (trace.text.len > 0) {
        net_text_add(&trace.text, " ", 1);
    }
    net_text_add(&trace.text, word, (size_t)len < sizeof word ? (size_t)len : sizeof word - 1);
}

const char *trace_name(int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
        {0, "ok"},
        {-ETIMEDOUT, "TIMEDOUT"},
        {-ECANCELED, "CANCELED"},
        {-EINVAL, "INVAL"},
        {-EPIPE, "PIPE"},
        {-ECONNRESET, "CONNRESET"},
        {-ECONNREFUSED, "CONNREFUSED"},
        {-ENOMEM, "NOMEM"},
        {YODEL_EOF, "EOF"},
        {YODEL_ELINETOOLONG, "TOOLONG"},
        {YODEL_EOVERRUN, "OVERRUN"},
        {YODEL_ESTALLED, "STALLED"},
        {YODEL_EHANDLER, "HANDLER"},
        {YODEL_EDRAIN, "DRAIN"},
        {YODEL_EDRAINABORT, "DRAINABORT"},
        {YODEL_EAI(EAI_NONAME), "NONAME"},
        {YODEL_EAI(EAI_AGAIN), "AGAIN"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].code == code) {
            return names[i].name;
        }
    }
    return yodel_strerror(code);
}

int trace_code(const char *name, int code)
{
    trace_note("%s=%s", name, trace_name(code));
    return code;
}

static int note_bytes(const char *name, int code, yodel_span bytes)
{
    char text[4 * MOST_SHOWN + 1];
    if (code != 0) {
        return trace_code(name, code);
    }
    (void)yodel_log_escape(text, sizeof text, bytes.data,
                           bytes.len < MOST_SHOWN ? bytes.len : MOST_SHOWN);
    trace_note("%s=%s", name, text);
    return 0;
}

/* --- calls -------------------------------------------------------------------------------------*/

/* What a span is before a call that may not touch it. */
#define UNTOUCHED ((yodel_span){"untouched", 9})

static bool is_untouched(yodel_span span)
{
    return span.len == 9 && memcmp(span.data, "untouched", 9) == 0;
}

static int note_read(const char *name, int code, yodel_span bytes)
{
    if (code != 0 && !is_untouched(bytes)) {
        trace_note("%s-touched-its-output", name);
    }
    return note_bytes(name, code, bytes);
}

int traced_until(yodel_stream *s, const char *delimiter, double timeout)
{
    yodel_span line = UNTOUCHED;
    int code = yodel_stream_read_until(s, delimiter, strlen(delimiter), timeout, &line);
    return note_read("until", code, line);
}

int traced_exactly(yodel_stream *s, size_t n, double timeout)
{
    yodel_span bytes = UNTOUCHED;
    int code = yodel_stream_read_exactly(s, n, timeout, &bytes);
    if (code == 0 && bytes.len != n) {
        trace_note("not-%zu-but-%zu", n, bytes.len);
    }
    return note_read("exactly", code, bytes);
}

int traced_some(yodel_stream *s, size_t max, double timeout)
{
    yodel_span bytes = UNTOUCHED;
    int code = yodel_stream_read_some(s, max, timeout, &bytes);
    if (code == 0 && (bytes.len == 0 || bytes.len > max)) {
        trace_note("not-1-to-%zu-but-%zu", max, bytes.len);
    }
    return note_read("some", code, bytes);
}

bool traced_at_eof(const yodel_stream *s)
{
    bool at_eof = yodel_stream_at_eof(s);
    trace_note("eof=%s", at_eof ? "yes" : "no");
    return at_eof;
}

int traced_write(yodel_stream *s, const char *text)
{
    return trace_code("write", yodel_stream_write(s, text, strlen(text)));
}

int traced_drain(yodel_stream *s, double timeout)
{
    return trace_code("drain", yodel_stream_drain(s, timeout));
}

int traced_sleep(yodel_stream *s, double seconds)
{
    return trace_code("sleep", yodel_stream_sleep(s, seconds));
}

int traced_wait_closed(yodel_stream *s, double timeout)
{
    return trace_code("closed", yodel_stream_wait_closed(s, timeout));
}

int traced_connect(yodel_stream *s, const char *host, uint16_t port, double timeout,
                   yodel_stream **out)
{
    char text[8];
    (void)snprintf(text, sizeof text, "%u", (unsigned)port);
    return trace_code("connect", yodel_stream_connect(s, host, text, timeout, out));
}

/* --- a handler in a string --------------------------------------------------------------------*/

static void run_word(yodel_stream *s, const char *word, double timeout)
{
    char line[64 + 2];
    size_t n = (size_t)strtoul(word + 1, NULL, 10);
    switch (*word) {
    case 'u':
        traced_until(s, "\r\n", timeout);
        break;
    case 'n':
        traced_until(s, "\n", timeout);
        break;
    case 'D':
        traced_until(s, "aab", timeout);
        break;
    case 'x':
        traced_exactly(s, n, timeout);
        break;
    case 's':
        traced_some(s, n, timeout);
        break;
    case '?':
        traced_at_eof(s);
        break;
    case 'c':
        yodel_stream_close(s);
        break;
    case 'C':
        traced_wait_closed(s, timeout);
        break;
    case 'w':
        (void)snprintf(line, sizeof line, "%s\r\n", word + 1);
        traced_write(s, line);
        break;
    case 'd':
        traced_drain(s, timeout);
        break;
    case 'z':
        traced_sleep(s, (double)n / 1000.0);
        break;
    default:
        trace_note("no-such-call:%s", word);
    }
}

void traced_script(yodel_stream *s, void *arg)
{
    const char *at = arg;
    while (*at != '\0') {
        char word[64] = "";
        size_t len = strcspn(at, " ");
        memcpy(word, at, len < sizeof word ? len : sizeof word - 1);
        at += len + (at[len] == ' ' ? 1 : 0);
        char *ms = strchr(word, '@');
        double timeout = 0;
        if (ms != NULL) {
            *ms = '\0';
            timeout = strtod(ms + 1, NULL) / 1000.0;
        }
        run_word(s, word, timeout);
    }
}

/* --- the test's side ---------------------------------------------------------------------------*/

static const char *text_so_far(void)
{
    net_text_add(&trace.text, "", 1); /* the NUL, which the next word overwrites */
    trace.text.len--;
    return trace.text.data;
}

typedef struct wanted {
    size_t returned;
    const char *text;
} wanted;

static bool has_returned(void *arg)
{
    return trace.returned >= ((const wanted *)arg)->returned;
}

void trace_wait_returned(fixture *f, size_t n)
{
    wanted w = {.returned = n};
    if (!fixture_run_loop(f->loop, has_returned, &w)) {
        fail_msg("%zu of %zu handlers have returned: %s", trace.returned, n, text_so_far());
    }
}

static bool has_text(void *arg)
{
    return strstr(text_so_far(), ((const wanted *)arg)->text) != NULL;
}

void trace_wait_text(fixture *f, const char *text)
{
    wanted w = {.text = text};
    if (!fixture_run_loop(f->loop, has_text, &w)) {
        fail_msg("no \"%s\" in the trace: %s", text, text_so_far());
    }
}

void trace_expect(const char *text)
{
    assert_string_equal(text_so_far(), text);
}
