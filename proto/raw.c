#include "proto/raw.h"

#include "core/transport.h"

typedef struct raw {
    yodel_transport *transport;
} raw;

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    (void)arg;
    ((raw *)self)->transport = transport;
    return 0;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    int code = yodel_transport_write(((raw *)self)->transport, data, len);
    return code < 0 ? code : (ssize_t)len;
}

const yodel_protocol_ops yodel_raw_ops = {
    .connection_made = connection_made,
    .data_received = data_received,
};
const size_t yodel_raw_size = sizeof(raw);
