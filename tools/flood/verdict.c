#include "tools/flood/verdict.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "tools/flood/amount.h"

/* What 99 % of the lines may leave late. */
#define LAG_NS UINT64_C(1000000)
/* A thread that is busier than this has nothing to spare. */
#define BUSY 0.95
/* Of the rate asked for. */
#define SHARE 0.99

/* How many lines were due in the time that counts. With -n it may be over before the last
 * answer. */
static double lines_due(const yodel_result *r, const yodel_flood_options *o)
{
    double due = o->rate * r->seconds;
    return o->messages > 0 ? fmin(due, (double)o->messages - ceil(o->rate * o->warm_up)) : due;
}

/* Some of which take their time: what they hold up is not the server's doing. */
static bool have_faults(const yodel_flood_options *o)
{
    for (int i = 0; i < YODEL_FAULTS; i++) {
        if (o->faults[i] > 0) {
            return true;
        }
    }
    return false;
}

static void judge_open_loop(yodel_result *r, const yodel_flood_options *o, uint64_t lag,
                            double busiest)
{
    char text[YODEL_AMOUNT_TEXT];
    double asked = lines_due(r, o);
    double share = asked > 0 ? (double)r->total.counted_sent / asked : 1;

    if (lag > LAG_NS) {
        snprintf(
            r->invalid, sizeof r->invalid,
            "flood fell behind: 1 %% of the lines left more than %s late; ask for less, or give "
            "it more threads or cores",
            yodel_amount_time((double)lag / 1e9, text));
    } else if (share < SHARE && busiest > BUSY) {
        snprintf(r->invalid, sizeof r->invalid,
                 "flood fell behind: it sent %.1f %% of what was asked for, with a thread busy "
                 "%.0f %% of the time",
                 100 * share, 100 * busiest);
    } else if (share < SHARE) {
        snprintf(r->note, sizeof r->note,
                 "%s only %.1f %% of the lines asked for; those that were never sent are in no "
                 "latency",
                 have_faults(o) ? "the server, or flood's own faults, let through"
                                : "the server took",
                 100 * share);
    }
}

static void judge_closed_loop(yodel_result *r, uint64_t lag, double busiest)
{
    char text[YODEL_AMOUNT_TEXT];
    uint64_t p99 = yodel_histogram_percentile(&r->total.service, 99);

    /* Answers wait for a busy flood, which makes the server look slower than it is. */
    if (lag > LAG_NS && lag > p99 / 10) {
        snprintf(
            r->invalid, sizeof r->invalid,
            "flood fell behind: 1 %% of the answers waited more than %s for flood itself; take "
            "fewer connections, or more threads or cores",
            yodel_amount_time((double)lag / 1e9, text));
    } else if (busiest > BUSY) {
        snprintf(r->note, sizeof r->note,
                 "a thread of flood was busy %.0f %% of the time: the rate may be flood's limit, "
                 "not the server's",
                 100 * busiest);
    }
}

/* With -n and --idle the lines that were to be sent are known. */
static void note_unsent(yodel_result *r, const yodel_flood_options *o)
{
    uint64_t asked = o->idle ? o->connections : o->messages;

    if (r->total.sent < asked && !r->interrupted) {
        snprintf(r->note, sizeof r->note,
                 "gave up: nothing could be sent any more, %" PRIu64 " of %" PRIu64 " lines were",
                 r->total.sent, asked);
    }
}

void yodel_verdict(yodel_result *result, const yodel_flood_options *options, double busiest)
{
    uint64_t lag = yodel_histogram_percentile(&result->total.lag, 99);

    result->invalid[0] = '\0';
    result->note[0] = '\0';
    if (options->rate > 0) {
        judge_open_loop(result, options, lag, busiest);
    } else {
        judge_closed_loop(result, lag, busiest);
    }
    note_unsent(result, options);
}
