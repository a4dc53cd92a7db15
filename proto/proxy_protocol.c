#include "proto/proxy_protocol.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/ip.h"
#include "core/loop.h"
#include "core/transport.h"
#include "proto/proxy_header.h"

#include <string.h>
#include <sys/socket.h>

/* Of what came instead of a header, so much is shown. */
#define SHOWN_BYTES 32u

/* A connection that waits for its header. */
typedef struct waiting {
    yodel_transport *transport;
    yodel_proxy_config *config;
    yodel_timer timer;
    bool *handed_over; /* becomes true when the real protocol takes this one's memory; or NULL */
} waiting;

static const char *peer_text(const yodel_transport *t, char text[YODEL_ADDRESS_TEXT])
{
    yodel_address peer = {.len = 0};
    (void)yodel_transport_peer(t, &peer);
    return yodel_address_format(&peer, text);
}

/* --- the end without a header --- */

static void refuse(waiting *w)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_count(yodel_transport_counters(w->transport), YODEL_COUNT_REJECTED_UNTRUSTED, 1);
    yodel_log_limited(w->config->log, &w->config->untrusted,
                      yodel_loop_now(yodel_transport_loop(w->transport)), YODEL_LOG_WARNING,
                      "connection of %s refused: %s", peer_text(w->transport, text),
                      yodel_strerror(YODEL_EUNTRUSTED));
    yodel_transport_abort(w->transport, YODEL_EUNTRUSTED);
}

static void give_up(waiting *w, const char *why, const uint8_t *data, size_t len)
{
    char text[YODEL_ADDRESS_TEXT];
    char shown[4 * SHOWN_BYTES + 1];
    (void)yodel_log_escape(shown, sizeof(shown), data, len < SHOWN_BYTES ? len : SHOWN_BYTES);
    yodel_log_limited(w->config->log, &w->config->malformed,
                      yodel_loop_now(yodel_transport_loop(w->transport)), YODEL_LOG_WARNING,
                      "connection of %s closed: %s%s%s%s", peer_text(w->transport, text), why,
                      len > 0 ? ": \"" : "", shown, len > 0 ? "\"" : "");
    yodel_transport_abort(w->transport, YODEL_EPROXYHEADER);
}

static void on_timeout(yodel_timer *timer)
{
    waiting *w = yodel_container_of(timer, waiting, timer);
    yodel_transport *t = w->transport;
    bool handed_over = false;
    w->handed_over = &handed_over;
    (void)yodel_transport_look(t);
    if (handed_over) {
        return;
    }
    w->handed_over = NULL;
    if (!yodel_transport_is_closing(t)) { /* it had one, but was refused, or it drains */
        give_up(w, "no PROXY header in time", NULL, 0);
    }
}

/* --- the header --- */

/* Is the client that the header names the very end of this connection? So says version 1, which has
 * no LOCAL, that it is the proxy's own (2.1: "a getsockname()/getpeername() pair"). */
static bool is_own_end(const yodel_transport *t, const yodel_address *client)
{
    yodel_address peer;
    yodel_ip peer_ip;
    yodel_ip client_ip;
    return yodel_transport_peer(t, &peer) == 0 && yodel_ip_of(&peer, &peer_ip) &&
           yodel_ip_of(client, &client_ip) && memcmp(&peer_ip, &client_ip, sizeof(peer_ip)) == 0 &&
           yodel_address_port(&peer) == yodel_address_port(client);
}

/* Tells the transport who the client is; negative: it is not let in. */
static int name_client(yodel_transport *t, const yodel_proxy_header *header)
{
    if (header->source != YODEL_PROXY_CLIENT || is_own_end(t, &header->client)) {
        return 0;
    }
    return yodel_transport_set_client(t, &header->client);
}

/* The real protocol takes w's place; it is handed what is there of its bytes already. Returns how
 * many it has consumed, or a negative code. */
static ssize_t hand_over(waiting *w, const uint8_t *data, size_t len)
{
    yodel_transport *t = w->transport;
    const yodel_protocol_factory *real = &w->config->factory;
    void *self = w; /* where the real one's instance lies from here on */
    yodel_timer_stop(&w->timer);
    if (w->handed_over != NULL) {
        *w->handed_over = true;
    }
    yodel_transport_set_protocol(t, real);
    if (len == 0 || !yodel_transport_is_reading(t)) {
        return 0;
    }
    return real->ops->data_received != NULL ? real->ops->data_received(self, data, len)
                                            : (ssize_t)len;
}

/* --- the protocol --- */

static int connection_made(void *self, yodel_transport *transport, void *arg)
{
    waiting *w = self;
    yodel_address peer;
    w->transport = transport;
    w->config = arg;
    w->handed_over = NULL;
    yodel_timer_init(&w->timer, yodel_transport_loop(transport), on_timeout);
    int code = yodel_transport_peer(transport, &peer);
    if (code < 0) { /* gone already; but what it sent could still be read */
        yodel_transport_abort(transport, code);
    } else if (peer.storage.ss_family != AF_UNIX &&
               !yodel_cidr_any_contains(w->config->trusted, w->config->trusted_count, &peer)) {
        refuse(w);
    } else {
        yodel_timer_start(&w->timer, YODEL_PROXY_TIMEOUT);
    }
    return 0;
}

static ssize_t data_received(void *self, const uint8_t *data, size_t len)
{
    waiting *w = self;
    yodel_proxy_header header;
    ssize_t n = yodel_proxy_header_parse(data, len, &header);
    if (n == 0) {
        return 0;
    }
    if (n < 0) {
        give_up(w, "no PROXY header", data, len);
        return 0;
    }
    if (name_client(w->transport, &header) < 0) {
        return 0;
    }
    ssize_t used = hand_over(w, data + n, len - (size_t)n);
    return used < 0 ? used : n + used;
}

static int eof_received(void *self)
{
    waiting *w = self;
    if (yodel_transport_unread(w->transport) > 0) {
        give_up(w, "it ends within the PROXY header", NULL, 0);
    }
    return 0;
}

static void connection_lost(void *self, int reason)
{
    (void)reason;
    yodel_timer_stop(&((waiting *)self)->timer);
}

static const yodel_protocol_ops ops = {
    .connection_made = connection_made,
    .data_received = data_received,
    .eof_received = eof_received,
    .connection_lost = connection_lost,
};

yodel_protocol_factory yodel_proxy_factory(yodel_proxy_config *config)
{
    size_t real = config->factory.size;
    if (!yodel_protocol_factory_works(&config->factory)) {
        return config->factory;
    }
    config->untrusted.period_ns = config->malformed.period_ns = YODEL_NS_PER_SEC;
    return (yodel_protocol_factory){
        .ops = &ops,
        .size = real > sizeof(waiting) ? real : sizeof(waiting),
        .arg = config,
        .own_timeouts = true,
        .names_client = true,
    };
}
