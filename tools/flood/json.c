#include "tools/flood/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>

#include "core/cpus.h"
#include "tools/flood/json_run.h"
#include "tools/flood/json_value.h"
#include "yodel_version.h"

/* Twelve digits are more than anything here is measured with, and hide what binary fractions make
 * of 0.1. */
enum { FLAGS = JSON_INDENT(2) | JSON_REAL_PRECISION(12) };

static json_t *targets(const yodel_flood_options *options)
{
    json_t *array = json_array();

    for (size_t i = 0; i < options->target_count; i++) {
        char text[YODEL_FLOOD_TARGET_TEXT];

        array = yodel_json_and(
            array, yodel_json_text(yodel_flood_target_text(&options->targets[i], text)));
    }
    return array;
}

static json_t *sources(const yodel_flood_options *options)
{
    json_t *array = json_array();

    for (size_t i = 0; i < options->source_count; i++) {
        array = yodel_json_and(array, yodel_json_text(options->sources[i]));
    }
    return array;
}

static json_t *faults(const yodel_flood_options *options)
{
    json_t *o = json_object();

    for (yodel_fault fault = 0; fault < YODEL_FAULTS; fault++) {
        if (options->faults[fault] > 0) {
            o = yodel_json_with(o, yodel_fault_name(fault),
                                yodel_json_number(options->faults[fault]));
        }
    }
    return o;
}

static json_t *count_unless_zero(uint64_t count)
{
    return count > 0 ? yodel_json_count(count) : json_null();
}

/* What makes an experiment: not where the reports go, and not the seed. */
static json_t *configuration(const yodel_flood_options *options)
{
    json_t *o = yodel_json_with(json_object(), "targets", targets(options));

    o = yodel_json_with(o, "sources", sources(options));
    o = yodel_json_with(o, "connections", yodel_json_count(options->connections));
    o = yodel_json_with(o, "threads", yodel_json_count(options->threads));
    o = yodel_json_with(o, "duration",
                        options->messages > 0 ? json_null() : yodel_json_number(options->duration));
    o = yodel_json_with(o, "messages", count_unless_zero(options->messages));
    o = yodel_json_with(o, "depth", yodel_json_count(options->depth));
    o = yodel_json_with(o, "warm_up", yodel_json_number(options->warm_up));
    o = yodel_json_with(o, "rate", yodel_json_unless_zero(options->rate));
    o = yodel_json_with(o, "timeout", yodel_json_number(options->timeout));
    o = yodel_json_with(o, "length_min", yodel_json_count(options->length_min));
    o = yodel_json_with(o, "length_max", yodel_json_count(options->length_max));
    o = yodel_json_with(o, "fixed_line", yodel_json_text(options->fixed_line));
    o = yodel_json_with(o, "expect",
                        json_string(options->expect == YODEL_EXPECT_ECHO ? "echo" : "chat"));
    o = yodel_json_with(o, "connect_rate", yodel_json_unless_zero(options->connect_rate));
    o = yodel_json_with(o, "churn", count_unless_zero(options->churn));
    o = yodel_json_with(o, "idle", json_boolean(options->idle));
    o = yodel_json_with(o, "faults", faults(options));
    return yodel_json_with(o, "server_sampled", json_boolean(options->server_pid > 0));
}

static json_t *the_system(void)
{
    struct utsname names = {.sysname = ""};
    json_t *o;

    uname(&names);
    o = yodel_json_with(json_object(), "os", yodel_json_text(names.sysname));
    o = yodel_json_with(o, "release", yodel_json_text(names.release));
    o = yodel_json_with(o, "machine", yodel_json_text(names.machine));
    return yodel_json_with(o, "cores", yodel_json_count(yodel_cpus_usable()));
}

static json_t *runs(const yodel_report *report)
{
    json_t *array = json_array();

    for (size_t i = 0; i < report->count; i++) {
        array = yodel_json_and(array, yodel_json_run(report, &report->results[i]));
    }
    return array;
}

static json_t *whole(const yodel_report *report)
{
    const yodel_flood_options *options = report->options;
    json_t *o = yodel_json_with(json_object(), "format", json_string(YODEL_JSON_FORMAT));
    char seed[24];

    snprintf(seed, sizeof seed, "%" PRIu64, options->seed);
    o = yodel_json_with(o, "version", json_integer(YODEL_JSON_VERSION));
    o = yodel_json_with(o, "flood", json_string(YODEL_VERSION " (" YODEL_COMMIT ")"));
    o = yodel_json_with(o, "command", yodel_json_text(report->command));
    o = yodel_json_with(o, "replay", yodel_json_text(report->replay));
    o = yodel_json_with(o, "started", yodel_json_time(report->results[0].started));
    o = yodel_json_with(o, "seed", json_string(seed));
    o = yodel_json_with(o, "repeat", yodel_json_count(options->repeat));
    o = yodel_json_with(o, "configuration", configuration(options));
    o = yodel_json_with(o, "system", the_system());
    return yodel_json_with(o, "runs", runs(report));
}

int yodel_json_write(const yodel_report *report, FILE *out)
{
    json_t *json = whole(report);
    int error;

    if (json == NULL) {
        return -ENOMEM;
    }
    errno = 0;
    error = json_dumpf(json, out, FLAGS);
    json_decref(json);
    if (error < 0 || fputc('\n', out) == EOF || fflush(out) == EOF) {
        return errno != 0 ? -errno : -EIO;
    }
    return 0;
}
