#include "server/endpoint.h"

#include "core/units.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Nothing, a name, an IPv4 address, or an IPv6 address in its brackets. */
static bool is_host(const char *host, size_t len)
{
    bool bracket = len > 0 && host[0] == '[';
    if (bracket) {
        return len > 2 && host[len - 1] == ']' && memchr(host + 1, ']', len - 2) == NULL;
    }
    return memchr(host, ':', len) == NULL && memchr(host, ']', len) == NULL;
}

int yodel_endpoint_parse(const char *name, const char *text, yodel_endpoint *endpoint,
                         const yodel_complaint *c)
{
    const char *colon = strrchr(text, ':');
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;
    uint64_t port;
    if (colon == NULL || !is_host(text, len) || len >= sizeof(endpoint->host)) {
        return yodel_complain(
            c, "--%s '%s' is not HOST:PORT like localhost:9007, 127.0.0.1:9007 or [::1]:9007", name,
            text);
    }
    if (len == 1 && text[0] == '*') {
        return yodel_complain(c, "--%s '%s' is more than one address; 0.0.0.0 or [::] is one", name,
                              text);
    }
    if (yodel_parse_count(colon + 1, 0, UINT16_MAX, &port) < 0) {
        return yodel_complain(c, "--%s '%s': the port is not a whole number from 0 to 65535", name,
                              text);
    }
    (void)snprintf(endpoint->host, sizeof(endpoint->host), "%.*s", (int)len, text);
    if (len == 0) {
        (void)strcpy(endpoint->host, "127.0.0.1");
    }
    (void)snprintf(endpoint->port, sizeof(endpoint->port), "%u", (unsigned)port);
    return 0;
}
