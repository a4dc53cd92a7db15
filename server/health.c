#include "server/health.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>

bool yodel_health_check(const yodel_server *server, uint64_t now, char *message, size_t size)
{
    const uint64_t patience = (uint64_t)(YODEL_HEALTH_PATIENCE * (double)YODEL_NS_PER_SEC);
    unsigned workers = yodel_server_workers(server);
    for (unsigned i = 0; i <= workers; i++) {
        uint64_t since = yodel_server_busy_since(server, i);
        if (since == 0 || since >= now || now - since < patience) {
            continue;
        }
        char name[32] = "the acceptor";
        if (i < workers) {
            (void)snprintf(name, sizeof(name), "worker %u", i);
        }
        (void)snprintf(message, size, "%s has been stuck for %" PRIu64 " s\n", name,
                       (now - since) / YODEL_NS_PER_SEC);
        return false;
    }
    (void)snprintf(message, size, "ok\n");
    return true;
}
