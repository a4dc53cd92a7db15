/*
 * stats: the counters as log lines, for --stats and at the end.
 */
#ifndef YODEL_SERVER_STATS_H
#define YODEL_SERVER_STATS_H

#include "core/log.h"
#include "core/server.h"

/* Logs "stats accepted=N active=N closed=N ..." (counters.h has the words) with the sums of all
 * workers, then "stats worker=I accepted=N active=N buffered=N closed=N" and the reasons for each.
 * Any thread. */
void yodel_stats_log(yodel_log *log, const yodel_server *server);

#endif
