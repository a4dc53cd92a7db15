#include "server/options.h"

#include "proto/registry.h"
#include "server/option_values.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_ACCEPT = 256,
    OPTION_UNIX_MODE,
    OPTION_UNIX_OWNER,
    OPTION_USER,
    OPTION_PIN,
    OPTION_MAX_LINE,
    OPTION_IDLE_TIMEOUT,
    OPTION_WRITE_TIMEOUT,
    OPTION_MAX_CONNECTIONS,
    OPTION_MAX_PER_IP,
    OPTION_CONNECT_RATE_PER_IP,
    OPTION_PROXY_PROTOCOL,
    OPTION_TRUSTED,
    OPTION_MAX_MEMORY,
    OPTION_WRITE_BUFFER,
    OPTION_GRACE,
    OPTION_DRAIN_DELAY,
    OPTION_UPGRADE_TIMEOUT,
    OPTION_BACKLOG,
    OPTION_STATS,
    OPTION_ADMIN,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"unix-mode", required_argument, NULL, OPTION_UNIX_MODE},
    {"unix-owner", required_argument, NULL, OPTION_UNIX_OWNER},
    {"user", required_argument, NULL, OPTION_USER},
    {"threads", required_argument, NULL, 't'},
    {"protocol", required_argument, NULL, 'P'},
    {"accept", required_argument, NULL, OPTION_ACCEPT},
    {"pin", no_argument, NULL, OPTION_PIN},
    {"max-line", required_argument, NULL, OPTION_MAX_LINE},
    {"idle-timeout", required_argument, NULL, OPTION_IDLE_TIMEOUT},
    {"write-timeout", required_argument, NULL, OPTION_WRITE_TIMEOUT},
    {"max-connections", required_argument, NULL, OPTION_MAX_CONNECTIONS},
    {"max-per-ip", required_argument, NULL, OPTION_MAX_PER_IP},
    {"connect-rate-per-ip", required_argument, NULL, OPTION_CONNECT_RATE_PER_IP},
    {"proxy-protocol", no_argument, NULL, OPTION_PROXY_PROTOCOL},
    {"trusted", required_argument, NULL, OPTION_TRUSTED},
    {"max-memory", required_argument, NULL, OPTION_MAX_MEMORY},
    {"write-buffer", required_argument, NULL, OPTION_WRITE_BUFFER},
    {"grace", required_argument, NULL, OPTION_GRACE},
    {"drain-delay", required_argument, NULL, OPTION_DRAIN_DELAY},
    {"upgrade-timeout", required_argument, NULL, OPTION_UPGRADE_TIMEOUT},
    {"backlog", required_argument, NULL, OPTION_BACKLOG},
    {"stats", required_argument, NULL, OPTION_STATS},
    {"admin", required_argument, NULL, OPTION_ADMIN},
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
    if (yodel_address_host_has_port(host)) {
        return yodel_complain(c, "--host '%s': the port goes into --port", host);
    }
    if (strcmp(host, "unix:") == 0) {
        return yodel_complain(c, "--host 'unix:' has no path");
    }
    o->hosts[o->server.host_count++] = host;
    return 0;
}

static int add_trusted(yodel_server_options *o, const char *text, const yodel_complaint *c)
{
    if (o->trusted_count == YODEL_MAX_TRUSTED) {
        return yodel_complain(c, "--trusted '%s': more than %d networks", text, YODEL_MAX_TRUSTED);
    }
    int code = yodel_server_parse_network("trusted", text, &o->trusted[o->trusted_count], c);
    o->trusted_count += code == 0;
    return code;
}

/* Nobody is trusted by default: whose word about the client's address counts has to be said. */
static int check_proxy(const yodel_server_options *o, const yodel_complaint *c)
{
    if (o->proxy_protocol && o->trusted_count == 0) {
        return yodel_complain(c, "--proxy-protocol needs --trusted CIDR: the proxies' addresses");
    }
    if (!o->proxy_protocol && o->trusted_count > 0) {
        return yodel_complain(c, "--trusted means nothing without --proxy-protocol");
    }
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

static int set_unix_owner(yodel_server_options *o, const char *text, const yodel_complaint *c)
{
    yodel_user owner;
    int code = yodel_user_parse("unix-owner", text, &owner, c);
    if (code == 0) {
        o->server.socket_access.user = owner.uid;
        o->server.socket_access.group = owner.gid;
    }
    return code;
}

static bool has_unix_host(const yodel_server_options *o)
{
    for (size_t i = 0; i < o->server.host_count; i++) {
        if (yodel_address_host_is_unix(o->hosts[i])) {
            return true;
        }
    }
    return false;
}

/* Files that root makes for a server which will not be root are that server's. */
static void own_files(yodel_server_options *o)
{
    yodel_socket_access *access = &o->server.socket_access;
    if (o->user.text != NULL && access->user == (uid_t)-1) {
        access->user = o->user.uid;
        access->group = o->user.gid;
    }
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
        return yodel_server_parse_count("port", value, 0, UINT16_MAX, &count, c);
    case OPTION_UNIX_MODE:
        return yodel_server_parse_mode("unix-mode", value, &server->socket_access.mode, c);
    case OPTION_UNIX_OWNER:
        return set_unix_owner(o, value, c);
    case OPTION_USER:
        return yodel_user_parse("user", value, &o->user, c);
    case 't':
        code = yodel_server_parse_count("threads", value, 1, YODEL_MAX_THREADS, &count, c);
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
        return yodel_server_parse_size("max-line", value, 1, 1 << 30, &o->max_line, c);
    case OPTION_IDLE_TIMEOUT:
        return yodel_server_parse_duration("idle-timeout", value, &server->idle_timeout, c);
    case OPTION_WRITE_TIMEOUT:
        return yodel_server_parse_duration("write-timeout", value, &server->write_timeout, c);
    case OPTION_MAX_CONNECTIONS:
        code = yodel_server_parse_count("max-connections", value, 1, INT32_MAX, &count, c);
        server->max_connections = (size_t)count;
        return code;
    case OPTION_MAX_PER_IP:
        code = yodel_server_parse_count("max-per-ip", value, 1, INT32_MAX, &count, c);
        server->max_per_ip = (size_t)count;
        return code;
    case OPTION_CONNECT_RATE_PER_IP:
        return yodel_server_parse_rate("connect-rate-per-ip", value, &server->connect_rate_per_ip,
                                       c);
    case OPTION_PROXY_PROTOCOL:
        o->proxy_protocol = true;
        return 0;
    case OPTION_TRUSTED:
        return add_trusted(o, value, c);
    case OPTION_MAX_MEMORY:
        return yodel_server_parse_memory("max-memory", value, &server->max_memory, c);
    case OPTION_WRITE_BUFFER:
        return yodel_server_parse_write_buffer(value, &server->write_limits, c);
    case OPTION_GRACE:
        return yodel_server_parse_duration("grace", value, &o->grace, c);
    case OPTION_DRAIN_DELAY:
        return yodel_server_parse_duration("drain-delay", value, &o->drain_delay, c);
    case OPTION_UPGRADE_TIMEOUT:
        code = yodel_server_parse_duration("upgrade-timeout", value, &o->upgrade_timeout, c);
        return code == 0 && o->upgrade_timeout <= 0
                   ? yodel_complain(c, "--upgrade-timeout must be above 0")
                   : code;
    case OPTION_BACKLOG:
        code = yodel_server_parse_count("backlog", value, 1, INT32_MAX, &count, c);
        server->backlog = (int)count;
        return code;
    case OPTION_STATS:
        code = yodel_server_parse_duration("stats", value, &o->stats, c);
        return code == 0 && o->stats <= 0 ? yodel_complain(c, "--stats must be above 0") : code;
    case OPTION_ADMIN:
        o->admin = true;
        return yodel_endpoint_parse("admin", value, &o->admin_endpoint, c);
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
        .upgrade_timeout = 60.0,
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
    const char *of_files = NULL; /* an option that is about sockets' files */
    while ((option = getopt_long(argc, argv, ":H:p:t:P:hV", long_options, NULL)) != -1) {
        int code = option == '?' || option == ':'
                       ? yodel_option_error(option, argv, long_options, &c)
                       : set_option(o, option, optarg, &c);
        if (code < 0 || o->action != YODEL_SERVER_SERVE) {
            return code;
        }
        of_files = option == OPTION_UNIX_MODE    ? "unix-mode"
                   : option == OPTION_UNIX_OWNER ? "unix-owner"
                                                 : of_files;
    }
    if (optind < argc) {
        return yodel_complain(&c, "unexpected argument '%s'", argv[optind]);
    }
    if (o->server.host_count > 0) {
        o->server.hosts = o->hosts;
    }
    own_files(o);
    int code = check_proxy(o, &c);
    if (code == 0 && of_files != NULL && !has_unix_host(o)) {
        code = yodel_complain(&c, "--%s means nothing without --host unix:PATH", of_files);
    }
    return code == 0 ? check_write_buffer(o, &c) : code;
}
