/*
 * A peer of the benchmark: the chat protocol on libevent's bufferevents, as its manual shows it.
 *
 *     peer-libevent PORT      (0: a free one; prints "listening on PORT")
 *
 * Lines come from evbuffer_readln; the answers of a receive collect in the output buffer, which
 * libevent sends when the callback has returned. A connection with much unsent output is not read.
 */
#include <arpa/inet.h>
#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX     "You sent: "
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define LONGEST    ((size_t)64 * 1024) /* a longer line ends the connection */
#define HIGH_WATER ((size_t)256 * 1024)

static void on_sent_all(struct bufferevent *connection, void *arg)
{
    (void)arg;
    bufferevent_free(connection);
}

static void on_drained(struct bufferevent *connection, void *arg);
static void on_event(struct bufferevent *connection, short what, void *arg);

static void on_read(struct bufferevent *connection, void *arg)
{
    (void)arg;
    struct evbuffer *input = bufferevent_get_input(connection);
    struct evbuffer *output = bufferevent_get_output(connection);
    char *line;
    size_t len;
    while ((line = evbuffer_readln(input, &len, EVBUFFER_EOL_CRLF_STRICT)) != NULL) {
        if (len == 1 && *line == '.') {
            free(line);
            bufferevent_disable(connection, EV_READ);
            if (evbuffer_get_length(output) == 0) {
                bufferevent_free(connection);
            } else {
                bufferevent_setcb(connection, NULL, on_sent_all, on_event, NULL);
            }
            return;
        }
        evbuffer_add(output, PREFIX, PREFIX_LEN);
        evbuffer_add(output, line, len);
        evbuffer_add(output, "\r\n", 2);
        free(line);
    }
    if (evbuffer_get_length(input) > LONGEST) {
        bufferevent_free(connection);
    } else if (evbuffer_get_length(output) > HIGH_WATER) {
        bufferevent_disable(connection, EV_READ);
        bufferevent_setcb(connection, on_read, on_drained, on_event, NULL);
    }
}

static void on_drained(struct bufferevent *connection, void *arg)
{
    bufferevent_setcb(connection, on_read, NULL, on_event, NULL);
    bufferevent_enable(connection, EV_READ);
    on_read(connection, arg);
}

static void on_event(struct bufferevent *connection, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        bufferevent_free(connection);
    }
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *address, int len, void *arg)
{
    (void)address;
    (void)len;
    (void)arg;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct bufferevent *connection =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    if (connection == NULL) {
        errx(1, "no memory");
    }
    bufferevent_setcb(connection, on_read, NULL, on_event, NULL);
    bufferevent_enable(connection, EV_READ | EV_WRITE);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    if (argc != 2) {
        errx(2, "usage: peer-libevent PORT");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    struct event_base *base = event_base_new();
    struct evconnlistener *listener =
        base == NULL ? NULL
                     : evconnlistener_new_bind(base, on_connection, NULL,
                                               LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC |
                                                   LEV_OPT_REUSEABLE,
                                               4096, (struct sockaddr *)&address, sizeof(address));
    if (listener == NULL ||
        getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &len) < 0) {
        err(1, "cannot listen on port %s", argv[1]);
    }
    printf("listening on %u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return event_base_dispatch(base) < 0;
}
