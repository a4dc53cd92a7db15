/*
 * proxy_protocol: any protocol behind a proxy that says whose connection it is (proxy_header.h).
 *
 *     static yodel_proxy_config proxy = {.trusted = list, .trusted_count = n, .log = log};
 *     proxy.factory = yodel_line_factory(&lines);
 *     server_config.factory = yodel_proxy_factory(&proxy);
 *
 * Every connection has to begin with a header, as the specification demands; nothing is guessed.
 * Then the real protocol takes its place and knows nothing of it: yodel_transport_peer, logs and
 * the limits by address (core/client_limit.h) have the client's address. Bytes behind the header
 * are the real protocol's, also those of the same segment, and its idle timeout begins there.
 *
 *   - a connection that does not come from a trusted address is closed at once (YODEL_EUNTRUSTED);
 *     one through a unix-domain socket is trusted: the socket's file says who may connect;
 *   - without a whole header after YODEL_PROXY_TIMEOUT seconds, or with something else, it is
 *     closed (YODEL_EPROXYHEADER); both are counted and logged at most once a second;
 *   - one that ends without having sent anything is an ordinary end (YODEL_EOF, or a reset) and not
 *     logged: a health check that only connects;
 *   - where the header names no client, the peer is the proxy, and the limits by address have
 * nobody to count: its own connections (its health checks: LOCAL, or in version 1 the connection's
 * own address and port) and those of which it cannot tell whose they are (UNKNOWN).
 */
#ifndef YODEL_PROTO_PROXY_PROTOCOL_H
#define YODEL_PROTO_PROXY_PROTOCOL_H

#include "../core/cidr.h"
#include "../core/log.h"
#include "../core/protocol.h"

#include <stddef.h>

/* Seconds; the specification's least (2.), to cover a segment that TCP has to send again. */
#define YODEL_PROXY_TIMEOUT 3.0

typedef struct yodel_proxy_config {
    yodel_protocol_factory factory; /* of the real protocol */
    const yodel_cidr *trusted;      /* who may connect */
    size_t trusted_count;
    yodel_log *log; /* NULL: silent */
    /* Zero. */
    yodel_log_limit untrusted;
    yodel_log_limit malformed;
} yodel_proxy_config;

/* The factory for a server's config. config must outlive the server. Any thread. */
yodel_protocol_factory yodel_proxy_factory(yodel_proxy_config *config);

#endif
