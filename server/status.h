/*
 * status: the last minutes of a server, a sample a second, and the status page's data.
 *
 * A page that is opened shows the past at once, because the server has kept it: five minutes, 20
 * bytes for each worker and second. A sample holds, for each worker: the connections open then, and
 * of the time since the sample before: lines received per second, how much of it the loop was busy
 * (0 to 1), its mean lag and the longest (durations.h: rounded up to a power of two microseconds).
 */
#ifndef YODEL_SERVER_STATUS_H
#define YODEL_SERVER_STATUS_H

#include "server/process_stats.h"
#include "server/watched.h"

#include <stddef.h>
#include <stdint.h>

#define YODEL_STATUS_PERIOD  1.0 /* seconds between samples */
#define YODEL_STATUS_SAMPLES 301 /* kept: five minutes, both ends included */

/* Belongs to one thread. */
typedef struct yodel_status yodel_status;

/* Makes one for a server, which is borrowed. 0 and *out, or -ENOMEM. */
int yodel_status_new(const yodel_server *server, yodel_status **out);

/* Frees it; NULL is fine. */
void yodel_status_free(yodel_status *status);

/* Takes a sample. now_ns: the instant (clock.h), later than the one before. */
void yodel_status_sample(yodel_status *status, uint64_t now_ns);

/* The page's data as JSON, of the samples those after number `since` (0: all that are kept).
 *
 *     server     what runs: version, commit, protocol, host, pid, state, listeners, started, uptime
 *     limits     connections, buffered (bytes, 0: none), fds
 *     process    fds, resident, virtual (bytes), cpu (seconds), as in process_stats.h
 *     counters   every counter of counters.h by its name, summed up
 *     closed     how many connections have ended for which reason
 *     accept_errors   those that occurred, by errno
 *     log_lost   lines, null: unknown
 *     workers    for each: active, accepted, closed, lines_in, buffered, paused_now, stuck
 *     samples    last: the number of the newest (to ask with)
 *                at: when each was taken (ms since 1970)
 *                bytes_in, bytes_out: per second
 *                active, lines, busy, lag, longest: in each an array with a number for each
 *                worker (lags in seconds, null: not measured)
 *
 * *text is the caller's, to be freed with free(). started: see yodel_process_stats. 0 or -ENOMEM.
 */
int yodel_status_json(const yodel_status *status, const yodel_watched *watched, double started,
                      uint64_t since, char **text, size_t *len);

/* What of it matters most as HTML: for browsers without JavaScript. As above. */
int yodel_status_html(const yodel_status *status, const yodel_watched *watched, double started,
                      char **text, size_t *len);

#endif
