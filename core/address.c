#include "core/address.h"

#include "core/clock.h"
#include "core/error.h"
#include "core/units.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often a server whose queue is full is tried again. */
#define ROOM_POLL_MS 10

/* ---- resolving ------------------------------------------------------------------------------- */

#define UNIX_PREFIX "unix:"

bool yodel_address_host_is_unix(const char *host)
{
    return strncmp(host, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
}

/* "unix:PATH" or, "unix:@NAME", without a file. */
static int resolve_unix(const char *host, yodel_address **list, size_t *count)
{
    const char *path = host + strlen(UNIX_PREFIX);
    size_t len = strlen(path);
    bool abstract = path[0] == '@';

    if (len == (abstract ? 1 : 0)) {
        return -EINVAL;
    }
    if (len > YODEL_UNIX_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    yodel_address *address = calloc(1, sizeof *address);
    if (address == NULL) {
        return -ENOMEM;
    }
    struct sockaddr_un *name = (struct sockaddr_un *)&address->storage;
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, len);
    if (abstract) {
        name->sun_path[0] = '\0';
    }
    /* The NUL behind a path counts, and one behind an abstract name would be a part of it. */
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + !abstract);
    *list = address;
    *count = 1;
    return 0;
}

bool yodel_address_host_has_port(const char *host)
{
    const char *colon = strrchr(host, ':');

    return colon != NULL && !yodel_address_host_is_unix(host) &&
           (strchr(host, ':') == colon || colon[-1] == ']');
}

/* Copies the host to `name` without its brackets, which only a numeric IPv6 address may have. */
static int strip_brackets(const char *host, char name[NI_MAXHOST], struct addrinfo *hints)
{
    size_t len = strlen(host);

    if (len > 0 && host[0] == '[') {
        if (host[len - 1] != ']') {
            return -EINVAL;
        }
        hints->ai_family = AF_INET6;
        hints->ai_flags |= AI_NUMERICHOST;
        host++;
        len -= 2;
    }
    if (len >= NI_MAXHOST) {
        return YODEL_EAI(EAI_NONAME);
    }
    memcpy(name, host, len);
    name[len] = '\0';
    return 0;
}

static bool same_address(const yodel_address *a, const yodel_address *b)
{
    return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}

static bool contains(const yodel_address *list, size_t count, const yodel_address *address)
{
    for (size_t i = 0; i < count; i++) {
        if (same_address(&list[i], address)) {
            return true;
        }
    }
    return false;
}

/* A resolver's answer as our array. The same address comes twice when a hosts file names it twice,
 * and listening on it twice would succeed (SO_REUSEPORT) and be of no use. */
static int collect(const struct addrinfo *answer, yodel_address **list, size_t *count)
{
    yodel_address *found;
    size_t n = 0;

    for (const struct addrinfo *ai = answer; ai != NULL; ai = ai->ai_next) {
        n++;
    }
    found = calloc(n, sizeof *found);
    if (found == NULL) {
        return -ENOMEM;
    }
    n = 0;
    for (const struct addrinfo *ai = answer; ai != NULL; ai = ai->ai_next) {
        yodel_address *address = &found[n];

        memset(address, 0, sizeof *address);
        memcpy(&address->storage, ai->ai_addr, ai->ai_addrlen);
        address->len = ai->ai_addrlen;
        if (!contains(found, n, address)) {
            n++;
        }
    }
    *list = found;
    *count = n;
    return 0;
}

int yodel_address_resolve(const char *host, const char *port, yodel_address **list, size_t *count)
{
    /* AI_PASSIVE is for no name, which without it would be the loopback's addresses. */
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *answer = NULL;
    char name[NI_MAXHOST];
    uint64_t number;
    int code;

    if (yodel_address_host_is_unix(host)) {
        return resolve_unix(host, list, count);
    }
    if (yodel_parse_count(port, 0, UINT16_MAX, &number) != 0) {
        return -EINVAL;
    }
    code = strip_brackets(host, name, &hints);
    if (code != 0) {
        return code;
    }
    code = getaddrinfo(strcmp(host, "*") == 0 ? NULL : name, port, &hints, &answer);
    if (code == EAI_SYSTEM) {
        return -errno;
    }
    if (code != 0) {
        return code == EAI_MEMORY ? -ENOMEM : YODEL_EAI(code);
    }
    code = collect(answer, list, count);
    freeaddrinfo(answer);
    return code;
}

/* ---- addresses of sockets, and what is in one ------------------------------------------------ */

int yodel_address_of_socket(int fd, yodel_address *address)
{
    yodel_address own = {.len = sizeof own.storage};

    if (getsockname(fd, (struct sockaddr *)&own.storage, &own.len) != 0) {
        return -errno;
    }
    *address = own;
    return 0;
}

int yodel_address_of_peer(int fd, yodel_address *address)
{
    yodel_address peer = {.len = sizeof peer.storage};

    if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.len) != 0) {
        return -errno;
    }
    *address = peer;
    return 0;
}

bool yodel_address_is_unix(const yodel_address *address)
{
    return address->len > 0 && address->storage.ss_family == AF_UNIX;
}

/* The bytes of its name, which none need to have. */
static size_t unix_name(const yodel_address *address, const char **name)
{
    size_t before = offsetof(struct sockaddr_un, sun_path);

    *name = ((const struct sockaddr_un *)&address->storage)->sun_path;
    return address->len > before ? address->len - before : 0;
}

const char *yodel_address_path(const yodel_address *address)
{
    const char *name;

    return yodel_address_is_unix(address) && unix_name(address, &name) > 0 && name[0] != '\0'
               ? name
               : NULL;
}

uint16_t yodel_address_port(const yodel_address *address)
{
    switch (address->storage.ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    default:
        return 0;
    }
}

void yodel_address_set_port(yodel_address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET) {
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
    } else {
        assert(address->storage.ss_family == AF_INET6);
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    }
}

static const char *format_unix(const yodel_address *address, char text[YODEL_ADDRESS_TEXT])
{
    const char *name;
    int len = (int)unix_name(address, &name);

    if (len == 0) {
        return strcpy(text, UNIX_PREFIX "(unnamed)");
    }
    if (name[0] == '\0') {
        snprintf(text, YODEL_ADDRESS_TEXT, UNIX_PREFIX "@%.*s", len - 1, name + 1);
    } else {
        snprintf(text, YODEL_ADDRESS_TEXT, UNIX_PREFIX "%.*s", len, name);
    }
    return text;
}

const char *yodel_address_format(const yodel_address *address, char text[YODEL_ADDRESS_TEXT])
{
    const struct sockaddr *sockaddr = (const struct sockaddr *)&address->storage;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];

    if (yodel_address_is_unix(address)) {
        return format_unix(address, text);
    }
    if (address->len == 0 ||
        getnameinfo(sockaddr, address->len, host, sizeof host, NULL, 0, NI_NUMERICHOST) != 0) {
        return strcpy(text, "?");
    }
    snprintf(text, YODEL_ADDRESS_TEXT, sockaddr->sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u", host,
             yodel_address_port(address));
    return text;
}

/* ---- connecting ------------------------------------------------------------------------------ */

/* Waits until the socket is connected or not, or `cancel_fd` becomes readable. */
static int wait_connected(int fd, uint64_t deadline_ns, int cancel_fd)
{
    struct pollfd ready[] = {{.fd = cancel_fd, .events = POLLIN}, {.fd = fd, .events = POLLOUT}};
    int error;
    socklen_t size = sizeof error;

    for (;;) {
        uint64_t now = yodel_clock_now();
        uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
        struct timespec wait = {.tv_sec = (time_t)(left / YODEL_NS_PER_SEC),
                                .tv_nsec = (long)(left % YODEL_NS_PER_SEC)};
        int n = ppoll(ready, 2, &wait, NULL);

        if (n > 0) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0 && left == 0) {
            return -ETIMEDOUT;
        }
    }
    if (ready[0].revents != 0) {
        return -ECANCELED;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
        return -errno;
    }
    return -error;
}

/*
 * When nobody listens on a port that the kernel also gives out to clients, a client can be given
 * the very port that it connects to, and TCP's simultaneous open connects it to itself (RFC
 * 9293, 3.5). Nobody wants that connection.
 */
static int refuse_self(int fd)
{
    yodel_address own = {0};
    yodel_address peer = {0};
    int code = yodel_address_of_socket(fd, &own);

    if (code == 0) {
        code = yodel_address_of_peer(fd, &peer);
    }
    if (code == 0 && same_address(&own, &peer)) {
        code = -ECONNREFUSED;
    }
    return code;
}

static int make_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0 ? -errno : 0;
}

/* The queue of a unix-domain server is full, and nothing tells of room in it (connect(2), EAGAIN).
 */
static int wait_for_room(uint64_t deadline_ns, int cancel_fd)
{
    struct pollfd cancelled = {.fd = cancel_fd, .events = POLLIN};

    if (yodel_clock_now() >= deadline_ns) {
        return -ETIMEDOUT;
    }
    return poll(&cancelled, 1, ROOM_POLL_MS) > 0 ? -ECANCELED : 0;
}

static int connect_unix(int fd, const yodel_address *address, uint64_t deadline_ns, int cancel_fd)
{
    while (connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0) {
        int code = errno == EAGAIN ? wait_for_room(deadline_ns, cancel_fd) : -errno;

        if (code != 0) {
            return code;
        }
    }
    return make_blocking(fd);
}

static int connect_tcp(int fd, const yodel_address *address, uint64_t deadline_ns, int cancel_fd)
{
    const int on = 1;
    int code;

    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address->storage, address->len) != 0 &&
        errno != EINPROGRESS) {
        return -errno;
    }
    code = wait_connected(fd, deadline_ns, cancel_fd);
    if (code == 0) {
        code = refuse_self(fd);
    }
    return code != 0 ? code : make_blocking(fd);
}

int yodel_address_connect(const yodel_address *address, double timeout_seconds, int cancel_fd,
                          int *fd)
{
    uint64_t deadline_ns = timeout_seconds > 0.0 ? yodel_clock_after(timeout_seconds) : UINT64_MAX;
    int s = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int code;

    if (s < 0) {
        return -errno;
    }
    code = yodel_address_is_unix(address) ? connect_unix(s, address, deadline_ns, cancel_fd)
                                          : connect_tcp(s, address, deadline_ns, cancel_fd);
    if (code != 0) {
        close(s);
        return code;
    }
    *fd = s;
    return 0;
}
