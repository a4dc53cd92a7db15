#include "server/metrics.h"

#include "core/clock.h"
#include "yodel_version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Begins a metric: everything that follows until the next one belongs to it. */
static void begin(FILE *out, const char *name, const char *type, const char *help)
{
    (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_one(FILE *out, const char *name, const char *type, const char *help, double value)
{
    begin(out, name, type, help);
    (void)fprintf(out, "%s %.6f\n", name, value);
}

static void write_count(FILE *out, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    begin(out, name, type, help);
    (void)fprintf(out, "%s %" PRIu64 "\n", name, value);
}

/* --- the process
 * ---------------------------------------------------------------------------------*/

static void write_process(FILE *out, double started)
{
    yodel_process_stats stats;
    yodel_process_stats_get(&stats);
    begin(out, "yodel_build_info", "gauge", "Always 1: what is running.");
    (void)fprintf(out, "yodel_build_info{version=\"%s\",commit=\"%s\"} 1\n", YODEL_VERSION,
                  YODEL_COMMIT);
    write_one(out, "process_start_time_seconds", "gauge",
              "When the process started, in seconds since 1970.", started);
    write_one(out, "process_cpu_seconds_total", "counter",
              "Processor time of all threads, in user and system mode.", stats.cpu);
    write_count(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                stats.resident_bytes);
    write_count(out, "process_virtual_memory_bytes", "gauge", "Address space.",
                stats.virtual_bytes);
    write_count(out, "process_open_fds", "gauge", "Open file descriptors.", stats.open_fds);
    write_count(out, "process_max_fds", "gauge", "How many file descriptors may be open.",
                stats.max_fds);
}

/* --- counters
 * ------------------------------------------------------------------------------------*/

/* Counters that have a metric for each worker, or a name that says more than their own. */
static const struct {
    yodel_counter counter;
    bool per_worker;
    const char *type;
    const char *name;
    const char *help;
} named[] = {
    {YODEL_COUNT_ACCEPTED, true, "counter", "yodel_connections_accepted_total",
     "Connections taken over from the kernel, refused ones included."},
    {YODEL_COUNT_ACTIVE, true, "gauge", "yodel_connections_active",
     "Connections that are open now."},
    {YODEL_COUNT_BYTES_IN, true, "counter", "yodel_received_bytes_total", "Bytes received."},
    {YODEL_COUNT_BYTES_OUT, true, "counter", "yodel_sent_bytes_total",
     "Bytes that the kernel took from us."},
    {YODEL_COUNT_LINES_IN, true, "counter", "yodel_lines_received_total",
     "Complete lines received."},
    {YODEL_COUNT_LINES_OUT, true, "counter", "yodel_lines_sent_total", "Lines written."},
    {YODEL_COUNT_BUFFERED, true, "gauge", "yodel_buffered_bytes",
     "Memory that connections' buffers take now."},
    {YODEL_COUNT_PAUSED_NOW, true, "gauge", "yodel_connections_paused",
     "Connections that are not read now, for the protocol or for their unsent answers."},
    {YODEL_COUNT_PAUSED, false, "counter", "yodel_pauses_total",
     "Times that output above the high water mark paused a connection."},
    {YODEL_COUNT_PARTIAL, false, "counter", "yodel_lines_partial_total",
     "Lines dropped because the client ended in the middle of them."},
    {YODEL_COUNT_FORGOTTEN, false, "counter", "yodel_clients_forgotten_total",
     "Client addresses forgotten before their limits had recovered, for want of room."},
    {YODEL_COUNT_STUCK, false, "counter", "yodel_worker_hangs_total",
     "Times that a worker was found stuck in a callback."},
    {YODEL_COUNT_OPENED, false, "counter", "yodel_connections_opened_total",
     "Connections opened to other servers."},
};

/* Counters that are one metric with several values of a label: here those for refusals. */
static const struct {
    yodel_counter counter;
    const char *reason;
} refusals[] = {
    {YODEL_COUNT_REJECTED, "full"},
    {YODEL_COUNT_REJECTED_PER_IP, "per_ip"},
    {YODEL_COUNT_REJECTED_RATE, "rate"},
    {YODEL_COUNT_REJECTED_UNTRUSTED, "untrusted"},
};

#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

static void write_per_worker(FILE *out, const yodel_server *server, const char *name,
                             yodel_counter counter)
{
    for (unsigned i = 0; i < yodel_server_workers(server); i++) {
        (void)fprintf(out, "%s{worker=\"%u\"} %" PRIu64 "\n", name, i,
                      yodel_counters_get(yodel_server_counters(server, i), counter));
    }
    /* Those that failed before they had a worker. */
    const yodel_counters *acceptor = yodel_server_acceptor_counters(server);
    if (counter == YODEL_COUNT_ACCEPTED) {
        (void)fprintf(out, "%s{worker=\"none\"} %" PRIu64 "\n", name,
                      yodel_counters_get(acceptor, counter));
    }
}

static void write_named(FILE *out, const yodel_server *server, const yodel_counters *sum)
{
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        if (named[i].per_worker) {
            begin(out, named[i].name, named[i].type, named[i].help);
            write_per_worker(out, server, named[i].name, named[i].counter);
        } else {
            write_count(out, named[i].name, named[i].type, named[i].help,
                        yodel_counters_get(sum, named[i].counter));
        }
    }
}

static void write_closed(FILE *out, const yodel_counters *sum)
{
    static const char prefix[] = "closed_";
    begin(out, "yodel_connections_closed_total", "counter", "Connections that have ended, by why.");
    for (int i = YODEL_COUNT_CLOSED_FIRST; i <= YODEL_COUNT_CLOSED_LAST; i++) {
        (void)fprintf(out, "yodel_connections_closed_total{reason=\"%s\"} %" PRIu64 "\n",
                      yodel_counter_name((yodel_counter)i) + strlen(prefix),
                      yodel_counters_get(sum, (yodel_counter)i));
    }
    begin(out, "yodel_connections_rejected_total", "counter",
          "Connections that were refused, by why.");
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        (void)fprintf(out, "yodel_connections_rejected_total{reason=\"%s\"} %" PRIu64 "\n",
                      refusals[i].reason, yodel_counters_get(sum, refusals[i].counter));
    }
}

static void write_accept_errors(FILE *out, const yodel_counters *sum)
{
    begin(out, "yodel_accept_errors_total", "counter", "Failed calls of accept4, by errno.");
    for (unsigned i = 0; i < YODEL_ACCEPT_ERROR_COUNT; i++) {
        (void)fprintf(out, "yodel_accept_errors_total{errno=\"%s\"} %" PRIu64 "\n",
                      yodel_accept_error_name(i), yodel_counters_accept_error(sum, i));
    }
}

static bool has_metric(yodel_counter counter)
{
    if ((counter >= YODEL_COUNT_CLOSED_FIRST && counter <= YODEL_COUNT_CLOSED_LAST) ||
        counter == YODEL_COUNT_ACCEPT_ERRORS) { /* by errno */
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(named); i++) {
        if (named[i].counter == counter) {
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (refusals[i].counter == counter) {
            return true;
        }
    }
    return false;
}

static void write_others(FILE *out, const yodel_counters *sum)
{
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        yodel_counter counter = (yodel_counter)i;
        if (!has_metric(counter)) {
            char name[128];
            (void)snprintf(name, sizeof(name), "yodel_%s_total", yodel_counter_name(counter));
            write_count(out, name, "counter", yodel_counter_help(counter),
                        yodel_counters_get(sum, counter));
        }
    }
}

/* --- loops
 * ---------------------------------------------------------------------------------------*/

static void write_histogram(FILE *out, const char *name, unsigned worker,
                            const yodel_durations *durations)
{
    yodel_durations_seen seen;
    uint64_t cumulated = 0;
    yodel_durations_look(durations, &seen);
    for (unsigned i = 0; i < YODEL_DURATION_BUCKETS - 1; i++) {
        cumulated += seen.count[i];
        (void)fprintf(out, "%s_bucket{worker=\"%u\",le=\"%.9g\"} %" PRIu64 "\n", name, worker,
                      (double)yodel_duration_bound(i) / (double)YODEL_NS_PER_SEC, cumulated);
    }
    (void)fprintf(out,
                  "%s_bucket{worker=\"%u\",le=\"+Inf\"} %" PRIu64 "\n%s_sum{worker=\"%u\"} %.9f\n"
                  "%s_count{worker=\"%u\"} %" PRIu64 "\n",
                  name, worker, seen.total, name, worker,
                  (double)seen.sum / (double)YODEL_NS_PER_SEC, name, worker, seen.total);
}

static void write_loops(FILE *out, const yodel_server *server)
{
    unsigned workers = yodel_server_workers(server);
    begin(out, "yodel_loop_lag_seconds", "histogram",
          "How long a message waits until the worker's loop gets to it, measured ten times a "
          "second.");
    for (unsigned i = 0; i < workers; i++) {
        write_histogram(out, "yodel_loop_lag_seconds", i, yodel_server_lag(server, i));
    }
    begin(out, "yodel_loop_iteration_seconds", "histogram",
          "How long the worker's loop works between two waits.");
    for (unsigned i = 0; i < workers; i++) {
        write_histogram(out, "yodel_loop_iteration_seconds", i, yodel_server_turns(server, i));
    }
    begin(out, "yodel_worker_stuck", "gauge",
          "1 while a callback has held up the worker's loop for 0.2 s or longer.");
    for (unsigned i = 0; i < workers; i++) {
        (void)fprintf(out, "yodel_worker_stuck{worker=\"%u\"} %d\n", i,
                      yodel_server_stuck(server, i) ? 1 : 0);
    }
}

static void write_server(FILE *out, const yodel_watched *watched)
{
    write_count(out, "yodel_workers", "gauge", "Worker threads, each with a loop.",
                yodel_server_workers(watched->server));
    write_count(out, "yodel_connections_limit", "gauge", "Connections above this are refused.",
                yodel_server_max_connections(watched->server));
    write_count(out, "yodel_buffered_limit_bytes", "gauge",
                "What connections' buffers may take together; 0: no limit.",
                yodel_server_max_memory(watched->server));
    write_count(out, "yodel_ready", "gauge", "1 while it serves and has not been told to end.",
                watched->state == YODEL_SERVER_RUNNING);
    write_count(out, "yodel_draining", "gauge", "1 from the moment that it was told to end.",
                watched->state == YODEL_SERVER_DRAINING);
    if (watched->log != NULL) {
        write_count(out, "yodel_log_lines_lost_total", "counter",
                    "Log lines that could not be written.", yodel_log_fd_lost(watched->log));
    }
}

int yodel_metrics_write(const yodel_watched *watched, double started, char **text, size_t *len)
{
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);
    if (out == NULL) {
        return -ENOMEM;
    }
    yodel_counters sum;
    yodel_server_totals(watched->server, &sum);
    write_process(out, started);
    write_server(out, watched);
    write_named(out, watched->server, &sum);
    write_closed(out, &sum);
    write_accept_errors(out, &sum);
    write_others(out, &sum);
    write_loops(out, watched->server);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(written);
        return -ENOMEM;
    }
    *text = written;
    *len = size;
    return 0;
}
