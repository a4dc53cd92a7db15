/*
 * Addresses: resolving, formatting, and connecting with everything that can come in between.
 *
 * The source is compiled into the test, not taken from the library, so that the test can answer for
 * the resolver and choose the port that a connecting socket gets.
 */
#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef int resolver_function(const char *host, const char *port, const struct addrinfo *hints,
                              struct addrinfo **answer);

static resolver_function *resolver = getaddrinfo;
static const struct sockaddr *bind_next_socket_to; /* NULL: do not */
static socklen_t bind_next_socket_to_len;

static int socket_for_test(int family, int type, int protocol)
{
    int fd = socket(family, type, protocol);

    if (bind_next_socket_to != NULL) {
        (void)bind(fd, bind_next_socket_to, bind_next_socket_to_len);
        bind_next_socket_to = NULL;
    }
    return fd;
}

#define getaddrinfo resolver
#define socket      socket_for_test
#include "core/address.c" /* NOLINT(bugprone-suspicious-include) */
#undef getaddrinfo
#undef socket

#include <pthread.h>
#include <sys/eventfd.h>

#include "core/completion.h"
#include "tests/support/cmocka_all.h"

/* ---- resolving ------------------------------------------------------------------------------- */

/* The one address of a numeric host. */
static yodel_address numeric(const char *host, const char *port)
{
    yodel_address *list = NULL;
    yodel_address address;
    size_t count = 0;

    assert_int_equal(yodel_address_resolve(host, port, &list, &count), 0);
    assert_int_equal(count, 1);
    address = list[0];
    free(list);
    return address;
}

static void expect_text(const yodel_address *address, const char *expected)
{
    char text[YODEL_ADDRESS_TEXT];

    assert_ptr_equal(yodel_address_format(address, text), text);
    assert_string_equal(text, expected);
}

static void numeric_hosts(void **state)
{
    static const struct {
        const char *host;
        const char *text;
    } hosts[] = {
        {"127.0.0.1", "127.0.0.1:8007"},
        {"0.0.0.0", "0.0.0.0:8007"},
        {"::1", "[::1]:8007"},
        {"[::1]", "[::1]:8007"},
        {"::", "[::]:8007"},
        {"2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:8007"},
        {"fe80::1%lo", "[fe80::1%lo]:8007"},
        {"[fe80::1%lo]", "[fe80::1%lo]:8007"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:8007"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        yodel_address address = numeric(hosts[i].host, "8007");

        expect_text(&address, hosts[i].text);
        assert_int_equal(yodel_address_port(&address), 8007);
    }
}

static void ports(void **state)
{
    static const char *const bad[] = {"",    "-1",    "65536", "http", "80 ",
                                      " 80", "8007x", "1.0",   "0x50", "99999999999999999999"};
    yodel_address *list = NULL;
    size_t count = 12345;
    yodel_address address;

    (void)state;
    address = numeric("::1", "0");
    assert_int_equal(yodel_address_port(&address), 0);
    address = numeric("127.0.0.1", "65535");
    assert_int_equal(yodel_address_port(&address), 65535);
    yodel_address_set_port(&address, 258);
    expect_text(&address, "127.0.0.1:258");
    address = numeric("::1", "1");
    yodel_address_set_port(&address, 65534);
    expect_text(&address, "[::1]:65534");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(yodel_address_resolve("127.0.0.1", bad[i], &list, &count), -EINVAL);
    }
    assert_null(list);
    assert_int_equal(count, 12345);
}

static void hosts_that_are_none(void **state)
{
    static const char *const bad[] = {"", "[]", "[127.0.0.1]", "[localhost]", "[::1]x]", "[:::1]"};
    char longer_than_any_name[NI_MAXHOST + 1];
    yodel_address *list = NULL;
    size_t count = 12345;

    (void)state;
    assert_int_equal(yodel_address_resolve("[::1", "1", &list, &count), -EINVAL);
    assert_int_equal(yodel_address_resolve("[", "1", &list, &count), -EINVAL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int code = yodel_address_resolve(bad[i], "1", &list, &count);

        assert_true(code < YODEL_EAI(0));
        assert_string_not_equal(yodel_strerror(code), "unknown error");
    }
    memset(longer_than_any_name, 'x', sizeof longer_than_any_name - 1);
    longer_than_any_name[sizeof longer_than_any_name - 1] = '\0';
    assert_int_equal(yodel_address_resolve(longer_than_any_name, "1", &list, &count),
                     YODEL_EAI(EAI_NONAME));
    assert_null(list);
    assert_int_equal(count, 12345);
}

/* Whatever it resolves to on this machine, 127.0.0.1 or ::1 is among it. */
static void localhost(void **state)
{
    yodel_address v4 = numeric("127.0.0.1", "8007");
    yodel_address v6 = numeric("::1", "8007");
    yodel_address *list = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(yodel_address_resolve("localhost", "8007", &list, &count), 0);
    assert_true(count >= 1);
    assert_true(contains(list, count, &v4) || contains(list, count, &v6));
    free(list);
}

/* What a hosts file with "::1 a", "127.0.0.1 a" twice and "127.0.0.2 a" makes getaddrinfo say. */
static int resolver_with_duplicates(const char *host, const char *port,
                                    const struct addrinfo *hints, struct addrinfo **answer)
{
    static const char *const hosts[] = {"::1", "127.0.0.1", "127.0.0.2", "127.0.0.1", "::1"};
    struct addrinfo **end = answer;

    assert_string_equal(host, "a.test");
    assert_int_equal(hints->ai_flags & AI_ADDRCONFIG, 0);
    assert_int_equal(hints->ai_family, AF_UNSPEC);
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        assert_int_equal(getaddrinfo(hosts[i], port, hints, end), 0);
        end = &(*end)->ai_next;
    }
    return 0;
}

static void the_order_is_kept_and_duplicates_go(void **state)
{
    yodel_address *list = NULL;
    size_t count = 0;

    (void)state;
    resolver = resolver_with_duplicates;
    assert_int_equal(yodel_address_resolve("a.test", "80", &list, &count), 0);
    resolver = getaddrinfo;
    assert_int_equal(count, 3);
    expect_text(&list[0], "[::1]:80");
    expect_text(&list[1], "127.0.0.1:80");
    expect_text(&list[2], "127.0.0.2:80");
    free(list);
}

static int resolver_of_brackets(const char *host, const char *port, const struct addrinfo *hints,
                                struct addrinfo **answer)
{
    assert_string_equal(host, "::1");
    assert_int_equal(hints->ai_family, AF_INET6);
    assert_int_equal(hints->ai_flags & AI_NUMERICHOST, AI_NUMERICHOST);
    return getaddrinfo(host, port, hints, answer);
}

static void what_is_in_brackets_is_never_looked_up(void **state)
{
    yodel_address address;

    (void)state;
    resolver = resolver_of_brackets;
    address = numeric("[::1]", "80");
    resolver = getaddrinfo;
    expect_text(&address, "[::1]:80");
}

static int resolver_code;

static int failing_resolver(const char *host, const char *port, const struct addrinfo *hints,
                            struct addrinfo **answer)
{
    (void)host;
    (void)port;
    (void)hints;
    (void)answer;
    errno = EMFILE;
    return resolver_code;
}

static void what_the_resolver_fails_with(void **state)
{
    static const struct {
        int resolver;
        int ours;
    } codes[] = {
        {EAI_NONAME, YODEL_EAI(EAI_NONAME)},
        {EAI_AGAIN, YODEL_EAI(EAI_AGAIN)},
        {EAI_MEMORY, -ENOMEM},
        {EAI_SYSTEM, -EMFILE},
    };
    yodel_address *list = NULL;
    size_t count = 12345;

    (void)state;
    resolver = failing_resolver;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        resolver_code = codes[i].resolver;
        assert_int_equal(yodel_address_resolve("a.test", "80", &list, &count), codes[i].ours);
    }
    resolver = getaddrinfo;
    assert_null(list);
    assert_int_equal(count, 12345);
}

static void what_is_no_address(void **state)
{
    const yodel_address none = {.len = 0};
    const yodel_address local = {.storage = {.ss_family = AF_UNIX}, .len = sizeof(sa_family_t)};

    (void)state;
    expect_text(&none, "?");
    assert_int_equal(yodel_address_port(&none), 0);
    assert_int_equal(yodel_address_port(&local), 0);
}

/* ---- of the unix domain ---------------------------------------------------------------------- */

static void unix_names(void **state)
{
    static const struct {
        const char *host;
        const char *path;
    } names[] = {
        {"unix:/run/yodel.sock", "/run/yodel.sock"},
        {"unix:yodel.sock", "yodel.sock"},
        {"unix:/a:b,[c] d", "/a:b,[c] d"},
        {"unix:@yodel", NULL},
        {"unix:@@", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        yodel_address address = numeric(names[i].host, "the port does not matter");

        assert_true(yodel_address_is_unix(&address));
        expect_text(&address, names[i].host);
        assert_int_equal(yodel_address_port(&address), 0);
        if (names[i].path != NULL) {
            assert_string_equal(yodel_address_path(&address), names[i].path);
        } else {
            assert_null(yodel_address_path(&address));
        }
    }
    assert_true(yodel_address_host_is_unix("unix:/x"));
    assert_false(yodel_address_host_is_unix("unix"));
    assert_false(yodel_address_host_is_unix("/x"));
    yodel_address inet = numeric("127.0.0.1", "80");
    assert_false(yodel_address_is_unix(&inet));
    assert_null(yodel_address_path(&inet));
}

static void unix_names_that_are_none(void **state)
{
    char host[5 + YODEL_UNIX_PATH_MAX + 2] = "unix:";
    yodel_address *list = NULL;
    size_t count = 12345;

    (void)state;
    assert_int_equal(yodel_address_resolve("unix:", "80", &list, &count), -EINVAL);
    assert_int_equal(yodel_address_resolve("unix:@", "80", &list, &count), -EINVAL);
    memset(host + 5, 'x', YODEL_UNIX_PATH_MAX + 1);
    assert_int_equal(yodel_address_resolve(host, "80", &list, &count), -ENAMETOOLONG);
    assert_null(list);
    assert_int_equal(count, 12345);

    host[5 + YODEL_UNIX_PATH_MAX] = '\0';
    yodel_address longest = numeric(host, "80");
    expect_text(&longest, host);
    assert_string_equal(yodel_address_path(&longest), host + 5);
}

static void unix_sockets_without_a_name(void **state)
{
    int pair[2];
    yodel_address address;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(yodel_address_of_peer(pair[0], &address), 0);
    assert_true(yodel_address_is_unix(&address));
    expect_text(&address, "unix:(unnamed)");
    assert_null(yodel_address_path(&address));
    close(pair[0]);
    close(pair[1]);
}

/* A listener without room in its queue; *waiting holds what is in it. */
static int full_unix_listener(yodel_address *address, int waiting[2])
{
    char host[64];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(host, sizeof host, "unix:@yodel-test-address-%d", (int)getpid());
    *address = numeric(host, "");
    assert_int_equal(bind(fd, (struct sockaddr *)&address->storage, address->len), 0);
    assert_int_equal(listen(fd, 1), 0);
    for (size_t i = 0; i < 2; i++) { /* one more than said: net/unix/af_unix.c */
        assert_int_equal(yodel_address_connect(address, 20.0, -1, &waiting[i]), 0);
    }
    return fd;
}

static void *accept_all(void *arg)
{
    const int *fd = arg;

    for (size_t i = 0; i < 3; i++) {
        close(accept(*fd, NULL, NULL));
    }
    return NULL;
}

static void waits_for_room_in_a_unix_queue(void **state)
{
    yodel_address address;
    int waiting[2];
    int client = -1;
    int cancel = eventfd(1, EFD_CLOEXEC);
    int listener = full_unix_listener(&address, waiting);
    pthread_t thread;

    (void)state;
    assert_int_equal(yodel_address_connect(&address, 0.05, -1, &client), -ETIMEDOUT);
    assert_int_equal(yodel_address_connect(&address, 20.0, cancel, &client), -ECANCELED);
    assert_int_equal(client, -1);
    assert_int_equal(pthread_create(&thread, NULL, accept_all, &listener), 0);
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &client), 0);
    assert_int_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    pthread_join(thread, NULL);
    close(client);
    close(waiting[0]);
    close(waiting[1]);
    close(listener);
    close(cancel);
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &client), -ECONNREFUSED);
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* A listening socket on 127.0.0.1 and its address. */
static int listen_somewhere(int backlog, yodel_address *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = numeric("127.0.0.1", "0");
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address->storage, address->len), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(yodel_address_of_socket(fd, address), 0);
    assert_int_not_equal(yodel_address_port(address), 0);
    return fd;
}

static void connects(void **state)
{
    yodel_address address;
    int listener = listen_somewhere(1, &address);
    yodel_address there = {0};
    int nodelay = 0;
    socklen_t size = sizeof nodelay;
    int accepted;
    int fd = -1;

    (void)state;
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &fd), 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &size), 0);
    assert_int_not_equal(nodelay, 0);

    accepted = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(yodel_address_of_peer(fd, &there), 0);
    assert_true(same_address(&there, &address));
    assert_int_equal(yodel_address_of_peer(accepted, &there), 0);
    assert_int_equal(yodel_address_of_socket(fd, &address), 0);
    assert_true(same_address(&there, &address));
    close(accepted);
    close(fd);
    close(listener);
}

static void is_refused(void **state)
{
    yodel_address address;
    int fd = 12345;

    (void)state;
    close(listen_somewhere(1, &address));
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &fd), -ECONNREFUSED);
    assert_int_equal(yodel_address_connect(&address, 0, -1, &fd), -ECONNREFUSED);
    assert_int_equal(fd, 12345);
}

/* A port on which nobody listens, and the kernel gives this very port to the connecting socket. */
static void does_not_connect_to_itself(void **state)
{
    yodel_address address;
    int fd = 12345;

    (void)state;
    close(listen_somewhere(1, &address));
    bind_next_socket_to = (const struct sockaddr *)&address.storage;
    bind_next_socket_to_len = address.len;
    assert_int_equal(yodel_address_connect(&address, 20.0, -1, &fd), -ECONNREFUSED);
    assert_int_equal(fd, 12345);
}

enum { QUEUE = 16 };

typedef struct busy_server {
    yodel_address address;
    int listener;
    int queued[QUEUE];
    int count;
} busy_server;

/* A server that accepts nobody and whose queue is full: who connects now gets no answer at all. The
 * queue is full when connecting takes longer than a moment, which also tests the timeout. */
static void open_busy_server(busy_server *s)
{
    int code = 0;

    s->listener = listen_somewhere(0, &s->address);
    for (s->count = 0; s->count < QUEUE && code == 0; s->count++) {
        code = yodel_address_connect(&s->address, 0.05, -1, &s->queued[s->count]);
    }
    s->count--;
    assert_int_equal(code, -ETIMEDOUT);
}

static void close_busy_server(busy_server *s)
{
    for (int i = 0; i < s->count; i++) {
        close(s->queued[i]);
    }
    close(s->listener);
}

static void times_out(void **state)
{
    uint64_t before = yodel_clock_now();
    busy_server s;

    (void)state;
    open_busy_server(&s);
    assert_true(yodel_clock_now() - before >= yodel_clock_from_seconds(0.05));
    close_busy_server(&s);
}

static void *complete_soon(void *argument)
{
    const struct timespec soon = {.tv_nsec = 20000000};

    nanosleep(&soon, NULL); /* likely after the connecting has begun; right in any case */
    yodel_completion_complete(argument, 0);
    return NULL;
}

static void is_cancelled_while_it_waits(void **state)
{
    yodel_completion cancel;
    pthread_t thread;
    busy_server s;
    int fd = 12345;

    (void)state;
    open_busy_server(&s);
    assert_int_equal(yodel_completion_init(&cancel), 0);
    assert_int_equal(pthread_create(&thread, NULL, complete_soon, &cancel), 0);
    assert_int_equal(yodel_address_connect(&s.address, 0, yodel_completion_fd(&cancel), &fd),
                     -ECANCELED);
    assert_int_equal(fd, 12345);
    pthread_join(thread, NULL);
    yodel_completion_destroy(&cancel);
    close_busy_server(&s);
}

static void is_cancelled_before_it_begins(void **state)
{
    yodel_address address;
    int listener = listen_somewhere(1, &address);
    int cancelled = eventfd(1, EFD_CLOEXEC);
    int not_cancelled = eventfd(0, EFD_CLOEXEC);
    int fd = 12345;

    (void)state;
    assert_int_equal(yodel_address_connect(&address, 20.0, cancelled, &fd), -ECANCELED);
    assert_int_equal(fd, 12345);
    assert_int_equal(yodel_address_connect(&address, 20.0, not_cancelled, &fd), 0);
    close(fd);
    close(cancelled);
    close(not_cancelled);
    close(listener);
}

static void fails_without_a_descriptor_left_behind(void **state)
{
    yodel_address none = {.storage = {.ss_family = AF_UNSPEC}};
    yodel_address address;
    int next = eventfd(0, EFD_CLOEXEC);
    int again;
    int fd = 12345;

    (void)state;
    close(next);
    close(listen_somewhere(1, &address));
    assert_int_equal(yodel_address_connect(&none, 0, -1, &fd), -EAFNOSUPPORT);
    assert_int_equal(yodel_address_connect(&address, 0, -1, &fd), -ECONNREFUSED);
    assert_int_equal(yodel_address_of_peer(-1, &address), -EBADF);
    assert_int_equal(yodel_address_of_socket(-1, &address), -EBADF);
    again = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(again, next);
    close(again);
}

static void hosts_with_a_port(void **state)
{
    static const char *const with[] = {"localhost:8007", "127.0.0.1:8007", "[::1]:8007",
                                       "a:", ":8007"};
    static const char *const without[] = {"localhost",  "127.0.0.1", "::1",     "[::1]",
                                          "fe80::1%lo", "unix:/x",   "unix:@a", ""};
    (void)state;
    for (size_t i = 0; i < sizeof with / sizeof with[0]; i++) {
        assert_true(yodel_address_host_has_port(with[i]));
    }
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        assert_false(yodel_address_host_has_port(without[i]));
    }
}

static void every_address(void **state)
{
    static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
    yodel_address *list;
    size_t count;
    (void)state;
    assert_int_equal(yodel_address_resolve("*", "8007", &list, &count), 0);
    assert_in_range(count, 1, 2); /* of each family that there is */
    for (size_t i = 0; i < count; i++) {
        if (list[i].storage.ss_family == AF_INET) {
            assert_true(((struct sockaddr_in *)&list[i].storage)->sin_addr.s_addr == INADDR_ANY);
        } else {
            assert_memory_equal(&((struct sockaddr_in6 *)&list[i].storage)->sin6_addr, &any6,
                                sizeof any6);
        }
    }
    free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_hosts),
        cmocka_unit_test(ports),
        cmocka_unit_test(hosts_that_are_none),
        cmocka_unit_test(localhost),
        cmocka_unit_test(hosts_with_a_port),
        cmocka_unit_test(every_address),
        cmocka_unit_test(the_order_is_kept_and_duplicates_go),
        cmocka_unit_test(what_is_in_brackets_is_never_looked_up),
        cmocka_unit_test(what_the_resolver_fails_with),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(unix_names),
        cmocka_unit_test(unix_names_that_are_none),
        cmocka_unit_test(unix_sockets_without_a_name),
        cmocka_unit_test(waits_for_room_in_a_unix_queue),
        cmocka_unit_test(connects),
        cmocka_unit_test(is_refused),
        cmocka_unit_test(does_not_connect_to_itself),
        cmocka_unit_test(times_out),
        cmocka_unit_test(is_cancelled_while_it_waits),
        cmocka_unit_test(is_cancelled_before_it_begins),
        cmocka_unit_test(fails_without_a_descriptor_left_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
