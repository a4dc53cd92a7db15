#include "tools/flood/live.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/flood/amount.h"
#include "tools/flood/color.h"

/* Back to the first column, and nothing is left in the line. */
#define CLEAR "\r\x1b[K"
/* In a log: how many lines a header is good for. */
#define HEADER_EVERY 20
/* Shorter seconds tell nothing. */
#define LEAST_LENGTH 0.1
/* Seconds that can be written in four digits; minutes from there on. */
#define SECONDS_SHOWN 9999.5

const char yodel_live_header[] =
    " time  conns sent/s recv/s  inflt    p50    p99    max  errs  lag99  cli%  srv%";

typedef char cell[YODEL_AMOUNT_TEXT];

static const char *format_time(const yodel_second *s, cell text)
{
    double end = fmax(s->begin + s->length, 0);

    /* Seconds begin a little early or late. */
    if (s->begin < -0.01) {
        snprintf(text, sizeof(cell), "warm");
    } else if (end < SECONDS_SHOWN) {
        snprintf(text, sizeof(cell), "%.0fs", end);
    } else {
        snprintf(text, sizeof(cell), "%.0fm", floor(end / 60));
    }
    return text;
}

static const char *format_latency(const yodel_second *s, uint64_t ns, cell text)
{
    /* No line was answered in this second, unless there is a greatest latency. */
    return s->most > 0 ? yodel_amount_time((double)ns / 1e9, text) : "-";
}

static const char *format_cpu(double cores, cell text)
{
    if (isnan(cores)) {
        return "-";
    }
    snprintf(text, sizeof(cell), "%.0f", 100 * cores);
    return text;
}

void yodel_live_format(const yodel_second *s, int64_t flaws, yodel_live_line *line)
{
    double length = s->length > 0 ? s->length : INFINITY;
    cell time, connections, sent, answered, in_flight, p50, p99, most, errors, lag, client, server;

    snprintf(line->text, sizeof line->text, "%5s %6s %6s %6s %6s %6s %6s %6s ",
             format_time(s, time), yodel_amount_count((double)s->connections, connections),
             yodel_amount_count((double)s->sent / length, sent),
             yodel_amount_count((double)s->answered / length, answered),
             yodel_amount_count((double)s->in_flight, in_flight), format_latency(s, s->p50, p50),
             format_latency(s, s->p99, p99), format_latency(s, s->most, most));
    line->errors_from = strlen(line->text);
    snprintf(line->text + line->errors_from, sizeof line->text - line->errors_from, "%5s",
             yodel_amount_count((double)flaws, errors));
    line->errors_to = strlen(line->text);
    snprintf(line->text + line->errors_to, sizeof line->text - line->errors_to, " %6s %5s %5s",
             yodel_amount_time((double)s->lag99 / 1e9, lag), format_cpu(s->client_cpu, client),
             format_cpu(s->server_cpu, server));
    line->length = strlen(line->text);
}

void yodel_live_init(yodel_live *live, FILE *out, bool color)
{
    *live = (yodel_live){.out = out, .terminal = isatty(fileno(out)) == 1, .color = color};
}

/* Characters that fit into a line. A line that wraps cannot be rewritten. */
static size_t width(const yodel_live *live)
{
    struct winsize size;

    if (!live->terminal || ioctl(fileno(live->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0) {
        return YODEL_LIVE_TEXT;
    }
    return size.ws_col;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void print_header(const yodel_live *live)
{
    size_t length = least(strlen(yodel_live_header), width(live));

    fprintf(live->out, "%s%.*s%s\n", yodel_color(live->color, YODEL_COLOR_BOLD), (int)length,
            yodel_live_header, yodel_color(live->color, YODEL_COLOR_END));
}

static void print_line(const yodel_live *live)
{
    const yodel_live_line *l = &live->last;
    size_t length = least(l->length, width(live));
    size_t from = least(l->errors_from, length);
    size_t to = least(l->errors_to, length);
    bool color = live->color && live->flaws != 0;

    fprintf(live->out, "%.*s%s%.*s%s%.*s", (int)from, l->text, yodel_color(color, YODEL_COLOR_BAD),
            (int)(to - from), l->text + from, yodel_color(color, YODEL_COLOR_END),
            (int)(length - to), l->text + to);
}

void yodel_live_second(yodel_live *live, const yodel_second *second)
{
    if (second->length < LEAST_LENGTH && second->flaws == 0 && live->lines > 0) {
        return; /* the last answers coming in: no rate of a second, and soon in the report */
    }
    live->flaws += second->flaws;
    yodel_live_format(second, live->flaws, &live->last);
    if (live->standing) {
        fputs(CLEAR, live->out);
    }
    if (live->lines == 0) {
        print_header(live);
    }
    print_line(live);
    live->standing = live->terminal;
    if (live->terminal) {
        live->lines = 1; /* its header stays just above it */
    } else {
        fputc('\n', live->out);
        live->lines = (live->lines + 1) % HEADER_EVERY;
    }
    fflush(live->out);
}

void yodel_live_finish(yodel_live *live)
{
    if (live->standing) {
        fputc('\n', live->out);
        fflush(live->out);
    }
    live->standing = false;
    live->lines = 0;
    live->flaws = 0;
}
