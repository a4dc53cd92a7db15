/*
 * A whole server in this process and a scripted session of a few clients, while one system call or
 * allocation fails: each kind, with each error that it can return, at every place that the session
 * reaches. Either the server does not start, and says why, or it serves: at the most one connection
 * ends early, every answer on the others comes, who connects afterwards is served, and in the end
 * nothing is left. Run it under the address sanitizer, which finds leaks, and the thread sanitizer.
 *
 * Errors that only our own mistakes cause (EBADF, EINVAL, EFAULT, ENOTSOCK) are left out.
 */
#include "core/error.h"
#include "core/server.h"
#include "proto/registry.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/threads.h"

#define LINE  60000
#define LINES 2

/* What the kernel takes at once, and what may wait before reading is paused. */
#define TAKES 20000
#define HIGH  16384

/* What is served, and how. */
typedef struct scene {
    const char *name;
    yodel_accept_mode accept;
    yodel_protocol_factory factory;
    const char *prefix; /* of answers */
} scene;

typedef struct fault {
    faults_call call;
    const char *name;
    bool any_protocol; /* it makes no difference which */
    int errors[20];
} fault;

static const fault faults_table[] = {
    {FAULTS_ALLOCATE, "malloc", false, {ENOMEM}},
    {FAULTS_LIBEV_MEMORY, "libev's realloc", false, {ENOMEM}},
    {FAULTS_MMAP, "mmap", false, {ENOMEM, EAGAIN, ENFILE}},
    {FAULTS_EVENTFD, "eventfd", true, {EMFILE, ENFILE, ENODEV, ENOMEM}},
    {FAULTS_EPOLL_CREATE, "epoll_create1", true, {EMFILE, ENFILE, ENOMEM}},
    {FAULTS_EPOLL_CTL, "epoll_ctl", false, {ENOMEM, ENOSPC}},
    {FAULTS_THREAD, "pthread_create", true, {EAGAIN, EPERM}},
    {FAULTS_ACCEPT,
     "accept4",
     true,
     {EAGAIN, ECONNABORTED, EINTR, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
      EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EMFILE, ENFILE, ENOBUFS, ENOMEM}},
    {FAULTS_RECEIVE,
     "recv",
     false,
     {EAGAIN, EINTR, ECONNRESET, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENOMEM,
      ENOBUFS, ENOTCONN}},
    {FAULTS_SEND,
     "send and sendmsg",
     false,
     {EAGAIN, EINTR, ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN, ENOMEM,
      ENOBUFS, ENOTCONN}},
};

/* --- clients: they must not allocate ----------------------------------------------------------*/

typedef struct client {
    int fd;
    bool ended; /* early */
} client;

static client begin(uint16_t port)
{
    return (client){.fd = net_connect(port)};
}

static void offer(client *c, const char *data, size_t len)
{
    while (len > 0 && !c->ended) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        c->ended = n <= 0;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

/* What comes is right, and all of it comes unless the connection ends. */
static void expect(client *c, const char *data, size_t len)
{
    static char got[65536];
    while (len > 0 && !c->ended) {
        struct pollfd readable = {.fd = c->fd, .events = POLLIN};
        if (poll(&readable, 1, (int)(NET_TIMEOUT * 1000)) != 1) {
            fail_msg("an answer is missing");
        }
        ssize_t n = recv(c->fd, got, len < sizeof got ? len : sizeof got, 0);
        c->ended = n <= 0;
        if (n > 0) {
            assert_memory_equal(got, data, (size_t)n);
            data += n;
            len -= (size_t)n;
        }
    }
}

static void say(client *c, const scene *sc, const char *text)
{
    offer(c, text, strlen(text));
    expect(c, sc->prefix, strlen(sc->prefix));
    expect(c, text, strlen(text));
}

/* Answers that the kernel does not take at once: they wait in the connection's buffer. */
static void say_much(client *c, const scene *sc)
{
    static char line[LINE + 2];
    memset(line, 'x', LINE);
    memcpy(line + LINE, "\r\n", 2);
    for (int i = 0; i < LINES; i++) {
        offer(c, line, sizeof line);
    }
    for (int i = 0; i < LINES; i++) {
        expect(c, sc->prefix, strlen(sc->prefix));
        expect(c, line, sizeof line);
    }
}

static void end(client *c)
{
    if (!c->ended) {
        (void)net_wait_end(c->fd);
    }
    close(c->fd);
}

/* Returns how many connections ended early. */
static size_t converse(const scene *sc, uint16_t port)
{
    client one = begin(port);
    client two = begin(port);
    client slow = begin(port);
    say(&one, sc, "hello\r\n");
    say(&two, sc, "hello\r\n");
    say_much(&slow, sc);
    offer(&one, "cut ", 4);
    say(&two, sc, "still there?\r\n");
    offer(&one, "in two\r\n", 8);
    expect(&one, sc->prefix, strlen(sc->prefix));
    expect(&one, "cut in two\r\n", 12);

    client last = begin(port);
    say(&last, sc, "hello\r\n");
    offer(&one, ".\r\n", 3);
    offer(&two, "half", 4);
    (void)shutdown(two.fd, SHUT_WR);
    (void)shutdown(slow.fd, SHUT_WR);
    size_t ended = (size_t)one.ended + (size_t)two.ended + (size_t)slow.ended + (size_t)last.ended;
    end(&one);
    end(&two);
    end(&slow);
    close(last.fd);
    return ended;
}

/* --- the server --------------------------------------------------------------------------------*/

static atomic_size_t errors;

static void count_errors(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    (void)log;
    (void)msg;
    (void)len;
    errors += level == YODEL_LOG_ERROR;
}

static void check_totals(const yodel_server *server, size_t ended)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACTIVE), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_BUFFERED), 0);
    assert_int_equal(yodel_counters_get(&sum, YODEL_COUNT_ACCEPTED), yodel_counters_closed(&sum));
    assert_true(ended > 0 || yodel_counters_get(&sum, YODEL_COUNT_PAUSED) > 0);
}

static int make_and_start(const scene *sc, yodel_server **server)
{
    static const char *const host = "127.0.0.1";
    static yodel_log log = {.level = YODEL_LOG_DEBUG, .sink = count_errors};
    yodel_server_config config;
    yodel_server_config_init(&config);
    config.hosts = &host;
    config.host_count = 1;
    config.port = "0";
    config.threads = 2;
    config.accept = sc->accept;
    config.max_connections = 100;
    config.write_limits = (yodel_write_limits){.high = HIGH, .low = HIGH / 4, .hard = 1 << 20};
    config.idle_timeout = config.write_timeout = 0; /* a slow machine is no lost answer */
    config.factory = sc->factory;
    config.log = &log;
    int code = yodel_server_new(&config, server);
    if (code == 0) {
        code = yodel_server_start(*server);
        if (code < 0) {
            yodel_server_free(*server);
        }
    }
    return code;
}

/* One session in which the n-th call fails. Returns false when it has no n-th call. */
static bool session(const scene *sc, faults_call call, size_t n, int error)
{
    yodel_server *server = NULL;
    size_t fds = count_fds();
    size_t ended = 0;
    faults_reset();
    errors = 0;
    faults.send_max = TAKES;
    faults_fail(call, n, error);
    int code = make_and_start(sc, &server);
    if (code == 0) {
        size_t count;
        ended = converse(sc, yodel_address_port(yodel_server_addresses(server, &count)));
        yodel_server_drain(server, NET_TIMEOUT);
        yodel_server_wait(server);
        check_totals(server, ended);
        yodel_server_free(server);
    }
    bool failed = faults_failed(call);
    assert_true(code == 0 || errors == 1);
    assert_true(code == 0 || failed);
    assert_true(ended <= (failed ? 1 : 0));
    assert_int_equal(count_fds(), fds);
    return failed;
}

static void run(const scene *sc, const fault *f)
{
    for (size_t i = 0; f->errors[i] != 0; i++) {
        size_t n = 1;
        while (session(sc, f->call, n, f->errors[i])) {
            n++;
        }
        print_message("%s: %s fails with %s: %zu places\n", sc->name, f->name,
                      strerrorname_np(f->errors[i]), n - 1);
    }
}

static void run_all(yodel_accept_mode accept, const char *protocol, const char *prefix)
{
    yodel_protocol_options options = {.max_line = 65536, .idle_timeout = 0};
    scene sc = {.name = protocol, .accept = accept, .prefix = prefix};
    assert_int_equal(yodel_protocol_factory_for(protocol, &options, &sc.factory), 0);
    for (size_t i = 0; i < sizeof faults_table / sizeof *faults_table; i++) {
        if (!faults_table[i].any_protocol || strcmp(protocol, "chat") == 0) {
            run(&sc, &faults_table[i]);
        }
    }
}

static void test_chat_handoff(void **state)
{
    (void)state;
    run_all(YODEL_ACCEPT_HANDOFF, "chat", "You sent: ");
}

static void test_chat_reuseport(void **state)
{
    (void)state;
    run_all(YODEL_ACCEPT_REUSEPORT, "chat", "You sent: ");
}

static void test_stream_handoff(void **state)
{
    (void)state;
    run_all(YODEL_ACCEPT_HANDOFF, "stream", "");
}

static void test_stream_reuseport(void **state)
{
    (void)state;
    run_all(YODEL_ACCEPT_REUSEPORT, "stream", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat_handoff),
        cmocka_unit_test(test_chat_reuseport),
        cmocka_unit_test(test_stream_handoff),
        cmocka_unit_test(test_stream_reuseport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
