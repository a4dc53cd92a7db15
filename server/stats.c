#include "server/stats.h"

#include <inttypes.h>
#include <stdio.h>

void yodel_stats_log(yodel_log *log, const yodel_server *server)
{
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    char line[YODEL_LOG_MESSAGE_MAX];
    size_t used = 0;
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        yodel_counter counter = (yodel_counter)i;
        /* The sum of the reasons stands in front of them. */
        if (counter == YODEL_COUNT_CLOSED_FIRST) {
            used += (size_t)snprintf(line + used, sizeof(line) - used, " closed=%" PRIu64,
                                     yodel_counters_closed(&sum));
        }
        used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%" PRIu64,
                                 yodel_counter_name(counter), yodel_counters_get(&sum, counter));
    }
    yodel_log_write(log, YODEL_LOG_INFO, "stats%s", line);

    for (unsigned i = 0; i < yodel_server_workers(server); i++) {
        const yodel_counters *counters = yodel_server_counters(server, i);
        yodel_log_write(log, YODEL_LOG_INFO,
                        "stats worker=%u accepted=%" PRIu64 " active=%" PRIu64 " closed=%" PRIu64,
                        i, yodel_counters_get(counters, YODEL_COUNT_ACCEPTED),
                        yodel_counters_get(counters, YODEL_COUNT_ACTIVE),
                        yodel_counters_closed(counters));
    }
}
