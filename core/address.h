/*
 * Addresses: from the name that somebody typed to a socket address, and back to text; connecting.
 *
 * Knows TCP over IPv4 and IPv6, and stream sockets of the unix domain, which stand where a host
 * does: "unix:/run/yodel.sock" is a file, "unix:@yodel" a name in Linux's abstract namespace, which
 * has neither file nor permissions (unix(7)). Everything here blocks or is quick, so it is for the
 * time before the loops run and for programs with threads of their own (the client, the tools).
 */
#ifndef YODEL_CORE_ADDRESS_H
#define YODEL_CORE_ADDRESS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

typedef struct yodel_address {
    struct sockaddr_storage storage; /* sockaddr_in, sockaddr_in6 or sockaddr_un */
    socklen_t len;                   /* of what is used of it */
} yodel_address;

/* The longest path of a socket: one byte of the kernel's room is for the NUL. */
#define YODEL_UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* The longest text of an address, "unix:PATH" ("[ADDRESS%INTERFACE]:65535" is shorter), and the
 * NUL. */
#define YODEL_ADDRESS_TEXT (5 + YODEL_UNIX_PATH_MAX + 1 + 1)

/* Does the host name a unix-domain socket, does it begin with "unix:"? Then it needs no port. */
bool yodel_address_host_is_unix(const char *host);

/* Is it of the unix domain? */
bool yodel_address_is_unix(const yodel_address *address);

/* The path of its file; NULL: it is not of the unix domain, or has none. Valid as long as the
 * address. */
const char *yodel_address_path(const yodel_address *address);

/* True for "HOST:PORT", which cannot be a host: a name has no colon, an IPv6 address two at least.
 */
bool yodel_address_host_has_port(const char *host);

/*
 * Every address of a name, in the resolver's order (RFC 6724), without duplicates.
 *
 * `host` is a name, an IPv4 or an IPv6 address, the last also in brackets and with a scope
 * ("[fe80::1%eth0]"); addresses are not looked up. "*" is 0.0.0.0 and ::, for listening on every
 * address of this machine. `port` is a decimal number, 0 to 65535 (0: any
 * free one, for listening). "unix:PATH" is one address, and its port is not looked at. On success
 * *list is an array of *count >= 1 addresses that the caller frees with free().
 *
 * Looks names up with getaddrinfo(3) and may block for many seconds. AI_ADDRCONFIG is not used: it
 * would hide ::1 on a machine whose only IPv6 address is that of the loopback.
 *
 * 0, -EINVAL (port, or brackets that don't match, or no path), -ENAMETOOLONG (a path longer than
 * YODEL_UNIX_PATH_MAX), YODEL_EAI(EAI_NONAME) and the resolver's other
 * codes, -ENOMEM. Any thread.
 */
int yodel_address_resolve(const char *host, const char *port, yodel_address **list, size_t *count);

/* The address that the socket is bound to (getsockname). 0 or a negated errno. */
int yodel_address_of_socket(int fd, yodel_address *address);

/* The address of the other side (getpeername); a client's of the unix domain is seldom bound to a
 * name and then has none. 0 or a negated errno: -ENOTCONN when it is gone. */
int yodel_address_of_peer(int fd, yodel_address *address);

/* The port as a number; 0 when the address has none. */
uint16_t yodel_address_port(const yodel_address *address);

/* Changes the port of an IPv4 or IPv6 address. */
void yodel_address_set_port(yodel_address *address, uint16_t port);

/* Writes "127.0.0.1:8007", "[::1]:8007", "[fe80::1%eth0]:8007", "unix:/run/yodel.sock",
 * "unix:@yodel" or, for a socket without a name, "unix:(unnamed)" to `text` and returns `text`.
 * Cannot fail: what is of another family is "?". Bytes of a name may be any. Any thread. */
const char *yodel_address_format(const yodel_address *address, char text[YODEL_ADDRESS_TEXT]);

/*
 * Connects and waits for it. `timeout_seconds` 0 leaves the waiting to the kernel (about two
 * minutes). `cancel_fd` is a descriptor whose becoming readable ends the waiting (see
 * yodel_completion_fd), or -1. A server of the unix domain whose queue is full is waited for, too.
 * On success *fd is a connected socket that belongs to the caller: blocking, close-on-exec,
 * TCP_NODELAY.
 *
 * 0, -ETIMEDOUT, -ECANCELED, -ECONNREFUSED and the others of connect(2), -EMFILE. Any thread.
 */
int yodel_address_connect(const yodel_address *address, double timeout_seconds, int cancel_fd,
                          int *fd);

#endif
