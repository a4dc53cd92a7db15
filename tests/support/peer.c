#include "tests/support/peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"

enum { MOST = 16 };

static peer start(const program_options *options, int receive_buffer, const char *const *more)
{
    uint16_t port;
    peer p = {.listener = net_listen(&port)};
    char port_text[8];
    const char *argv[MOST + 1] = {"yodel-client", "127.0.0.1", port_text};
    size_t n = 3;

    if (receive_buffer > 0) {
        assert_int_equal(
            setsockopt(p.listener, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer),
            0);
    }
    snprintf(port_text, sizeof port_text, "%u", port);
    for (; *more != NULL; more++) {
        assert_true(n < MOST);
        argv[n++] = *more;
    }
    p.client = program_start_argv(options, argv);
    p.fd = net_accept(p.listener);
    return p;
}

peer peer_start(const program_options *options, ...)
{
    const char *more[MOST + 1];
    size_t n = 0;
    va_list args;

    va_start(args, options);
    do {
        assert_true(n <= MOST);
        more[n] = va_arg(args, const char *);
    } while (more[n++] != NULL);
    va_end(args);
    return start(options, 0, more);
}

peer peer_start_tiny(const program_options *options)
{
    /* The kernel doubles it. With the least it gives (2 KiB) it now and then drops a segment, whose
     * overhead alone is more than that, and tests were seen to crawl for minutes. */
    return start(options, 32 * 1024, (const char *[]){NULL});
}

/* The end of the first line, behind its CRLF; NULL: it is not complete. */
static char *end_of_line(char *data, size_t len)
{
    for (char *lf = data; (lf = memchr(lf, '\n', len - (size_t)(lf - data))) != NULL; lf++) {
        if (lf > data && lf[-1] == '\r') {
            return lf + 1;
        }
    }
    return NULL;
}

size_t peer_chat(peer *p)
{
    static char data[128 * 1024];
    size_t len = 0, lines = 0;
    ssize_t n;

    while (net_wait_readable(p->fd, (unsigned)(NET_TIMEOUT * 1000)) &&
           (n = recv(p->fd, data + len, sizeof data - len, 0)) > 0) {
        net_text answers = {0};
        char *line = data, *end;

        len += (size_t)n;
        while ((end = end_of_line(line, len - (size_t)(line - data))) != NULL) {
            net_text_add(&answers, "You sent: ", 10);
            net_text_add(&answers, line, (size_t)(end - line));
            line = end;
            lines++;
        }
        len -= (size_t)(line - data);
        memmove(data, line, len);
        net_send(p->fd, answers.data, answers.len);
        net_text_free(&answers);
    }
    peer_close(p);
    return lines;
}

void peer_close(peer *p)
{
    close(p->fd);
    p->fd = -1;
}

void peer_expect_exit(peer *p, int status, const char *message)
{
    char expected[600] = "";

    program_expect_exit(p->client, status);
    if (message[0] != '\0') {
        snprintf(expected, sizeof expected, "yodel-client: %s\n", message);
    }
    if (strcmp(program_output(p->client, PROGRAM_STDERR, NULL), expected) != 0) {
        program_fail(p->client, "wanted on stderr \"%s\"", expected);
    }
    if (p->fd >= 0) {
        peer_close(p);
    }
    close(p->listener);
}

const char *peer_client_path(void)
{
    static char path[4096];
    const char *dir = getenv("YODEL_BIN_DIR");

    snprintf(path, sizeof path, "%s/yodel-client", dir != NULL ? dir : YODEL_BIN_DIR);
    return path;
}
