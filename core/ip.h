/*
 * ip: an IP address alone, without port and scope, of either family in one form.
 *
 * IPv4 is kept as IPv4-mapped IPv6 (::ffff:10.0.0.1), and an IPv4-mapped IPv6 address, which is
 * what a dual-stack socket shows of an IPv4 client, is IPv4 here (RFC 4291, 2.5.5.2). Pure data,
 * any thread.
 */
#ifndef YODEL_CORE_IP_H
#define YODEL_CORE_IP_H

#include "address.h"

#include <stdbool.h>
#include <stdint.h>

#define YODEL_IP_BITS        128u
#define YODEL_IP_MAPPED_BITS 96u /* what stands in front of the 32 bits of IPv4 */

typedef struct yodel_ip {
    uint8_t bytes[16]; /* network byte order */
} yodel_ip;

/* The IP address of a socket address. True and *ip; false when it is of another family. */
bool yodel_ip_of(const yodel_address *address, yodel_ip *ip);

/* Is it IPv4? */
bool yodel_ip_is_v4(const yodel_ip *ip);

/* Reads "10.0.0.1", "2001:db8::1" or "::ffff:10.0.0.1" (inet_pton(3): no scope, no leading zeros in
 * IPv4). 0 and *ip, or -EINVAL. */
int yodel_ip_parse(const char *text, yodel_ip *ip);

#endif
