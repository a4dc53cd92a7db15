/*
 * cidr: a network of IP addresses, "10.0.0.0/8" or "2001:db8::/32" (RFC 4632, RFC 4291 2.3), for
 * lists of who may do something. Pure data, any thread.
 */
#ifndef YODEL_CORE_CIDR_H
#define YODEL_CORE_CIDR_H

#include "address.h"
#include "ip.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct yodel_cidr {
    yodel_ip network;
    unsigned bits; /* of the 128 of network, that count */
} yodel_cidr;

/* Reads ADDRESS or ADDRESS/BITS; an address alone is a network of one. An IPv4-mapped one
 * ("::ffff:10.0.0.0/104") is the IPv4 network that it maps. 0 and *cidr; else *cidr untouched:
 *   -EINVAL  neither an address nor one with "/" and a decimal number behind it
 *   -ERANGE  more BITS than such an address has
 *   -EDOM    bits of the address behind the first BITS are set: a host is named, not a network */
int yodel_cidr_parse(const char *text, yodel_cidr *cidr);

/* Does the address lie in the network? IPv4-mapped IPv6 addresses count as IPv4, so 0.0.0.0/0 has
 * them and ::/0 does not; a socket address of neither family lies nowhere. */
bool yodel_cidr_contains(const yodel_cidr *cidr, const yodel_address *address);

/* Does it lie in one of them? */
bool yodel_cidr_any_contains(const yodel_cidr *list, size_t count, const yodel_address *address);

#endif
