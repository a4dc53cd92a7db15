/*
 * The command line of yodel-client: what each spelling means, and that every mistake is named.
 */
#include "client/options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST = 8 };

typedef struct command_line {
    const char *argv[MOST]; /* without the program's name */
} command_line;

static int parse(const command_line *line, yodel_client_options *options, char *message,
                 size_t size)
{
    char *argv[MOST + 2] = {(char *)(uintptr_t) "yodel-client"};
    int argc = 1;

    for (size_t i = 0; i < MOST && line->argv[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)line->argv[i];
    }
    return yodel_client_options_parse(options, argc, argv, message, size);
}

typedef struct good {
    command_line line;
    const char *host, *port;
    double timeout;
    bool raw;
} good;

static const good good_lines[] = {
    {{{0}}, "localhost", "8007", 30, false},
    {{{"-H", "example.org"}}, "example.org", "8007", 30, false},
    {{{"--host=example.org", "--port=25"}}, "example.org", "25", 30, false},
    {{{"-Hh", "-p79"}}, "h", "79", 30, false},
    {{{"h"}}, "h", "8007", 30, false},
    {{{"h", "79"}}, "h", "79", 30, false},
    {{{"::1", "79"}}, "::1", "79", 30, false},
    {{{"h", "-p", "79"}}, "h", "79", 30, false},
    {{{"h", "--raw", "79", "--timeout", "0"}}, "h", "79", 0, true},
    {{{"--timeout", "2m", "h"}}, "h", "8007", 120, false},
    {{{"--timeout=250ms"}}, "localhost", "8007", 0.25, false},
    {{{"-p", "1", "-p", "65535"}}, "localhost", "65535", 30, false}, /* as in an alias */
    {{{"unix:/run/yodel.sock"}}, "unix:/run/yodel.sock", "8007", 30, false},
    {{{"--", "-h", "79"}}, "-h", "79", 30, false},
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_lines / sizeof *good_lines; i++) {
        const good *g = &good_lines[i];
        yodel_client_options o;
        char message[200] = "";

        if (parse(&g->line, &o, message, sizeof message) != 0) {
            fail_msg("line %zu: %s", i, message);
        }
        assert_int_equal(o.action, YODEL_CLIENT_TALK);
        assert_string_equal(o.host, g->host);
        assert_string_equal(o.port, g->port);
        assert_true(o.timeout == g->timeout);
        assert_int_equal(o.raw, g->raw);
    }
}

typedef struct bad {
    command_line line;
    const char *message;
} bad;

static const bad bad_lines[] = {
    {{{"--bogus"}}, "unknown option '--bogus'"},
    {{{"h", "--bogus=1", "79"}}, "unknown option '--bogus=1'"},
    {{{"-x"}}, "unknown option '-x'"},
    {{{"-p"}}, "option '-p' needs a value"},
    {{{"--port"}}, "option '--port' needs a value"},
    {{{"--timeout"}}, "option '--timeout' needs a value"},
    {{{"--raw=yes"}}, "option '--raw=yes' takes no value"},
    {{{"--help=yes"}}, "option '--help=yes' takes no value"},
    {{{"-p", "0"}}, "port '0' is not a number from 1 to 65535"},
    {{{"-p", "65536"}}, "port '65536' is not a number from 1 to 65535"},
    {{{"h", "smtp"}}, "port 'smtp' is not a number from 1 to 65535"},
    {{{"h", ""}}, "port '' is not a number from 1 to 65535"},
    {{{"-p", "-1"}}, "port '-1' is not a number from 1 to 65535"},
    {{{""}}, "the host is empty"},
    {{{"--host="}}, "the host is empty"},
    {{{"localhost:8007"}}, "host 'localhost:8007': the port goes behind a space, or into --port"},
    {{{"-H", "[::1]:7"}}, "host '[::1]:7': the port goes behind a space, or into --port"},
    {{{"-H", "x", "y"}}, "the host is given twice: --host 'x' and 'y'"},
    {{{"-p", "1", "x", "2"}}, "the port is given twice: --port '1' and '2'"},
    {{{"unix:/x", "8007"}}, "'unix:/x' has no port"},
    {{{"-H", "unix:/x", "-p", "1"}}, "'unix:/x' has no port"},
    {{{"x", "2", "3"}}, "unexpected argument '3'"},
    {{{"--timeout", "soon"}}, "--timeout 'soon' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--timeout=-1"}}, "--timeout '-1' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--timeout="}}, "--timeout '' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--timeout", "99999999999h"}}, "--timeout '99999999999h' is too long"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        yodel_client_options o, before;
        char message[200] = "";

        memset(&o, 0x55, sizeof o);
        memcpy(&before, &o, sizeof o);
        assert_int_equal(parse(&bad_lines[i].line, &o, message, sizeof message), -EINVAL);
        assert_string_equal(message, bad_lines[i].message);
        assert_memory_equal(&o, &before, sizeof o);
    }
}

/* An argument of any length: the message is cut, not the memory behind it. */
static void test_long_value(void **state)
{
    (void)state;
    command_line line = {{"--port", "1234567890123456789012345678901234567890"}};
    yodel_client_options o;
    char message[20];

    assert_int_equal(parse(&line, &o, message, sizeof message), -EINVAL);
    assert_string_equal(message, "port '1234567890123");
}

static yodel_client_action action_of(const char *a, const char *b)
{
    command_line line = {{a, b}};
    yodel_client_options o;
    char message[200] = "";

    assert_int_equal(parse(&line, &o, message, sizeof message), 0);
    return o.action;
}

static void test_help_and_version(void **state)
{
    (void)state;
    assert_int_equal(action_of("-h", NULL), YODEL_CLIENT_HELP);
    assert_int_equal(action_of("--help", NULL), YODEL_CLIENT_HELP);
    assert_int_equal(action_of("-V", NULL), YODEL_CLIENT_VERSION);
    assert_int_equal(action_of("--version", "--bogus"), YODEL_CLIENT_VERSION);
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    const char *names[] = {"-H, --host",   "-p, --port",       "--raw",     "--timeout",
                           "-h, --help",   "-V, --version",    "localhost", "8007",
                           "HOST [PORT]]", "default 30; 500ms"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(yodel_client_help, names[i]) == NULL) {
            fail_msg("no \"%s\" in the help", names[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_value),
        cmocka_unit_test(test_help_and_version),
        cmocka_unit_test(test_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
