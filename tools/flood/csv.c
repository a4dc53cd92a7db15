#include "tools/flood/csv.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>

/* Nanoseconds as microseconds, without going through a double. */
static void microseconds(FILE *out, uint64_t ns)
{
    fprintf(out, ",%" PRIu64 ".%03u", ns / 1000, (unsigned)(ns % 1000));
}

static void latencies(FILE *out, const yodel_second *s)
{
    if (s->most == 0) {
        fputs(",,,,", out);
        return;
    }
    microseconds(out, s->p50);
    microseconds(out, s->p90);
    microseconds(out, s->p99);
    microseconds(out, s->most);
}

static void row(FILE *out, const yodel_second *s)
{
    fprintf(out, "%.3f,%.3f", s->begin, s->length);
    fprintf(out, ",%" PRIu64 ",%" PRIu64, s->connections, s->in_flight);
    fprintf(out, ",%" PRIu64 ",%" PRIu64, s->sent, s->answered);
    fprintf(out, ",%" PRId64 ",%" PRIu64, s->flaws, s->faults);
    latencies(out, s);
    microseconds(out, s->lag99);
    fprintf(out, ",%.3f,", s->client_cpu);
    if (!isnan(s->server_cpu)) {
        fprintf(out, "%.3f", s->server_cpu);
    }
    fputs(",", out);
    if (s->server_resident > 0) {
        fprintf(out, "%" PRIu64, s->server_resident);
    }
    fputs("\r\n", out);
}

int yodel_csv_write(const yodel_report *report, FILE *out)
{
    errno = 0;
    fprintf(
        out,
        "%sbegin_s,length_s,connections,in_flight_lines,sent_lines,answered_lines,errors,faults,"
        "p50_us,p90_us,p99_us,max_us,lag_p99_us,client_cpu_cores,server_cpu_cores,"
        "server_resident_bytes\r\n",
        report->count > 1 ? "run," : "");
    for (size_t i = 0; i < report->count; i++) {
        const yodel_result *run = &report->results[i];

        for (size_t k = 0; k < run->timeline_count; k++) {
            if (report->count > 1) {
                fprintf(out, "%zu,", i + 1);
            }
            row(out, &run->timeline[k]);
        }
    }
    if (fflush(out) == EOF || ferror(out)) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}
