#include "core/connect.h"
#include "core/error.h"
#include "proto/stream.h"
#include "proto/stream_internal.h"

#include <errno.h>
#include <stdlib.h>

static void on_connected(void *arg, int code)
{
    yodel_handler_wake(arg, code);
}

int yodel_stream_connect(yodel_stream *s, const char *host, const char *port, double timeout,
                         yodel_stream **out)
{
    yodel_handler *h = s->handler;
    if (h->cancelled) {
        return -ECANCELED;
    }
    if (s->transport == NULL) {
        return s->reason;
    }
    yodel_stream *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return -ENOMEM;
    }
    made->handler = h;
    made->limit = s->limit;
    yodel_list_init(&made->link);

    yodel_protocol_factory factory = {
        .ops = &yodel_stream_opened_ops,
        .size = sizeof(yodel_stream_instance),
        .arg = made,
        .own_timeouts = true,
    };
    yodel_connecting *connecting;
    int code = yodel_connect(yodel_transport_group_of(s->transport), host, port, timeout, &factory,
                             on_connected, h, &connecting);
    if (code == 0) {
        code = yodel_handler_wait(h, YODEL_WAIT_CONNECT, NULL, UINT64_MAX);
        /* Woken by somebody else: the client is gone, the attempt still under way. */
        if (h->cancelled) {
            yodel_connecting_cancel(connecting);
        }
    }
    if (code < 0) {
        free(made);
        return code;
    }
    yodel_list_push_back(&h->opened, &made->link);
    *out = made;
    return 0;
}
