#include "proto/line_protocol.h"

#include "core/error.h"
#include "proto/framing.h"

#include <stdio.h>
#include <string.h>

struct yodel_line_protocol {
    yodel_transport *transport;
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
    yodel_line_protocol *p = self;
    const yodel_line_config *config = arg;
    const char *delimiter = delimiter_of(config);
    p->transport = transport;
    p->config = config;
    yodel_framing_init(&p->framing, delimiter, strlen(delimiter), config->max_line);
    return config->ops->connection_made != NULL ? config->ops->connection_made(p) : 0;
}

static int too_long(yodel_line_protocol *p)
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
    yodel_transport_close(p->transport, YODEL_ELINETOOLONG);
    return code;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    yodel_line_protocol *p = self;
    yodel_counters *counters = yodel_transport_counters(p->transport);
    size_t used = 0;
    uint64_t lines = 0;
    ssize_t code = 1;

    while (code > 0 && used < len) {
        size_t line_len;
        ssize_t n = yodel_framing_next(&p->framing, data + used, len - used, &line_len);
        if (n == 0) {
            break;
        }
        if (n < 0) {
            code = too_long(p);
            break;
        }
        const char *line = (const char *)data + used;
        used += (size_t)n;
        lines++;
        code = p->config->ops->line_received(p, line, line_len);
        if (!yodel_transport_is_reading(p->transport)) {
            break;
        }
    }
    if (lines > 0) {
        yodel_count(counters, YODEL_COUNT_LINES_IN, lines);
    }
    return code < 0 ? code : (ssize_t)used;
}

static int eof_received(void *self)
{
    yodel_line_protocol *p = self;
    if (yodel_transport_unread(p->transport) > 0) {
        yodel_count(yodel_transport_counters(p->transport), YODEL_COUNT_PARTIAL, 1);
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
    return (yodel_protocol_factory){
        .ops = &ops,
        .size = sizeof(yodel_line_protocol) + config->ops->state_size,
        .arg = (void *)(uintptr_t)config,
    };
}

int yodel_line_write(yodel_line_protocol *p, const void *data, size_t len)
{
    return yodel_transport_write(p->transport, data, len);
}

/* As it does behind a received line that is echoed: then one write does for both. */
static inline bool delimiter_follows(const yodel_line_protocol *p, const char *data, size_t len)
{
    size_t delimiter_len = p->framing.delimiter_len;
    if (!yodel_transport_is_received(p->transport, data, len + delimiter_len)) {
        return false;
    }
    for (size_t i = 0; i < delimiter_len; i++) { /* at most four: a call of memcmp costs more */
        if ((uint8_t)data[len + i] != p->framing.delimiter[i]) {
            return false;
        }
    }
    return true;
}

int yodel_line_write_line(yodel_line_protocol *p, const void *data, size_t len)
{
    size_t delimiter_len = p->framing.delimiter_len;
    int code;
    if (delimiter_follows(p, data, len)) {
        code = yodel_transport_write(p->transport, data, len + delimiter_len);
    } else {
        code = yodel_transport_write(p->transport, data, len);
        if (code == 0) {
            code = yodel_transport_write(p->transport, p->framing.delimiter, delimiter_len);
        }
    }
    if (code == 0) {
        yodel_count(yodel_transport_counters(p->transport), YODEL_COUNT_LINES_OUT, 1);
    }
    return code;
}

void yodel_line_close(yodel_line_protocol *p)
{
    yodel_transport_close(p->transport, 0);
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
    return p->transport;
}
