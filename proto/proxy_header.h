/*
 * proxy_header: the PROXY protocol's header, with which a proxy says at the begin of a connection
 * whose connection it is (HAProxy's doc/proxy-protocol.txt, versions 1 and 2). Pure: it looks at
 * bytes and keeps nothing. Any thread.
 */
#ifndef YODEL_PROTO_PROXY_HEADER_H
#define YODEL_PROTO_PROXY_HEADER_H

#include "../core/address.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest line of version 1, its CRLF included (section 2.1). */
#define YODEL_PROXY_V1_MAX 107u

/* Version 2: what stands in front of the addresses, and the most that is taken of addresses and
 * TLVs together. The largest that proxies send, a client certificate's names among them, are some
 * hundred bytes. */
#define YODEL_PROXY_V2_FIXED 16u
#define YODEL_PROXY_V2_MAX   4096u

typedef enum yodel_proxy_source {
    YODEL_PROXY_CLIENT,  /* a client's connection; the header has its address */
    YODEL_PROXY_UNKNOWN, /* a client's, of which the proxy cannot tell the address */
    YODEL_PROXY_LOCAL,   /* the proxy's own, a health check for instance */
} yodel_proxy_source;

typedef struct yodel_proxy_header {
    yodel_proxy_source source;
    yodel_address client; /* only of YODEL_PROXY_CLIENT: IPv4 or IPv6 with its port; or
                             AF_UNIX, without a name */
} yodel_proxy_header;

/*
 * Looks at what a connection begins with, len bytes from its very first on. Returns the length of
 * the header and *header; 0 when more has to come; YODEL_EPROXYHEADER when it is none, which shows
 * at the first byte that can stand in neither version's, and for the addresses of version 1 at the
 * line's end. It may be called anew with each byte that comes: it costs a look at no more than
 * YODEL_PROXY_V1_MAX bytes.
 *
 * Version 2: UDP, and addresses without a transport, are of no use to a stream's server and taken
 * as UNKNOWN, as the specification allows (2.2); TLVs are passed over.
 */
ssize_t yodel_proxy_header_parse(const uint8_t *data, size_t len, yodel_proxy_header *header);

#endif
