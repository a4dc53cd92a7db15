#include "tools/flood/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/cpus.h"
#include "core/option_error.h"
#include "tools/flood/option_values.h"

enum {
    OPTION_EXPECT = 256,
    OPTION_SEED,
    OPTION_CONNECT_RATE,
    OPTION_SOURCE,
    OPTION_CHURN,
    OPTION_IDLE,
    OPTION_FAULT,
    OPTION_SERVER_PID,
    OPTION_SLO,
    OPTION_JSON,
    OPTION_CSV,
    OPTION_HTML,
    OPTION_HGRM,
    OPTION_NO_COLOR,
    OPTIONS_END
};

static const struct option long_options[] = {
    {"connections", required_argument, NULL, 'c'},
    {"threads", required_argument, NULL, 't'},
    {"duration", required_argument, NULL, 'd'},
    {"messages", required_argument, NULL, 'n'},
    {"depth", required_argument, NULL, 'P'},
    {"rate", required_argument, NULL, 'R'},
    {"warm-up", required_argument, NULL, 'w'},
    {"timeout", required_argument, NULL, 'T'},
    {"repeat", required_argument, NULL, 'x'},
    {"size", required_argument, NULL, 's'},
    {"message", required_argument, NULL, 'm'},
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"connect-rate", required_argument, NULL, OPTION_CONNECT_RATE},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"churn", required_argument, NULL, OPTION_CHURN},
    {"idle", no_argument, NULL, OPTION_IDLE},
    {"fault", required_argument, NULL, OPTION_FAULT},
    {"server-pid", required_argument, NULL, OPTION_SERVER_PID},
    {"slo", required_argument, NULL, OPTION_SLO},
    {"json", required_argument, NULL, OPTION_JSON},
    {"csv", required_argument, NULL, OPTION_CSV},
    {"html", required_argument, NULL, OPTION_HTML},
    {"hgrm", required_argument, NULL, OPTION_HGRM},
    {"quiet", no_argument, NULL, 'q'},
    {"no-color", no_argument, NULL, OPTION_NO_COLOR},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* Which options were given: what they exclude is known only at the end. */
typedef struct parse {
    yodel_flood_options *o;
    const yodel_complaint *complaint;
    bool given[OPTIONS_END];
} parse;

static int parse_slo(parse *p, const char *text)
{
    yodel_flood_options *o = p->o;
    yodel_slo *more = realloc(o->slos, (o->slo_count + 1) * sizeof *more);

    if (more == NULL) {
        (void)yodel_complain(p->complaint, "no memory");
        return -ENOMEM;
    }
    o->slos = more;
    char reason[512];
    if (yodel_slo_parse(text, &more[o->slo_count], reason, sizeof reason) < 0) {
        return yodel_complain(p->complaint, "--slo: %s", reason);
    }
    o->slo_count++;
    return 0;
}

static int parse_count(const char *option, const char *text, uint64_t max, uint32_t *count,
                       const yodel_complaint *c)
{
    uint64_t value;
    int error = yodel_option_count(option, text, 1, max, &value, c);

    if (error == 0) {
        *count = (uint32_t)value;
    }
    return error;
}

static int parse_pid(parse *p, const char *text)
{
    uint32_t pid;
    int error = parse_count("--server-pid", text, INT32_MAX, &pid, p->complaint);

    if (error == 0) {
        p->o->server_pid = (pid_t)pid;
    }
    return error;
}

/* One option. */
static int parse_option(parse *p, int option, const char *text)
{
    yodel_flood_options *o = p->o;
    const yodel_complaint *c = p->complaint;

    switch (option) {
    case 'c':
        return parse_count("--connections", text, 1000000, &o->connections, c);
    case 't':
        return parse_count("--threads", text, 1024, &o->threads, c);
    case 'd':
        return yodel_option_time("--duration", text, false, &o->duration, c);
    case 'n':
        return yodel_option_count("--messages", text, 1, UINT64_C(1000000000000), &o->messages, c);
    case 'P':
        return parse_count("--depth", text, 100000, &o->depth, c);
    case 'R':
        return yodel_option_rate("--rate", text, &o->rate, c);
    case 'w':
        return yodel_option_time("--warm-up", text, true, &o->warm_up, c);
    case 'T':
        return yodel_option_time("--timeout", text, false, &o->timeout, c);
    case 'x':
        return parse_count("--repeat", text, 1000, &o->repeat, c);
    case 's':
        return yodel_option_lengths(text, &o->length_min, &o->length_max, c);
    case 'm':
        return yodel_option_message(text, &o->fixed_line, &o->length_min, c);
    case 'q':
        o->quiet = true;
        return 0;
    case OPTION_EXPECT:
        return yodel_option_expect(text, &o->expect, c);
    case OPTION_SEED:
        return yodel_option_seed(text, &o->seed, c);
    case OPTION_CONNECT_RATE:
        return yodel_option_rate("--connect-rate", text, &o->connect_rate, c);
    case OPTION_SOURCE:
        return yodel_option_sources(text, &o->sources, &o->source_count, c);
    case OPTION_CHURN:
        return yodel_option_count("--churn", text, 1, UINT64_C(1000000000), &o->churn, c);
    case OPTION_IDLE:
        o->idle = true;
        return 0;
    case OPTION_FAULT:
        return yodel_option_faults(text, o->faults, c);
    case OPTION_SERVER_PID:
        return parse_pid(p, text);
    case OPTION_SLO:
        return parse_slo(p, text);
    case OPTION_JSON:
        return yodel_option_file("--json", text, &o->json, c);
    case OPTION_CSV:
        return yodel_option_file("--csv", text, &o->csv, c);
    case OPTION_HTML:
        return yodel_option_file("--html", text, &o->html, c);
    case OPTION_HGRM:
        return yodel_option_file("--hgrm", text, &o->hgrm, c);
    case OPTION_NO_COLOR:
        o->no_color = true;
        return 0;
    case 'h':
        o->action = YODEL_FLOOD_HELP;
        return 0;
    case 'V':
        o->action = YODEL_FLOOD_VERSION;
        return 0;
    default:
        return -EINVAL; /* the caller knows those */
    }
}

/* --- what goes together ------------------------------------------------------------------------*/

static int check_excluded(const parse *p)
{
    static const struct {
        int a, b;
        const char *why;
    } excluded[] = {
        {'n', 'd', "--messages and --duration: give one of them"},
        {'m', 's', "--message and --size: the message has its own length"},
        {OPTION_IDLE, 'n', "--idle and --messages: idle connections send one line each"},
        {OPTION_IDLE, 'R', "--idle and --rate: idle connections send nothing until the end"},
        {OPTION_IDLE, 'P', "--idle and --depth: idle connections send one line each"},
        {OPTION_IDLE, 'w', "--idle and --warm-up: there is nothing to warm up"},
        {OPTION_IDLE, OPTION_CHURN, "--idle and --churn: an idle connection is kept"},
    };

    for (size_t i = 0; i < sizeof excluded / sizeof excluded[0]; i++) {
        if (p->given[excluded[i].a] && p->given[excluded[i].b]) {
            return yodel_complain(p->complaint, "%s", excluded[i].why);
        }
    }
    return 0;
}

static bool is_stdout(const char *path)
{
    return path != NULL && strcmp(path, "-") == 0;
}

/* Without --server-pid what is said of the server's costs could never be kept. */
static int check_slos(const parse *p)
{
    for (size_t i = 0; i < p->o->slo_count; i++) {
        if (p->o->server_pid == 0 && strncmp(p->o->slos[i].metric->name, "server-", 7) == 0) {
            return yodel_complain(p->complaint, "--slo '%s' needs --server-pid",
                                  p->o->slos[i].text);
        }
    }
    return 0;
}

static int check(const parse *p)
{
    const yodel_flood_options *o = p->o;
    int error = check_excluded(p);

    if (error < 0) {
        return error;
    }
    if (o->fixed_line != NULL && strcmp(o->fixed_line, ".") == 0 &&
        o->expect == YODEL_EXPECT_CHAT) {
        return yodel_complain(p->complaint,
                              "--message '.' closes a chat connection and has no answer");
    }
    if (o->connections < o->target_count) {
        return yodel_complain(p->complaint,
                              "--connections %" PRIu32 " does not suffice for %zu hosts",
                              o->connections, o->target_count);
    }
    for (size_t i = 0; o->source_count > 0 && i < o->target_count; i++) {
        if (o->targets[i].port[0] == '\0') {
            return yodel_complain(p->complaint, "--source: %s is not connected to from an address",
                                  o->targets[i].host);
        }
    }
    if (is_stdout(o->json) + is_stdout(o->csv) + is_stdout(o->html) + is_stdout(o->hgrm) > 1) {
        return yodel_complain(p->complaint, "only one file can be '-', standard output");
    }
    if ((uint64_t)o->connections * o->depth > UINT64_C(1000000000)) {
        return yodel_complain(p->complaint,
                              "--connections times --depth is above 1G lines in flight");
    }
    return check_slos(p);
}

/* --- operands ----------------------------------------------------------------------------------*/

const char *yodel_flood_target_text(const yodel_flood_target *target,
                                    char text[YODEL_FLOOD_TARGET_TEXT])
{
    const char *format = strchr(target->host, ':') != NULL ? "[%s]:%s" : "%s:%s";

    snprintf(text, YODEL_FLOOD_TARGET_TEXT, target->port[0] == '\0' ? "%s%s" : format, target->host,
             target->port);
    return text;
}

static int parse_targets(parse *p, char *operands[], size_t count)
{
    static char local[] = "localhost";
    char *none[] = {local};
    yodel_flood_options *o = p->o;

    if (count == 0) {
        operands = none;
        count = 1;
    }
    o->targets = calloc(count, sizeof *o->targets);
    if (o->targets == NULL) {
        (void)yodel_complain(p->complaint, "no memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        int error = yodel_option_target(operands[i], &o->targets[i], p->complaint);
        if (error < 0) {
            return error;
        }
        o->target_count++;
    }
    return 0;
}

static bool any_given(const parse *p)
{
    bool any = false;

    for (size_t i = 0; i < OPTIONS_END; i++) {
        any = any || p->given[i];
    }
    return any;
}

static int parse_operands(parse *p, char *operands[], size_t count)
{
    if (count > 0 && strcmp(operands[0], "compare") == 0) {
        if (count != 3) {
            return yodel_complain(p->complaint,
                                  "compare takes two files: flood compare A.json B.json");
        }
        if (any_given(p)) {
            return yodel_complain(p->complaint, "compare takes two files and no options");
        }
        p->o->action = YODEL_FLOOD_COMPARE;
        p->o->operands = operands + 1;
        return 0;
    }
    return parse_targets(p, operands, count);
}

static uint64_t random_seed(void)
{
    uint32_t seed; /* short enough to be typed again */

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        seed = 1;
    }
    return seed;
}

static void set_defaults(yodel_flood_options *o)
{
    const char *no_color = getenv("NO_COLOR");

    *o = (yodel_flood_options){
        .connections = 50,
        .threads = yodel_cpus_usable(),
        .duration = 10,
        .depth = 1,
        .warm_up = 1,
        .timeout = 5,
        .repeat = 1,
        .length_min = 64,
        .length_max = 64,
        .seed = random_seed(),
        .no_color = no_color != NULL && no_color[0] != '\0',
    };
}

static int parse_all(parse *p, int argc, char *argv[])
{
    yodel_flood_options *o = p->o;
    int option;

    optind = 0; /* start afresh, also after an earlier parse (GNU) */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:t:d:n:P:R:w:T:x:s:m:qhV", long_options, NULL)) !=
           -1) {
        int error = option == '?' || option == ':'
                        ? yodel_option_error(option, argv, long_options, p->complaint)
                        : parse_option(p, option, optarg);
        if (error < 0) {
            return error;
        }
        p->given[option] = true;
        if (o->action != YODEL_FLOOD_RUN) {
            return 0; /* help, version */
        }
    }
    int error = parse_operands(p, argv + optind, (size_t)(argc - optind));
    if (error < 0 || o->action == YODEL_FLOOD_COMPARE) {
        return error;
    }
    if ((o->messages > 0 || o->idle) && !p->given['w']) {
        o->warm_up = 0;
    }
    if (o->fixed_line != NULL) {
        o->length_max = o->length_min;
    }
    if (o->threads > o->connections) {
        o->threads = o->connections;
    }
    o->seed_given = p->given[OPTION_SEED];
    return check(p);
}

int yodel_flood_options_parse(yodel_flood_options *options, int argc, char *argv[], char *message,
                              size_t size)
{
    const yodel_complaint complaint = {message, size};
    yodel_flood_options o;
    parse p = {.o = &o, .complaint = &complaint};

    set_defaults(&o);
    int error = parse_all(&p, argc, argv);
    if (error < 0) {
        yodel_flood_options_free(&o);
        return error;
    }
    *options = o;
    return 0;
}

void yodel_flood_options_free(yodel_flood_options *options)
{
    for (size_t i = 0; i < options->target_count; i++) {
        free(options->targets[i].host);
        free(options->targets[i].port);
    }
    for (size_t i = 0; i < options->source_count; i++) {
        free(options->sources[i]);
    }
    free(options->targets);
    free(options->sources);
    free(options->slos);
    options->targets = NULL;
    options->sources = NULL;
    options->slos = NULL;
    options->target_count = options->source_count = options->slo_count = 0;
}
