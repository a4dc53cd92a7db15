#include "proto/proxy_header.h"

#include "core/error.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

/* Is data, as far as it goes, what expected begins with? */
static bool begins(const uint8_t *data, size_t len, const void *expected, size_t expected_len)
{
    return memcmp(data, expected, len < expected_len ? len : expected_len) == 0;
}

static void set_ipv4(yodel_address *address, const void *ip, in_port_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    memset(address, 0, sizeof(*address));
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    memcpy(&v4->sin_addr, ip, sizeof(v4->sin_addr));
    address->len = sizeof(*v4);
}

static void set_ipv6(yodel_address *address, const void *ip, in_port_t port)
{
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
    memset(address, 0, sizeof(*address));
    v6->sin6_family = AF_INET6;
    v6->sin6_port = port;
    memcpy(&v6->sin6_addr, ip, sizeof(v6->sin6_addr));
    address->len = sizeof(*v6);
}

/* What the client's end of a unix-domain connection is called says nothing: it has no name, as a
 * rule. */
static void set_unix(yodel_address *address)
{
    memset(address, 0, sizeof(*address));
    address->storage.ss_family = AF_UNIX;
    address->len = sizeof(address->storage.ss_family);
}

/* --- version 1: a line of text --- */

#define V1_TCP4    "PROXY TCP4 "
#define V1_TCP6    "PROXY TCP6 "
#define V1_UNKNOWN "PROXY UNKNOWN"

/* 0 to 65535, in decimal digits without a leading zero. */
static bool read_port(const char *text, in_port_t *port)
{
    size_t len = strlen(text);
    uint32_t value = 0;
    if (len < 1 || len > 5 || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(*text - '0');
    }
    *port = htons((uint16_t)value);
    return value <= UINT16_MAX;
}

/* "SOURCE DESTINATION SOURCE-PORT DESTINATION-PORT", one space between each two. */
static ssize_t parse_v1_addresses(char *text, bool v4, size_t len, yodel_proxy_header *header)
{
    char *word[4];
    for (size_t i = 0; i < 4; i++) {
        word[i] = text;
        text = strchr(text, ' ');
        if ((text == NULL) != (i == 3)) {
            return YODEL_EPROXYHEADER;
        }
        if (text != NULL) {
            *text++ = '\0';
        }
    }
    int family = v4 ? AF_INET : AF_INET6;
    uint8_t source[sizeof(struct in6_addr)];
    uint8_t destination[sizeof(struct in6_addr)];
    in_port_t source_port;
    in_port_t destination_port;
    if (inet_pton(family, word[0], source) != 1 || inet_pton(family, word[1], destination) != 1 ||
        !read_port(word[2], &source_port) || !read_port(word[3], &destination_port)) {
        return YODEL_EPROXYHEADER;
    }
    header->source = YODEL_PROXY_CLIENT;
    if (v4) {
        set_ipv4(&header->client, source, source_port);
    } else {
        set_ipv6(&header->client, source, source_port);
    }
    return (ssize_t)len;
}

/* The length of the line with its CRLF; 0 when that is yet to come. printable: nothing else may
 * stand in it. */
static ssize_t find_line(const uint8_t *data, size_t len, bool printable)
{
    size_t end = len < YODEL_PROXY_V1_MAX ? len : YODEL_PROXY_V1_MAX;
    for (size_t i = 0; i < end; i++) {
        if (data[i] == '\r' && i + 1 < end && data[i + 1] == '\n') {
            return (ssize_t)i + 2;
        }
        bool may_end = data[i] == '\r' && i + 1 == len;
        if (printable && (data[i] < ' ' || data[i] > '~') && !may_end) {
            return YODEL_EPROXYHEADER;
        }
    }
    return len < YODEL_PROXY_V1_MAX ? 0 : YODEL_EPROXYHEADER;
}

static ssize_t parse_v1(const uint8_t *data, size_t len, yodel_proxy_header *header)
{
    static const char crlf[] = "\r\n";
    size_t unknown_len = strlen(V1_UNKNOWN);
    if (begins(data, len, V1_UNKNOWN, unknown_len)) {
        /* Behind the word comes the end, or a space and anything. */
        if (len > unknown_len && data[unknown_len] != ' ' &&
            !begins(data + unknown_len, len - unknown_len, crlf, strlen(crlf))) {
            return YODEL_EPROXYHEADER;
        }
        ssize_t n = find_line(data, len, false);
        if (n > 0) {
            header->source = YODEL_PROXY_UNKNOWN;
        }
        return n;
    }
    bool v4 = begins(data, len, V1_TCP4, strlen(V1_TCP4));
    if (!v4 && !begins(data, len, V1_TCP6, strlen(V1_TCP6))) {
        return YODEL_EPROXYHEADER;
    }
    ssize_t n = find_line(data, len, true);
    if (n <= 0) {
        return n;
    }
    char text[YODEL_PROXY_V1_MAX];
    size_t begin = strlen(V1_TCP4);             /* or 6 */
    size_t text_len = (size_t)n - strlen(crlf); /* more than begin: no CR stands before that */
    memcpy(text, data + begin, text_len - begin);
    text[text_len - begin] = '\0';
    return parse_v1_addresses(text, v4, (size_t)n, header);
}

/* --- version 2: binary --- */

static const uint8_t v2_signature[] = {'\r', '\n', '\r', '\n', 0,   '\r',
                                       '\n', 'Q',  'U',  'I',  'T', '\n'};

enum {
    V2_COMMAND = 12, /* where what stands */
    V2_FAMILY = 13,
    V2_LENGTH = 14,
    V2_LOCAL = 0x20,
    V2_PROXY = 0x21,
    V2_FAMILY_MAX = 3,
    V2_TRANSPORT_MAX = 2,
    V2_TCP4 = 0x11,
    V2_UDP4 = 0x12,
    V2_TCP6 = 0x21,
    V2_UDP6 = 0x22,
    V2_UNIX_STREAM = 0x31,
    V2_UNIX_DATAGRAM = 0x32,
    V2_TCP4_LEN = 12,
    V2_TCP6_LEN = 36,
    V2_UNIX_LEN = 216,
};

/* Bytes of addresses that a family has to have. */
static size_t v2_least(uint8_t family)
{
    switch (family) {
    case V2_TCP4:
    case V2_UDP4:
        return V2_TCP4_LEN;
    case V2_TCP6:
    case V2_UDP6:
        return V2_TCP6_LEN;
    case V2_UNIX_STREAM:
    case V2_UNIX_DATAGRAM:
        return V2_UNIX_LEN;
    default:
        return 0;
    }
}

static void take_v2_client(uint8_t family, const uint8_t *addresses, yodel_proxy_header *header)
{
    in_port_t port;
    header->source = YODEL_PROXY_CLIENT;
    switch (family) {
    case V2_TCP4: /* source, destination, source port, destination port */
        memcpy(&port, addresses + 8, sizeof(port));
        set_ipv4(&header->client, addresses, port);
        break;
    case V2_TCP6:
        memcpy(&port, addresses + 32, sizeof(port));
        set_ipv6(&header->client, addresses, port);
        break;
    case V2_UNIX_STREAM:
        set_unix(&header->client);
        break;
    default:
        header->source = YODEL_PROXY_UNKNOWN;
        break;
    }
}

static ssize_t parse_v2(const uint8_t *data, size_t len, yodel_proxy_header *header)
{
    if (!begins(data, len, v2_signature, sizeof(v2_signature)) ||
        (len > V2_COMMAND && data[V2_COMMAND] != V2_LOCAL && data[V2_COMMAND] != V2_PROXY)) {
        return YODEL_EPROXYHEADER;
    }
    if (len <= V2_FAMILY) {
        return 0;
    }
    bool local = data[V2_COMMAND] == V2_LOCAL; /* then its family means nothing */
    uint8_t family = data[V2_FAMILY];
    if (!local && ((family >> 4) > V2_FAMILY_MAX || (family & 0x0f) > V2_TRANSPORT_MAX)) {
        return YODEL_EPROXYHEADER;
    }
    if (len < YODEL_PROXY_V2_FIXED) {
        return 0;
    }
    size_t rest = (size_t)data[V2_LENGTH] << 8 | data[V2_LENGTH + 1];
    if (rest > YODEL_PROXY_V2_MAX || (!local && rest < v2_least(family))) {
        return YODEL_EPROXYHEADER;
    }
    if (len < YODEL_PROXY_V2_FIXED + rest) {
        return 0;
    }
    if (local) {
        header->source = YODEL_PROXY_LOCAL;
    } else {
        take_v2_client(family, data + YODEL_PROXY_V2_FIXED, header);
    }
    return (ssize_t)(YODEL_PROXY_V2_FIXED + rest);
}

ssize_t yodel_proxy_header_parse(const uint8_t *data, size_t len, yodel_proxy_header *header)
{
    if (len == 0) {
        return 0;
    }
    return data[0] == v2_signature[0] ? parse_v2(data, len, header) : parse_v1(data, len, header);
}
