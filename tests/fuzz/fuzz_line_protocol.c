/*
 * Fuzzes the line protocol with chat on top: any stream, cut anywhere, paused by any line, with any
 * write failing; what is written, counted and closed is compared with a model that sees the stream
 * as a whole.
 *
 *     byte 0        max_line (6 bits), delimiter (2 bits)
 *     byte 1        how many writes go well before one fails, 255: all
 *     then          pieces: a length n and n bytes; n = 0 resumes reading. What is missing of the
 *                   last piece does not come.
 *
 * A line that begins with 'p' pauses reading after its answer. The transport is the one below, put
 * in the real one's place when this program is linked: all the functions that the line protocol
 * calls are defined here, so that the library's are never asked for. What it does inline
 * (core/transport_near.h) finds the real structures.
 */
#include "core/error.h"
#include "core/transport_near.h"
#include "proto/chat.h"

#include "tests/support/framing_oracle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096, OUTPUT_MAX = 16 * INPUT_MAX };

static void check(int holds)
{
    if (!holds) {
        abort();
    }
}

/* Bytes that should be sent. */
typedef struct output {
    char data[OUTPUT_MAX];
    size_t len;
} output;

static void add(output *o, const void *data, size_t len)
{
    check(len <= OUTPUT_MAX - o->len);
    if (len > 0) {
        memcpy(o->data + o->len, data, len);
    }
    o->len += len;
}

/* --- the transport -----------------------------------------------------------------------------*/

static yodel_transport *transport;  /* open, or ended with its reason; its protocol lies in it */
static yodel_transport_group group; /* the cork is all that is written */
static yodel_counters counters;
static char out[OUTPUT_MAX];
static uint8_t kept[INPUT_MAX]; /* received, not consumed */
static size_t kept_len;
static unsigned writes_left;

static size_t written(void)
{
    return (size_t)(group.cork_next - (uint8_t *)out);
}

static void begin(size_t protocol_size, unsigned writes)
{
    transport = calloc(1, sizeof *transport + protocol_size);
    check(transport != NULL);
    memset(&counters, 0, sizeof counters);
    group = (yodel_transport_group){
        .counters = &counters, .corked = transport, .cork_next = (uint8_t *)out};
    transport->group = &group;
    kept_len = 0;
    writes_left = writes;
}

static bool is_open(const yodel_transport *t)
{
    return t->state == YODEL_TRANSPORT_OPEN;
}

static void end(yodel_transport *t, int reason)
{
    if (is_open(t)) {
        t->state = YODEL_TRANSPORT_ENDED;
        t->reason = reason;
        group.room = 0;
    }
}

int yodel_transport_write(yodel_transport *t, const void *data, size_t len)
{
    check(is_open(t)); /* nothing is to be written after the end */
    if (writes_left == 0) {
        end(t, -ENOMEM);
        return -ENOMEM;
    }
    writes_left -= writes_left < 255;
    check(len <= OUTPUT_MAX - written());
    if (len > 0) {
        memcpy(group.cork_next, data, len);
    }
    group.cork_next += len;
    return 0;
}

bool yodel_transport_is_received(const yodel_transport *t, const void *data, size_t len)
{
    uintptr_t offset = (uintptr_t)data - (uintptr_t)t->group->window;
    return offset <= t->group->window_len && len <= t->group->window_len - offset;
}

/* Room now and then, as in the real one. */
void *yodel_transport_compose(yodel_transport *t, size_t len)
{
    void *space;
    if (!is_open(t) || writes_left < 255 || len % 3 == 0) {
        return NULL;
    }
    group.room = OUTPUT_MAX - YODEL_COMPOSE_SLACK - written();
    return yodel_transport_compose_more(t, len, &space) ? space : NULL;
}

void yodel_transport_close(yodel_transport *t, int reason)
{
    end(t, reason);
}

size_t yodel_transport_unread(const yodel_transport *t)
{
    (void)t;
    return kept_len;
}

/* --- chat, with lines that pause ---------------------------------------------------------------*/

static int line_received(yodel_line_protocol *p, const char *line, size_t len)
{
    check(yodel_transport_is_reading_inline(transport));
    check(yodel_transport_is_received(transport, line, len)); /* in place, not a copy */
    if (len % 5 == 0) {
        group.room = 0; /* as when the cork was sent */
    }
    int code = yodel_chat_ops.line_received(p, line, len);
    if (code > 0 && len > 0 && line[0] == 'p') {
        transport->held |= YODEL_HELD_PAUSED;
        return len % 2 == 0; /* with either return the lines behind it have to wait */
    }
    return code;
}

static const yodel_line_ops ops = {.line_received = line_received};

/* --- what should happen ------------------------------------------------------------------------*/

typedef struct model {
    output out;
    uint64_t lines_in;
    uint64_t lines_out;
    bool partial;
    int reason; /* YODEL_EOF: open to the end */
} model;

static void run_model(model *m, const yodel_line_config *config, const uint8_t *data, size_t len)
{
    const char *delimiter = config->delimiter;
    size_t delimiter_len = strlen(delimiter);
    m->reason = YODEL_EOF;
    for (size_t at = 0;;) {
        size_t line_len = 0;
        ssize_t n = framing_oracle(delimiter, delimiter_len, config->max_line, data + at, len - at,
                                   &line_len);
        if (n == 0) {
            m->partial = at < len;
            return;
        }
        if (n < 0) {
            char text[64];
            int text_len = snprintf(text, sizeof text, "Error: line longer than %u bytes",
                                    (unsigned)config->max_line);
            add(&m->out, text, (size_t)text_len);
            add(&m->out, delimiter, delimiter_len);
            m->lines_out++;
            m->reason = YODEL_ELINETOOLONG;
            return;
        }
        m->lines_in++;
        if (line_len == 1 && data[at] == '.') {
            m->reason = 0;
            return;
        }
        add(&m->out, "You sent: ", 10);
        add(&m->out, data + at, line_len);
        add(&m->out, delimiter, delimiter_len);
        m->lines_out++;
        at += (size_t)n;
    }
}

/* --- feeding -----------------------------------------------------------------------------------*/

/* Hands over what is kept and what is new, in memory of exactly that size. */
static void deliver(const yodel_protocol_factory *factory, const uint8_t *data, size_t len)
{
    memcpy(kept + kept_len, data, len);
    kept_len += len;
    if (!yodel_transport_is_reading_inline(transport) || kept_len == 0) {
        return;
    }
    uint8_t *copy = malloc(kept_len);
    check(copy != NULL);
    memcpy(copy, kept, kept_len);
    group.window = copy;
    group.window_len = kept_len;
    ssize_t used = factory->ops->data_received(transport->protocol, copy, kept_len);
    group.window = NULL;
    group.window_len = 0;
    free(copy);
    /* It fails when a write failed, and then only. */
    check((used < 0) == (transport->reason == -ENOMEM && !is_open(transport)));
    if (used > 0) {
        check((size_t)used <= kept_len);
        kept_len -= (size_t)used;
        memmove(kept, kept + used, kept_len);
    }
}

static void resume(void)
{
    transport->held = 0;
}

/* Feeds all pieces and then the end; the bytes that came are put together in `all`. */
static size_t feed(const yodel_protocol_factory *factory, const uint8_t *data, size_t size,
                   uint8_t *all)
{
    size_t len = 0;
    for (size_t at = 0; at < size && is_open(transport);) {
        size_t n = data[at++];
        if (n == 0) {
            resume();
        }
        n = n < size - at ? n : size - at;
        memcpy(all + len, data + at, n);
        len += n;
        deliver(factory, data + at, n);
        at += n;
    }
    while (is_open(transport) && transport->held != 0) {
        resume();
        deliver(factory, data, 0);
    }
    if (is_open(transport)) {
        check(factory->ops->eof_received(transport->protocol) == 0);
        end(transport, YODEL_EOF);
    }
    factory->ops->connection_lost(transport->protocol, transport->reason);
    return len;
}

static void compare(const model *m)
{
    if (transport->reason == -ENOMEM) { /* up to the failure everything was right */
        check(written() <= m->out.len);
    } else {
        check(transport->reason == m->reason);
        check(written() == m->out.len);
        check(yodel_counters_get(&counters, YODEL_COUNT_LINES_IN) == m->lines_in);
        check(yodel_counters_get(&counters, YODEL_COUNT_LINES_OUT) == m->lines_out);
        check(yodel_counters_get(&counters, YODEL_COUNT_PARTIAL) == m->partial);
    }
    check(memcmp(out, m->out.data, written()) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const delimiters[] = {"\r\n", "\n", "aab", "\r\n\r\n"};
    static uint8_t all[INPUT_MAX];
    static model m;
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    yodel_line_config config = {
        .ops = &ops, .delimiter = delimiters[data[0] >> 6], .max_line = data[0] & 63};
    yodel_protocol_factory factory = yodel_line_factory(&config);
    begin(factory.size, data[1]);
    check(factory.ops->connection_made(transport->protocol, transport, factory.arg) == 0);
    size_t len = feed(&factory, data + 2, size - 2, all);

    memset(&m, 0, sizeof m);
    run_model(&m, &config, all, len);
    compare(&m);
    free(transport);
    return 0;
}
