#include "tests/support/fuzz_client.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fuzz_bytes.h"
#include "tests/support/program.h"

/* What a client may still send when the server has ended the connection: the server takes 64 KiB of
 * that, for 2 s; then a reset is fair. */
#define MOST_BEHIND ((size_t)32 * 1024)
#define LINGERS     1.5

/* --- made up -----------------------------------------------------------------------------------*/

static size_t choose_piece(test_random *r)
{
    static const size_t sizes[] = {1, 3, 20, 500, 5000, 65536, 1 << 20};
    return sizes[test_random_below(r, sizeof sizes / sizeof sizes[0])];
}

static fuzz_ending choose_ending(test_random *r, bool orderly)
{
    size_t n = test_random_below(r, orderly ? 75 : 100);
    return n < 60 ? FUZZ_FINISH : n < 75 ? FUZZ_CLOSE : n < 85 ? FUZZ_LEAVE : FUZZ_RESET;
}

void fuzz_client_start(fuzz_client *c, uint64_t seed, echo_protocol protocol, size_t max_line,
                       bool orderly, uint16_t port)
{
    *c = (fuzz_client){.seed = seed, .random = {seed}, .protocol = protocol, .max_line = max_line};
    fuzz_bytes(&c->bytes, &c->random, max_line);
    c->verdict = echo_judge(protocol, max_line, c->bytes.data, c->bytes.len);
    if (c->bytes.len > c->verdict.end_at + MOST_BEHIND) {
        c->bytes.len = c->verdict.end_at + MOST_BEHIND;
    }
    c->ending = choose_ending(&c->random, orderly);
    c->leave_at = test_random_below(&c->random, c->bytes.len + 1);
    c->send_most = choose_piece(&c->random);
    c->receive_most = choose_piece(&c->random);
    if (c->bytes.len > 20000) { /* else it would take its time */
        c->send_most += 500;
    }
    if (c->verdict.answers.len > 20000) {
        c->receive_most += 500;
    }
    c->reads_late = test_random_below(&c->random, 4) == 0;
    /* Through the smallest buffer the kernel lets 5 KiB pass a second. */
    bool small = test_random_below(&c->random, 8) == 0;
    c->fd = !small                          ? net_connect(port)
            : c->verdict.answers.len < 2000 ? net_connect_tiny(port)
                                            : net_connect_with_buffer(port, 128 << 10);
    c->progress = program_now();
}

/* --- judged ------------------------------------------------------------------------------------*/

static void show(const char *name, const char *data, size_t len, size_t at)
{
    size_t from = at > 40 ? at - 40 : 0;
    size_t to = len - from > 80 ? from + 80 : len;
    print_error("    %s, from byte %zu: \"", name, from);
    for (size_t i = from; i < to; i++) {
        unsigned char byte = (unsigned char)data[i];
        print_error(byte >= ' ' && byte < 127 ? "%c" : "\\x%02x", byte);
    }
    print_error("\"\n");
}

static _Noreturn void fail_client(const fuzz_client *c, const char *what)
{
    static const char *const endings[] = {"finish", "close", "leave", "reset"};
    static const char *const ends[] = {"open", "quit", "too long"};
    print_error("client with seed %" PRIu64 ": %s, --max-line %zu, %s: %s\n", c->seed,
                echo_protocol_name(c->protocol), c->max_line, endings[c->ending], what);
    print_error("    %zu of %zu bytes sent, %zu of %zu received; the model says: %s at byte %zu\n",
                c->sent, c->bytes.len, c->got, c->verdict.answers.len, ends[c->verdict.end],
                c->verdict.end_at);
    show("sent", c->bytes.data, c->bytes.len, c->sent);
    show("expected", c->verdict.answers.data, c->verdict.answers.len, c->got);
    fail();
    abort(); /* not reached: fail() jumps */
}

static void over(fuzz_client *c)
{
    close(c->fd);
    c->fd = -1;
}

/* The server need not listen to us any longer. */
static bool is_late(const fuzz_client *c)
{
    return c->end_sent > 0 && program_now() - c->end_sent > LINGERS;
}

static void check_end(fuzz_client *c, int error)
{
    if (error != 0 && is_late(c)) {
        over(c);
        return;
    }
    if (error != 0) {
        fail_client(c, strerror(error));
    }
    if (c->verdict.end == ECHO_OPEN && !c->finished) {
        fail_client(c, "EOF before the end");
    }
    if (c->got < c->verdict.answers.len) {
        fail_client(c, "EOF before the last answer");
    }
    over(c);
}

/* --- a step ------------------------------------------------------------------------------------*/

static bool receive_some(fuzz_client *c)
{
    static char data[2 << 20];
    size_t most = 1 + test_random_below(&c->random, c->receive_most);
    ssize_t n = recv(c->fd, data, most, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n <= 0) {
        check_end(c, n < 0 ? errno : 0);
        return true;
    }
    size_t len = (size_t)n;
    if (len > c->verdict.answers.len - c->got) {
        show("received", data, len, c->verdict.answers.len - c->got);
        fail_client(c, "more than there are answers");
    }
    if (memcmp(data, c->verdict.answers.data + c->got, len) != 0) {
        size_t same = 0;
        while (data[same] == c->verdict.answers.data[c->got + same]) {
            same++;
        }
        show("received", data, len, same);
        c->got += same;
        fail_client(c, "wrong bytes");
    }
    c->got += len;
    return true;
}

/* Everything it will ever send is sent. */
static void finish(fuzz_client *c)
{
    if (c->ending == FUZZ_FINISH && shutdown(c->fd, SHUT_WR) != 0 && !is_late(c)) {
        fail_client(c, strerror(errno));
    }
    c->finished = c->ending == FUZZ_FINISH;
}

static bool send_some(fuzz_client *c)
{
    bool leaves = c->ending == FUZZ_LEAVE || c->ending == FUZZ_RESET;
    size_t until = leaves ? c->leave_at : c->bytes.len;
    size_t most = 1 + test_random_below(&c->random, c->send_most);
    size_t left = until - c->sent;
    ssize_t n = left == 0 ? 0
                          : send(c->fd, c->bytes.data + c->sent, left < most ? left : most,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
        return false;
    }
    if (n < 0) {
        check_end(c, errno);
        return true;
    }
    c->sent += (size_t)n;
    if (c->sent >= c->verdict.end_at && c->verdict.end != ECHO_OPEN && c->end_sent <= 0) {
        c->end_sent = program_now();
    }
    if (c->sent < until) {
        return true;
    }
    if (c->ending == FUZZ_RESET) {
        net_reset(c->fd);
        c->fd = -1;
    } else if (c->ending == FUZZ_LEAVE) {
        over(c);
    } else {
        finish(c);
    }
    return true;
}

/* Nothing more to send? */
static bool all_sent(const fuzz_client *c)
{
    return c->finished || (c->ending == FUZZ_CLOSE && c->sent == c->bytes.len);
}

bool fuzz_client_step(fuzz_client *c)
{
    bool sends = !all_sent(c) && (c->reads_late || test_random_below(&c->random, 2) == 0);
    bool moved = sends ? send_some(c) : receive_some(c);
    if (!moved && !all_sent(c)) {
        moved = sends ? receive_some(c) : send_some(c);
    }
    if (c->fd >= 0 && c->ending == FUZZ_CLOSE && c->verdict.end == ECHO_OPEN && all_sent(c) &&
        c->got == c->verdict.answers.len) {
        over(c);
        moved = true;
    }
    double now = program_now();
    if (moved) {
        c->progress = now;
    } else if (now - c->progress > NET_TIMEOUT) {
        fail_client(c, "nothing happens");
    }
    return moved;
}

bool fuzz_client_is_orderly(const fuzz_client *c)
{
    return c->ending == FUZZ_FINISH || c->ending == FUZZ_CLOSE;
}

short fuzz_client_events(const fuzz_client *c)
{
    return (short)(POLLIN | (all_sent(c) ? 0 : POLLOUT));
}

void fuzz_client_free(fuzz_client *c)
{
    if (c->fd >= 0) {
        close(c->fd);
    }
    net_text_free(&c->bytes);
    net_text_free(&c->verdict.answers);
}
