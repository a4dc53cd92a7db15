#include "server/status.h"
#include "server/status_internal.h"
#include "yodel_version.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* jansson's functions take a NULL for a value that there was no memory for, fail, and free what
 * they were given: so nothing is checked here but the end, where a member that is missing means the
 * same. A flag remembers it. */
typedef struct builder {
    bool failed;
} builder;

static json_t *made(builder *b, json_t *value)
{
    b->failed = b->failed || value == NULL;
    return value;
}

static void put(builder *b, json_t *object, const char *name, json_t *value)
{
    b->failed = json_object_set_new(object, name, value) < 0 || b->failed;
}

static void add(builder *b, json_t *array, json_t *value)
{
    b->failed = json_array_append_new(array, value) < 0 || b->failed;
}

static void put_count(builder *b, json_t *object, const char *name, uint64_t value)
{
    put(b, object, name, json_integer((json_int_t)value));
}

static json_t *unless_negative(double value)
{
    return value < 0 ? json_null() : json_real(value);
}

/* --- what runs
 * -----------------------------------------------------------------------------------*/

static json_t *listeners_of(builder *b, const yodel_server *server)
{
    json_t *array = made(b, json_array());
    size_t count;
    const yodel_address *addresses = yodel_server_addresses(server, &count);
    for (size_t i = 0; i < count; i++) {
        char text[YODEL_ADDRESS_TEXT];
        add(b, array, json_string(yodel_address_format(&addresses[i], text)));
    }
    return array;
}

static json_t *server_of(builder *b, const yodel_watched *watched, double started)
{
    json_t *object = made(b, json_object());
    char host[256];
    struct timespec now;
    if (gethostname(host, sizeof(host)) < 0) {
        host[0] = '\0';
    }
    host[sizeof(host) - 1] = '\0';
    (void)clock_gettime(CLOCK_REALTIME, &now);
    put(b, object, "version", json_string(YODEL_VERSION));
    put(b, object, "commit", json_string(YODEL_COMMIT));
    put(b, object, "protocol", json_string(watched->protocol));
    put(b, object, "host", json_string(host));
    put_count(b, object, "pid", (uint64_t)getpid());
    put(b, object, "state", json_string(yodel_status_word(watched->state)));
    put(b, object, "listeners", listeners_of(b, watched->server));
    put(b, object, "started", json_integer((json_int_t)started));
    put(b, object, "uptime", json_integer((json_int_t)((double)now.tv_sec - started)));
    return object;
}

static json_t *limits_of(builder *b, const yodel_server *server, const yodel_process_stats *process)
{
    json_t *object = made(b, json_object());
    put_count(b, object, "connections", yodel_server_max_connections(server));
    put_count(b, object, "buffered", yodel_server_max_memory(server));
    put_count(b, object, "fds", process->max_fds);
    return object;
}

static json_t *process_of(builder *b, const yodel_process_stats *process)
{
    json_t *object = made(b, json_object());
    put_count(b, object, "fds", process->open_fds);
    put_count(b, object, "resident", process->resident_bytes);
    put_count(b, object, "virtual", process->virtual_bytes);
    put(b, object, "cpu", json_real(process->cpu));
    return object;
}

/* --- counters
 * ------------------------------------------------------------------------------------*/

static json_t *counters_of(builder *b, const yodel_counters *sum)
{
    json_t *object = made(b, json_object());
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        yodel_counter counter = (yodel_counter)i;
        put_count(b, object, yodel_counter_name(counter), yodel_counters_get(sum, counter));
    }
    return object;
}

static json_t *closed_of(builder *b, const yodel_counters *sum)
{
    json_t *object = made(b, json_object());
    for (int i = YODEL_COUNT_CLOSED_FIRST; i <= YODEL_COUNT_CLOSED_LAST; i++) {
        put_count(b, object, yodel_counter_name((yodel_counter)i) + strlen("closed_"),
                  yodel_counters_get(sum, (yodel_counter)i));
    }
    return object;
}

static json_t *accept_errors_of(builder *b, const yodel_counters *sum)
{
    json_t *object = made(b, json_object());
    for (unsigned i = 0; i < YODEL_ACCEPT_ERROR_COUNT; i++) {
        uint64_t count = yodel_counters_accept_error(sum, i);
        if (count > 0) {
            put_count(b, object, yodel_accept_error_name(i), count);
        }
    }
    return object;
}

static json_t *workers_of(builder *b, const yodel_server *server)
{
    static const yodel_counter shown[] = {
        YODEL_COUNT_ACTIVE,   YODEL_COUNT_ACCEPTED,   YODEL_COUNT_LINES_IN,
        YODEL_COUNT_BUFFERED, YODEL_COUNT_PAUSED_NOW,
    };
    json_t *array = made(b, json_array());
    for (unsigned i = 0; i < yodel_server_workers(server); i++) {
        const yodel_counters *counters = yodel_server_counters(server, i);
        json_t *object = made(b, json_object());
        for (size_t j = 0; j < sizeof(shown) / sizeof(shown[0]); j++) {
            put_count(b, object, yodel_counter_name(shown[j]),
                      yodel_counters_get(counters, shown[j]));
        }
        put_count(b, object, "closed", yodel_counters_closed(counters));
        put(b, object, "stuck", json_boolean(yodel_server_stuck(server, i)));
        add(b, array, object);
    }
    return array;
}

/* --- samples
 * -------------------------------------------------------------------------------------*/

static json_t *active_of(const yodel_status_cell *cell)
{
    return json_integer((json_int_t)cell->active);
}

static json_t *lines_of(const yodel_status_cell *cell)
{
    return json_real((double)cell->lines);
}

static json_t *busy_of(const yodel_status_cell *cell)
{
    return json_real((double)cell->busy);
}

static json_t *lag_of(const yodel_status_cell *cell)
{
    return unless_negative((double)cell->lag);
}

static json_t *longest_of(const yodel_status_cell *cell)
{
    return unless_negative((double)cell->longest);
}

static json_t *row_of(builder *b, const yodel_status *status, uint64_t n,
                      json_t *(*of)(const yodel_status_cell *))
{
    json_t *row = made(b, json_array());
    for (unsigned i = 0; i < status->workers; i++) {
        add(b, row, of(yodel_status_cell_at(status, n, i)));
    }
    return row;
}

static json_t *samples_of(builder *b, const yodel_status *status, uint64_t since)
{
    static const struct {
        const char *name;
        json_t *(*of)(const yodel_status_cell *);
    } series[] = {
        {"active", active_of}, {"lines", lines_of},     {"busy", busy_of},
        {"lag", lag_of},       {"longest", longest_of},
    };
    uint64_t kept = status->taken < YODEL_STATUS_SAMPLES ? status->taken : YODEL_STATUS_SAMPLES;
    uint64_t first = status->taken - kept + 1;
    json_t *object = made(b, json_object());
    json_t *at = made(b, json_array());
    json_t *in = made(b, json_array());
    json_t *out = made(b, json_array());
    if (since >= first && since <= status->taken) {
        first = since + 1;
    }
    for (uint64_t n = first; n <= status->taken; n++) {
        const yodel_status_head *head = yodel_status_head_at(status, n);
        add(b, at, json_integer(head->at_ms));
        add(b, in, json_integer((json_int_t)head->bytes_in));
        add(b, out, json_integer((json_int_t)head->bytes_out));
    }
    put_count(b, object, "last", status->taken);
    put(b, object, "at", at);
    put(b, object, "bytes_in", in);
    put(b, object, "bytes_out", out);
    for (size_t i = 0; i < sizeof(series) / sizeof(series[0]); i++) {
        json_t *rows = made(b, json_array());
        for (uint64_t n = first; n <= status->taken; n++) {
            add(b, rows, row_of(b, status, n, series[i].of));
        }
        put(b, object, series[i].name, rows);
    }
    return object;
}

/* --- all
 * -----------------------------------------------------------------------------------------*/

int yodel_status_json(const yodel_status *status, const yodel_watched *watched, double started,
                      uint64_t since, char **text, size_t *len)
{
    builder b = {false};
    yodel_counters sum;
    yodel_process_stats process;
    yodel_server_totals(watched->server, &sum);
    yodel_process_stats_get(&process);

    json_t *root = made(&b, json_object());
    put(&b, root, "server", server_of(&b, watched, started));
    put(&b, root, "limits", limits_of(&b, watched->server, &process));
    put(&b, root, "process", process_of(&b, &process));
    put(&b, root, "counters", counters_of(&b, &sum));
    put(&b, root, "closed", closed_of(&b, &sum));
    put(&b, root, "accept_errors", accept_errors_of(&b, &sum));
    put(&b, root, "log_lost",
        watched->log != NULL ? json_integer((json_int_t)yodel_log_fd_lost(watched->log))
                             : json_null());
    put(&b, root, "workers", workers_of(&b, watched->server));
    put(&b, root, "samples", samples_of(&b, status, since));
    char *written = b.failed ? NULL : json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(4));
    json_decref(root);
    if (written == NULL) {
        return -ENOMEM;
    }
    *text = written;
    *len = strlen(written);
    return 0;
}
