/*
 * bench-load: keeps lines in flight to an echo server and counts what comes back.
 *
 *     bench-load PORT CONNECTIONS DEPTH BYTES SECONDS
 *
 * DEPTH lines of BYTES bytes (with CRLF) are in flight on each of CONNECTIONS connections to
 * 127.0.0.1; each time that all DEPTH answers of a connection are there the next DEPTH leave in one
 * write. Answers have to be as long as the lines, and equal. Prints the messages answered
 * and the seconds that took. One thread, one epoll: cheap enough to keep a server's core busy.
 */
#include "core/clock.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct connection {
    int fd;
    size_t received; /* bytes of this batch's answers */
} connection;

static size_t to_number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value == 0) {
        errx(2, "'%s' is not a number above 0", text);
    }
    return value;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        err(1, "cannot connect to 127.0.0.1:%u", port);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_batch(connection *c, const char *batch, size_t len)
{
    c->received = 0;
    while (len > 0) {
        ssize_t n = send(c->fd, batch, len, MSG_NOSIGNAL);
        if (n < 0) {
            err(1, "send");
        }
        batch += n;
        len -= (size_t)n;
    }
}

/* True when the batch is answered. */
static bool receive_some(connection *c, const char *batch, size_t len)
{
    static char answer[256 * 1024];
    ssize_t n = recv(c->fd, answer, sizeof(answer), 0);
    if (n <= 0) {
        errx(1, "the server closed");
    }
    if (c->received + (size_t)n > len || memcmp(answer, batch + c->received, (size_t)n) != 0) {
        errx(3, "the server answered something else");
    }
    c->received += (size_t)n;
    return c->received == len;
}

int main(int argc, char *argv[])
{
    if (argc != 6) {
        errx(2, "usage: bench-load PORT CONNECTIONS DEPTH BYTES SECONDS");
    }
    uint16_t port = (uint16_t)to_number(argv[1]);
    size_t count = to_number(argv[2]);
    size_t depth = to_number(argv[3]);
    size_t bytes = to_number(argv[4]);
    uint64_t duration = to_number(argv[5]) * YODEL_NS_PER_SEC;
    if (bytes < 3) {
        errx(2, "a line has 3 bytes or more");
    }

    size_t len = depth * bytes;
    char *batch = malloc(len);
    connection *connections = calloc(count, sizeof(*connections));
    int poller = epoll_create1(EPOLL_CLOEXEC);
    if (batch == NULL || connections == NULL || poller < 0) {
        err(1, "no memory");
    }
    memset(batch, 'x', len);
    for (size_t i = 0; i < depth; i++) {
        memcpy(batch + (i + 1) * bytes - 2, "\r\n", 2);
    }
    for (size_t i = 0; i < count; i++) {
        connections[i].fd = connect_to(port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event) < 0) {
            err(1, "epoll_ctl");
        }
    }

    uint64_t begin = yodel_clock_now();
    uint64_t now = begin;
    uint64_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        send_batch(&connections[i], batch, len);
    }
    while (now - begin < duration) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (receive_some(c, batch, len)) {
                answered += depth;
                send_batch(c, batch, len);
            }
        }
        now = yodel_clock_now();
    }
    printf("%" PRIu64 " %.6f\n", answered, (double)(now - begin) / 1e9);
    for (size_t i = 0; i < count; i++) {
        close(connections[i].fd);
    }
    close(poller);
    free(connections);
    free(batch);
    return 0;
}
