/*
 * bench-plain: the yardstick for flood: a plain epoll loop that sends the same lines and verifies
 * the same bytes, and does nothing else: no times, no counts but one, no care for what a server may
 * do wrong.
 *
 *     bench-plain PORT CONNECTIONS DEPTH BYTES SECONDS
 *
 * DEPTH lines of BYTES bytes (without CRLF) are in flight on each of CONNECTIONS connections to
 * 127.0.0.1. For each read of up to 64 KiB the complete answers are verified, and as many lines
 * leave in one write. Prints how many lines were answered, and its CPU seconds.
 */
#include "core/clock.h"
#include "tools/flood/payload.h"

#include <arpa/inet.h>
#include <err.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct connection {
    int fd;
    uint32_t number;
    uint64_t sent;     /* lines */
    uint64_t answered; /* lines */
    uint32_t matched;  /* bytes of the next answer that have come */
} connection;

static yodel_payload payload;
static char in[64 * 1024], *out;

static uint64_t to_number(const char *text)
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
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        err(1, "cannot connect to 127.0.0.1:%u", port);
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void send_lines(connection *c, uint64_t count)
{
    size_t len = 0;
    for (uint64_t i = 0; i < count; i++) {
        yodel_line line;
        yodel_payload_line(&payload, c->number, ++c->sent, &line);
        len += yodel_line_copy(&line, false, 0, out + len, yodel_line_sent_length(&line));
    }
    for (size_t done = 0; done < len;) {
        ssize_t n = send(c->fd, out + done, len - done, MSG_NOSIGNAL);
        if (n < 0) {
            err(1, "send");
        }
        done += (size_t)n;
    }
}

/* Returns how many answers came to their end. */
static uint64_t receive(connection *c)
{
    uint64_t before = c->answered;
    ssize_t n = recv(c->fd, in, sizeof(in), 0);
    if (n <= 0) {
        errx(1, "the server closed");
    }
    for (size_t at = 0; at < (size_t)n;) {
        yodel_line line;
        yodel_payload_line(&payload, c->number, c->answered + 1, &line);
        size_t rest = yodel_line_answer_length(&line) - c->matched;
        size_t there = rest < (size_t)n - at ? rest : (size_t)n - at;
        if (yodel_line_match(&line, c->matched, in + at, there) != there) {
            errx(3, "the server answered something else");
        }
        at += there;
        c->matched += (uint32_t)there;
        if (there == rest) {
            c->matched = 0;
            c->answered++;
        }
    }
    return c->answered - before;
}

int main(int argc, char *argv[])
{
    if (argc != 6) {
        errx(2, "usage: bench-plain PORT CONNECTIONS DEPTH BYTES SECONDS");
    }
    uint16_t port = (uint16_t)to_number(argv[1]);
    size_t count = to_number(argv[2]);
    uint64_t depth = to_number(argv[3]);
    uint32_t bytes = (uint32_t)to_number(argv[4]);
    uint64_t duration = to_number(argv[5]) * YODEL_NS_PER_SEC;

    connection *connections = calloc(count, sizeof(*connections));
    int poller = epoll_create1(EPOLL_CLOEXEC);
    out = malloc(depth * (bytes + 2));
    if (connections == NULL || out == NULL || poller < 0 ||
        yodel_payload_init(&payload, 1, bytes, bytes, NULL, "You sent: ") < 0) {
        err(1, "no memory");
    }
    for (size_t i = 0; i < count; i++) {
        connections[i] = (connection){.fd = connect_to(port), .number = (uint32_t)i};
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, connections[i].fd, &event) < 0) {
            err(1, "epoll_ctl");
        }
    }

    uint64_t begin = yodel_clock_now();
    uint64_t answered = 0;
    for (size_t i = 0; i < count; i++) {
        send_lines(&connections[i], depth);
    }
    while (yodel_clock_now() - begin < duration) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, 1000);
        for (int i = 0; i < n; i++) {
            uint64_t lines = receive(events[i].data.ptr);
            answered += lines;
            if (lines > 0) {
                send_lines(events[i].data.ptr, lines);
            }
        }
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%" PRIu64 " %.6f\n", answered,
           (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
               (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6);
    for (size_t i = 0; i < count; i++) {
        close(connections[i].fd);
    }
    close(poller);
    free(connections);
    free(out);
    yodel_payload_destroy(&payload);
    return 0;
}
