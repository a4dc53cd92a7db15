/*
 * server: an acceptor thread and N workers as one thing (asyncio: create_server, Server).
 *
 *     yodel_server_config config;
 *     yodel_server_config_init(&config);
 *     config.factory = ...;
 *     yodel_server_new(&config, &server);      binds, makes loops; no thread runs yet
 *     yodel_server_run(server, &run_config);   run.h: start, serve until SIGTERM, drain
 *     yodel_server_free(server);
 *
 * All functions are for the thread that made the server, except where another is named.
 */
#ifndef YODEL_CORE_SERVER_H
#define YODEL_CORE_SERVER_H

#include "address.h"
#include "counters.h"
#include "durations.h"
#include "listener_set.h"
#include "log.h"
#include "protocol.h"
#include "socket_file.h"
#include "transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct yodel_server yodel_server;

/* How connections are spread over the workers. */
typedef enum yodel_accept_mode {
    YODEL_ACCEPT_HANDOFF, /* the acceptor thread accepts and gives each to the less loaded worker */
    YODEL_ACCEPT_REUSEPORT, /* each worker accepts on its own listener, the kernel balances by hash
                             */
} yodel_accept_mode;

typedef struct yodel_server_config {
    const char *const
        *hosts; /* names and addresses to listen on, also "unix:PATH"; NULL: localhost */
    size_t host_count;
    const char *port; /* decimal; "0" takes a free one, the same for every address if it can */
    yodel_socket_access socket_access; /* who may use the files of unix-domain sockets */
    /* Sockets that listen already, instead of hosts and port; taken over by yodel_server_new,
     * whatever it returns. NULL: none. */
    const yodel_inherited_listener *inherited;
    size_t inherited_count;
    unsigned threads; /* workers; 0: the cores this process may use (cpus.h) */
    yodel_accept_mode accept;
    bool pin;               /* worker i runs on core i (modulo) of those allowed */
    int backlog;            /* connections */
    size_t max_connections; /* 0: the fd limit less what the server itself needs */
    size_t other_fds;       /* that the program opens besides: kept free of connections */
    bool measure;           /* the loops' turns and lag: yodel_server_turns, yodel_server_lag */
    const char
        *full_message; /* what a connection above that is sent, delimiter included; NULL: nothing */
    size_t max_per_ip; /* connections of one address (client_limit.h), 0: any number */
    uint32_t connect_rate_per_ip; /* connections a second of one address, 0: any number */
    const char *per_ip_message;   /* what a connection above these is sent; NULL: nothing */
    uint64_t
        max_memory; /* bytes for the buffers of all connections (memory_budget.h); 0: no limit */
    yodel_protocol_factory factory;
    yodel_write_limits write_limits;
    double idle_timeout;  /* seconds, 0: never */
    double write_timeout; /* seconds, 0: never */
    yodel_log *log;       /* NULL: silent; any thread may log */
} yodel_server_config;

/* The defaults: localhost, port 8007, a worker per core, handoff, backlog 4096, a quarter of
 * the usable memory (memory.h) for buffers, write limits 64K 16K 1M, both timeouts 30 s; no
 * factory, no log. */
void yodel_server_config_init(yodel_server_config *config);

/* Binds every address of every host and makes the loops; the kernel queues clients from here on,
 * but nobody is served before yodel_server_start. The config is copied, what it points to must
 * outlive the server. An address of a name that this machine does not have (::1 without IPv6) is
 * passed over as long as another one works. 0 and *out; else a negative code, and log has one error
 * line that names the host, the port and the reason. -EINVAL: also for a factory without the
 * callbacks that it must have (protocol.h). Main thread, before other threads start. */
int yodel_server_new(const yodel_server_config *config, yodel_server **out);

/* Starts all threads and then, its state being YODEL_SERVER_RUNNING, logs "listening on
 * ADDRESS:PORT" for each address. 0 or a negative errno; then nothing runs. */
int yodel_server_start(yodel_server *server);

/* Begins the end: accepts what has queued, stops listening, answers what has arrived, closes; what
 * is still busy after grace seconds is aborted. Returns at once; any thread, further calls have no
 * effect. */
void yodel_server_drain(yodel_server *server, double grace);

/* Where it is in its life; it only goes forward. Any thread. */
typedef enum yodel_server_state {
    YODEL_SERVER_MADE, /* clients queue, nobody is served */
    YODEL_SERVER_RUNNING,
    YODEL_SERVER_DRAINING, /* asked to end, or ended */
} yodel_server_state;

yodel_server_state yodel_server_state_of(const yodel_server *server);

/* Another process has the same listening sockets now and serves: accepts no more, leaves it what
 * has queued, and ends as after a drain once the connections that it has have ended by themselves.
 * yodel_server_drain may follow and ends those, too. Any thread; no effect before the start, after
 * a drain has begun, and the second time. */
void yodel_server_leave(yodel_server *server);

/* For who forks while the server runs: hold before the fork, and release as soon as the child has
 * closed its copies of the connections' descriptors, or has become another program. In between no
 * client's socket is closed. One that the child has a copy of would go on to exist, and to be told
 * of to the worker that had closed it; libev then makes its whole epoll set anew, to forget it: no
 * harm, but work. Nothing waits meanwhile but the sockets that are to be closed, which keep their
 * place in the limits. Who holds twice releases twice. Not held are sockets of failed
 * yodel_connects and of the resolver. Any thread, after yodel_server_new; released before
 * yodel_server_free. */
void yodel_server_hold(yodel_server *server);
void yodel_server_release(yodel_server *server);

/* Readable (poll it, never read it) once a drain has ended the last worker. */
int yodel_server_stopped_fd(const yodel_server *server);

/* Waits until a drain has ended every thread. (asyncio: wait_closed) */
void yodel_server_wait(yodel_server *server);

/* Frees it; it was never started, or yodel_server_wait has returned. NULL is fine. */
void yodel_server_free(yodel_server *server);

/* The acceptor's loop: where background tasks run (task.h). Start them before yodel_server_start,
 * stop them after yodel_server_wait. */
yodel_loop *yodel_server_loop(yodel_server *server);

/* Its config's log; NULL: silent. Any thread. */
yodel_log *yodel_server_log(const yodel_server *server);

/* The addresses it listens on, as really bound. Valid as long as the server. */
const yodel_address *yodel_server_addresses(const yodel_server *server, size_t *count);

/* All its listening sockets, several of an address where workers accept for themselves: for a
 * process that is to take them over. Valid as long as the server, open until a drain begins. */
const yodel_listener *yodel_server_listeners(const yodel_server *server, size_t *count);

/* How many workers, and the counters of each; index < yodel_server_workers. Any thread. */
unsigned yodel_server_workers(const yodel_server *server);
const yodel_counters *yodel_server_counters(const yodel_server *server, unsigned index);

/* The counters of the acceptor: of what fails before a connection has a worker. Any thread. */
const yodel_counters *yodel_server_acceptor_counters(const yodel_server *server);

/* How long the turns of a worker's loop took (loop.h), and its lag: what a message to this loop
 * waits (worker.h), ten times a second. All zero without config.measure. Any thread. */
const yodel_durations *yodel_server_turns(const yodel_server *server, unsigned index);
const yodel_durations *yodel_server_lag(const yodel_server *server, unsigned index);

/* What the message that measures a worker's lag has waited so far, in ns; 0: none is under way.
 * Any thread. */
uint64_t yodel_server_lag_waits(const yodel_server *server, unsigned index);

/* Is a worker stuck in a callback (monitor.h)? Any thread. */
bool yodel_server_stuck(const yodel_server *server, unsigned index);

/* When the turn began that a worker's loop is in (yodel_loop_busy_since); index
 * yodel_server_workers: the acceptor's. Any thread. */
uint64_t yodel_server_busy_since(const yodel_server *server, unsigned index);

/* For how long, in ns, that turn has lasted at the instant now (clock.h); 0 for a loop that waits,
 * or whose turn began later. Index and threads as above. */
uint64_t yodel_server_busy_for(const yodel_server *server, unsigned index, uint64_t now);

/* The limits that hold: connections, and bytes of memory for their buffers (0: none). Any thread.
 */
size_t yodel_server_max_connections(const yodel_server *server);
uint64_t yodel_server_max_memory(const yodel_server *server);

/* Sums the counters of all workers and the acceptor into *sum (overwritten). Any thread. */
void yodel_server_totals(const yodel_server *server, yodel_counters *sum);

#endif
