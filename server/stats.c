#include "server/stats.h"

#include <inttypes.h>
#include <stdio.h>

static void log_worker(yodel_log *log, unsigned index, const yodel_counters *counters)
{
    char line[YODEL_LOG_MESSAGE_MAX];
    size_t used = (size_t)snprintf(line, sizeof(line),
                                   "stats worker=%u accepted=%" PRIu64 " active=%" PRIu64
                                   " buffered=%" PRIu64 " closed=%" PRIu64,
                                   index, yodel_counters_get(counters, YODEL_COUNT_ACCEPTED),
                                   yodel_counters_get(counters, YODEL_COUNT_ACTIVE),
                                   yodel_counters_get(counters, YODEL_COUNT_BUFFERED),
                                   yodel_counters_closed(counters));
    for (int i = YODEL_COUNT_CLOSED_FIRST; i <= YODEL_COUNT_CLOSED_LAST; i++) {
        used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%" PRIu64,
                                 yodel_counter_name((yodel_counter)i),
                                 yodel_counters_get(counters, (yodel_counter)i));
    }
    yodel_log_write(log, YODEL_LOG_INFO, "%s", line);
}

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
        log_worker(log, i, yodel_server_counters(server, i));
    }
}
