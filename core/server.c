#include "core/server.h"

#include "core/acceptor.h"
#include "core/completion.h"
#include "core/cpus.h"
#include "core/error.h"
#include "core/fd_limit.h"
#include "core/transport_group.h"
#include "core/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* File descriptors that are not connections: the standard three, logs, resolver files and what a
 * library above may open; each worker's
 * epoll and eventfd and the connections that it refuses come on top. */
#define FDS_RESERVED   32
#define FDS_PER_THREAD (4 + YODEL_REFUSED_LINGERING)

/* TCP_USER_TIMEOUT comes after our own write timeout, which knows what is still to be sent. */
#define USER_TIMEOUT_MARGIN 5.0

static const char *const default_hosts[] = {"localhost"};

struct yodel_server {
    yodel_acceptor acceptor;
    yodel_worker *workers;
    unsigned worker_count;
    unsigned workers_made;
    yodel_server_config config;
    yodel_transport_settings settings;
    yodel_connection_limit limit;
    yodel_accept_trouble trouble;
    yodel_completion stopped;
    yodel_address *addresses;
    size_t address_count;
    /* A drain may be asked for at any time, by any thread; it begins once, and not before the
     * threads run. */
    pthread_mutex_t drain_lock;
    bool drain_asked;
    bool drain_begun;
    bool running;
    double grace;
};

void yodel_server_config_init(yodel_server_config *config)
{
    *config = (yodel_server_config){
        .hosts = default_hosts,
        .host_count = 1,
        .port = "8007",
        .accept = YODEL_ACCEPT_HANDOFF,
        .backlog = 4096,
        .write_limits = {.high = 64 * 1024, .low = 16 * 1024, .hard = 1024 * 1024},
        .idle_timeout = 30.0,
        .write_timeout = 30.0,
    };
}

/* --- addresses and listeners --- */

static int complain(const yodel_server *server, const char *host, int code)
{
    yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot listen on %s port %s: %s", host,
                    server->config.port, yodel_strerror(code));
    return code;
}

static bool known(const yodel_server *server, const yodel_address *address)
{
    for (size_t i = 0; i < server->address_count; i++)
        if (server->addresses[i].len == address->len &&
            memcmp(&server->addresses[i].storage, &address->storage, address->len) == 0)
            return true;
    return false;
}

/* A name may stand for addresses that this machine does not have. */
static bool not_here(int code)
{
    return code == -EADDRNOTAVAIL || code == -EAFNOSUPPORT;
}

static int open_listener(const yodel_server *server, const yodel_address *address,
                         yodel_listener *out)
{
    double timeout = server->config.write_timeout;
    return yodel_listener_open(address, server->config.backlog,
                               timeout > 0 ? timeout + USER_TIMEOUT_MARGIN : 0, out);
}

/* Opens the first listener of each of a host's addresses; appends to listeners, which has room. */
static int open_host(yodel_server *server, const char *host, const yodel_address *found,
                     size_t found_count, yodel_listener *listeners)
{
    size_t before = server->address_count;
    int skipped = 0;
    for (size_t i = 0; i < found_count; i++) {
        yodel_address wanted = found[i];
        /* A free port taken for the first address serves for the others too, if it can. */
        if (yodel_address_port(&wanted) == 0 && server->address_count > 0)
            yodel_address_set_port(&wanted, yodel_address_port(&server->addresses[0]));
        if (known(server, &wanted))
            continue;
        yodel_listener listener;
        int code = open_listener(server, &wanted, &listener);
        if (code == -EADDRINUSE && yodel_address_port(&found[i]) == 0)
            code = open_listener(server, &found[i], &listener);
        if (code < 0) {
            if (!not_here(code) || (i + 1 == found_count && server->address_count == before)) {
                char text[YODEL_ADDRESS_TEXT];
                yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot listen on %s (%s): %s",
                                yodel_address_format(&wanted, text), host, yodel_strerror(code));
                return code;
            }
            skipped = code;
            continue;
        }
        listeners[server->address_count] = listener;
        server->addresses[server->address_count++] = listener.address;
    }
    if (skipped < 0)
        yodel_log_write(server->config.log, YODEL_LOG_WARNING,
                        "not every address of %s can be listened on: %s", host,
                        yodel_strerror(skipped));
    return 0;
}

/* Resolves and opens all hosts. On failure listeners that are open stay in *listeners for the
 * caller to close. */
static int open_hosts(yodel_server *server, yodel_listener **listeners)
{
    for (size_t h = 0; h < server->config.host_count; h++) {
        const char *host = server->config.hosts[h];
        yodel_address *found;
        size_t count;
        int code = yodel_address_resolve(host, server->config.port, &found, &count);
        if (code < 0)
            return complain(server, host, code);

        size_t room = server->address_count + count;
        yodel_listener *more_listeners = realloc(*listeners, room * sizeof(**listeners));
        if (more_listeners != NULL)
            *listeners = more_listeners;
        yodel_address *more_addresses =
            realloc(server->addresses, room * sizeof(*server->addresses));
        if (more_addresses != NULL)
            server->addresses = more_addresses;
        if (more_listeners == NULL || more_addresses == NULL)
            code = complain(server, host, -ENOMEM);
        else
            code = open_host(server, host, found, count, *listeners);
        free(found);
        if (code < 0)
            return code;
    }
    return 0;
}

static void close_listeners(yodel_listener *listeners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        yodel_listener_close(&listeners[i]);
}

/* reuseport: every worker gets a listener of its own on each address; the first worker gets those
 * that are open already. */
static int spread_listeners(yodel_server *server, yodel_listener *listeners)
{
    size_t count = server->address_count;
    for (unsigned w = 0; w < server->worker_count; w++) {
        size_t opened = w == 0 ? count : 0;
        int code = 0;
        for (; opened < count && code == 0; opened += code == 0)
            code = open_listener(server, &server->addresses[opened], &listeners[opened]);
        if (code == 0)
            code = yodel_worker_listen(&server->workers[w], listeners, count,
                                       (unsigned)server->config.backlog, &server->trouble);
        if (code < 0) {
            close_listeners(listeners, opened);
            return complain(server, server->config.hosts[0], code);
        }
    }
    return 0;
}

static int listen_everywhere(yodel_server *server)
{
    yodel_listener *listeners = NULL;
    int code = open_hosts(server, &listeners);
    if (code < 0) {
        close_listeners(listeners, server->address_count);
    } else if (server->config.accept == YODEL_ACCEPT_REUSEPORT) {
        code = spread_listeners(server, listeners);
    } else {
        code = yodel_acceptor_listen(&server->acceptor, listeners, server->address_count,
                                     (unsigned)server->config.backlog, &server->trouble);
        if (code < 0) {
            close_listeners(listeners, server->address_count);
            (void)complain(server, server->config.hosts[0], code);
        }
    }
    free(listeners);
    return code;
}

/* --- making and freeing --- */

/* File descriptors that are no clients' connections. */
static size_t reserved_fds(const yodel_server *server)
{
    size_t workers = server->worker_count;
    size_t listeners = server->address_count;
    if (server->config.accept == YODEL_ACCEPT_REUSEPORT)
        listeners *= workers;
    return FDS_RESERVED + FDS_PER_THREAD * workers + listeners;
}

static void set_limits(yodel_server *server)
{
    size_t fds = yodel_fd_limit();
    size_t reserve = reserved_fds(server);
    size_t possible = fds > reserve ? fds - reserve : 1;
    server->limit.max = server->config.max_connections;
    if (server->limit.max == 0)
        server->limit.max = possible;
    else if (server->limit.max > possible)
        yodel_log_write(server->config.log, YODEL_LOG_WARNING,
                        "%zu connections need %zu file descriptors, the limit is %zu",
                        server->limit.max, server->limit.max + reserve, fds);
}

static int make_workers(yodel_server *server)
{
    int *cpus = NULL;
    size_t cpu_count = 0;
    int code = server->config.pin ? yodel_cpus_allowed(&cpus, &cpu_count) : 0;
    for (unsigned i = 0; i < server->worker_count && code == 0; i++) {
        code =
            yodel_worker_init(&server->workers[i], i, cpu_count > 0 ? cpus[i % cpu_count] : -1,
                              &server->settings, yodel_acceptor_worker_stopped, &server->acceptor);
        server->workers_made += code == 0;
    }
    free(cpus);
    return code;
}

/* What yodel_server_free undoes in its order; the completion and the acceptor exist already. */
static int fill(yodel_server *server)
{
    int code = make_workers(server);
    if (code < 0) {
        yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot make worker %u: %s",
                        server->workers_made, yodel_strerror(code));
        return code;
    }
    code = listen_everywhere(server);
    if (code == 0)
        set_limits(server);
    return code;
}

int yodel_server_new(const yodel_server_config *config, yodel_server **out)
{
    unsigned threads = config->threads != 0 ? config->threads : yodel_cpus_usable();
    yodel_server *server = aligned_alloc(_Alignof(yodel_server), sizeof(*server));
    yodel_worker *workers =
        aligned_alloc(_Alignof(yodel_worker), (size_t)threads * sizeof(*workers));
    int code = server != NULL && workers != NULL ? 0 : -ENOMEM;
    if (code == 0) {
        memset(server, 0, sizeof(*server));
        code = yodel_completion_init(&server->stopped);
    }
    if (code == 0) {
        code =
            yodel_acceptor_init(&server->acceptor, workers, threads, config->log, &server->stopped);
        if (code < 0)
            yodel_completion_destroy(&server->stopped);
    }
    if (code < 0) {
        yodel_log_write(config->log, YODEL_LOG_ERROR, "cannot make the server: %s",
                        yodel_strerror(code));
        free(workers);
        free(server);
        return code;
    }

    (void)pthread_mutex_init(&server->drain_lock, NULL);
    server->workers = workers;
    server->worker_count = threads;
    server->config = *config;
    if (config->hosts == NULL) {
        server->config.hosts = default_hosts;
        server->config.host_count = 1;
    }
    server->settings = (yodel_transport_settings){
        .factory = config->factory,
        .write_limits = config->write_limits,
        .idle_timeout = config->idle_timeout,
        .write_timeout = config->write_timeout,
        .limit = &server->limit,
        .full_message = config->full_message,
        .log = config->log,
    };
    code = fill(server);
    if (code < 0)
        yodel_server_free(server);
    else
        *out = server;
    return code;
}

void yodel_server_free(yodel_server *server)
{
    if (server == NULL)
        return;
    for (unsigned i = 0; i < server->workers_made; i++)
        yodel_worker_destroy(&server->workers[i]);
    yodel_acceptor_destroy(&server->acceptor);
    yodel_completion_destroy(&server->stopped);
    pthread_mutex_destroy(&server->drain_lock);
    free(server->addresses);
    free(server->workers);
    free(server);
}

/* --- its life --- */

/* With drain_lock held. */
static void begin_drain(yodel_server *server)
{
    if (!server->drain_asked || !server->running || server->drain_begun)
        return;
    server->drain_begun = true;
    yodel_acceptor_drain(&server->acceptor, server->grace);
}

int yodel_server_start(yodel_server *server)
{
    int code = 0;
    unsigned started = 0;
    for (; started < server->worker_count && code == 0; started += code == 0)
        code = yodel_worker_start(&server->workers[started]);
    if (code == 0)
        code = yodel_acceptor_start(&server->acceptor);
    if (code < 0) {
        yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot start a thread: %s",
                        yodel_strerror(code));
        for (unsigned i = 0; i < started; i++) {
            yodel_worker_drain(&server->workers[i], 0);
            yodel_worker_join(&server->workers[i]);
        }
        return code;
    }
    for (size_t i = 0; i < server->address_count; i++) {
        char text[YODEL_ADDRESS_TEXT];
        yodel_log_write(server->config.log, YODEL_LOG_INFO, "listening on %s",
                        yodel_address_format(&server->addresses[i], text));
    }
    pthread_mutex_lock(&server->drain_lock);
    server->running = true;
    begin_drain(server);
    pthread_mutex_unlock(&server->drain_lock);
    return 0;
}

void yodel_server_drain(yodel_server *server, double grace)
{
    pthread_mutex_lock(&server->drain_lock);
    if (!server->drain_asked)
        server->grace = grace;
    server->drain_asked = true;
    begin_drain(server);
    pthread_mutex_unlock(&server->drain_lock);
}

int yodel_server_stopped_fd(const yodel_server *server)
{
    return yodel_completion_fd(&server->stopped);
}

void yodel_server_wait(yodel_server *server)
{
    yodel_completion_wait(&server->stopped);
    yodel_acceptor_join(&server->acceptor);
    for (unsigned i = 0; i < server->worker_count; i++)
        yodel_worker_join(&server->workers[i]);
}

yodel_loop *yodel_server_loop(yodel_server *server)
{
    return server->acceptor.loop;
}

const yodel_address *yodel_server_addresses(const yodel_server *server, size_t *count)
{
    *count = server->address_count;
    return server->addresses;
}

unsigned yodel_server_workers(const yodel_server *server)
{
    return server->worker_count;
}

const yodel_counters *yodel_server_counters(const yodel_server *server, unsigned index)
{
    return &server->workers[index].counters;
}

void yodel_server_totals(const yodel_server *server, yodel_counters *sum)
{
    memset(sum, 0, sizeof(*sum));
    yodel_counters_add(sum, &server->acceptor.counters);
    for (unsigned i = 0; i < server->worker_count; i++)
        yodel_counters_add(sum, &server->workers[i].counters);
}
