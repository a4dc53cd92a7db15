#include "server/status.h"

#include "core/clock.h"
#include "server/status_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void write_figure(FILE *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void write_figure(FILE *out, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fprintf(out, "<div><dt>%s</dt><dd class=\"value\">", name);
    (void)vfprintf(out, format, args);
    (void)fputs("</dd></div>\n", out);
    va_end(args);
}

static void write_figures(FILE *out, const yodel_watched *watched, double started)
{
    yodel_counters sum;
    yodel_process_stats process;
    yodel_server_totals(watched->server, &sum);
    yodel_process_stats_get(&process);
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)fputs("<dl class=\"figures\">\n", out);
    write_figure(out, "State", "%s", yodel_status_word(watched->state));
    write_figure(out, "Up for", "%.0f s", (double)now.tv_sec - started);
    write_figure(out, "Connections", "%" PRIu64 " of %zu",
                 yodel_counters_get(&sum, YODEL_COUNT_ACTIVE),
                 yodel_server_max_connections(watched->server));
    write_figure(out, "Lines received", "%" PRIu64, yodel_counters_get(&sum, YODEL_COUNT_LINES_IN));
    write_figure(out, "Connections closed", "%" PRIu64, yodel_counters_closed(&sum));
    write_figure(out, "Memory", "%.1f MiB", (double)process.resident_bytes / (1024.0 * 1024.0));
    (void)fputs("</dl>\n", out);
}

static void write_workers(FILE *out, const yodel_status *status)
{
    (void)fputs("<section class=\"card\"><table><caption>Cores</caption><thead><tr><td></td>"
                "<th>Connections</th><th>Lines/s</th><th>Busy</th><th>Lag</th></tr></thead>"
                "<tbody>\n",
                out);
    for (unsigned i = 0; i < status->workers && status->taken > 0; i++) {
        const yodel_status_cell *cell = yodel_status_cell_at(status, status->taken, i);
        (void)fprintf(out,
                      "<tr><th>%u%s</th><td>%" PRIu32 "</td><td>%.0f</td><td>%.0f%%</td>"
                      "<td>%.0f \u00b5s</td></tr>\n",
                      i, yodel_server_stuck(status->server, i) ? ", stuck" : "", cell->active,
                      (double)cell->lines, 100 * (double)cell->busy,
                      cell->lag < 0 ? 0 : 1e6 * (double)cell->lag);
    }
    (void)fputs("</tbody></table></section>\n", out);
}

int yodel_status_html(const yodel_status *status, const yodel_watched *watched, double started,
                      char **text, size_t *len)
{
    char *written = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&written, &size);
    if (out == NULL) {
        return -ENOMEM;
    }
    write_figures(out, watched, started);
    write_workers(out, status);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) {
        free(written);
        return -ENOMEM;
    }
    *text = written;
    *len = size;
    return 0;
}
