#include "tools/flood/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/error.h"
#include "core/fd_limit.h"

/* Beside its connections: standard streams, files to write, the signals, the resolver's. */
#define FDS_OF_PROCESS 24
/* Of a thread's loop and its timer. */
#define FDS_OF_THREAD 4

static int resolve_targets(yodel_plan *plan, char *message, size_t size)
{
    const yodel_flood_options *o = plan->options;

    plan->targets = calloc(o->target_count, sizeof *plan->targets);
    if (plan->targets == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < o->target_count; i++) {
        const yodel_flood_target *t = &o->targets[i];
        int error = yodel_address_resolve(t->host, t->port, &plan->targets[i].addresses,
                                          &plan->targets[i].count);
        if (error < 0) {
            snprintf(message, size, "cannot resolve %s: %s", t->host, yodel_strerror(error));
            return error;
        }
    }
    return 0;
}

/* Is this address ours to connect from? */
static int try_source(const yodel_address *source)
{
    int fd = socket(source->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0 || bind(fd, (const struct sockaddr *)&source->storage, source->len) < 0) {
        error = -errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int resolve_sources(yodel_plan *plan, char *message, size_t size)
{
    const yodel_flood_options *o = plan->options;

    plan->sources = calloc(o->source_count + 1, sizeof *plan->sources);
    if (plan->sources == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < o->source_count; i++) {
        yodel_address *list;
        size_t count;
        int error = yodel_address_resolve(o->sources[i], "0", &list, &count);
        if (error == 0) {
            plan->sources[i] = list[0];
            free(list);
            error = try_source(&plan->sources[i]);
        }
        if (error < 0) {
            snprintf(message, size, "cannot use --source %s: %s", o->sources[i],
                     yodel_strerror(error));
            return error;
        }
    }
    return 0;
}

static int check_fds(const yodel_flood_options *o, char *message, size_t size)
{
    uint64_t needed =
        (uint64_t)o->connections + FDS_OF_PROCESS + (uint64_t)o->threads * FDS_OF_THREAD;
    size_t limit = yodel_fd_limit_raise();

    if (needed > limit) {
        snprintf(message, size,
                 "%" PRIu32 " connections need %" PRIu64
                 " file descriptors, the limit is %zu (ulimit -Hn)",
                 o->connections, needed, limit);
        return -EMFILE;
    }
    return 0;
}

/* How many ports the kernel takes local ones from; 0: unknown. */
static uint64_t local_ports(void)
{
    char text[64] = "";
    char *end;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

    if (file != NULL) {
        if (fgets(text, sizeof text, file) == NULL) {
            text[0] = '\0';
        }
        fclose(file);
    }
    unsigned long low = strtoul(text, &end, 10);
    unsigned long high = strtoul(end, NULL, 10);
    return high > 0 && high >= low ? high - low + 1 : 0;
}

/* A port can be in use once for each pair of addresses. */
static int check_ports(const yodel_flood_options *o, char *message, size_t size)
{
    uint64_t ports = local_ports();
    uint64_t pairs = o->target_count * (o->source_count > 0 ? o->source_count : 1);
    uint64_t each = (o->connections + pairs - 1) / pairs;
    bool any = false;

    for (size_t i = 0; i < o->target_count; i++) {
        any = any || o->targets[i].port[0] != '\0';
    }
    if (any && ports > 0 && each > ports) {
        snprintf(message, size,
                 "%" PRIu32 " connections need %" PRIu64 " local ports, there are %" PRIu64
                 " for each pair of addresses: give %" PRIu64
                 " --source addresses or several HOSTs",
                 o->connections, (uint64_t)o->connections, ports,
                 (o->connections + ports * o->target_count - 1) / (ports * o->target_count));
        return -EADDRNOTAVAIL;
    }
    return 0;
}

int yodel_plan_make(yodel_plan *plan, const yodel_flood_options *options, char *message,
                    size_t size)
{
    const char *prefix = options->expect == YODEL_EXPECT_CHAT ? "You sent: " : "";
    int error;

    *plan = (yodel_plan){.options = options};
    snprintf(message, size, "no memory");
    error = check_fds(options, message, size);
    if (error == 0) {
        error = check_ports(options, message, size);
    }
    if (error == 0) {
        error = yodel_payload_init(&plan->payload, options->seed, options->length_min,
                                   options->length_max, options->fixed_line, prefix);
    }
    if (error == 0) {
        error = resolve_targets(plan, message, size);
    }
    if (error == 0) {
        error = resolve_sources(plan, message, size);
    }
    if (error < 0) {
        yodel_plan_destroy(plan);
    }
    return error;
}

void yodel_plan_destroy(yodel_plan *plan)
{
    if (plan->targets != NULL) {
        for (size_t i = 0; i < plan->options->target_count; i++) {
            free(plan->targets[i].addresses);
        }
    }
    free(plan->targets);
    free(plan->sources);
    yodel_payload_destroy(&plan->payload);
    *plan = (yodel_plan){0};
}

/* Item `index` of `parts` parts of `whole` as equal as they can be, the first ones greater. */
static uint64_t share(uint64_t whole, uint32_t parts, uint32_t index)
{
    return whole / parts + (index < whole % parts);
}

uint32_t yodel_plan_share(const yodel_plan *plan, uint32_t index)
{
    return (uint32_t)share(plan->options->connections, plan->options->threads, index);
}

uint32_t yodel_plan_target_of(const yodel_plan *plan, uint32_t c)
{
    return c % (uint32_t)plan->options->target_count;
}

const yodel_address *yodel_plan_source_of(const yodel_plan *plan, uint32_t c)
{
    const yodel_flood_options *o = plan->options;

    return o->source_count == 0 ? NULL : &plan->sources[c / o->target_count % o->source_count];
}

uint64_t yodel_plan_quota(const yodel_plan *plan, uint32_t c)
{
    const yodel_flood_options *o = plan->options;

    if (o->idle) {
        return 1;
    }
    return o->messages == 0 ? UINT64_MAX : share(o->messages, o->connections, c);
}
