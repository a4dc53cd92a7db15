#include "core/listener_set.h"

#include "core/error.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static int complain_of_address(yodel_log *log, yodel_log_level level, const yodel_address *address,
                               int code)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_log_write(log, level, "cannot listen on %s: %s", yodel_address_format(address, text),
                    reason(address, code));
    return code;
}

static bool same_address(const yodel_address *a, const yodel_address *b)
{
    return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}

static bool holds(const yodel_listener_set *set, const yodel_address *address)
{
    for (size_t i = 0; set->listeners != NULL && i < set->count; i++) {
        if (same_address(&set->listeners[i].address, address)) {
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
            return complain_of_address(c->log, YODEL_LOG_ERROR, &addresses[i], code);
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

static const char *what_is_wrong(int code)
{
    return code == -EINVAL ? "it is not a listening stream socket" : yodel_strerror(code);
}

int yodel_listener_set_inherit(const yodel_inherited_listener *inherited, size_t count,
                               double user_timeout, yodel_log *log, yodel_listener_set *out)
{
    yodel_listener_set set = {calloc(count, sizeof(*set.listeners)), 0};
    int code = set.listeners != NULL ? 0 : -ENOMEM;
    while (code == 0 && set.count < count) {
        const yodel_inherited_listener *from = &inherited[set.count];
        yodel_listener *to = &set.listeners[set.count];
        code = yodel_listener_inherit(from->fd, user_timeout, to);
        if (code == 0) {
            to->kept = from->kept;
            set.count++;
        }
    }
    if (code == 0) {
        *out = set;
        return 0;
    }
    yodel_log_write(log, YODEL_LOG_ERROR, "cannot listen on inherited file descriptor %d: %s",
                    inherited[set.count].fd, what_is_wrong(code));
    for (size_t i = 0; i < count; i++) {
        close(inherited[i].fd);
    }
    free(set.listeners);
    return code;
}

size_t yodel_listener_set_ordinal(const yodel_listener_set *set, size_t index)
{
    size_t ordinal = 0;
    for (size_t i = 0; i < index; i++) {
        ordinal += same_address(&set->listeners[i].address, &set->listeners[index].address);
    }
    return ordinal;
}

static size_t count_at(const yodel_listener_set *set, const yodel_address *address)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        count += same_address(&set->listeners[i].address, address);
    }
    return count;
}

int yodel_listener_set_extend(yodel_listener_set *set, size_t each, int backlog,
                              double user_timeout, yodel_log *log, yodel_log_level level)
{
    size_t before = set->count;
    int code = 0;
    for (size_t i = 0; i < before && code == 0; i++) {
        const yodel_address address = set->listeners[i].address;
        if (yodel_address_is_unix(&address)) {
            continue;
        }
        for (size_t n = count_at(set, &address); n < each && code == 0; n++) {
            code = make_room(set, 1);
            if (code == 0) {
                code = yodel_listener_open(&address, backlog, user_timeout,
                                           &set->listeners[set->count]);
                set->count += code == 0;
            }
            if (code < 0) {
                (void)complain_of_address(log, level, &address, code);
            }
        }
    }
    return code;
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
