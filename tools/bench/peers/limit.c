/*
 * bench-limit: the chat protocol by hand on epoll, as fast as we know how. The yardstick.
 *
 *     bench-limit PORT        (0: a free one; prints "listening on PORT")
 *
 * One thread, one receive buffer for all connections, and nothing that a real server needs besides
 * being correct: no timeouts, no limit of connections, no counters, no orderly end. One recv, one
 * send and a share of an epoll_wait for whatever a connection has sent.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define PREFIX     "You sent: "
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define RECEIVE    ((size_t)64 * 1024)
#define LONGEST    ((size_t)64 * 1024) /* the rest of a line that we keep; a longer one ends it */
#define HEADROOM   (LONGEST + PAGE)    /* for that and the prefix */
#define PAGE       4096
#define PADDING    64 /* which the search may look at, behind the end */

/* Copying to an address that within its page is 1 to 31 bytes above the one copied from takes
 * twenty times as long (rep movsb on AMD's Zen 3), in the C library as in the kernel, whose packets
 * of long lines begin with a page. So what is received begins with one too, and the answers half a
 * page off. */
#define APART 2048

/* Every two bytes may be an empty line, answered with twelve. */
#define ANSWERS ((LONGEST + RECEIVE) / 2 * (PREFIX_LEN + 2))

typedef struct connection {
    int fd;
    bool closes; /* once everything is sent */
    size_t kept; /* an incomplete line */
    uint8_t *partial;
    size_t partial_size;
    uint8_t *rest; /* what the kernel refused; while there is any nothing is received */
    size_t rest_at;
    size_t rest_len;
} connection;

static int poller;
static _Alignas(PAGE) uint8_t receive_buffer[HEADROOM + RECEIVE + PADDING];
static _Alignas(PAGE) uint8_t answers_memory[APART + ANSWERS];
static uint8_t *const answers = answers_memory + APART;

/* The first LF of [at, end), or NULL. 16 bytes at a time inline for short lines: a call of memchr
 * costs as much as two of these. */
static inline uint8_t *find_lf(uint8_t *at, uint8_t *end)
{
#ifdef __SSE2__
    const __m128i lf = _mm_set1_epi8('\n');
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, lf));
        if (found != 0) {
            at += __builtin_ctz(found);
            return at < end ? at : NULL;
        }
        at += 16;
        if (at >= end) {
            return NULL;
        }
    }
#endif
    return memchr(at, '\n', (size_t)(end - at));
}

static void watch(connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event) < 0) {
        err(1, "epoll_ctl");
    }
}

static void end(connection *c)
{
    close(c->fd);
    free(c->partial);
    free(c->rest);
    free(c);
}

static void *must(void *memory)
{
    if (memory == NULL) {
        errx(1, "no memory");
    }
    return memory;
}

/* False: the connection is gone. */
static bool send_answers(connection *c, const uint8_t *data, size_t len)
{
    ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        end(c);
        return false;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent < len) {
        c->rest_at = 0;
        c->rest_len = len - sent;
        c->rest = must(malloc(c->rest_len));
        memcpy(c->rest, data + sent, c->rest_len);
        watch(c, EPOLL_CTL_MOD, EPOLLOUT);
    } else if (c->closes) {
        end(c);
        return false;
    }
    return true;
}

static void on_writable(connection *c)
{
    ssize_t n = send(c->fd, c->rest + c->rest_at, c->rest_len - c->rest_at, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n < 0) {
        end(c);
        return;
    }
    c->rest_at += (size_t)n;
    if (c->rest_at == c->rest_len) {
        free(c->rest);
        c->rest = NULL;
        if (c->closes) {
            end(c);
        } else {
            watch(c, EPOLL_CTL_MOD, EPOLLIN);
        }
    }
}

/* Bytes [from, end) are the beginning of a line. False: it is too long. */
static bool keep(connection *c, const uint8_t *from, const uint8_t *end_of_data)
{
    c->kept = (size_t)(end_of_data - from);
    if (c->kept > LONGEST) {
        return false;
    }
    if (c->kept > c->partial_size) {
        free(c->partial);
        c->partial = must(malloc(c->kept));
        c->partial_size = c->kept;
    }
    if (c->kept > 0) {
        memcpy(c->partial, from, c->kept);
    }
    return true;
}

static void on_readable(connection *c)
{
    uint8_t *received = receive_buffer + HEADROOM;
    ssize_t n = recv(c->fd, received, RECEIVE, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            end(c);
        }
        return;
    }
    uint8_t *line = received - c->kept;
    uint8_t *end_of_data = received + n;
    uint8_t *at = received; /* what was kept holds no end of a line */
    uint8_t *out = answers;
    uint8_t *lf;
    if (c->kept > 0) {
        memcpy(line, c->partial, c->kept);
        c->kept = 0;
    }
    while (at < end_of_data && (lf = find_lf(at, end_of_data)) != NULL) {
        at = lf + 1;
        if (lf == line || lf[-1] != '\r') {
            continue;
        }
        if (at - line == 3 && *line == '.') {
            c->closes = true;
            break;
        }
        if (at == end_of_data && out == answers) {
            line -= PREFIX_LEN;
            memcpy(line, PREFIX, PREFIX_LEN);
            (void)send_answers(c, line, (size_t)(at - line));
            return;
        }
        memcpy(out, PREFIX, PREFIX_LEN);
        memcpy(out + PREFIX_LEN, line, (size_t)(at - line));
        out += PREFIX_LEN + (size_t)(at - line);
        line = at;
    }
    bool kept = c->closes || keep(c, line, end_of_data);
    if (kept && out > answers) {
        (void)send_answers(c, answers, (size_t)(out - answers));
    } else if (!kept || c->closes) {
        end(c);
    }
}

static void on_connection(int listener)
{
    int fd;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll knows the connection */
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        connection *c = must(calloc(1, sizeof(*c)));
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 || /* inherited */
        bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        err(1, "cannot listen on port %s", port);
    }
    printf("listening on %u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return fd;
}

int main(int argc, char *argv[])
{
    struct epoll_event events[512];
    if (argc != 2) {
        errx(2, "usage: bench-limit PORT");
    }
    int listener = listen_on(argv[1]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0) {
        err(1, "epoll");
    }
    for (;;) {
        int n = epoll_wait(poller, events, sizeof(events) / sizeof(events[0]), -1);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (c == NULL) {
                on_connection(listener);
            } else if (c->rest != NULL) {
                on_writable(c);
            } else {
                on_readable(c);
            }
        }
    }
}
