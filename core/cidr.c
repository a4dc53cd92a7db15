#include "core/cidr.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* The first `bits` bits of a are those of b. */
static bool same_prefix(const yodel_ip *a, const yodel_ip *b, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

static bool any_bit_behind(const yodel_ip *ip, unsigned bits)
{
    for (unsigned i = bits; i < YODEL_IP_BITS; i++) {
        if (ip->bytes[i / 8] & (0x80u >> (i % 8))) {
            return true;
        }
    }
    return false;
}

/* One to three digits and nothing else. */
static int parse_bits(const char *text, unsigned *bits)
{
    size_t len = strlen(text);
    if (len < 1 || len > 3 || strspn(text, "0123456789") != len) {
        return -EINVAL;
    }
    *bits = 0;
    for (; *text != '\0'; text++) {
        *bits = *bits * 10 + (unsigned)(*text - '0');
    }
    return 0;
}

int yodel_cidr_parse(const char *text, yodel_cidr *cidr)
{
    char address[INET6_ADDRSTRLEN];
    size_t len = strcspn(text, "/");
    yodel_ip network;
    if (len >= sizeof(address)) {
        return -EINVAL;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (yodel_ip_parse(address, &network) < 0) {
        return -EINVAL;
    }
    unsigned bits = YODEL_IP_BITS;
    if (text[len] == '/') {
        /* Written as IPv4, its bits are counted from where IPv4 begins. */
        unsigned before = strchr(address, ':') == NULL ? YODEL_IP_MAPPED_BITS : 0;
        if (parse_bits(text + len + 1, &bits) < 0) {
            return -EINVAL;
        }
        bits += before;
        if (bits > YODEL_IP_BITS) {
            return -ERANGE;
        }
    }
    if (any_bit_behind(&network, bits)) {
        return -EDOM;
    }
    *cidr = (yodel_cidr){.network = network, .bits = bits};
    return 0;
}

bool yodel_cidr_contains(const yodel_cidr *cidr, const yodel_address *address)
{
    yodel_ip ip;
    return yodel_ip_of(address, &ip) && yodel_ip_is_v4(&ip) == yodel_ip_is_v4(&cidr->network) &&
           same_prefix(&ip, &cidr->network, cidr->bits);
}

bool yodel_cidr_any_contains(const yodel_cidr *list, size_t count, const yodel_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (yodel_cidr_contains(&list[i], address)) {
            return true;
        }
    }
    return false;
}
