#include "core/server_internal.h"

#include "core/cpus.h"
#include "core/error.h"
#include "core/fd_limit.h"
#include "core/memory.h"

#include <errno.h>
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

void yodel_server_config_init(yodel_server_config *config)
{
    *config = (yodel_server_config){
        .hosts = default_hosts,
        .host_count = 1,
        .port = "8007",
        .accept = YODEL_ACCEPT_HANDOFF,
        .backlog = 4096,
        .max_memory = yodel_memory_usable() / 4,
        .write_limits = {.high = 64 * 1024, .low = 16 * 1024, .hard = 1024 * 1024},
        .idle_timeout = 30.0,
        .write_timeout = 30.0,
        .socket_access = {YODEL_SOCKET_MODE, (uid_t)-1, (gid_t)-1},
    };
}

/* --- listening --- */

static double user_timeout(const yodel_server *server)
{
    double timeout = server->config.write_timeout;
    return timeout > 0 ? timeout + USER_TIMEOUT_MARGIN : 0;
}

static int listen_everywhere(yodel_server *server)
{
    const yodel_server_config *config = &server->config;
    const yodel_listening_config listening = {
        .inherited = config->inherited,
        .inherited_count = config->inherited_count,
        .hosts = config->hosts,
        .host_count = config->host_count,
        .port = config->port,
        .backlog = config->backlog,
        .user_timeout = user_timeout(server),
        .access = &config->socket_access,
        /* One worker has nobody to share with: it accepts for itself, which saves the hand-over. */
        .by_workers = config->accept == YODEL_ACCEPT_REUSEPORT || server->worker_count == 1,
        .acceptor = &server->acceptor,
        .workers = server->workers,
        .worker_count = server->worker_count,
        .trouble = &server->trouble,
        .log = config->log,
    };
    return yodel_listening_open(&listening, &server->listening);
}

/* --- making and freeing --- */

/* File descriptors that are no clients' connections. */
static size_t reserved_fds(const yodel_server *server)
{
    return FDS_RESERVED + FDS_PER_THREAD * (size_t)server->worker_count +
           server->listening.set.count + server->config.other_fds;
}

static void set_limits(yodel_server *server)
{
    size_t fds = yodel_fd_limit();
    size_t reserve = reserved_fds(server);
    size_t possible = fds > reserve ? fds - reserve : 1;
    server->limit.max = server->config.max_connections;
    if (server->limit.max == 0) {
        server->limit.max = possible;
    } else if (server->limit.max > possible) {
        yodel_log_write(server->config.log, YODEL_LOG_WARNING,
                        "%zu connections need %zu file descriptors, the limit is %zu",
                        server->limit.max, server->limit.max + reserve, fds);
    }
}

/* Before there are workers: they only need to be told of it. */
static int limit_clients(yodel_server *server)
{
    const yodel_server_config *config = &server->config;
    if (config->max_per_ip == 0 && config->connect_rate_per_ip == 0) {
        return 0;
    }
    int code =
        yodel_client_limit_new(config->max_per_ip, config->connect_rate_per_ip, &server->clients);
    if (code < 0) {
        yodel_log_write(config->log, YODEL_LOG_ERROR, "cannot limit connections by address: %s",
                        yodel_strerror(code));
    }
    server->settings.clients = server->clients;
    return code;
}

/* Before there are workers: they only need to be told where its budget is. */
static int share_memory(yodel_server *server)
{
    unsigned count = server->worker_count;
    server->memory.counters = calloc(count, sizeof(*server->memory.counters));
    if (server->memory.counters == NULL) {
        return -ENOMEM;
    }
    server->memory.max = server->config.max_memory;
    server->memory.groups = count;
    for (unsigned i = 0; i < count; i++) {
        server->memory.counters[i] = &server->workers[i].counters;
    }
    server->acceptor.monitor.memory = &server->memory;
    return 0;
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
        if (code == 0 && server->config.measure) {
            yodel_worker_measure(&server->workers[i]);
        }
    }
    free(cpus);
    return code;
}

/* What yodel_server_free undoes in its order; the completion and the acceptor exist already. */
static int fill(yodel_server *server)
{
    int code = limit_clients(server);
    if (code < 0) {
        return code;
    }
    code = share_memory(server);
    if (code == 0) {
        code = make_workers(server);
    }
    if (code < 0) {
        yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot make worker %u: %s",
                        server->workers_made, yodel_strerror(code));
        return code;
    }
    server->acceptor.monitor.probes = server->config.measure;
    code = listen_everywhere(server);
    if (code == 0) {
        set_limits(server);
    }
    return code;
}

int yodel_server_new(const yodel_server_config *config, yodel_server **out)
{
    if (!yodel_protocol_factory_works(&config->factory)) {
        yodel_log_write(config->log, YODEL_LOG_ERROR,
                        "cannot make the server: its protocol's factory lacks callbacks");
        return -EINVAL;
    }
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
        if (code < 0) {
            yodel_completion_destroy(&server->stopped);
        }
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
        .memory = &server->memory,
        .warnings = &server->warnings,
        .full_message = config->full_message,
        .client_message = config->per_ip_message,
        .log = config->log,
    };
    code = fill(server);
    if (code < 0) {
        yodel_server_free(server);
    } else {
        *out = server;
    }
    return code;
}

void yodel_server_free(yodel_server *server)
{
    if (server == NULL) {
        return;
    }
    for (unsigned i = 0; i < server->workers_made; i++) {
        yodel_worker_destroy(&server->workers[i]);
    }
    yodel_acceptor_destroy(&server->acceptor);
    yodel_client_limit_free(server->clients);
    yodel_completion_destroy(&server->stopped);
    pthread_mutex_destroy(&server->drain_lock);
    yodel_listening_free(&server->listening);
    free(server->memory.counters);
    free(server->workers);
    free(server);
}

/* --- its life --- */

/* With drain_lock held. */
static void begin_drain(yodel_server *server)
{
    if (!server->drain_asked || !server->running || server->drain_begun) {
        return;
    }
    server->drain_begun = true;
    yodel_acceptor_drain(&server->acceptor, server->grace);
}

int yodel_server_start(yodel_server *server)
{
    int code = 0;
    unsigned started = 0;
    for (; started < server->worker_count && code == 0; started += code == 0) {
        code = yodel_worker_start(&server->workers[started]);
    }
    if (code == 0) {
        code = yodel_acceptor_start(&server->acceptor);
    }
    if (code < 0) {
        yodel_log_write(server->config.log, YODEL_LOG_ERROR, "cannot start a thread: %s",
                        yodel_strerror(code));
        for (unsigned i = 0; i < started; i++) {
            yodel_worker_drain(&server->workers[i], 0);
            yodel_worker_join(&server->workers[i]);
        }
        return code;
    }
    pthread_mutex_lock(&server->drain_lock);
    server->running = true;
    if (!server->drain_asked) {
        server->state = YODEL_SERVER_RUNNING;
    }
    begin_drain(server);
    pthread_mutex_unlock(&server->drain_lock);
    /* Last: who waits for these lines finds a server that calls itself ready. */
    yodel_listening_log(&server->listening, server->config.log);
    return 0;
}

void yodel_server_drain(yodel_server *server, double grace)
{
    pthread_mutex_lock(&server->drain_lock);
    if (!server->drain_asked) {
        server->grace = grace;
    }
    server->drain_asked = true;
    server->state = YODEL_SERVER_DRAINING;
    begin_drain(server);
    pthread_mutex_unlock(&server->drain_lock);
}

void yodel_server_leave(yodel_server *server)
{
    pthread_mutex_lock(&server->drain_lock);
    if (server->running && !server->left && !server->drain_begun) {
        server->left = true;
        yodel_acceptor_leave(&server->acceptor);
    }
    pthread_mutex_unlock(&server->drain_lock);
}

void yodel_server_hold(yodel_server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        yodel_transport_group_hold(server->workers[i].group);
    }
}

void yodel_server_release(yodel_server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        yodel_transport_group_release(server->workers[i].group);
    }
}

int yodel_server_stopped_fd(const yodel_server *server)
{
    return yodel_completion_fd(&server->stopped);
}

void yodel_server_wait(yodel_server *server)
{
    yodel_completion_wait(&server->stopped);
    yodel_acceptor_join(&server->acceptor);
    for (unsigned i = 0; i < server->worker_count; i++) {
        yodel_worker_join(&server->workers[i]);
    }
}
