#include "server/health.h"

#include "core/clock.h"

#include <inttypes.h>
#include <stdio.h>

bool yodel_health_check(const yodel_server *server, uint64_t now, char *message, size_t size)
{
    const uint64_t patience = yodel_clock_from_seconds(YODEL_HEALTH_PATIENCE);
    unsigned workers = yodel_server_workers(server);
    for (unsigned i = 0; i <= workers; i++) {
        uint64_t busy = yodel_server_busy_for(server, i, now);
        if (busy < patience) {
            continue;
        }
        char name[32] = "the acceptor";
        if (i < workers) {
            (void)snprintf(name, sizeof(name), "worker %u", i);
        }
        (void)snprintf(message, size, "%s has been stuck for %" PRIu64 " s\n", name,
                       busy / YODEL_NS_PER_SEC);
        return false;
    }
    (void)snprintf(message, size, "ok\n");
    return true;
}
