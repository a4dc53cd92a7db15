#include "core/listening.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int complain(const yodel_listening_config *config, int code)
{
    yodel_log_write(config->log, YODEL_LOG_ERROR, "cannot listen: %s", yodel_strerror(code));
    return code;
}

static int open_set(const yodel_listening_config *config, yodel_listener_set *set)
{
    if (config->inherited_count > 0) {
        return yodel_listener_set_inherit(config->inherited, config->inherited_count,
                                          config->user_timeout, config->log, set);
    }
    return yodel_listener_set_open(config->hosts, config->host_count, config->port, config->backlog,
                                   config->user_timeout, config->log, set);
}

static int collect_addresses(yodel_listening *listening)
{
    const yodel_listener_set *set = &listening->set;
    listening->addresses = calloc(set->count, sizeof(*listening->addresses));
    if (listening->addresses == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < set->count; i++) {
        if (yodel_listener_set_ordinal(set, i) == 0) {
            listening->addresses[listening->address_count++] = set->listeners[i].address;
        }
    }
    return 0;
}

/* Whether every worker will have a listener on every address. */
static int make_enough(const yodel_listening_config *config, yodel_listener_set *set,
                       bool *by_workers)
{
    bool inherited = config->inherited_count > 0;
    int code =
        yodel_listener_set_extend(set, config->worker_count, config->backlog, config->user_timeout,
                                  config->log, inherited ? YODEL_LOG_WARNING : YODEL_LOG_ERROR);
    if (code < 0 && inherited) {
        yodel_log_write(config->log, YODEL_LOG_WARNING,
                        "not enough listeners for every worker: the acceptor accepts for all");
        *by_workers = false;
        return 0;
    }
    return code;
}

/* The listeners that `owner` says are the worker's. They become his, or (-ENOMEM) stay. */
static int give_to_worker(const yodel_listening_config *config, const yodel_listener_set *set,
                          const unsigned *owner, unsigned worker)
{
    yodel_listener *his = calloc(set->count, sizeof(*his));
    if (his == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (owner[i] == worker) {
            his[count++] = set->listeners[i];
        }
    }
    int code = yodel_worker_listen(&config->workers[worker], his, count, (unsigned)config->backlog,
                                   config->trouble);
    free(his);
    return code;
}

static int give_to_workers(const yodel_listening_config *config, yodel_listener_set *set)
{
    unsigned *owner = calloc(set->count, sizeof(*owner));
    int code = owner != NULL ? 0 : -ENOMEM;
    for (size_t i = 0; owner != NULL && i < set->count; i++) {
        owner[i] = (unsigned)(yodel_listener_set_ordinal(set, i) % config->worker_count);
    }
    unsigned served = 0;
    while (code == 0 && served < config->worker_count) {
        code = give_to_worker(config, set, owner, served);
        served += code == 0;
    }
    for (size_t i = 0; code < 0 && i < set->count; i++) {
        if (owner != NULL && owner[i] < served) {
            set->listeners[i].fd = -1; /* the worker closes it */
        }
    }
    free(owner);
    return code;
}

int yodel_listening_open(const yodel_listening_config *config, yodel_listening *out)
{
    yodel_listening listening = {0};
    bool by_workers = config->by_workers;
    int code = open_set(config, &listening.set);
    if (code < 0) {
        return code; /* the log says why */
    }
    if (by_workers) {
        code = make_enough(config, &listening.set, &by_workers);
        if (code < 0) {
            yodel_listener_set_close(&listening.set);
            return code;
        }
    }
    code = collect_addresses(&listening);
    if (code == 0) {
        code = by_workers ? give_to_workers(config, &listening.set)
                          : yodel_acceptor_listen(config->acceptor, listening.set.listeners,
                                                  listening.set.count, (unsigned)config->backlog,
                                                  config->trouble);
    }
    if (code < 0) {
        yodel_listener_set_close(&listening.set);
        yodel_listening_free(&listening);
        return complain(config, code);
    }
    *out = listening;
    return 0;
}

void yodel_listening_log(const yodel_listening *listening, yodel_log *log)
{
    for (size_t i = 0; i < listening->set.count; i++) {
        const yodel_listener *listener = &listening->set.listeners[i];
        char text[YODEL_ADDRESS_TEXT];
        if (yodel_listener_set_ordinal(&listening->set, i) == 0) {
            yodel_log_write(log, YODEL_LOG_INFO, "listening on %s%s",
                            yodel_address_format(&listener->address, text),
                            listener->inherited ? " (inherited)" : "");
        }
    }
}

void yodel_listening_free(yodel_listening *listening)
{
    free(listening->set.listeners);
    free(listening->addresses);
    *listening = (yodel_listening){0};
}
