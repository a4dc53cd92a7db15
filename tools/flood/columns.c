#include "tools/flood/columns.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const double too_short = 0.1; /* seconds */

/* Adds a second to point i, while rates are still sums and percentages core seconds. */
static void add(yodel_columns *c, size_t i, const yodel_second *s)
{
    c->to[i] = s->begin + s->length;
    c->sent[i] += (double)s->sent;
    c->answered[i] += (double)s->answered;
    c->connections[i] = (double)s->connections;
    c->in_flight[i] = (double)s->in_flight;
    c->flaws[i] += (double)s->flaws;
    c->faults[i] += (double)s->faults;
    /* A rest joined to a second has too few lines for percentiles. */
    if (s->length >= too_short || c->from[i] == s->begin) {
        c->p50[i] = fmax(c->p50[i], (double)s->p50 / 1e9);
        c->p90[i] = fmax(c->p90[i], (double)s->p90 / 1e9);
        c->p99[i] = fmax(c->p99[i], (double)s->p99 / 1e9);
    }
    c->most[i] = fmax(c->most[i], (double)s->most / 1e9);
    c->lag99[i] = fmax(c->lag99[i], (double)s->lag99 / 1e9);
    c->client_cpu[i] += s->client_cpu * s->length;
    c->server_cpu[i] += s->server_cpu * s->length;
    if (s->server_resident > 0) {
        c->server_resident[i] = fmax(c->server_resident[i], (double)s->server_resident);
    }
}

static void start(yodel_columns *c, size_t i, const yodel_second *s)
{
    c->from[i] = s->begin;
    c->sent[i] = c->answered[i] = c->flaws[i] = c->faults[i] = 0;
    c->p50[i] = c->p90[i] = c->p99[i] = c->most[i] = c->lag99[i] = 0;
    c->client_cpu[i] = c->server_cpu[i] = 0;
    c->server_resident[i] = NAN;
}

static void finish(yodel_columns *c, size_t i)
{
    double length = c->to[i] - c->from[i];

    c->sent[i] /= length;
    c->answered[i] /= length;
    c->client_cpu[i] *= 100 / length;
    c->server_cpu[i] *= 100 / length;
}

void yodel_columns_fill(yodel_columns *c, const yodel_second *timeline, size_t count)
{
    size_t held = 0; /* seconds in the last point */

    c->count = 0;
    c->seconds = count <= YODEL_COLUMNS_MOST ? 1 : (count - 1) / YODEL_COLUMNS_MOST + 1;
    for (size_t i = 0; i < count; i++) {
        const yodel_second *s = &timeline[i];
        bool counts = s->begin >= 0; /* and the second before it? */
        bool joins = held > 0 && counts == (c->from[c->count - 1] >= 0) &&
                     (held < c->seconds || s->length < too_short);

        if (!(s->length > 0)) {
            continue;
        }
        if (!joins) {
            start(c, c->count++, s);
            held = 0;
        }
        add(c, c->count - 1, s);
        held++;
    }
    for (size_t i = 0; i < c->count; i++) {
        finish(c, i);
    }
}
