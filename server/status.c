#include "server/status.h"

#include "core/clock.h"
#include "server/status_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *yodel_status_word(yodel_server_state state)
{
    switch (state) {
    case YODEL_SERVER_MADE:
        return "starting";
    case YODEL_SERVER_RUNNING:
        return "serving";
    case YODEL_SERVER_DRAINING:
        break;
    }
    return "draining";
}

/* How long a worker's loop has been busy so far, in ns. A turn that has not ended counts up to now:
 * a worker that hangs is busy while it does, not at its end. */
static uint64_t busy_ns(const yodel_server *server, unsigned worker, uint64_t now)
{
    yodel_durations_seen turns;
    yodel_durations_look(yodel_server_turns(server, worker), &turns);
    return turns.sum + yodel_server_busy_for(server, worker, now);
}

static void look(const yodel_status *status, unsigned worker, uint64_t now, yodel_status_last *last)
{
    const yodel_counters *counters = yodel_server_counters(status->server, worker);
    last->lines = yodel_counters_get(counters, YODEL_COUNT_LINES_IN);
    yodel_durations_look(yodel_server_lag(status->server, worker), &last->lag);
    last->busy_ns = busy_ns(status->server, worker, now);
}

static double in_seconds(uint64_t ns)
{
    return (double)ns / (double)YODEL_NS_PER_SEC;
}

static void measure_lag(const yodel_status *status, unsigned worker,
                        const yodel_durations_seen *between, yodel_status_cell *cell)
{
    /* What is still under way is a lag, too, of at least what it has waited. */
    double waits = in_seconds(yodel_server_lag_waits(status->server, worker));
    double longest = in_seconds(yodel_durations_longest(between));
    cell->lag = -1;
    cell->longest = -1;
    if (between->total > 0) {
        cell->lag = (float)(in_seconds(between->sum) / (double)between->total);
        cell->longest = (float)longest;
    }
    if (waits > longest) {
        cell->longest = (float)waits;
        cell->lag = cell->lag < 0 ? (float)waits : cell->lag;
    }
}

static void sample_worker(yodel_status *status, unsigned worker, uint64_t now, double seconds,
                          yodel_status_cell *cell)
{
    yodel_status_last *before = &status->last[worker];
    yodel_status_last last;
    yodel_durations_seen between;
    look(status, worker, now, &last);
    yodel_durations_between(&before->lag, &last.lag, &between);
    measure_lag(status, worker, &between, cell);
    /* The turn's end, and its place in the sum, are seen one after the other: the sum of both can
     * seem to fall. */
    double busy =
        last.busy_ns > before->busy_ns ? in_seconds(last.busy_ns - before->busy_ns) / seconds : 0;
    uint64_t active =
        yodel_counters_get(yodel_server_counters(status->server, worker), YODEL_COUNT_ACTIVE);
    cell->active = (uint32_t)active;
    cell->lines = (float)((double)(last.lines - before->lines) / seconds);
    cell->busy = (float)(busy < 1 ? busy : 1);
    *before = last;
}

void yodel_status_sample(yodel_status *status, uint64_t now)
{
    double seconds = in_seconds(now - status->taken_at);
    size_t index = (size_t)(status->taken % YODEL_STATUS_SAMPLES);
    yodel_status_head *head = &status->head[index];
    struct timespec wall;
    yodel_counters sum;
    yodel_server_totals(status->server, &sum);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    uint64_t in = yodel_counters_get(&sum, YODEL_COUNT_BYTES_IN);
    uint64_t out = yodel_counters_get(&sum, YODEL_COUNT_BYTES_OUT);
    head->at_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
    head->bytes_in = (double)(in - status->bytes_in) / seconds;
    head->bytes_out = (double)(out - status->bytes_out) / seconds;
    for (unsigned i = 0; i < status->workers; i++) {
        sample_worker(status, i, now, seconds, &status->cells[index * status->workers + i]);
    }
    status->bytes_in = in;
    status->bytes_out = out;
    status->taken_at = now;
    status->taken++;
}

int yodel_status_new(const yodel_server *server, yodel_status **out)
{
    unsigned workers = yodel_server_workers(server);
    yodel_status *status = calloc(1, sizeof(*status));
    if (status == NULL) {
        return -ENOMEM;
    }
    status->server = server;
    status->workers = workers;
    status->cells = calloc((size_t)workers * YODEL_STATUS_SAMPLES, sizeof(*status->cells));
    status->last = calloc(workers, sizeof(*status->last));
    if (status->cells == NULL || status->last == NULL) {
        yodel_status_free(status);
        return -ENOMEM;
    }
    status->taken_at = yodel_clock_now();
    yodel_counters sum;
    yodel_server_totals(server, &sum);
    status->bytes_in = yodel_counters_get(&sum, YODEL_COUNT_BYTES_IN);
    status->bytes_out = yodel_counters_get(&sum, YODEL_COUNT_BYTES_OUT);
    for (unsigned i = 0; i < workers; i++) {
        look(status, i, status->taken_at, &status->last[i]);
    }
    *out = status;
    return 0;
}

void yodel_status_free(yodel_status *status)
{
    if (status == NULL) {
        return;
    }
    free(status->cells);
    free(status->last);
    free(status);
}
