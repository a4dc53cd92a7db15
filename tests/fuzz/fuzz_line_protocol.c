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
 * in the real one's place when this program is linked: all that the line protocol knows of it is
 * defined here, so that the library's is never asked for.
 */
#include "core/error.h"
#include "core/transport.h"
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

/* Bytes that were, or should be, sent. */
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

struct yodel_transport {
    yodel_counters counters;
    output out;
    uint8_t kept[INPUT_MAX]; /* received, not consumed */
    size_t kept_len;
    const uint8_t *window; /* what data_received is looking at */
    size_t window_len;
    unsigned writes_left;
    bool open;
    bool paused;
    int reason;
};

static yodel_transport transport;

int yodel_transport_write(yodel_transport *t, const void *data, size_t len)
{
    check(t->open); /* nothing is to be written after the end */
    if (t->writes_left == 0) {
        t->open = false;
        t->reason = -ENOMEM;
        return -ENOMEM;
    }
    t->writes_left -= t->writes_left < 255;
    add(&t->out, data, len);
    return 0;
}

bool yodel_transport_is_received(const yodel_transport *t, const void *data, size_t len)
{
    uintptr_t offset = (uintptr_t)data - (uintptr_t)t->window;
    return offset <= t->window_len && len <= t->window_len - offset;
}

/* Room now and then, as in the real one. */
void *yodel_transport_compose(yodel_transport *t, size_t len)
{
    if (!t->open || t->writes_left < 255 || len % 3 == 0) {
        return NULL;
    }
    check(len + YODEL_COMPOSE_SLACK <= OUTPUT_MAX - t->out.len);
    char *room = t->out.data + t->out.len;
    t->out.len += len;
    return room;
}

yodel_transport *yodel_transport_of(const void *protocol)
{
    (void)protocol;
    return &transport;
}

void yodel_transport_close(yodel_transport *t, int reason)
{
    if (t->open) {
        t->open = false;
        t->reason = reason;
    }
}

bool yodel_transport_is_reading(const yodel_transport *t)
{
    return t->open && !t->paused;
}

size_t yodel_transport_unread(const yodel_transport *t)
{
    return t->kept_len;
}

yodel_counters *yodel_transport_counters(yodel_transport *t)
{
    return &t->counters;
}

/* --- chat, with lines that pause ---------------------------------------------------------------*/

static int line_received(yodel_line_protocol *p, const char *line, size_t len)
{
    yodel_transport *t = yodel_line_transport(p);
    uintptr_t offset = (uintptr_t)line - (uintptr_t)t->window;
    check(yodel_transport_is_reading(t));
    check(offset <= t->window_len && len <= t->window_len - offset); /* in place, not a copy */
    int code = yodel_chat_ops.line_received(p, line, len);
    if (code > 0 && len > 0 && line[0] == 'p') {
        t->paused = true;
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
static void deliver(const yodel_protocol_factory *factory, void *self, const uint8_t *data,
                    size_t len)
{
    yodel_transport *t = &transport;
    memcpy(t->kept + t->kept_len, data, len);
    t->kept_len += len;
    if (!yodel_transport_is_reading(t) || t->kept_len == 0) {
        return;
    }
    uint8_t *copy = malloc(t->kept_len);
    check(copy != NULL);
    memcpy(copy, t->kept, t->kept_len);
    t->window = copy;
    t->window_len = t->kept_len;
    ssize_t used = factory->ops->data_received(self, copy, t->kept_len);
    t->window = NULL;
    free(copy);
    /* It fails when a write failed, and then only. */
    check((used < 0) == (t->reason == -ENOMEM && !t->open));
    if (used > 0) {
        check((size_t)used <= t->kept_len);
        t->kept_len -= (size_t)used;
        memmove(t->kept, t->kept + used, t->kept_len);
    }
}

/* Feeds all pieces and then the end; the bytes that came are put together in `all`. */
static size_t feed(const yodel_protocol_factory *factory, void *self, const uint8_t *data,
                   size_t size, uint8_t *all)
{
    size_t len = 0;
    for (size_t at = 0; at < size && transport.open;) {
        size_t n = data[at++];
        if (n == 0) {
            transport.paused = false;
        }
        n = n < size - at ? n : size - at;
        memcpy(all + len, data + at, n);
        len += n;
        deliver(factory, self, data + at, n);
        at += n;
    }
    while (transport.open && transport.paused) {
        transport.paused = false;
        deliver(factory, self, data, 0);
    }
    if (transport.open) {
        check(factory->ops->eof_received(self) == 0);
        yodel_transport_close(&transport, YODEL_EOF);
    }
    factory->ops->connection_lost(self, transport.reason);
    return len;
}

static void compare(const model *m)
{
    const yodel_transport *t = &transport;
    if (t->reason == -ENOMEM) { /* up to the failure everything was right */
        check(t->out.len <= m->out.len);
    } else {
        check(t->reason == m->reason);
        check(t->out.len == m->out.len);
        check(yodel_counters_get(&t->counters, YODEL_COUNT_LINES_IN) == m->lines_in);
        check(yodel_counters_get(&t->counters, YODEL_COUNT_LINES_OUT) == m->lines_out);
        check(yodel_counters_get(&t->counters, YODEL_COUNT_PARTIAL) == m->partial);
    }
    check(memcmp(t->out.data, m->out.data, t->out.len) == 0);
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
    void *self = calloc(1, factory.size);
    check(self != NULL);
    memset(&transport, 0, sizeof transport);
    transport.open = true;
    transport.writes_left = data[1];
    check(factory.ops->connection_made(self, &transport, factory.arg) == 0);
    size_t len = feed(&factory, self, data + 2, size - 2, all);
    free(self);

    memset(&m, 0, sizeof m);
    run_model(&m, &config, all, len);
    compare(&m);
    return 0;
}
