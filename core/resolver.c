#include "core/resolver.h"

#include "core/error.h"
#include "core/units.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* A socket of c-ares's. */
typedef struct ares_socket {
    ev_io io;
    yodel_list link;
    yodel_resolver *resolver;
} ares_socket;

struct yodel_resolver {
    yodel_loop *loop;
    ares_channel channel;
    yodel_list sockets;
    yodel_list lookups;
    yodel_timer timer;
};

struct yodel_lookup {
    yodel_list link; /* in resolver->lookups */
    yodel_resolver *resolver;
    yodel_deferred answer;
    yodel_resolved_fn *resolved; /* NULL: cancelled */
    void *arg;
    int code;
    yodel_address *list;
    size_t count;
    bool answered; /* by c-ares: nothing of its is left */
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    (void)ares_library_init(ARES_LIB_INIT_ALL);
}

/* --- c-ares's sockets and timeouts on the loop --- */

static void set_timer(yodel_resolver *resolver)
{
    struct timeval wait;
    if (ares_timeout(resolver->channel, NULL, &wait) == NULL) {
        yodel_timer_stop(&resolver->timer);
    } else {
        yodel_timer_start(&resolver->timer, (double)wait.tv_sec + (double)wait.tv_usec / 1e6);
    }
}

static void on_timer(yodel_timer *timer)
{
    yodel_resolver *resolver = yodel_container_of(timer, yodel_resolver, timer);
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_socket(struct ev_loop *ev, ev_io *io, int revents)
{
    (void)ev;
    yodel_resolver *resolver = yodel_container_of(io, ares_socket, io)->resolver;
    int fd = io->fd;
    ares_process_fd(resolver->channel, revents & EV_READ ? fd : ARES_SOCKET_BAD,
                    revents & EV_WRITE ? fd : ARES_SOCKET_BAD);
    set_timer(resolver);
}

static ares_socket *find_socket(yodel_resolver *resolver, int fd)
{
    for (yodel_list *item = resolver->sockets.next; item != &resolver->sockets; item = item->next) {
        ares_socket *found = yodel_container_of(item, ares_socket, link);
        if (found->io.fd == fd) {
            return found;
        }
    }
    return NULL;
}

/* c-ares opens, wants to wait for, or is about to close a socket. */
static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
    yodel_resolver *resolver = data;
    ares_socket *s = find_socket(resolver, fd);
    struct ev_loop *ev = yodel_loop_ev(resolver->loop);
    if (s == NULL && (readable || writable)) {
        s = calloc(1, sizeof(*s));
        if (s == NULL) {
            return; /* nobody watches it: the question times out */
        }
        s->resolver = resolver;
        ev_io_init(&s->io, on_socket, fd, 0);
        yodel_list_init(&s->link);
        yodel_list_push_back(&resolver->sockets, &s->link);
    }
    if (s == NULL) {
        return;
    }
    ev_io_stop(ev, &s->io);
    if (readable || writable) {
        ev_io_set(&s->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
        ev_io_start(ev, &s->io);
    } else {
        yodel_list_remove(&s->link);
        free(s);
    }
}

int yodel_resolver_new(yodel_loop *loop, yodel_resolver **out)
{
    (void)pthread_once(&library_once, init_library);
    yodel_resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL) {
        return -ENOMEM;
    }
    resolver->loop = loop;
    yodel_list_init(&resolver->sockets);
    yodel_list_init(&resolver->lookups);
    yodel_timer_init(&resolver->timer, loop, on_timer);
    struct ares_options options = {.sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = resolver};
    int status = ares_init_options(&resolver->channel, &options, ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        free(resolver);
        return status == ARES_ENOMEM ? -ENOMEM : -EIO;
    }
    *out = resolver;
    return 0;
}

/* --- questions --- */

static void free_lookup(yodel_lookup *lookup)
{
    yodel_list_remove(&lookup->link);
    yodel_deferred_cancel(&lookup->answer);
    free(lookup->list);
    free(lookup);
}

void yodel_resolver_free(yodel_resolver *resolver)
{
    if (resolver == NULL) {
        return;
    }
    yodel_list *item;
    while ((item = yodel_list_first(&resolver->lookups)) != NULL) {
        yodel_lookup_cancel(yodel_container_of(item, yodel_lookup, link));
    }
    ares_destroy(resolver->channel); /* calls back what it has not answered */
    yodel_timer_stop(&resolver->timer);
    free(resolver);
}

static int code_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOMEM:
        return -ENOMEM;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
        return YODEL_EAI(EAI_NONAME);
    case ARES_ETIMEOUT:
    case ARES_ECONNREFUSED:
        return YODEL_EAI(EAI_AGAIN);
    default:
        return YODEL_EAI(EAI_FAIL);
    }
}

static int copy_addresses(const struct ares_addrinfo *info, yodel_lookup *lookup)
{
    size_t count = 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next) {
        count++;
    }
    if (count == 0) {
        return YODEL_EAI(EAI_NONAME);
    }
    lookup->list = calloc(count, sizeof(*lookup->list));
    if (lookup->list == NULL) {
        return -ENOMEM;
    }
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next) {
        yodel_address *address = &lookup->list[lookup->count++];
        memcpy(&address->storage, node->ai_addr, (size_t)node->ai_addrlen);
        address->len = (socklen_t)node->ai_addrlen;
    }
    return 0;
}

static void deliver(yodel_deferred *deferred)
{
    yodel_lookup *lookup = yodel_container_of(deferred, yodel_lookup, answer);
    yodel_resolved_fn *resolved = lookup->resolved;
    void *arg = lookup->arg;
    int code = lookup->code;
    yodel_address *list = lookup->list;
    size_t count = lookup->count;
    lookup->list = NULL;
    free_lookup(lookup);
    resolved(arg, code, list, count);
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    yodel_lookup *lookup = arg;
    lookup->answered = true;
    if (lookup->resolved != NULL) {
        lookup->code = code_of(status);
        if (lookup->code == 0) {
            lookup->code = copy_addresses(info, lookup);
        }
    }
    if (info != NULL) {
        ares_freeaddrinfo(info);
    }
    if (lookup->resolved != NULL) {
        yodel_loop_defer(lookup->resolver->loop, &lookup->answer);
    } else {
        free_lookup(lookup);
    }
}

/* An address as text is answered here: c-ares 1.18 asks its name servers even for "127.0.0.1".
 * Never blocks. True when it is one, or when it cannot be told for want of memory. */
static bool answer_address(yodel_lookup *lookup, const char *host, const char *port)
{
    struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *info;
    if (yodel_address_host_is_unix(host)) {
        lookup->code = yodel_address_resolve(host, port, &lookup->list, &lookup->count);
        return true;
    }
    int result = getaddrinfo(host, port, &hints, &info);
    if (result == EAI_MEMORY) {
        lookup->code = -ENOMEM;
        return true;
    }
    if (result != 0) {
        return false;
    }
    lookup->list = calloc(1, sizeof(*lookup->list));
    if (lookup->list == NULL) {
        lookup->code = -ENOMEM;
    } else {
        memcpy(&lookup->list->storage, info->ai_addr, info->ai_addrlen);
        lookup->list->len = info->ai_addrlen;
        lookup->count = 1;
    }
    freeaddrinfo(info);
    return true;
}

int yodel_resolver_lookup(yodel_resolver *resolver, const char *host, const char *port,
                          yodel_resolved_fn *resolved, void *arg, yodel_lookup **out)
{
    uint64_t number;
    if (!yodel_address_host_is_unix(host) && yodel_parse_count(port, 1, UINT16_MAX, &number) < 0) {
        return -EINVAL;
    }
    /* "[::1]", as address.h takes it too. */
    size_t len = strlen(host);
    char inner[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    if (len > 2 && len - 2 < sizeof(inner) && host[0] == '[' && host[len - 1] == ']') {
        memcpy(inner, host + 1, len - 2);
        inner[len - 2] = '\0';
        host = inner;
    }
    yodel_lookup *lookup = calloc(1, sizeof(*lookup));
    if (lookup == NULL) {
        return -ENOMEM;
    }
    lookup->resolver = resolver;
    lookup->resolved = resolved;
    lookup->arg = arg;
    yodel_deferred_init(&lookup->answer, deliver);
    yodel_list_init(&lookup->link);
    yodel_list_push_back(&resolver->lookups, &lookup->link);

    *out = lookup;
    if (answer_address(lookup, host, port)) {
        lookup->answered = true;
        yodel_loop_defer(resolver->loop, &lookup->answer);
        return 0;
    }
    struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NUMERICSERV,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    ares_getaddrinfo(resolver->channel, host, port, &hints, on_answer, lookup);
    set_timer(resolver);
    return 0;
}

void yodel_lookup_cancel(yodel_lookup *lookup)
{
    lookup->resolved = NULL;
    yodel_list_remove(&lookup->link);
    if (lookup->answered) {
        free_lookup(lookup); /* else c-ares still holds it, and on_answer frees it */
    }
}
