#include "core/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

_Static_assert(sizeof(mapped) * 8 == YODEL_IP_MAPPED_BITS, "the prefix of IPv4-mapped addresses");

static void from_v4(const struct in_addr *v4, yodel_ip *ip)
{
    memcpy(ip->bytes, mapped, sizeof(mapped));
    memcpy(ip->bytes + sizeof(mapped), v4, sizeof(*v4));
}

bool yodel_ip_of(const yodel_address *address, yodel_ip *ip)
{
    switch (address->storage.ss_family) {
    case AF_INET:
        from_v4(&((const struct sockaddr_in *)&address->storage)->sin_addr, ip);
        return true;
    case AF_INET6:
        memcpy(ip->bytes, &((const struct sockaddr_in6 *)&address->storage)->sin6_addr,
               sizeof(ip->bytes));
        return true;
    default:
        return false;
    }
}

bool yodel_ip_is_v4(const yodel_ip *ip)
{
    return memcmp(ip->bytes, mapped, sizeof(mapped)) == 0;
}

int yodel_ip_parse(const char *text, yodel_ip *ip)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        from_v4(&v4, ip);
        return 0;
    }
    uint8_t v6[sizeof(ip->bytes)];
    if (inet_pton(AF_INET6, text, v6) != 1) {
        return -EINVAL;
    }
    memcpy(ip->bytes, v6, sizeof(v6));
    return 0;
}
