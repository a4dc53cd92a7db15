/*
 * PROXY headers as a proxy writes them, for tests; each function adds one to the text.
 */
#ifndef YODEL_TESTS_PROXY_HEADERS_H
#define YODEL_TESTS_PROXY_HEADERS_H

#include "net.h"

#include <stdint.h>

/* Version 1 for a client of a numeric address, IPv4 or IPv6. */
void proxy_v1(net_text *t, const char *client, uint16_t port);

/* Version 2, with a TLV behind the addresses. */
void proxy_v2(net_text *t, const char *client, uint16_t port);

/* Version 2: the proxy's own connection; a client of a unix-domain socket. */
void proxy_local(net_text *t);
void proxy_unix(net_text *t);

#endif
