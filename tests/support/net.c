#include "tests/support/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits for one of the events; returns what poll says, fails the test when nothing comes. */
static short wait_for(int fd, short events, const char *what)
{
    struct pollfd p = {.fd = fd, .events = events};
    if (poll(&p, 1, (int)(NET_TIMEOUT * 1000)) <= 0) {
        fail_msg("nothing happened for %.0f s: %s", NET_TIMEOUT, what);
    }
    return p.revents;
}

static void set_option(int fd, int level, int name, int value)
{
    assert_int_equal(setsockopt(fd, level, name, &value, sizeof value), 0);
}

/* --- connecting --------------------------------------------------------------------------------*/

socklen_t net_address(const char *host, uint16_t port, struct sockaddr_storage *storage)
{
    memset(storage, 0, sizeof *storage);
    struct sockaddr_in *v4 = (struct sockaddr_in *)storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)storage;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof *v4;
    }
    assert_int_equal(inet_pton(AF_INET6, host, &v6->sin6_addr), 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
}

/* Zero for receive_buffer and segment: the kernel's own choice. */
static int connect_with(const char *host, uint16_t port, int receive_buffer, int segment)
{
    struct sockaddr_storage address;
    socklen_t len = net_address(host, port, &address);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (receive_buffer > 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer); /* only counts before connect */
    }
    if (segment > 0) {
        set_option(fd, IPPROTO_TCP, TCP_MAXSEG, segment); /* the same */
    }
    if (connect(fd, (struct sockaddr *)&address, len) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int net_try_connect(const char *host, uint16_t port)
{
    return connect_with(host, port, 0, 0);
}

static int must_connect(uint16_t port, int receive_buffer, int segment)
{
    int fd = connect_with("127.0.0.1", port, receive_buffer, segment);
    if (fd < 0) {
        fail_msg("cannot connect to port %u: %s", port, strerror(-fd));
    }
    return fd;
}

int net_connect(uint16_t port)
{
    return must_connect(port, 0, 0);
}

int net_connect_tiny(uint16_t port)
{
    return must_connect(port, 1, 0);
}

int net_connect_far(uint16_t port)
{
    return must_connect(port, 1, 1448); /* an Ethernet's */
}

int net_connect_with_buffer(uint16_t port, int bytes)
{
    return must_connect(port, bytes, 0);
}

static int bind_to(const char *host, uint16_t *port, int reuse)
{
    struct sockaddr_storage address;
    socklen_t len = net_address(host, *port, &address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, reuse);
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, reuse);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

static int listen_on(const char *host, uint16_t *port, int backlog)
{
    int fd = bind_to(host, port, 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

int net_listen(uint16_t *port)
{
    *port = 0;
    return listen_on("127.0.0.1", port, 128);
}

int net_reserve(uint16_t *port)
{
    return bind_to("127.0.0.1", port, 1);
}

int net_listen_full(const char *host, uint16_t *port, int *inside)
{
    int listener = listen_on(host, port, 0); /* 0 is one for Linux */
    *inside = net_try_connect(host, *port);
    assert_true(*inside >= 0);
    wait_for(listener, POLLIN, "nobody connects");
    return listener;
}

int net_accept(int listener)
{
    wait_for(listener, POLLIN, "nobody connects");
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

/* --- sending -----------------------------------------------------------------------------------*/

void net_send(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            fail_msg("send: %s, %zu bytes are left", strerror(errno), len);
        }
        if (n < 0) {
            wait_for(fd, POLLOUT, "the peer does not read");
            continue;
        }
        at += n;
        len -= (size_t)n;
    }
}

void net_send_text(int fd, const char *text)
{
    net_send(fd, text, strlen(text));
}

void net_wait_delivered(int fd)
{
    double deadline = now() + NET_TIMEOUT;
    int unacknowledged;
    while (ioctl(fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0) {
        if (now() > deadline) {
            fail_msg("%d bytes do not reach the peer", unacknowledged);
        }
    }
}

void net_send_drop_by_drop(int fd, const void *data, size_t len)
{
    const char *at = data;
    for (size_t i = 0; i < len; i++) {
        net_send(fd, at + i, 1);
        net_wait_delivered(fd);
    }
}

size_t net_send_until_blocked(int fd, const void *data, size_t len, unsigned quiet_ms)
{
    const char *at = data;
    size_t sent = 0;
    while (sent < len) {
        ssize_t n = send(fd, at + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (errno != EAGAIN || poll(&room, 1, (int)quiet_ms) <= 0) {
            break;
        }
    }
    return sent;
}

size_t net_fill(int fd, const void *chunk, size_t len, unsigned quiet_ms)
{
    double deadline = now() + NET_TIMEOUT;
    size_t sent = 0, n;
    do {
        assert_true(now() < deadline); /* else the peer does read */
        n = net_send_until_blocked(fd, chunk, len, quiet_ms);
        sent += n;
    } while (n == len);
    return sent;
}

void net_finish_sending(int fd)
{
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

void net_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

/* --- receiving ---------------------------------------------------------------------------------*/

/* One receive, with the deadline: the number of bytes, 0 at the end, or a negated errno. */
static ssize_t receive_some(int fd, void *data, size_t len)
{
    wait_for(fd, POLLIN, "nothing to receive");
    ssize_t n = recv(fd, data, len, MSG_DONTWAIT);
    return n < 0 ? -errno : n;
}

static void receive_or_fail(int fd, void *data, size_t len, const char *expected)
{
    char *at = data;
    for (size_t got = 0; got < len;) {
        ssize_t n = receive_some(fd, at + got, len - got);
        if (n <= 0) {
            fail_msg("%s after %zu of %zu bytes: \"%.*s\"%s%s", n == 0 ? "EOF" : strerror((int)-n),
                     got, len, (int)(got > 200 ? 200 : got), at, expected != NULL ? " wanted " : "",
                     expected != NULL ? expected : "");
        }
        got += (size_t)n;
    }
}

void net_receive(int fd, void *data, size_t len)
{
    receive_or_fail(fd, data, len, NULL);
}

static void compare(const char *got, const char *expected, size_t len)
{
    if (memcmp(got, expected, len) == 0) {
        return;
    }
    size_t at = 0;
    while (got[at] == expected[at]) {
        at++;
    }
    size_t from = at > 20 ? at - 20 : 0;
    int shown = (int)(len - from > 60 ? 60 : len - from);
    fail_msg("byte %zu of %zu is 0x%02x, not 0x%02x: got \"%.*s\", wanted \"%.*s\"", at, len,
             (unsigned char)got[at], (unsigned char)expected[at], shown, got + from, shown,
             expected + from);
}

void net_expect(int fd, const void *data, size_t len)
{
    char *got = malloc(len + 1);
    assert_non_null(got);
    net_receive(fd, got, len);
    compare(got, data, len);
    free(got);
}

void net_expect_text(int fd, const char *text)
{
    size_t len = strlen(text);
    char *got = malloc(len + 1);
    assert_non_null(got);
    receive_or_fail(fd, got, len, text);
    compare(got, text, len);
    free(got);
}

void net_expect_eof(int fd)
{
    char more[64];
    ssize_t n = receive_some(fd, more, sizeof more);
    if (n != 0) {
        fail_msg("wanted EOF, got %s%.*s", n < 0 ? strerror((int)-n) : "more: ", n < 0 ? 0 : (int)n,
                 more);
    }
}

int net_wait_end(int fd)
{
    static char more[65536];
    for (;;) {
        ssize_t n = receive_some(fd, more, sizeof more);
        if (n <= 0) {
            return (int)-n;
        }
    }
}

bool net_wait_readable(int fd, unsigned ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, (int)ms) > 0;
}

char *net_receive_all(int fd, size_t *len)
{
    net_text all = {0};
    for (;;) {
        char more[65536];
        ssize_t n = receive_some(fd, more, sizeof more);
        if (n < 0) {
            fail_msg("%s after %zu bytes: \"%.*s\"", strerror((int)-n), all.len,
                     (int)(all.len > 200 ? 200 : all.len), all.data != NULL ? all.data : "");
        }
        net_text_add(&all, more, (size_t)n);
        if (n == 0) {
            *len = all.len;
            return all.data;
        }
    }
}

void net_exchange(int fd, const void *send_data, size_t send_len, bool finish, const void *expected,
                  size_t expected_len)
{
    const char *out = send_data;
    char *in = malloc(expected_len + 1);
    assert_non_null(in);
    size_t sent = 0, got = 0;
    if (send_len == 0 && finish) {
        net_finish_sending(fd);
    }
    while (sent < send_len || got < expected_len) {
        short ready = wait_for(fd, (short)(POLLIN | (sent < send_len ? POLLOUT : 0)), "stuck");
        if ((ready & POLLOUT) != 0 && sent < send_len) {
            ssize_t n = send(fd, out + sent, send_len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN) {
                fail_msg("send: %s after %zu of %zu bytes", strerror(errno), sent, send_len);
            }
            sent += n > 0 ? (size_t)n : 0;
            if (sent == send_len && finish) {
                net_finish_sending(fd);
            }
        }
        if ((ready & (POLLIN | POLLHUP | POLLERR)) != 0) {
            ssize_t n = receive_some(fd, in + got, expected_len - got + 1);
            if (n <= 0 || got + (size_t)n > expected_len) {
                fail_msg("%s after %zu of %zu bytes (%zu of %zu sent)",
                         n == 0  ? "EOF"
                         : n < 0 ? strerror((int)-n)
                                 : "too much",
                         got, expected_len, sent, send_len);
            }
            got += (size_t)n;
        }
    }
    compare(in, expected, expected_len);
    free(in);
}

/* --- text --------------------------------------------------------------------------------------*/

void net_text_add(net_text *t, const void *data, size_t len)
{
    if (t->len + len + 1 > t->capacity) {
        t->capacity = 2 * (t->len + len + 1);
        char *moved = realloc(t->data, t->capacity);
        assert_non_null(moved);
        t->data = moved;
    }
    if (len > 0) {
        memcpy(t->data + t->len, data, len);
    }
    t->len += len;
    t->data[t->len] = '\0';
}

void net_text_printf(net_text *t, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    assert_true(n >= 0);
    net_text_add(t, text, (size_t)n);
    free(text);
}

void net_text_free(net_text *t)
{
    free(t->data);
    *t = (net_text){0};
}
