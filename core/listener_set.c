#include "core/listener_set.h"

#include "core/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What all listeners of a set have in common. */
typedef struct common {
    int backlog;
    double user_timeout;
    const yodel_socket_access *access;
    yodel_log *log;
} common;

static int complain(yodel_log *log, const char *host, const char *port, int code)
{
    if (code == -ENAMETOOLONG && yodel_address_host_is_unix(host)) {
        yodel_log_write(log, YODEL_LOG_ERROR,
                        "cannot listen on %s: the path is longer than %zu bytes", host,
                        YODEL_UNIX_PATH_MAX);
    } else if (yodel_address_host_is_unix(host)) {
        yodel_log_write(log, YODEL_LOG_ERROR, "cannot listen on %s: %s", host,
                        code == -EINVAL ? "there is no path" : yodel_strerror(code));
    } else {
        yodel_log_write(log, YODEL_LOG_ERROR, "cannot listen on %s port %s: %s", host, port,
                        yodel_strerror(code));
    }
    return code;
}

/* What a code says of a path, where the usual words are too general. */
static const char *reason(const yodel_address *address, int code)
{
    bool path = yodel_address_path(address) != NULL;
    if (path && code == -EADDRINUSE) {
        return "a server is listening there";
    }
    return path && code == -EEXIST ? "a file that is no socket is there" : yodel_strerror(code);
}

static int complain_of_address(yodel_log *log, const yodel_address *address, int code)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_log_write(log, YODEL_LOG_ERROR, "cannot listen on %s: %s",
                    yodel_address_format(address, text), reason(address, code));
    return code;
}

static bool holds(const yodel_listener_set *set, const yodel_address *address)
{
    for (size_t i = 0; set->listeners != NULL && i < set->count; i++) {
        const yodel_address *known = &set->listeners[i].address;
        if (known->len == address->len &&
            memcmp(&known->storage, &address->storage, known->len) == 0) {
            return true;
        }
    }
    return false;
}

/* The port of the first address that has one; 0: there is none yet. */
static uint16_t first_port(const yodel_listener_set *set)
{
    uint16_t port = 0;
    for (size_t i = 0; i < set->count && port == 0; i++) {
        port = yodel_address_port(&set->listeners[i].address);
    }
    return port;
}

static int open_unix(yodel_listener_set *set, const common *c, const yodel_address *address)
{
    if (holds(set, address)) {
        return 0;
    }
    int code =
        yodel_listener_open_unix(address, c->backlog, c->access, &set->listeners[set->count]);
    set->count += code == 0;
    return code;
}

/* Appends a listener on one address to the set, which has room. A free port that was taken for the
 * first address serves for this one too, if it can. */
static int open_address(yodel_listener_set *set, const common *c, const yodel_address *address)
{
    if (yodel_address_is_unix(address)) {
        return open_unix(set, c, address);
    }
    yodel_address wanted = *address;
    bool any_port = yodel_address_port(address) == 0;
    if (any_port) {
        yodel_address_set_port(&wanted, first_port(set));
    }
    if (holds(set, &wanted)) {
        return 0;
    }
    yodel_listener *out = &set->listeners[set->count];
    int code = yodel_listener_open(&wanted, c->backlog, c->user_timeout, out);
    if (code == -EADDRINUSE && any_port) {
        code = yodel_listener_open(address, c->backlog, c->user_timeout, out);
    }
    set->count += code == 0;
    return code;
}

/* A name may stand for addresses that this machine does not have. */
static bool not_here(int code)
{
    return code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

static int open_host(yodel_listener_set *set, const common *c, const char *host,
                     const yodel_address *addresses, size_t count)
{
    size_t before = set->count;
    int skipped = 0;
    for (size_t i = 0; i < count; i++) {
        int code = open_address(set, c, &addresses[i]);
        bool none_worked = i + 1 == count && set->count == before;
        if (code < 0 && (!not_here(code) || none_worked)) {
            return complain_of_address(c->log, &addresses[i], code);
        }
        skipped = code < 0 ? code : skipped;
    }
    if (skipped < 0) {
        yodel_log_write(c->log, YODEL_LOG_WARNING, "not every address of %s can be listened on: %s",
                        host, yodel_strerror(skipped));
    }
    return 0;
}

static int make_room(yodel_listener_set *set, size_t more)
{
    yodel_listener *listeners =
        realloc(set->listeners, (set->count + more) * sizeof(*set->listeners));
    if (listeners == NULL) {
        return -ENOMEM;
    }
    memset(&listeners[set->count], 0, more * sizeof(*listeners));
    set->listeners = listeners;
    return 0;
}

int yodel_listener_set_open(const char *const *hosts, size_t host_count, const char *port,
                            int backlog, double user_timeout, const yodel_socket_access *access,
                            yodel_log *log, yodel_listener_set *out)
{
    common c = {backlog, user_timeout, access, log};
    yodel_listener_set set = {NULL, 0};
    int code = 0;
    for (size_t h = 0; h < host_count && code == 0; h++) {
        yodel_address *addresses = NULL;
        size_t count = 0;
        code = yodel_address_resolve(hosts[h], port, &addresses, &count);
        if (code == 0) {
            code = make_room(&set, count);
        }
        if (code < 0) {
            (void)complain(log, hosts[h], port, code);
        } else {
            code = open_host(&set, &c, hosts[h], addresses, count);
        }
        free(addresses);
    }
    if (code < 0) {
        yodel_listener_set_close(&set);
        return code;
    }
    *out = set;
    return 0;
}

int yodel_listener_set_repeat(const yodel_listener_set *first, int backlog, double user_timeout,
                              yodel_log *log, yodel_listener_set *out)
{
    yodel_listener_set set = {calloc(first->count, sizeof(*set.listeners)), 0};
    int code = set.listeners != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; i < first->count; i++) {
        const yodel_address *address = &first->listeners[i].address;
        if (yodel_address_is_unix(address)) {
            continue;
        }
        if (code == 0) {
            code = yodel_listener_open(address, backlog, user_timeout, &set.listeners[set.count]);
            set.count += code == 0;
        }
        if (code < 0) {
            (void)complain_of_address(log, address, code);
            break;
        }
    }
    if (code < 0) {
        yodel_listener_set_close(&set);
        return code;
    }
    *out = set;
    return 0;
}

int yodel_listener_set_split(yodel_listener_set *set, yodel_listener_set *only)
{
    yodel_listener_set moved = {NULL, 0};
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        moved.count += yodel_address_is_unix(&set->listeners[i].address);
    }
    if (moved.count > 0) {
        moved.listeners = calloc(moved.count, sizeof(*moved.listeners));
        if (moved.listeners == NULL) {
            return -ENOMEM;
        }
    }
    moved.count = 0;
    for (size_t i = 0; i < set->count; i++) {
        bool is_unix = yodel_address_is_unix(&set->listeners[i].address);
        yodel_listener *to = is_unix ? &moved.listeners[moved.count++] : &set->listeners[kept++];
        *to = set->listeners[i];
    }
    set->count = kept;
    *only = moved;
    return 0;
}

void yodel_listener_set_close(yodel_listener_set *set)
{
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i < set->count; i++) {
        yodel_listener_close(&set->listeners[i]);
    }
    free(set->listeners);
    *set = (yodel_listener_set){NULL, 0};
}
