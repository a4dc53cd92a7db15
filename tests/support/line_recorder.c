#include "tests/support/line_recorder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

line_record seen;

/* The state of a connection. */
typedef struct counted {
    uint64_t zero;
    long double needs_alignment;
    size_t lines;
} counted;

static void note_line(const char *line, size_t len)
{
    size_t used = strlen(seen.lines);
    (void)snprintf(seen.lines + used, sizeof seen.lines - used, "[%.*s]", (int)len, line);
}

static bool is(const char *line, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(line, word, len) == 0;
}

static int made(yodel_line_protocol *p)
{
    const counted *state = yodel_line_state(p);
    seen.made++;
    seen.last = p;
    seen.bad_access = seen.bad_access || yodel_line_arg(p) != &seen;
    seen.bad_state = seen.bad_state || state->zero != 0 || state->lines != 0 ||
                     (uintptr_t)state % _Alignof(counted) != 0;
    if (seen.greeting != NULL) {
        seen.last_write = yodel_line_write_line(p, seen.greeting, strlen(seen.greeting));
    }
    return seen.made_code;
}

static int obey(yodel_line_protocol *p, const char *line, size_t len)
{
    yodel_transport *transport = yodel_line_transport(p);
    if (is(line, len, "pause")) {
        yodel_transport_pause_reading(transport);
        return 0;
    }
    if (is(line, len, "pause, go on")) {
        yodel_transport_pause_reading(transport);
        return 1;
    }
    if (is(line, len, "pause and resume")) {
        yodel_transport_pause_reading(transport);
        yodel_transport_resume_reading(transport);
        return 0;
    }
    if (is(line, len, "stop")) {
        return 0;
    }
    if (is(line, len, "close")) {
        yodel_line_close(p);
        return 0;
    }
    if (is(line, len, "close, go on")) {
        yodel_line_close(p);
        seen.last_write = yodel_line_write_line(p, "too late", 8);
        return 1;
    }
    if (is(line, len, "abort, go on")) {
        yodel_transport_abort(transport, -ECANCELED);
        return 1;
    }
    if (is(line, len, "fail")) {
        return -EBADMSG;
    }
    if (is(line, len, "count")) {
        char text[32];
        const counted *state = yodel_line_state(p);
        int n = snprintf(text, sizeof text, "%zu", state->lines);
        seen.last_write = yodel_line_write_line(p, text, (size_t)n);
        return 1;
    }
    seen.last_write = yodel_line_write(p, "<", 1);
    seen.last_write = yodel_line_write(p, line, len);
    seen.last_write = yodel_line_write_line(p, ">", 1);
    return 1;
}

static int received(yodel_line_protocol *p, const char *line, size_t len)
{
    seen.depth++;
    seen.count++;
    ((counted *)yodel_line_state(p))->lines++;
    note_line(line, len);
    int code = obey(p, line, len);
    seen.depth--;
    return code;
}

static int ended(yodel_line_protocol *p)
{
    (void)p;
    seen.eofs++;
    return seen.eof_code;
}

static void lost(yodel_line_protocol *p, int reason)
{
    (void)p;
    seen.nested = seen.nested || seen.depth > 0;
    seen.lost++;
    seen.reason = reason;
}

const yodel_line_ops line_recorder_ops = {
    .state_size = sizeof(counted),
    .connection_made = made,
    .line_received = received,
    .eof_received = ended,
    .connection_lost = lost,
};
const yodel_line_config line_recorder_config = {
    .ops = &line_recorder_ops, .max_line = MAX_LINE, .arg = &seen};

/* What the connections of this test refer to until the teardown has ended them. */
static yodel_line_ops used_ops;
yodel_line_config line_recorder_used;

fixture *line_recorder_start_with(void **state, const yodel_line_config *with, double idle_timeout)
{
    fixture *f = *state;
    seen = (line_record){.reason = 1};
    used_ops = *with->ops;
    line_recorder_used = *with;
    line_recorder_used.ops = &used_ops;
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&line_recorder_used),
                                                 .idle_timeout = idle_timeout});
    return f;
}

fixture *line_recorder_start(void **state)
{
    return line_recorder_start_with(state, &line_recorder_config, 0);
}

void line_recorder_check_end(fixture *f, int reason, yodel_counter counter)
{
    fixture_wait_active(f, 0);
    assert_int_equal(seen.made, 1);
    assert_int_equal(seen.lost, 1);
    assert_int_equal(seen.reason, reason);
    assert_int_equal(fixture_count(f, counter), 1);
    assert_int_equal(yodel_counters_closed(&f->counters), 1);
    assert_false(seen.nested);
}
