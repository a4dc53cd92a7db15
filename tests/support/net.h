/*
 * Plain sockets for tests: a client that can do what clients do, good and bad.
 *
 * Every wait has a deadline (NET_TIMEOUT seconds); what is not done by then, or ends in an error
 * that the function does not name, fails the cmocka test with a message. So these are for the
 * thread that runs the test. Sockets are blocking descriptors, CLOEXEC and TCP_NODELAY (each send
 * is a segment of its own as far as that is up to us). The caller closes them with close(), or
 * net_reset.
 */
#ifndef YODEL_TESTS_NET_H
#define YODEL_TESTS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define NET_TIMEOUT 20.0

/* Connects to 127.0.0.1. */
int net_connect(uint16_t port);

/* The socket address of a numeric host, IPv4 or IPv6; returns how many bytes of storage it takes.
 */
socklen_t net_address(const char *host, uint16_t port, struct sockaddr_storage *storage);

/* Connects to a numeric host, "::1" for instance. Returns the socket or a negated errno. */
int net_try_connect(const char *host, uint16_t port);

/* Connects to 127.0.0.1 with the smallest receive buffer the kernel gives: a peer that does not
 * read is felt by the other side after a few KiB. */
int net_connect_tiny(uint16_t port);

/* The same with segments as small as in a real network, for which the server's kernel takes far
 * less than the more than 1 MiB that it takes for a loopback's segments: for crowds. */
int net_connect_far(uint16_t port);

/* Connects to 127.0.0.1 with a receive buffer of about this many bytes. */
int net_connect_with_buffer(uint16_t port, int bytes);

/* A listening socket on 127.0.0.1 and the port it got, for tests of clients. */
int net_listen(uint16_t *port);

/* A port of 127.0.0.1 (0 becomes a free one) that nobody else is given while the socket returned is
 * open; who sets SO_REUSEADDR or SO_REUSEPORT can listen on it, too. */
int net_reserve(uint16_t *port);
int net_accept(int listener);

/* A listening socket with no room left: whoever connects to it hangs. host is a numeric IPv4
 * address, *port 0 becomes a free one; *inside is the connection that takes the room. */
int net_listen_full(const char *host, uint16_t *port, int *inside);

/* Sends all of it. */
void net_send(int fd, const void *data, size_t len);
void net_send_text(int fd, const char *text);

/* Waits until the peer's kernel has everything that was sent; its program may not. */
void net_wait_delivered(int fd);

/* Sends each byte in a segment of its own that the peer's kernel has before the next one goes. */
void net_send_drop_by_drop(int fd, const void *data, size_t len);

/* Sends as much as goes without waiting longer than `quiet_ms` for room. Returns how much that was;
 * less than len: the peer does not read. A connection that has ended also ends it. */
size_t net_send_until_blocked(int fd, const void *data, size_t len, unsigned quiet_ms);

/* Sends the chunk over and over, reading nothing, until there was no room for quiet_ms: the peer
 * does not read, and the kernels' buffers are full. How much that is they decide, up to tens of MiB
 * for a peer that has read quickly (tcp_rmem, tcp_wmem); no test should guess. Returns it; the last
 * chunk may be cut. */
size_t net_fill(int fd, const void *chunk, size_t len, unsigned quiet_ms);

/* FIN: nothing more to send. */
void net_finish_sending(int fd);

/* Closes with a reset (RST) instead of a FIN. */
void net_reset(int fd);

/* Receives exactly len bytes. */
void net_receive(int fd, void *data, size_t len);

/* Receives as many bytes as `data` has; they must be the same. */
void net_expect(int fd, const void *data, size_t len);
void net_expect_text(int fd, const char *text);

/* The next thing must be the end, and a clean one: FIN, not a reset. */
void net_expect_eof(int fd);

/* The connection must end now; what is still in it is thrown away. Returns 0 for a FIN or
 * ECONNRESET. */
int net_wait_end(int fd);

/* True when something (bytes, FIN or a reset) can be received within `ms`. */
bool net_wait_readable(int fd, unsigned ms);

/* Receives until the end, which must be clean; malloc'ed with a NUL behind. */
char *net_receive_all(int fd, size_t *len);

/* Sends all of `send` and at the same time receives exactly as many bytes as `expected` has, which
 * must be the same: for more than the kernel's buffers hold. With `finish` a FIN follows the last
 * byte sent. */
void net_exchange(int fd, const void *send, size_t send_len, bool finish, const void *expected,
                  size_t expected_len);

/* A growing string of bytes to build what is sent and expected. All zero is empty; data is
 * malloc'ed, free it with net_text_free. */
typedef struct net_text {
    char *data;
    size_t len, capacity;
} net_text;

void net_text_add(net_text *t, const void *data, size_t len);
void net_text_printf(net_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void net_text_free(net_text *t);

#endif
