#include "client/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>

#include "core/address.h"
#include "core/option_error.h"
#include "core/units.h"

const char yodel_client_help[] =
    "Usage: yodel-client [options] [HOST [PORT]]\n"
    "\n"
    "Talks to a line server: sends each line of input with CRLF behind it and prints what\n"
    "comes back. End of input (Ctrl-D) ends it once everything was answered.\n"
    "\n"
    "  -H, --host HOST    name or address of the server (default localhost); every address\n"
    "                     of a name is tried; unix:/PATH or unix:@NAME: a unix-domain\n"
    "                     socket, which has no port\n"
    "  -p, --port PORT    1 to 65535 (default 8007)\n"
    "      --raw          what the server sends goes to a terminal untouched; without this\n"
    "                     control characters and invalid UTF-8 are shown as text (^[, \\x9b,\n"
    "                     <U+202E>); pipes and files always get the bytes themselves\n"
    "      --timeout SEC  for connecting to each address and, after the end of input, for\n"
    "                     silence while answers are missing (default 30; 500ms, 2m; 0 never)\n"
    "  -h, --help         this text\n"
    "  -V, --version      the version and the commit it was built from\n"
    "\n"
    "Exit status: 0 when everything sent was answered, or the line \".\" ended it; 1 when the\n"
    "connection failed or ended early; 2 for a mistake in the options.\n";

enum { OPTION_RAW = 256, OPTION_TIMEOUT };

static const struct option long_options[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static int check_host(const char *text, const yodel_complaint *c)
{
    if (text[0] == '\0') {
        return yodel_complain(c, "the host is empty");
    }
    if (yodel_address_host_has_port(text)) {
        return yodel_complain(c, "host '%s': the port goes behind a space, or into --port", text);
    }
    return 0;
}

static int check_port(const char *text, const yodel_complaint *c)
{
    uint64_t port;

    if (yodel_parse_count(text, 1, UINT16_MAX, &port) < 0) {
        return yodel_complain(c, "port '%s' is not a number from 1 to 65535", text);
    }
    return 0;
}

static int parse_timeout(const char *text, double *seconds, const yodel_complaint *c)
{
    int error = yodel_parse_duration(text, seconds);

    if (error == -ERANGE) {
        return yodel_complain(c, "--timeout '%s' is too long", text);
    }
    if (error < 0) {
        return yodel_complain(c, "--timeout '%s' is not a duration like 30, 1.5s, 500ms or 2m",
                              text);
    }
    return 0;
}

/* What is left of argv: [HOST [PORT]]. */
static int parse_operands(yodel_client_options *o, char *operands[], int count,
                          const yodel_complaint *c)
{
    if (count > 2) {
        return yodel_complain(c, "unexpected argument '%s'", operands[2]);
    }
    if (count > 0 && o->host != NULL) {
        return yodel_complain(c, "the host is given twice: --host '%s' and '%s'", o->host,
                              operands[0]);
    }
    if (count > 1 && o->port != NULL) {
        return yodel_complain(c, "the port is given twice: --port '%s' and '%s'", o->port,
                              operands[1]);
    }
    if (count > 0) {
        o->host = operands[0];
    }
    if (count > 1) {
        o->port = operands[1];
    }
    return 0;
}

static int parse(yodel_client_options *o, int argc, char *argv[], const yodel_complaint *c)
{
    int option, error = 0;

    optind = 0; /* start afresh, also after an earlier parse (GNU) */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":H:p:hV", long_options, NULL)) != -1) {
        switch (option) {
        case 'H':
            o->host = optarg;
            break;
        case 'p':
            o->port = optarg;
            break;
        case OPTION_RAW:
            o->raw = true;
            break;
        case OPTION_TIMEOUT:
            error = parse_timeout(optarg, &o->timeout, c);
            break;
        case 'h':
            o->action = YODEL_CLIENT_HELP;
            return 0;
        case 'V':
            o->action = YODEL_CLIENT_VERSION;
            return 0;
        default:
            error = yodel_option_error(option, argv, long_options, c);
            break;
        }
        if (error < 0) {
            return error;
        }
    }
    return parse_operands(o, argv + optind, argc - optind, c);
}

int yodel_client_options_parse(yodel_client_options *options, int argc, char *argv[], char *message,
                               size_t size)
{
    yodel_client_options o = {.action = YODEL_CLIENT_TALK, .timeout = 30};
    const yodel_complaint c = {message, size};
    int error = parse(&o, argc, argv, &c);

    if (error < 0) {
        return error;
    }
    o.host = o.host != NULL ? o.host : "localhost";
    if (o.port != NULL && yodel_address_host_is_unix(o.host)) {
        return yodel_complain(&c, "'%s' has no port", o.host);
    }
    o.port = o.port != NULL ? o.port : "8007";
    error = check_host(o.host, &c);
    if (error == 0) {
        error = check_port(o.port, &c);
    }
    if (error < 0) {
        return error;
    }
    *options = o;
    return 0;
}
