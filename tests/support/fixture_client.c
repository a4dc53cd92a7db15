/* The client's side of fixture.h: what it sends and receives, while the loop runs. */
#include "tests/support/fixture.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tests/support/cmocka_all.h"

typedef struct transfer {
    int fd;
    const char *out;
    char *in;
    size_t done;
    size_t len;
    int error;  /* errno of what ended it */
    bool ended; /* EOF or error */
} transfer;

static bool send_some(void *arg)
{
    transfer *t = arg;
    while (t->done < t->len && !t->ended) {
        ssize_t n = send(t->fd, t->out + t->done, t->len - t->done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            t->done += (size_t)n;
        } else if (errno == EAGAIN) {
            return false;
        } else {
            t->error = errno;
            t->ended = true;
        }
    }
    return true;
}

void fixture_send(fixture *f, int client, const void *data, size_t len)
{
    transfer t = {.fd = client, .out = data, .len = len};
    if (!fixture_run_loop(f->loop, send_some, &t)) {
        fail_msg("the server does not read: %zu of %zu bytes sent", t.done, len);
    }
    if (t.ended) {
        fail_msg("send: %s after %zu of %zu bytes", strerror(t.error), t.done, len);
    }
}

void fixture_send_text(fixture *f, int client, const char *text)
{
    fixture_send(f, client, text, strlen(text));
}

static bool is_delivered(void *arg)
{
    int unacknowledged = 0;
    return ioctl(*(const int *)arg, TIOCOUTQ, &unacknowledged) != 0 || unacknowledged == 0;
}

void fixture_feed(fixture *f, int client, const void *data, size_t len)
{
    fixture_send(f, client, data, len);
    fixture_run_until(f, is_delivered, &client, "the server's kernel has all bytes");
    fixture_settle(f);
}

static bool receive_some(void *arg)
{
    transfer *t = arg;
    while (t->done < t->len && !t->ended) {
        ssize_t n = recv(t->fd, t->in + t->done, t->len - t->done, MSG_DONTWAIT);
        if (n > 0) {
            t->done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            return false;
        } else {
            t->error = n < 0 ? errno : 0;
            t->ended = true;
        }
    }
    return true;
}

/* fail_msg prints to a buffer of limited size, and what was received may be long. */
static int shown(size_t len)
{
    return (int)(len < 100 ? len : 100);
}

void fixture_receive(fixture *f, int client, void *data, size_t len)
{
    transfer t = {.fd = client, .in = data, .len = len};
    bool done = fixture_run_loop(f->loop, receive_some, &t);
    if (!done || t.ended) {
        fail_msg("%s after %zu of %zu bytes: \"%.*s\"",
                 !done          ? "nothing more comes"
                 : t.error != 0 ? strerror(t.error)
                                : "EOF",
                 t.done, len, shown(t.done), t.in);
    }
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
    fail_msg("byte %zu of %zu: got \"%.*s\", wanted \"%.*s\"", at, len, shown(len - from),
             got + from, shown(len - from), expected + from);
}

void fixture_expect(fixture *f, int client, const void *data, size_t len)
{
    char *got = test_malloc(len + 1); /* cmocka's: freed with the test if that fails */
    fixture_receive(f, client, got, len);
    compare(got, data, len);
    test_free(got);
}

void fixture_expect_text(fixture *f, int client, const char *text)
{
    fixture_expect(f, client, text, strlen(text));
}

typedef struct exchange {
    transfer out;
    transfer in;
} exchange;

static bool exchange_some(void *arg)
{
    exchange *e = arg;
    bool sent = send_some(&e->out);
    bool received = receive_some(&e->in);
    return (sent && received) || e->out.ended || e->in.ended;
}

void fixture_exchange(fixture *f, int client, const void *send, size_t send_len,
                      const void *expected, size_t expected_len)
{
    char *got = test_malloc(expected_len + 1);
    exchange e = {.out = {.fd = client, .out = send, .len = send_len},
                  .in = {.fd = client, .in = got, .len = expected_len}};
    (void)fixture_run_loop(f->loop, exchange_some, &e);
    if (e.out.done < send_len || e.in.done < expected_len) {
        fail_msg("sent %zu of %zu, received %zu of %zu bytes; sending: %s, receiving: %s",
                 e.out.done, send_len, e.in.done, expected_len,
                 e.out.ended ? strerror(e.out.error) : "open",
                 !e.in.ended       ? "open"
                 : e.in.error != 0 ? strerror(e.in.error)
                                   : "EOF");
    }
    compare(got, expected, expected_len);
    test_free(got);
}

/* The next thing on the socket, which must be an end: 0 for a FIN, or an errno. */
static int wait_end(fixture *f, int client)
{
    char more[100];
    transfer t = {.fd = client, .in = more, .len = 1};
    if (!fixture_run_loop(f->loop, receive_some, &t)) {
        fail_msg("the connection does not end");
    }
    if (!t.ended) {
        ssize_t n = recv(client, more + 1, sizeof more - 1, MSG_DONTWAIT);
        fail_msg("wanted the end, got \"%.*s\"", (int)(n > 0 ? n + 1 : 1), more);
    }
    return t.error;
}

void fixture_expect_eof(fixture *f, int client)
{
    int error = wait_end(f, client);
    if (error != 0) {
        fail_msg("wanted EOF, got %s", strerror(error));
    }
}

void fixture_expect_reset(fixture *f, int client)
{
    int error = wait_end(f, client);
    if (error != ECONNRESET) {
        fail_msg("wanted a reset, got %s", error != 0 ? strerror(error) : "EOF");
    }
}

char *fixture_receive_all(fixture *f, int client, size_t *len)
{
    net_text all = {0};
    char more[65536];
    transfer t;
    do {
        t = (transfer){.fd = client, .in = more, .len = 1};
        if (!fixture_run_loop(f->loop, receive_some, &t)) {
            fail_msg("no end after %zu bytes", all.len);
        }
        if (!t.ended) { /* and all that is there already */
            t.len = sizeof more;
            (void)receive_some(&t);
        }
        net_text_add(&all, more, t.done);
        if (t.error != 0) {
            fail_msg("%s after %zu bytes", strerror(t.error), all.len);
        }
    } while (!t.ended);
    *len = all.len;
    return all.data;
}

void fixture_expect_nothing(fixture *f, int client)
{
    char more[100];
    fixture_settle(f);
    transfer t = {.fd = client, .in = more, .len = sizeof more};
    (void)receive_some(&t);
    if (t.done > 0 || t.ended) {
        fail_msg("wanted nothing, got %s \"%.*s\"",
                 !t.ended       ? "bytes"
                 : t.error != 0 ? strerror(t.error)
                                : "EOF",
                 (int)t.done, more);
    }
}
