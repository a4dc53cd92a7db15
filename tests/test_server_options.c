/*
 * The command line of yodel-server: what each spelling means, and that every mistake is named.
 */
#include "server/options.h"

#include "core/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST = 8 };

typedef struct command_line {
    const char *argv[MOST]; /* without the program's name */
} command_line;

static int parse(const command_line *line, yodel_server_options *options, char *message,
                 size_t size)
{
    char *argv[MOST + 2] = {(char *)(uintptr_t) "yodel-server"};
    int argc = 1;
    for (size_t i = 0; i < MOST && line->argv[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)line->argv[i];
    }
    return yodel_server_options_parse(options, argc, argv, message, size);
}

static yodel_server_options parse_good(const command_line *line)
{
    yodel_server_options o;
    char message[256] = "";
    if (parse(line, &o, message, sizeof message) != 0) {
        fail_msg("%s %s: %s", line->argv[0], line->argv[1] != NULL ? line->argv[1] : "", message);
    }
    return o;
}

#define GOOD(...) parse_good(&(command_line){{__VA_ARGS__}})

static void test_defaults(void **state)
{
    (void)state;
    yodel_server_options o = GOOD(NULL);
    assert_int_equal(o.action, YODEL_SERVER_SERVE);
    assert_string_equal(o.server.port, "8007");
    assert_null(o.server.hosts); /* localhost */
    assert_int_equal(o.server.host_count, 0);
    assert_int_equal(o.server.threads, 0); /* a worker per core */
    assert_string_equal(o.protocol, "chat");
    assert_int_equal(o.server.accept, YODEL_ACCEPT_HANDOFF);
    assert_false(o.server.pin);
    assert_int_equal(o.max_line, 65536);
    assert_true(o.server.idle_timeout == 30.0);
    assert_true(o.server.write_timeout == 30.0);
    assert_int_equal(o.server.max_connections, 0); /* as the fd limit has it */
    assert_int_equal(o.server.write_limits.high, 65536);
    assert_int_equal(o.server.write_limits.low, 16384);
    assert_int_equal(o.server.write_limits.hard, 1048576);
    assert_true(o.grace == 10.0);
    assert_true(o.drain_delay == 0.0);
    assert_true(o.upgrade_timeout == 60.0);
    assert_int_equal(o.server.backlog, 4096);
    assert_int_equal(o.server.max_memory, yodel_memory_usable() / 4);
    assert_true(o.stats == 0.0);
    assert_false(o.admin);
    assert_int_equal(o.log_level, YODEL_LOG_INFO);
    assert_int_equal(o.log_format, YODEL_LOG_TEXT);
}

static void test_hosts(void **state)
{
    (void)state;
    char *argv[] = {(char *)(uintptr_t) "yodel-server",  (char *)(uintptr_t) "-H",
                    (char *)(uintptr_t) "::1",           (char *)(uintptr_t) "--host=127.0.0.1",
                    (char *)(uintptr_t) "-Hexample.org", NULL};
    yodel_server_options o;
    char message[256];
    assert_int_equal(yodel_server_options_parse(&o, 5, argv, message, sizeof message), 0);
    assert_int_equal(o.server.host_count, 3);
    assert_ptr_equal(o.server.hosts, o.hosts);
    assert_string_equal(o.hosts[0], "::1");
    assert_string_equal(o.hosts[1], "127.0.0.1");
    assert_string_equal(o.hosts[2], "example.org");
}

static void test_most_hosts(void **state)
{
    (void)state;
    char *argv[2 * YODEL_MAX_HOSTS + 4] = {(char *)(uintptr_t) "yodel-server"};
    int argc = 1;
    yodel_server_options o;
    char message[256];
    for (int i = 0; i < YODEL_MAX_HOSTS; i++) {
        argv[argc++] = (char *)(uintptr_t) "-H";
        argv[argc++] = (char *)(uintptr_t) "h";
    }
    assert_int_equal(yodel_server_options_parse(&o, argc, argv, message, sizeof message), 0);
    assert_int_equal(o.server.host_count, YODEL_MAX_HOSTS);
    argv[argc++] = (char *)(uintptr_t) "-H";
    argv[argc++] = (char *)(uintptr_t) "one more";
    assert_int_equal(yodel_server_options_parse(&o, argc, argv, message, sizeof message), -EINVAL);
    assert_string_equal(message, "--host 'one more': more than 64 hosts");
}

/* Whose a unix-domain socket's file is: who is named, or else who the server runs as. */
static void test_users(void **state)
{
    (void)state;
    yodel_server_options o = GOOD("-H", "unix:/run/yodel.sock");
    assert_null(o.user.text);
    assert_int_equal(o.server.socket_access.mode, 0660);
    assert_int_equal(o.server.socket_access.user, (uid_t)-1);
    assert_int_equal(o.server.socket_access.group, (gid_t)-1);
    o = GOOD("--user", "4711:4712");
    assert_string_equal(o.user.text, "4711:4712");
    assert_int_equal(o.user.uid, 4711);
    assert_int_equal(o.user.gid, 4712);
    assert_int_equal(o.server.socket_access.user, 4711);
    assert_int_equal(o.server.socket_access.group, 4712);
    o = GOOD("--unix-owner", "1:2", "--user", "3:4", "--unix-mode", "606", "-H", "unix:x");
    assert_int_equal(o.user.uid, 3);
    assert_int_equal(o.server.socket_access.user, 1);
    assert_int_equal(o.server.socket_access.group, 2);
    assert_int_equal(o.server.socket_access.mode, 0606);
    assert_int_equal(GOOD("--unix-mode", "0", "-H", "unix:x").server.socket_access.mode, 0);
    assert_int_equal(GOOD("--unix-mode", "0777", "-H", "unix:x").server.socket_access.mode, 0777);
}

static void test_values(void **state)
{
    (void)state;
    assert_string_equal(GOOD("-p", "0").server.port, "0");
    assert_string_equal(GOOD("--port=65535").server.port, "65535");
    assert_string_equal(GOOD("-p1", "-p2").server.port, "2"); /* as in an alias */
    assert_int_equal(GOOD("-t", "1").server.threads, 1);
    assert_int_equal(GOOD("--threads=1024").server.threads, 1024);
    assert_string_equal(GOOD("-P", "raw").protocol, "raw");
    assert_string_equal(GOOD("--protocol", "dump").protocol, "dump");
    assert_string_equal(GOOD("-Pstream").protocol, "stream");
    assert_int_equal(GOOD("--accept", "reuseport").server.accept, YODEL_ACCEPT_REUSEPORT);
    assert_int_equal(GOOD("--accept=reuseport", "--accept=handoff").server.accept,
                     YODEL_ACCEPT_HANDOFF);
    assert_true(GOOD("--pin").server.pin);
    assert_int_equal(GOOD("--max-line", "1").max_line, 1);
    assert_int_equal(GOOD("--max-line", "1.5k").max_line, 1536);
    assert_int_equal(GOOD("--max-line", "1G").max_line, 1 << 30);
    assert_true(GOOD("--idle-timeout", "0").server.idle_timeout == 0);
    assert_true(GOOD("--idle-timeout", "1.5").server.idle_timeout == 1.5);
    assert_true(GOOD("--idle-timeout=2m").server.idle_timeout == 120);
    assert_true(GOOD("--idle-timeout=576h").server.idle_timeout == 24 * 86400);
    assert_true(GOOD("--write-timeout", "250ms").server.write_timeout == 0.25);
    assert_int_equal(GOOD("--max-connections", "1").server.max_connections, 1);
    assert_int_equal(GOOD("--max-connections", "2147483647").server.max_connections, INT32_MAX);
    assert_int_equal(GOOD("--max-memory", "0").server.max_memory, 0);
    assert_int_equal(GOOD("--max-memory", "1M").server.max_memory, 1 << 20);
    assert_int_equal(GOOD("--max-memory", "1.5G").server.max_memory, 3 << 29);
    assert_int_equal(GOOD("--max-memory", "1073741824G").server.max_memory, UINT64_C(1) << 60);
    assert_true(GOOD("--grace", "0").grace == 0);
    assert_true(GOOD("--grace", "0.5").grace == 0.5);
    assert_true(GOOD("--drain-delay", "5").drain_delay == 5);
    assert_true(GOOD("--drain-delay", "0").drain_delay == 0);
    assert_true(GOOD("--upgrade-timeout", "2m").upgrade_timeout == 120);
    assert_int_equal(GOOD("--backlog", "1").server.backlog, 1);
    assert_int_equal(GOOD("--backlog", "2147483647").server.backlog, INT32_MAX);
    assert_true(GOOD("--stats", "10s").stats == 10);
    assert_int_equal(GOOD("--log-level", "error").log_level, YODEL_LOG_ERROR);
    assert_int_equal(GOOD("--log-level", "debug").log_level, YODEL_LOG_DEBUG);
    assert_int_equal(GOOD("--log-format", "json").log_format, YODEL_LOG_JSON);
}

static void test_several(void **state)
{
    (void)state;
    yodel_server_options o = GOOD("-t2", "--pin", "-p", "79", "--grace=1", "-P", "raw");
    assert_int_equal(o.server.threads, 2);
    assert_true(o.server.pin);
    assert_string_equal(o.server.port, "79");
    assert_true(o.grace == 1);
    assert_string_equal(o.protocol, "raw");
}

static void check_limits(const command_line *line, uint32_t high, uint32_t low, uint32_t hard)
{
    yodel_server_options o = parse_good(line);
    yodel_write_limits limits = o.server.write_limits;
    if (limits.high != high || limits.low != low || limits.hard != hard) {
        fail_msg("%s: %u:%u:%u, not %u:%u:%u", line->argv[1], limits.high, limits.low, limits.hard,
                 high, low, hard);
    }
}

#define CHECK_LIMITS(high, low, hard, ...)                                                         \
    check_limits(&(command_line){{__VA_ARGS__}}, high, low, hard)

enum { K = 1024, M = 1024 * 1024 };

static void test_write_buffer(void **state)
{
    (void)state;
    CHECK_LIMITS(32 * K, 8 * K, M, "--write-buffer", "32K");
    CHECK_LIMITS(32 * K, 1000, M, "--write-buffer", "32K:1000");
    CHECK_LIMITS(32 * K, 32 * K, M, "--write-buffer", "32K:32K");
    CHECK_LIMITS(32 * K, 0, M, "--write-buffer", "32K:0");
    CHECK_LIMITS(64 * K, 16 * K, 2 * M, "--write-buffer", "64K:16K:2M");
    CHECK_LIMITS(1, 0, M, "--write-buffer", "1");
    /* Without one of its own, the hard cap makes room for a turn above the high mark. */
    CHECK_LIMITS(M, M / 4, M + 64 * K + 128 * K, "--write-buffer", "1M");
    CHECK_LIMITS(64 * K, 16 * K, 64 * K + 2 * M + 128 * K, "--max-line", "2M");
    CHECK_LIMITS(INT32_MAX, 0, (uint32_t)INT32_MAX + (1U << 30) + 128 * K, "--write-buffer",
                 "2147483647:0", "--max-line", "1G");
    /* The least that is accepted. */
    CHECK_LIMITS(64 * K, 16 * K, 256 * K, "--write-buffer", "64K:16K:256K");
    CHECK_LIMITS(64 * K, 16 * K, 192 * K + 100, "--write-buffer", "64K:16K:196708", "--max-line",
                 "100");
}

typedef struct bad {
    command_line line;
    const char *message;
} bad;

static const bad bad_lines[] = {
    {{{"--bogus"}}, "unknown option '--bogus'"},
    {{{"--bogus=1"}}, "unknown option '--bogus=1'"},
    {{{"-t", "1", "--bogus", "-p", "1"}}, "unknown option '--bogus'"},
    {{{"-x"}}, "unknown option '-x'"},
    {{{"-xyz"}}, "unknown option '-x'"},
    {{{"--max"}},
     "option '--max' is ambiguous: --max-line, --max-connections, --max-per-ip, --max-memory"},
    {{{"-p"}}, "option '-p' needs a value"},
    {{{"-t", "1", "--port"}}, "option '--port' needs a value"},
    {{{"--write-buffer"}}, "option '--write-buffer' needs a value"},
    {{{"--pin=yes"}}, "option '--pin=yes' takes no value"},
    {{{"--help=yes"}}, "option '--help=yes' takes no value"},
    {{{"--version=2"}}, "option '--version=2' takes no value"},
    {{{"extra"}}, "unexpected argument 'extra'"},
    {{{"-t", "1", "extra", "-p", "1"}}, "unexpected argument 'extra'"},
    {{{"--", "-h"}}, "unexpected argument '-h'"},

    {{{"-H", ""}}, "--host is empty"},
    {{{"-H", "localhost:8007"}}, "--host 'localhost:8007': the port goes into --port"},
    {{{"-p", ""}}, "--port '' is not a whole number from 0 to 65535"},
    {{{"-p", "65536"}}, "--port '65536' is not a whole number from 0 to 65535"},
    {{{"-p", "-1"}}, "--port '-1' is not a whole number from 0 to 65535"},
    {{{"-p", "http"}}, "--port 'http' is not a whole number from 0 to 65535"},
    {{{"-p", "80 "}}, "--port '80 ' is not a whole number from 0 to 65535"},
    {{{"-t", "0"}}, "--threads '0' is not a whole number from 1 to 1024"},
    {{{"-t", "1025"}}, "--threads '1025' is not a whole number from 1 to 1024"},
    {{{"-t", "two"}}, "--threads 'two' is not a whole number from 1 to 1024"},
    {{{"-t", "1.5"}}, "--threads '1.5' is not a whole number from 1 to 1024"},
    {{{"-P", "smtp"}}, "--protocol 'smtp' is unknown; '--protocol help' lists them"},
    {{{"-P", ""}}, "--protocol '' is unknown; '--protocol help' lists them"},
    {{{"--accept", "prefork"}}, "--accept 'prefork' is neither handoff nor reuseport"},
    {{{"--max-line", "0"}}, "--max-line '0' is not from 1 to 1073741824 bytes"},
    {{{"--max-line", "1.1G"}}, "--max-line '1.1G' is not from 1 to 1073741824 bytes"},
    {{{"--max-line", "99999999999999999999"}},
     "--max-line '99999999999999999999' is not from 1 to 1073741824 bytes"},
    {{{"--max-line", "64KB"}}, "--max-line '64KB' is not a size like 65536, 64K or 1.5M"},
    {{{"--max-line", "-1"}}, "--max-line '-1' is not a size like 65536, 64K or 1.5M"},
    {{{"--idle-timeout", "-1"}},
     "--idle-timeout '-1' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--idle-timeout", "soon"}},
     "--idle-timeout 'soon' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--idle-timeout", "577h"}}, "--idle-timeout '577h' is longer than 24 days"},
    {{{"--write-timeout", "99999999999h"}},
     "--write-timeout '99999999999h' is longer than 24 days"},
    {{{"--grace", "nan"}}, "--grace 'nan' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--drain-delay", "-1"}}, "--drain-delay '-1' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--upgrade-timeout", "0"}}, "--upgrade-timeout must be above 0"},
    {{{"--upgrade-timeout", "x"}},
     "--upgrade-timeout 'x' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--max-connections", "0"}},
     "--max-connections '0' is not a whole number from 1 to 2147483647"},
    {{{"--max-connections", "1K"}},
     "--max-connections '1K' is not a whole number from 1 to 2147483647"},
    {{{"--max-memory", "all"}}, "--max-memory 'all' is not a size like 65536, 64K or 1.5M"},
    {{{"--max-memory", "512"}},
     "--max-memory '512' is neither 0 nor from 1048576 to 1152921504606846976 bytes"},
    {{{"--max-memory", "1073741825G"}},
     "--max-memory '1073741825G' is neither 0 nor from 1048576 to 1152921504606846976 bytes"},
    {{{"--max-memory", "99999999999999999999"}},
     "--max-memory '99999999999999999999' is neither 0 nor from 1048576 to 1152921504606846976 "
     "bytes"},
    {{{"--unix-mode", "0600", "-H", "localhost"}},
     "--unix-mode means nothing without --host unix:PATH"},
    {{{"--unix-owner", "1"}}, "--unix-owner means nothing without --host unix:PATH"},
    {{{"-H", "unix:"}}, "--host 'unix:' has no path"},
    {{{"--unix-mode", "0888"}}, "--unix-mode '0888' is not an octal mode like 0660"},
    {{{"--unix-mode", "rw"}}, "--unix-mode 'rw' is not an octal mode like 0660"},
    {{{"--unix-mode", "-1"}}, "--unix-mode '-1' is not an octal mode like 0660"},
    {{{"--unix-mode", "1777"}}, "--unix-mode '1777' is not an octal mode like 0660"},
    {{{"--unix-mode", ""}}, "--unix-mode '' is not an octal mode like 0660"},
    {{{"--unix-owner", "no-such-user"}}, "--unix-owner: there is no user 'no-such-user'"},
    {{{"--user", "root:"}}, "--user 'root:' is not USER or USER:GROUP"},
    {{{"--backlog", "0"}}, "--backlog '0' is not a whole number from 1 to 2147483647"},
    {{{"--backlog", "2147483648"}},
     "--backlog '2147483648' is not a whole number from 1 to 2147483647"},
    {{{"--stats", "0"}}, "--stats must be above 0"},
    {{{"--stats", "often"}}, "--stats 'often' is not a duration like 30, 1.5s, 500ms or 2m"},
    {{{"--admin", "9007"}},
     "--admin '9007' is not HOST:PORT like localhost:9007, 127.0.0.1:9007 or [::1]:9007"},
    {{{"--admin", "localhost:http"}},
     "--admin 'localhost:http': the port is not a whole number from 0 to 65535"},
    {{{"--log-level", "loud"}}, "--log-level 'loud' is none of error, warning, info, debug"},
    {{{"--log-format", "xml"}}, "--log-format 'xml' is neither text nor json"},

    {{{"--write-buffer", ""}}, "--write-buffer '' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", "0"}}, "--write-buffer '0' is not from 1 to 2147483647 bytes"},
    {{{"--write-buffer", "2G"}}, "--write-buffer '2G' is not from 1 to 2147483647 bytes"},
    {{{"--write-buffer", "64K:"}}, "--write-buffer '' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", ":16K"}}, "--write-buffer '' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", "64K:x"}}, "--write-buffer 'x' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", "64K:16K:"}}, "--write-buffer '' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", "64K:16K:1M:1"}},
     "--write-buffer '1M:1' is not a size like 65536, 64K or 1.5M"},
    {{{"--write-buffer", "64K:65K"}},
     "--write-buffer '64K:65K': the low mark is above the high one"},
    {{{"--write-buffer", "64K:16K:262143"}},
     "--write-buffer: a hard cap of 262143 is too low for a high mark of 65536 and lines of 65536 "
     "bytes; it has to be 262144 or more"},
    {{{"--write-buffer", "64K:16K:256K", "--max-line", "65537"}},
     "--write-buffer: a hard cap of 262144 is too low for a high mark of 65536 and lines of 65537 "
     "bytes; it has to be 262145 or more"},
};

static void test_bad(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        const command_line *line = &bad_lines[i].line;
        yodel_server_options o;
        char message[256] = "";
        int code = parse(line, &o, message, sizeof message);
        if (code != -EINVAL || strcmp(message, bad_lines[i].message) != 0) {
            print_error("%s %s: %d \"%s\", not \"%s\"\n", line->argv[0],
                        line->argv[1] != NULL ? line->argv[1] : "", code, message,
                        bad_lines[i].message);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* Values of any length: the message is cut, not the memory behind it. */
static void test_long_values(void **state)
{
    (void)state;
    char value[1000];
    memset(value, '1', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    const char *const options[] = {"--port",         "--threads",    "--protocol", "--accept",
                                   "--write-buffer", "--max-line",   "--grace",    "--log-level",
                                   "--log-format",   "--no-such-one"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        command_line line = {{options[i], value}};
        yodel_server_options o;
        char message[20 + 1];
        memset(message, '#', sizeof message);
        assert_int_equal(parse(&line, &o, message, 20), -EINVAL);
        assert_int_equal(strlen(message), 19);
        assert_int_equal(message[20], '#');
    }
}

static void test_actions(void **state)
{
    (void)state;
    assert_int_equal(GOOD("-h").action, YODEL_SERVER_HELP);
    assert_int_equal(GOOD("--help").action, YODEL_SERVER_HELP);
    assert_int_equal(GOOD("-V").action, YODEL_SERVER_VERSION);
    assert_int_equal(GOOD("--version").action, YODEL_SERVER_VERSION);
    assert_int_equal(GOOD("-P", "help").action, YODEL_SERVER_PROTOCOLS);
    assert_int_equal(GOOD("--protocol=help").action, YODEL_SERVER_PROTOCOLS);
    /* Who asks for help need not have the rest right. */
    assert_int_equal(GOOD("-t", "2", "--help", "--bogus").action, YODEL_SERVER_HELP);
    assert_int_equal(GOOD("-hV").action, YODEL_SERVER_HELP);
}

/* The second command line of a process is read as the first one was. */
static void test_twice(void **state)
{
    (void)state;
    yodel_server_options o;
    char message[256];
    assert_int_equal(parse(&(command_line){{"-t2x"}}, &o, message, sizeof message), -EINVAL);
    assert_int_equal(GOOD("-t", "3").server.threads, 3);
    assert_int_equal(GOOD("-p", "1").server.threads, 0);
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    const char *const names[] = {
        "-H, --host",
        "-p, --port",
        "unix:/PATH",
        "--unix-mode",
        "--unix-owner",
        "--user",
        "-t, --threads",
        "-P, --protocol",
        "--accept",
        "--pin",
        "--max-line",
        "--idle-timeout",
        "--write-buffer",
        "--write-timeout",
        "--max-connections",
        "--grace",
        "--drain-delay",
        "--upgrade-timeout",
        "--backlog",
        "--stats",
        "--log-level",
        "--log-format",
        "-h, --help",
        "-V, --version",
        "localhost",
        "8007",
        "65536",
        "64K:16K:1M",
        "4096",
        "handoff",
        "reuseport",
        "chat|stream|raw|dump",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(yodel_server_help, names[i]) == NULL) {
            fail_msg("no \"%s\" in the help", names[i]);
        }
    }
    /* Fits a terminal. */
    size_t column = 0;
    for (const char *c = yodel_server_help; *c != '\0'; c++) {
        column = *c == '\n' ? 0 : column + 1;
        assert_in_range(column, 0, 90);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_most_hosts),   cmocka_unit_test(test_users),
        cmocka_unit_test(test_values),       cmocka_unit_test(test_several),
        cmocka_unit_test(test_write_buffer), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long_values),  cmocka_unit_test(test_actions),
        cmocka_unit_test(test_twice),        cmocka_unit_test(test_help_names_every_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
