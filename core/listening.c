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
                                   config->user_timeout, config->access, config->log, set);
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

/* Whose a listener is: a worker's number, or the number of workers: the acceptor's. */
static unsigned owner_of(const yodel_listening_config *config, const yodel_listener_set *set,
                         size_t index, bool by_workers)
{
    bool single = yodel_address_is_unix(&set->listeners[index].address);
    if (!by_workers || (single && config->worker_count > 1)) {
        return config->worker_count;
    }
    return (unsigned)(yodel_listener_set_ordinal(set, index) % config->worker_count);
}

/* The listeners that `owners` says are this one's. They become his, or (-ENOMEM) stay. */
static int give_to(const yodel_listening_config *config, const yodel_listener_set *set,
                   const unsigned *owners, unsigned owner)
{
    yodel_listener *his = calloc(set->count, sizeof(*his));
    if (his == NULL) {
        return -ENOMEM;
    }
    unsigned backlog = (unsigned)config->backlog;
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (owners[i] == owner) {
            his[count++] = set->listeners[i];
        }
    }
    int code = 0;
    if (count > 0 && owner < config->worker_count) {
        code = yodel_worker_listen(&config->workers[owner], his, count, backlog, config->trouble);
    } else if (count > 0) {
        code = yodel_acceptor_listen(config->acceptor, his, count, backlog, config->trouble);
    }
    free(his);
    return code;
}

static int give_away(const yodel_listening_config *config, yodel_listener_set *set, bool by_workers)
{
    unsigned *owners = calloc(set->count, sizeof(*owners));
    if (owners == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < set->count; i++) {
        owners[i] = owner_of(config, set, i, by_workers);
    }
    int code = 0;
    unsigned served = 0;
    while (code == 0 && served <= config->worker_count) {
        code = give_to(config, set, owners, served);
        served += code == 0;
    }
    for (size_t i = 0; code < 0 && i < set->count; i++) {
        if (owners[i] < served) {
            set->listeners[i].fd = -1; /* who has it closes it */
        }
    }
    free(owners);
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
        code = give_away(config, &listening.set, by_workers);
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
