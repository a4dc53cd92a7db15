/*
 * Clients of many addresses: the whole of 127.0.0.0/8 is this machine's, and in a network namespace
 * of its own a test can have any IPv6 address.
 */
#ifndef YODEL_TESTS_NET_FROM_H
#define YODEL_TESTS_NET_FROM_H

#include <stdbool.h>
#include <stdint.h>

/* Connects from one numeric address to another; a socket as in net.h, or a negated errno. */
int net_connect_from(const char *source, const char *host, uint16_t port);

/* True when this machine has ::1. */
bool net_has_ipv6(void);

/* Puts this process, and those that it starts from now on, into a network namespace with nothing
 * but a loopback, which has these IPv6 addresses (/128, NULL at the end) besides its own. False
 * when the kernel does not let us, and then nothing has changed. There is no way back. */
bool net_own_namespace(const char *const addresses[]);

#endif
