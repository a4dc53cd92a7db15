#include <inttypes.h>
#include <math.h>

#include "tools/flood/chart.h"
#include "tools/flood/html_parts.h"
#include "tools/flood/markup.h"

/* --- configuration ----------------------------------------------------------------------------*/

static void name(FILE *out, const char *text)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th><td class=\"text\">", text);
}

static void row_end(FILE *out)
{
    fputs("</td></tr>\n", out);
}

static void text_row(FILE *out, const char *what, const char *text)
{
    name(out, what);
    yodel_markup_text(out, text);
    row_end(out);
}

static void count_row(FILE *out, const char *what, uint64_t count)
{
    char text[YODEL_AMOUNT_TEXT];

    text_row(out, what, yodel_amount_exact((int64_t)count, text));
}

static void time_row(FILE *out, const char *what, double seconds)
{
    char text[YODEL_AMOUNT_TEXT];

    text_row(out, what, yodel_amount_time(seconds, text));
}

static void addresses(const yodel_flood_options *o, FILE *out)
{
    name(out, o->target_count == 1 ? "server" : "servers");
    for (size_t i = 0; i < o->target_count; i++) {
        fputs(i > 0 ? ", " : "", out);
        yodel_markup_text(out, o->targets[i].host);
        fputs(o->targets[i].port[0] != '\0' ? " port " : "", out);
        yodel_markup_text(out, o->targets[i].port);
    }
    row_end(out);
    if (o->source_count > 0) {
        name(out, "from");
        for (size_t i = 0; i < o->source_count; i++) {
            fputs(i > 0 ? ", " : "", out);
            yodel_markup_text(out, o->sources[i]);
        }
        row_end(out);
    }
}

static void load(const yodel_flood_options *o, FILE *out)
{
    char text[YODEL_AMOUNT_TEXT];

    count_row(out, "connections", o->connections);
    count_row(out, "threads", o->threads);
    count_row(out, "lines in flight per connection", o->depth);
    if (o->rate > 0) {
        name(out, "loop");
        fprintf(out, "open: %s lines/s", yodel_amount_count(o->rate, text));
        row_end(out);
    } else {
        text_row(out, "loop", o->idle ? "idle" : "closed");
    }
    if (o->messages > 0) {
        count_row(out, "lines to send", o->messages);
    } else {
        time_row(out, "duration", o->duration);
    }
    time_row(out, "warm-up", o->warm_up);
    time_row(out, "timeout of an answer", o->timeout);
    if (o->connect_rate > 0) {
        text_row(out, "connections opened per second", yodel_amount_count(o->connect_rate, text));
    }
    if (o->churn > 0) {
        count_row(out, "lines before reconnecting", o->churn);
    }
    if (o->repeat > 1) {
        count_row(out, "runs", o->repeat);
    }
}

static void payload(const yodel_flood_options *o, FILE *out)
{
    name(out, "bytes in a line");
    fprintf(out, o->length_min == o->length_max ? "%" PRIu32 : "%" PRIu32 " to %" PRIu32,
            o->length_min, o->length_max);
    row_end(out);
    if (o->fixed_line != NULL) {
        text_row(out, "line", o->fixed_line);
    }
    text_row(out, "expected answer",
             o->expect == YODEL_EXPECT_CHAT ? "chat: You sent: LINE" : "echo: the line itself");
    name(out, "seed");
    fprintf(out, "%" PRIu64, o->seed);
    row_end(out);
}

void yodel_html_configuration(const yodel_report *report, const yodel_result *result, FILE *out)
{
    const yodel_flood_options *o = report->options;
    struct tm utc;
    char started[32] = "";

    fputs("<div class=\"card\"><table><caption>Configuration</caption>\n<tbody>\n", out);
    if (gmtime_r(&result->started, &utc) != NULL) {
        strftime(started, sizeof started, "%Y-%m-%d %H:%M:%S", &utc);
    }
    text_row(out, "started (UTC)", started);
    addresses(o, out);
    load(o, out);
    payload(o, out);
    if (o->server_pid != 0) {
        name(out, "process of the server");
        fprintf(out, "%jd", (intmax_t)o->server_pid);
        row_end(out);
    }
    fputs("</tbody></table></div>\n", out);
}

/* --- all seconds ------------------------------------------------------------------------------*/

static void cell(FILE *out, const char *(*format)(double, char *), double value)
{
    char text[YODEL_AMOUNT_TEXT];

    fprintf(out, "<td>%s</td>", isnan(value) ? "\u2013" : format(value, text));
}

/* A latency of 0: nothing was answered. */
static double or_none(double seconds)
{
    return seconds > 0 ? seconds : (double)NAN;
}

void yodel_html_seconds(const yodel_columns *c, FILE *out)
{
    static const char *const heads[] = {
        "time", "connections", "sent/s", "answered/s", "in flight", "p50",    "p90",   "p99",
        "max",  "errors",      "faults", "lag p99",    "flood",     "server", "memory"};

    if (c->count == 0) {
        return;
    }
    fputs("<details class=\"card\"><summary>All seconds</summary>\n"
          "<div class=\"scroll\"><table><caption>The charts over time as a table</caption>\n"
          "<thead><tr>",
          out);
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        fprintf(out, "<th scope=\"col\">%s</th>", heads[i]);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < c->count; i++) {
        char text[YODEL_AMOUNT_TEXT];

        fprintf(out, "<tr><th scope=\"row\">%s</th>", yodel_chart_clock(c->from[i], text));
        cell(out, yodel_amount_count, c->connections[i]);
        cell(out, yodel_amount_count, c->sent[i]);
        cell(out, yodel_amount_count, c->answered[i]);
        cell(out, yodel_amount_count, c->in_flight[i]);
        cell(out, yodel_amount_time, or_none(c->p50[i]));
        cell(out, yodel_amount_time, or_none(c->p90[i]));
        cell(out, yodel_amount_time, or_none(c->p99[i]));
        cell(out, yodel_amount_time, or_none(c->most[i]));
        cell(out, yodel_amount_count, c->flaws[i]);
        cell(out, yodel_amount_count, c->faults[i]);
        cell(out, yodel_amount_time, c->lag99[i]);
        cell(out, yodel_html_percent, c->client_cpu[i]);
        cell(out, yodel_html_percent, c->server_cpu[i]);
        cell(out, yodel_amount_bytes, c->server_resident[i]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></details>\n", out);
}
