#include "tools/flood/hgrm.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* Lines for each halving of the distance to 100 %, as the original has it. */
#define TICKS_PER_HALF_DISTANCE 5

/* The percentile of the next line: steps get smaller as 100 % comes nearer. */
static double next_percentile(double percent)
{
    double half_distances = floor(log2(100.0 / (100.0 - percent))) + 1;
    return percent + 100.0 / (TICKS_PER_HALF_DISTANCE * pow(2, half_distances));
}

static double deviation(const yodel_histogram *h)
{
    size_t index = 0;
    uint64_t value, count;
    double mean = yodel_histogram_mean(h), sum = 0;

    while (yodel_histogram_next(h, &index, &value, &count)) {
        double distance = (double)value - mean;
        sum += distance * distance * (double)count;
    }
    return h->count > 0 ? sqrt(sum / (double)h->count) : 0;
}

/* One line for each percentile that is due, but only one once all are seen. Plotters take lines
 * with four fields only, so the greatest value must have one, too. */
static void write_percentiles(const yodel_histogram *h, FILE *out)
{
    size_t index = 0;
    uint64_t value, count, seen = 0;
    double percent = 0;

    while (yodel_histogram_next(h, &index, &value, &count)) {
        seen += count;
        while (percent <= 100 * (double)seen / (double)h->count) {
            fprintf(out, "%12.6f %14.12f %10" PRIu64 " %14.2f\n", (double)value / 1e6,
                    percent / 100, seen, 1 / (1 - percent / 100));
            percent = next_percentile(percent);
            if (seen == h->count) {
                break;
            }
        }
    }
}

int yodel_hgrm_write(const yodel_histogram *h, FILE *out)
{
    errno = 0;
    fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
            "1/(1-Percentile)");
    write_percentiles(h, out);
    if (h->count > 0) {
        fprintf(out, "%12.6f %14.12f %10" PRIu64 "\n", (double)h->most / 1e6, 1.0, h->count);
    }
    fprintf(out, "#[Mean    = %12.6f, StdDeviation   = %12.6f]\n", yodel_histogram_mean(h) / 1e6,
            deviation(h) / 1e6);
    fprintf(out, "#[Max     = %12.6f, Total count    = %12" PRIu64 "]\n", (double)h->most / 1e6,
            h->count);
    fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", 26, 2048);
    return fflush(out) == EOF || ferror(out) ? -(errno != 0 ? errno : EIO) : 0;
}
