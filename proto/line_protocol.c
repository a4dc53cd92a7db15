#include "proto/line_protocol.h"

#include "core/error.h"
#include "core/transport_near.h"
#include "proto/framing_near.h"

#include <stdio.h>
#include <string.h>

/* It comes with every connection, so it has no pointer that it can do without. */
struct yodel_line_protocol {
    const yodel_line_config *config;
    yodel_framing framing;
    _Alignas(max_align_t) unsigned char state[];
};

static const char *delimiter_of(const yodel_line_config *config)
{
    return config->delimiter != NULL ? config->delimiter : "\r\n";
}

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    (void)transport;
    yodel_line_protocol *p = self;
    const yodel_line_config *config = arg;
    const char *delimiter = delimiter_of(config);
    p->config = config;
    yodel_framing_init(&p->framing, delimiter, strlen(delimiter), config->max_line);
    return config->ops->connection_made != NULL ? config->ops->connection_made(p) : 0;
}

static __attribute__((noinline)) int too_long(yodel_line_protocol *p)
{
    int code;
    if (p->config->ops->line_too_long != NULL) {
        code = p->config->ops->line_too_long(p);
    } else {
        char text[64];
        int len = snprintf(text, sizeof(text), "Error: line longer than %u bytes",
                           (unsigned)p->config->max_line);
        code = yodel_line_write_line(p, text, (size_t)len);
    }
    yodel_transport_close(yodel_transport_of_inline(p), YODEL_ELINETOOLONG);
    return code;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    yodel_line_protocol *p = self;
    yodel_transport *transport = yodel_transport_of_inline(p);
    uint64_t count = 0;
    ssize_t code = 1;
    yodel_framing_lines lines;

    yodel_framing_lines_init(&lines, &p->framing, data, len);
    while (code > 0 && lines.line < len) {
        size_t line_len;
        const char *line = (const char *)data + lines.line;
        ssize_t n = yodel_framing_lines_next(&lines, &p->framing, &line_len);
        if (n == 0) {
            break;
        }
        if (n < 0) {
            code = too_long(p);
            break;
        }
        count++;
        code = p->config->ops->line_received(p, line, line_len);
        if (!yodel_transport_is_reading_inline(transport)) {
            break;
        }
    }
    if (count > 0) {
        yodel_count(yodel_transport_counters_inline(transport), YODEL_COUNT_LINES_IN, count);
    }
    return code < 0 ? code : (ssize_t)lines.line;
}

static int eof_received(void *self)
{
    yodel_line_protocol *p = self;
    yodel_transport *transport = yodel_transport_of_inline(p);
    if (yodel_transport_unread(transport) > 0) {
        yodel_count(yodel_transport_counters_inline(transport), YODEL_COUNT_PARTIAL, 1);
    }
    return p->config->ops->eof_received != NULL ? p->config->ops->eof_received(p) : 0;
}

static void connection_lost(void *self, int reason)
{
    yodel_line_protocol *p = self;
    if (p->config->ops->connection_lost != NULL) {
        p->config->ops->connection_lost(p, reason);
    }
}

static const yodel_protocol_ops ops = {
    .connection_made = connection_made,
    .data_received = data_received,
    .eof_received = eof_received,
    .connection_lost = connection_lost,
};

yodel_protocol_factory yodel_line_factory(const yodel_line_config *config)
{
    size_t delimiter_len = strlen(delimiter_of(config));
    if (config->ops == NULL || config->ops->line_received == NULL || delimiter_len < 1 ||
        delimiter_len > YODEL_DELIMITER_MAX || config->max_line > YODEL_LINE_MAX) {
        return (yodel_protocol_factory){0};
    }
    size_t state_size = config->ops->state_size;
    return (yodel_protocol_factory){
        .ops = &ops,
        /* Without state also without what aligns it. */
        .size = state_size > 0 ? sizeof(yodel_line_protocol) + state_size
                               : offsetof(yodel_line_protocol, framing) + sizeof(yodel_framing),
        .arg = (void *)(uintptr_t)config,
    };
}

int yodel_line_write(yodel_line_protocol *p, const void *data, size_t len)
{
    return yodel_transport_write(yodel_transport_of_inline(p), data, len);
}

static inline char *composed(yodel_line_protocol *p, char *line, size_t len)
{
    yodel_transport *transport = yodel_transport_of_inline(p);
    /* All four, which is one store: there is slack behind. */
    memcpy(line + len, p->framing.delimiter, sizeof(p->framing.delimiter));
    yodel_count(yodel_transport_counters_inline(transport), YODEL_COUNT_LINES_OUT, 1);
    return line;
}

static __attribute__((noinline)) char *compose_somehow(yodel_line_protocol *p, size_t len)
{
    size_t whole = len + p->framing.delimiter_len;
    char *line = yodel_transport_compose(yodel_transport_of_inline(p), whole);
    return line != NULL ? composed(p, line, len) : NULL;
}

/* inline for protocols that are optimised together with this file (cmake/YodelLto.cmake). */
inline char *yodel_line_compose(yodel_line_protocol *p, size_t len)
{
    size_t whole = len + p->framing.delimiter_len;
    void *line;
    bool room = yodel_transport_compose_more(yodel_transport_of_inline(p), whole, &line);
    return room ? composed(p, line, len) : compose_somehow(p, len);
}

/* As it does behind a received line that is echoed: then one write does for both. */
static bool delimiter_follows(const yodel_line_protocol *p, const char *data, size_t len)
{
    const yodel_framing *f = &p->framing;
    size_t whole = len + f->delimiter_len;
    return yodel_transport_is_received(yodel_transport_of_inline(p), data, whole) &&
           data[whole - 1] == (char)f->last &&
           yodel_framing_completes(f, (const uint8_t *)data, whole - 1);
}

int yodel_line_write_pieces(yodel_line_protocol *p, const void *head, size_t head_len,
                            const void *data, size_t len)
{
    yodel_transport *transport = yodel_transport_of_inline(p);
    bool whole = delimiter_follows(p, data, len);
    int code = yodel_transport_write(transport, head, head_len);
    if (code == 0) {
        code = yodel_transport_write(transport, data, len + (whole ? p->framing.delimiter_len : 0));
    }
    if (code == 0 && !whole) {
        code = yodel_transport_write(transport, p->framing.delimiter, p->framing.delimiter_len);
    }
    if (code == 0) {
        yodel_count(yodel_transport_counters_inline(transport), YODEL_COUNT_LINES_OUT, 1);
    }
    return code;
}

void yodel_line_close(yodel_line_protocol *p)
{
    yodel_transport_close(yodel_transport_of_inline(p), 0);
}

void *yodel_line_state(yodel_line_protocol *p)
{
    return p->state;
}

void *yodel_line_arg(const yodel_line_protocol *p)
{
    return p->config->arg;
}

yodel_transport *yodel_line_transport(const yodel_line_protocol *p)
{
    return yodel_transport_of_inline(p);
}
