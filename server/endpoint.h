/*
 * endpoint: HOST:PORT, as somebody types where to listen.
 */
#ifndef YODEL_SERVER_ENDPOINT_H
#define YODEL_SERVER_ENDPOINT_H

#include "core/option_error.h"

typedef struct yodel_endpoint {
    char host[256]; /* name or address, an IPv6 address in brackets; never empty */
    char port[6];   /* decimal, 0 to 65535 */
} yodel_endpoint;

/* Takes "localhost:9007", "127.0.0.1:9007" or "[::1]:9007" apart; ":9007" is 127.0.0.1, and not, as
 * with others, every address: who wants to be reached from everywhere says so ("0.0.0.0:9007"; "*"
 * is refused, which for --host is two addresses).
 * name is the option's, for the complaint. 0; or -EINVAL with the complaint filled, *endpoint
 * untouched. Any thread. */
int yodel_endpoint_parse(const char *name, const char *text, yodel_endpoint *endpoint,
                         const yodel_complaint *c);

#endif
