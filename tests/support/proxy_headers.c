#include "tests/support/proxy_headers.h"

#include <arpa/inet.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { FAMILY_TCP4 = 0x11, FAMILY_TCP6 = 0x21, FAMILY_UNIX = 0x31, LOCAL = 0x20, PROXY = 0x21 };

void proxy_v1(net_text *t, const char *client, uint16_t port)
{
    bool v6 = strchr(client, ':') != NULL;
    net_text_printf(t, "PROXY TCP%c %s %s %u 8007\r\n", v6 ? '6' : '4', client,
                    v6 ? "2001:db8::8" : "192.0.2.8", port);
}

/* The fixed part and the bytes behind it. */
static void add_v2(net_text *t, uint8_t command, uint8_t family, const void *rest, size_t len)
{
    static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
    const uint8_t more[] = {command, family, (uint8_t)(len >> 8), (uint8_t)len};
    net_text_add(t, signature, sizeof signature);
    net_text_add(t, more, sizeof more);
    net_text_add(t, rest, len);
}

void proxy_v2(net_text *t, const char *client, uint16_t port)
{
    static const uint8_t tlv[] = {0x04, 0, 2, 'n', 'o'}; /* NOOP */
    bool v6 = strchr(client, ':') != NULL;
    size_t len = v6 ? 16 : 4;
    uint8_t rest[64] = {0};
    in_port_t source = htons(port);
    assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, client, rest), 1);
    memcpy(rest + 2 * len, &source, sizeof source);
    memcpy(rest + 2 * len + 4, tlv, sizeof tlv);
    add_v2(t, PROXY, v6 ? FAMILY_TCP6 : FAMILY_TCP4, rest, 2 * len + 4 + sizeof tlv);
}

void proxy_local(net_text *t)
{
    add_v2(t, LOCAL, 0, "", 0);
}

void proxy_unix(net_text *t)
{
    static const uint8_t names[216] = "/run/client.sock";
    add_v2(t, PROXY, FAMILY_UNIX, names, sizeof names);
}
