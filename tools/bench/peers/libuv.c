/*
 * A peer of the benchmark: the chat protocol on libuv, as somebody who knows libuv writes it.
 *
 *     peer-libuv PORT         (0: a free one; prints "listening on PORT")
 *
 * All connections receive into one buffer (alloc_cb and read_cb come as a pair), the answers of a
 * receive are built in another and tried at once (uv_try_write); what the kernel refuses is copied
 * into a uv_write, and until that is done the connection is not read.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define PREFIX     "You sent: "
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define RECEIVE    ((size_t)64 * 1024)
#define LONGEST    ((size_t)64 * 1024) /* the rest of a line that we keep; a longer one ends it */
#define APART      2048                /* of the buffers within a page: see limit.c */

typedef struct connection {
    uv_tcp_t tcp; /* first: a handle is a connection */
    uv_write_t request;
    bool closes;
    size_t kept; /* an incomplete line */
    char *partial;
    char *rest; /* what the kernel refused */
} connection;

/* What was kept is put in front of what is received. Every two bytes may be an empty line. */
static _Alignas(4096) char buffer[LONGEST + RECEIVE];
static _Alignas(4096) char answers_memory[APART + (LONGEST + RECEIVE) / 2 * (PREFIX_LEN + 2)];
static char *const answers = answers_memory + APART;

static void check(int code, const char *what)
{
    if (code < 0) {
        errx(1, "%s: %s", what, uv_strerror(code));
    }
}

static void on_closed(uv_handle_t *handle)
{
    connection *c = (connection *)handle;
    free(c->partial);
    free(c->rest);
    free(c);
}

static void end(connection *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp)) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)handle;
    (void)suggested;
    *out = uv_buf_init(buffer + LONGEST, RECEIVE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *received);

static void on_written(uv_write_t *request, int status)
{
    connection *c = (connection *)request->handle;
    free(c->rest);
    c->rest = NULL;
    if (status < 0 || c->closes) {
        end(c);
    } else {
        check(uv_read_start(request->handle, on_alloc, on_read), "uv_read_start");
    }
}

static void send_answers(connection *c, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    uv_buf_t all = uv_buf_init(answers, (unsigned)len);
    int n = uv_try_write(stream, &all, 1);
    if (n < 0 && n != UV_EAGAIN) {
        end(c);
        return;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == len) {
        if (c->closes) {
            end(c);
        }
        return;
    }
    c->rest = malloc(len - sent);
    if (c->rest == NULL) {
        end(c);
        return;
    }
    memcpy(c->rest, answers + sent, len - sent);
    uv_buf_t rest = uv_buf_init(c->rest, (unsigned)(len - sent));
    uv_read_stop(stream);
    check(uv_write(&c->request, stream, &rest, 1, on_written), "uv_write");
}

static bool keep(connection *c, const char *from, size_t len)
{
    free(c->partial);
    c->partial = NULL;
    c->kept = 0;
    if (len == 0) {
        return true;
    }
    c->partial = len <= LONGEST ? malloc(len) : NULL;
    if (c->partial == NULL) {
        return false;
    }
    memcpy(c->partial, from, len);
    c->kept = len;
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *received)
{
    connection *c = (connection *)stream;
    if (n <= 0) {
        if (n < 0) {
            end(c);
        }
        return;
    }
    char *line = received->base - c->kept;
    char *at = received->base;
    char *end_of_data = received->base + n;
    char *out = answers;
    char *lf;
    if (c->kept > 0) {
        memcpy(line, c->partial, c->kept);
    }
    while ((lf = memchr(at, '\n', (size_t)(end_of_data - at))) != NULL) {
        at = lf + 1;
        if (lf == line || lf[-1] != '\r') {
            continue;
        }
        if (at - line == 3 && *line == '.') {
            c->closes = true;
            break;
        }
        memcpy(out, PREFIX, PREFIX_LEN);
        memcpy(out + PREFIX_LEN, line, (size_t)(at - line));
        out += PREFIX_LEN + (size_t)(at - line);
        line = at;
    }
    if (!c->closes && !keep(c, line, (size_t)(end_of_data - line))) {
        end(c);
    } else if (out > answers) {
        send_answers(c, (size_t)(out - answers));
    } else if (c->closes) {
        end(c);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status < 0) {
        return;
    }
    connection *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        errx(1, "no memory");
    }
    check(uv_tcp_init(listener->loop, &c->tcp), "uv_tcp_init");
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 || uv_tcp_nodelay(&c->tcp, 1) < 0 ||
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) < 0) {
        end(c);
    }
}

int main(int argc, char *argv[])
{
    uv_tcp_t listener;
    struct sockaddr_in address;
    int len = sizeof(address);
    if (argc != 2) {
        errx(2, "usage: peer-libuv PORT");
    }
    uv_loop_t *loop = uv_default_loop();
    check(uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address), "port");
    check(uv_tcp_init(loop, &listener), "uv_tcp_init");
    check(uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0), "bind");
    check(uv_listen((uv_stream_t *)&listener, 4096, on_connection), "listen");
    check(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &len), "getsockname");
    printf("listening on %u\n", ntohs(address.sin_port));
    (void)fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
