/* What others can see of a server. */
#include "core/server_internal.h"

#include <string.h>

yodel_server_state yodel_server_state_of(const yodel_server *server)
{
    return server->state;
}

yodel_loop *yodel_server_loop(yodel_server *server)
{
    return server->acceptor.loop;
}

yodel_log *yodel_server_log(const yodel_server *server)
{
    return server->config.log;
}

const yodel_address *yodel_server_addresses(const yodel_server *server, size_t *count)
{
    *count = server->listening.address_count;
    return server->listening.addresses;
}

const yodel_listener *yodel_server_listeners(const yodel_server *server, size_t *count)
{
    *count = server->listening.set.count;
    return server->listening.set.listeners;
}

unsigned yodel_server_workers(const yodel_server *server)
{
    return server->worker_count;
}

const yodel_counters *yodel_server_counters(const yodel_server *server, unsigned index)
{
    return &server->workers[index].counters;
}

const yodel_counters *yodel_server_acceptor_counters(const yodel_server *server)
{
    return &server->acceptor.counters;
}

const yodel_durations *yodel_server_turns(const yodel_server *server, unsigned index)
{
    return &server->workers[index].turns;
}

const yodel_durations *yodel_server_lag(const yodel_server *server, unsigned index)
{
    return &server->workers[index].lag;
}

uint64_t yodel_server_lag_waits(const yodel_server *server, unsigned index)
{
    return yodel_worker_probe_waits(&server->workers[index]);
}

bool yodel_server_stuck(const yodel_server *server, unsigned index)
{
    return yodel_monitor_stuck(&server->acceptor.monitor, index);
}

uint64_t yodel_server_busy_since(const yodel_server *server, unsigned index)
{
    bool acceptor = index == server->worker_count;
    return yodel_loop_busy_since(acceptor ? server->acceptor.loop : server->workers[index].loop);
}

uint64_t yodel_server_busy_for(const yodel_server *server, unsigned index, uint64_t now)
{
    uint64_t since = yodel_server_busy_since(server, index);
    return since != 0 && since < now ? now - since : 0;
}

size_t yodel_server_max_connections(const yodel_server *server)
{
    return server->limit.max;
}

uint64_t yodel_server_max_memory(const yodel_server *server)
{
    return server->config.max_memory;
}

void yodel_server_totals(const yodel_server *server, yodel_counters *sum)
{
    memset(sum, 0, sizeof(*sum));
    yodel_counters_add(sum, &server->acceptor.counters);
    for (unsigned i = 0; i < server->worker_count; i++) {
        yodel_counters_add(sum, &server->workers[i].counters);
    }
}
