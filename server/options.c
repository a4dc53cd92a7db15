#include "server/options.h"

#include "core/idle.h"
#include "core/option_error.h"
#include "core/units.h"
#include "proto/registry.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

const char yodel_server_help[] =
    "Usage: yodel-server [options]\n"
    "\n"
    "Serves a line protocol with one event loop per core, until SIGTERM or SIGINT.\n"
    "\n"
    "  -H, --host HOST        address or name to listen on, repeatable (default localhost:\n"
    "                         every address that it resolves to)\n"
    "  -p, --port PORT        port (default 8007; 0 takes a free one)\n"
    "  -t, --threads N        worker loops (default: the cores this process may use)\n"
    "  -P, --protocol NAME    chat (default), stream, raw, dump; 'help' lists them\n"
    "      --accept MODE      handoff (default): an acceptor thread balances exactly;\n"
    "                         reuseport: each worker accepts, the kernel balances\n"
    "      --pin              worker i on core i of those allowed\n"
    "      --max-line BYTES   longest line without its CRLF (default 65536)\n"
    "      --idle-timeout SEC close after so long without a complete line (default 30;\n"
    "                         0 never)\n"
    "      --write-timeout SEC  abort when the client takes nothing of waiting answers\n"
    "                         for so long (default 30; 0 never)\n"
    "      --max-connections N  refuse more (default: the file descriptor limit less a\n"
    "                         reserve)\n"
    "      --max-memory BYTES for all connections' buffers together; the largest are aborted\n"
    "                         above it (default a quarter of the machine's memory or of\n"
    "                         the cgroup's limit; 0 no limit)\n"
    "      --write-buffer HIGH[:LOW[:HARD]]\n"
    "                         unsent bytes at which reading stops, goes on, and the\n"
    "                         connection is aborted (default 64K:16K:1M)\n"
    "      --grace SEC        time for busy connections when told to end (default 10)\n"
    "      --backlog N        connections that may queue (default 4096)\n"
    "      --stats SEC        log the counters every SEC seconds\n"
    "      --log-level LEVEL  error, warning, info (default) or debug\n"
    "      --log-format FMT   text (default) or json\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n"
    "Sizes take K, M or G; times us, ms, s, m or h (plain numbers are seconds); both may have\n"
    "fractions.\n"
    "\n"
    "Exit status: 0 after a drain; 1 when it could not start, or a second signal ended it\n"
    "at once; 2 for a mistake in the options.\n";

/* --- values --- */

#define LEAST_MEMORY (UINT64_C(1) << 20)
#define MOST_MEMORY  (UINT64_C(1) << 60)

static int parse_count(const char *name, const char *text, uint64_t min, uint64_t max,
                       uint64_t *count, const yodel_complaint *c)
{
    if (yodel_parse_count(text, min, max, count) < 0) {
        return yodel_complain(c, "--%s '%s' is not a whole number from %llu to %llu", name, text,
                              (unsigned long long)min, (unsigned long long)max);
    }
    return 0;
}

static int complain_of_size(const char *name, const char *text, const yodel_complaint *c)
{
    return yodel_complain(c, "--%s '%s' is not a size like 65536, 64K or 1.5M", name, text);
}

static int parse_size(const char *name, const char *text, uint64_t min, uint64_t max,
                      uint32_t *bytes, const yodel_complaint *c)
{
    uint64_t value;
    int code = yodel_parse_size(text, &value);
    if (code == -EINVAL) {
        return complain_of_size(name, text, c);
    }
    if (code < 0 || value < min || value > max) {
        return yodel_complain(c, "--%s '%s' is not from %llu to %llu bytes", name, text,
                              (unsigned long long)min, (unsigned long long)max);
    }
    *bytes = (uint32_t)value;
    return 0;
}

/* 0, or enough to be worth it: who gives less has forgotten the unit. */
static int parse_memory(const char *name, const char *text, uint64_t *bytes,
                        const yodel_complaint *c)
{
    uint64_t value;
    int code = yodel_parse_size(text, &value);
    if (code == -EINVAL) {
        return complain_of_size(name, text, c);
    }
    if (code < 0 || (value != 0 && value < LEAST_MEMORY) || value > MOST_MEMORY) {
        return yodel_complain(c, "--%s '%s' is neither 0 nor from %llu to %llu bytes", name, text,
                              (unsigned long long)LEAST_MEMORY, (unsigned long long)MOST_MEMORY);
    }
    *bytes = value;
    return 0;
}

static int parse_duration(const char *name, const char *text, double *seconds,
                          const yodel_complaint *c)
{
    double value;
    int code = yodel_parse_duration(text, &value);
    if (code == -EINVAL) {
        return yodel_complain(c, "--%s '%s' is not a duration like 30, 1.5s, 500ms or 2m", name,
                              text);
    }
    if (code < 0 || value > YODEL_IDLE_MAX_SECONDS) {
        return yodel_complain(c, "--%s '%s' is longer than 24 days", name, text);
    }
    *seconds = value;
    return 0;
}

/* HIGH[:LOW[:HARD]]. hard stays 0 when it is not given: see finish. */
static int parse_write_buffer(const char *text, yodel_write_limits *limits,
                              const yodel_complaint *c)
{
    const char *name = "write-buffer";
    char copy[128];
    if (strlen(text) >= sizeof(copy)) {
        return yodel_complain(c, "--%s '%s' is not HIGH[:LOW[:HARD]]", name, text);
    }
    strcpy(copy, text);
    char *rest = copy;
    const char *high = strsep(&rest, ":");
    const char *low = strsep(&rest, ":");
    const char *hard = rest;

    *limits = (yodel_write_limits){0};
    int code = parse_size(name, high, 1, INT32_MAX, &limits->high, c);
    limits->low = limits->high / 4;
    if (code == 0 && low != NULL) {
        code = parse_size(name, low, 0, INT32_MAX, &limits->low, c);
    }
    if (code == 0 && hard != NULL) {
        code = parse_size(name, hard, 1, INT32_MAX, &limits->hard, c);
    }
    if (code == 0 && limits->low > limits->high) {
        code = yodel_complain(c, "--%s '%s': the low mark is above the high one", name, text);
    }
    return code;
}

/* --- options --- */

enum {
    OPTION_ACCEPT = 256,
    OPTION_PIN,
    OPTION_MAX_LINE,
    OPTION_IDLE_TIMEOUT,
    OPTION_WRITE_TIMEOUT,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_MEMORY,
    OPTION_WRITE_BUFFER,
    OPTION_GRACE,
    OPTION_BACKLOG,
    OPTION_STATS,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"threads", required_argument, NULL, 't'},
    {"protocol", required_argument, NULL, 'P'},
    {"accept", required_argument, NULL, OPTION_ACCEPT},
    {"pin", no_argument, NULL, OPTION_PIN},
    {"max-line", required_argument, NULL, OPTION_MAX_LINE},
    {"idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT},
    {"write-timeout", required_argument, NULL, OPTION_WRITE_TIMEOUT},
    {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
    {"max-memory", required_argument, NULL, OPTION_MAX_MEMORY},
    {"write-buffer", required_argument, NULL, OPTION_WRITE_BUFFER},
    {"grace", required_argument, NULL, OPTION_GRACE},
    {"backlog", required_argument, NULL, OPTION_BACKLOG},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int set_protocol(yodel_server_options *o, const char *name, const yodel_complaint *c)
{
    size_t count;
    const yodel_protocol_entry *entries = yodel_protocol_entries(&count);
    if (strcmp(name, "help") == 0) {
        o->action = YODEL_SERVER_PROTOCOLS;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, entries[i].name) == 0) {
            o->protocol = name;
            return 0;
        }
    }
    return yodel_complain(c, "--protocol '%s' is unknown; '--protocol help' lists them", name);
}

static int add_host(yodel_server_options *o, const char *host, const yodel_complaint *c)
{
    if (host[0] == '\0') {
        return yodel_complain(c, "--host is empty");
    }
    if (o->server.host_count == YODEL_MAX_HOSTS) {
        return yodel_complain(c, "--host '%s': more than %d hosts", host, YODEL_MAX_HOSTS);
    }
    o->hosts[o->server.host_count++] = host;
    return 0;
}

static int set_accept(yodel_server_options *o, const char *text, const yodel_complaint *c)
{
    if (strcmp(text, "handoff") == 0) {
        o->server.accept = YODEL_ACCEPT_HANDOFF;
    } else if (strcmp(text, "reuseport") == 0) {
        o->server.accept = YODEL_ACCEPT_REUSEPORT;
    } else {
        return yodel_complain(c, "--accept '%s' is neither handoff nor reuseport", text);
    }
    return 0;
}

static int set_option(yodel_server_options *o, int option, const char *value,
                      const yodel_complaint *c)
{
    yodel_server_config *server = &o->server;
    uint64_t count = 0;
    int code = 0;
    switch (option) {
    case 'H':
        return add_host(o, value, c);
    case 'p':
        server->port = value;
        return parse_count("port", value, 0, UINT16_MAX, &count, c);
    case 't':
        code = parse_count("threads", value, 1, YODEL_MAX_THREADS, &count, c);
        server->threads = (unsigned)count;
        return code;
    case 'P':
        return set_protocol(o, value, c);
    case OPTION_ACCEPT:
        return set_accept(o, value, c);
    case OPTION_PIN:
        server->pin = true;
        return 0;
    case OPTION_MAX_LINE:
        return parse_size("max-line", value, 1, 1 << 30, &o->max_line, c);
    case OPTION_IDLE_TIMEOUT:
        return parse_duration("idle-timeout", value, &server->idle_timeout, c);
    case OPTION_WRITE_TIMEOUT:
        return parse_duration("write-timeout", value, &server->write_timeout, c);
    case OPTION_MAX_CONNECTIONS:
        code = parse_count("max-connections", value, 1, INT32_MAX, &count, c);
        server->max_connections = (size_t)count;
        return code;
    case OPTION_MAX_MEMORY:
        return parse_memory("max-memory", value, &server->max_memory, c);
    case OPTION_WRITE_BUFFER:
        return parse_write_buffer(value, &server->write_limits, c);
    case OPTION_GRACE:
        return parse_duration("grace", value, &o->grace, c);
    case OPTION_BACKLOG:
        code = parse_count("backlog", value, 1, INT32_MAX, &count, c);
        server->backlog = (int)count;
        return code;
    case OPTION_STATS:
        code = parse_duration("stats", value, &o->stats, c);
        return code == 0 && o->stats <= 0 ? yodel_complain(c, "--stats must be above 0") : code;
    case OPTION_LOG_LEVEL:
        return yodel_log_level_parse(value, &o->log_level) < 0
                   ? yodel_complain(c, "--log-level '%s' is none of error, warning, info, debug",
                                    value)
                   : 0;
    case OPTION_LOG_FORMAT:
        return yodel_log_format_parse(value, &o->log_format) < 0
                   ? yodel_complain(c, "--log-format '%s' is neither text nor json", value)
                   : 0;
    case 'h':
        o->action = YODEL_SERVER_HELP;
        return 0;
    default:
        o->action = YODEL_SERVER_VERSION;
        return 0;
    }
}

/* What a turn can add above the high mark before the writer notices: a receive buffer full of
 * answers and one line more. A hard cap below that would abort clients that did nothing wrong. */
#define TURN_ALLOWANCE UINT64_C(131072)
#define DEFAULT_HARD   UINT32_C(1048576)

static int check_write_buffer(yodel_server_options *o, const yodel_complaint *c)
{
    yodel_write_limits *limits = &o->server.write_limits;
    uint64_t least = limits->high + (uint64_t)o->max_line + TURN_ALLOWANCE;
    if (limits->hard == 0) {
        limits->hard = least > DEFAULT_HARD ? (uint32_t)least : DEFAULT_HARD;
    }
    if (limits->hard < least) {
        return yodel_complain(
            c,
            "--write-buffer: a hard cap of %u is too low for a high mark of %u and "
            "lines of %u bytes; it has to be %llu or more",
            limits->hard, limits->high, o->max_line, (unsigned long long)least);
    }
    return 0;
}

int yodel_server_options_parse(yodel_server_options *o, int argc, char *argv[], char *message,
                               size_t size)
{
    const yodel_complaint c = {message, size};
    *o = (yodel_server_options){
        .protocol = "chat",
        .max_line = 65536,
        .grace = 10.0,
        .log_level = YODEL_LOG_INFO,
        .log_format = YODEL_LOG_TEXT,
    };
    yodel_server_config_init(&o->server);
    o->server.hosts = NULL;
    o->server.host_count = 0;
    o->server.write_limits.hard = 0;

    optind = 0; /* glibc: start anew */
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":H:p:t:P:hV", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':' ? yodel_option_error(option, argv, &c)
                                                  : set_option(o, option, optarg, &c);
        if (code < 0 || o->action != YODEL_SERVER_SERVE) {
            return code;
        }
    }
    if (optind < argc) {
        return yodel_complain(&c, "unexpected argument '%s'", argv[optind]);
    }
    if (o->server.host_count > 0) {
        o->server.hosts = o->hosts;
    }
    return check_write_buffer(o, &c);
}
