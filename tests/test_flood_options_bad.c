/*
 * flood's command line: every mistake is named, in one line.
 */
#include "tools/flood/options.h"

#include <errno.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_parse.h"

typedef struct bad {
    flood_line line;
    const char *message;
} bad;

#define COUNT     "' is not a count like 50 or 15k"
#define DURATION  "' is not a duration like 10s, 200ms or 2m"
#define TOO_SHORT "' is too short: 1ms is the least"
#define RATE      "' is not a number per second like 500 or 250k"
#define RATES     "' is not above 0 and up to 1G per second"
#define LENGTH    "' is not a length like 64, or two like 16-4K"
#define SEED      "' is not a number like 42 or 0x2a"
#define PERCENT   "' is not a percentage above 0 and up to 100"
#define PORT      "' is not a number from 1 to 65535"
#define FAULTS    "' is not known, only split, drip, slow-read, half-close and reset"

static const bad bad_lines[] = {
    {{{"--bogus"}}, "unknown option '--bogus'"},
    {{{"h", "--bogus=1", "-q"}}, "unknown option '--bogus=1'"},
    {{{"-Z"}}, "unknown option '-Z'"},
    {{{"-qZ"}}, "unknown option '-Z'"},
    {{{"--connect=1"}}, "option '--connect=1' is ambiguous: --connections, --connect-rate"},
    {{{"-c"}}, "option '-c' needs a value"},
    {{{"--json"}}, "option '--json' needs a value"},
    {{{"--idle=yes"}}, "option '--idle=yes' takes no value"},
    {{{"--quiet=1"}}, "option '--quiet=1' takes no value"},

    {{{"-c", "0"}}, "--connections '0' is not from 1 to 1,000,000"},
    {{{"-c", "1000001"}}, "--connections '1000001' is not from 1 to 1,000,000"},
    {{{"-c", ""}}, "--connections '" COUNT},
    {{{"-c", "-1"}}, "--connections '-1" COUNT},
    {{{"-c", "1.5"}}, "--connections '1.5" COUNT},
    {{{"-c", "many"}}, "--connections 'many" COUNT},
    {{{"-c", "0x10"}}, "--connections '0x10" COUNT},
    {{{"-t", "0"}}, "--threads '0' is not from 1 to 1,024"},
    {{{"-t", "1025"}}, "--threads '1025' is not from 1 to 1,024"},
    {{{"-n", "0"}}, "--messages '0' is not from 1 to 1,000,000,000,000"},
    {{{"-n", "1001G"}}, "--messages '1001G' is not from 1 to 1,000,000,000,000"},
    {{{"-P", "0"}}, "--depth '0' is not from 1 to 100,000"},
    {{{"-P", "101k"}}, "--depth '101k' is not from 1 to 100,000"},
    {{{"-x", "0"}}, "--repeat '0' is not from 1 to 1,000"},
    {{{"-x", "1001"}}, "--repeat '1001' is not from 1 to 1,000"},
    {{{"--churn", "0"}}, "--churn '0' is not from 1 to 1,000,000,000"},
    {{{"--churn", "x"}}, "--churn 'x" COUNT},
    {{{"--server-pid", "0"}}, "--server-pid '0' is not from 1 to 2,147,483,647"},
    {{{"--server-pid", "-5"}}, "--server-pid '-5" COUNT},
    {{{"--server-pid", "yodel"}}, "--server-pid 'yodel" COUNT},

    {{{"-d", "0"}}, "--duration '0" TOO_SHORT},
    {{{"-d", "999us"}}, "--duration '999us" TOO_SHORT},
    {{{"-d", "soon"}}, "--duration 'soon" DURATION},
    {{{"-d", "-1s"}}, "--duration '-1s" DURATION},
    {{{"-d", "10 s"}}, "--duration '10 s" DURATION},
    {{{"-d", "2778h"}}, "--duration '2778h' is too long"},
    {{{"-d", "99999999999999999999h"}}, "--duration '99999999999999999999h' is too long"},
    {{{"-w", "999us"}}, "--warm-up '999us" TOO_SHORT},
    {{{"-w", ""}}, "--warm-up '" DURATION},
    {{{"-T", "0"}}, "--timeout '0" TOO_SHORT},
    {{{"-T", "never"}}, "--timeout 'never" DURATION},
    {{{"-R", "0"}}, "--rate '0" RATES},
    {{{"-R", "2G"}}, "--rate '2G" RATES},
    {{{"-R", "fast"}}, "--rate 'fast" RATE},
    {{{"-R", "1k/s"}}, "--rate '1k/s" RATE},
    {{{"--connect-rate", "0"}}, "--connect-rate '0" RATES},
    {{{"--connect-rate", "-1"}}, "--connect-rate '-1" RATE},

    {{{"-s", "0"}}, "--size '0' is not from 1 to 16M"},
    {{{"-s", "16777217"}}, "--size '16777217' is not from 1 to 16M"},
    {{{"-s", "1-17M"}}, "--size '17M' is not from 1 to 16M"},
    {{{"-s", "100-10"}}, "--size '100-10': the first is the shorter one"},
    {{{"-s", "-5"}}, "--size '" LENGTH},
    {{{"-s", "5-"}}, "--size '" LENGTH},
    {{{"-s", "1-2-3"}}, "--size '2-3" LENGTH},
    {{{"-s", "long"}}, "--size 'long" LENGTH},
    {{{"-m", ""}}, "--message is empty"},
    {{{"-m", "a\r\nb"}}, "--message has a CRLF in it: that would be two lines"},
    {{{"-m", "a\r\n"}}, "--message has a CRLF in it: that would be two lines"},
    {{{"-m", "."}}, "--message '.' closes a chat connection and has no answer"},
    {{{"--expect", "echo", "-m", ".", "--expect", "chat"}},
     "--message '.' closes a chat connection and has no answer"},
    {{{"--expect", "raw"}}, "--expect 'raw' is neither chat nor echo"},
    {{{"--expect", ""}}, "--expect '' is neither chat nor echo"},
    {{{"--seed", ""}}, "--seed '" SEED},
    {{{"--seed", "-1"}}, "--seed '-1" SEED},
    {{{"--seed", "2a"}}, "--seed '2a" SEED},
    {{{"--seed", "0x"}}, "--seed '0x" SEED},
    {{{"--seed", "0x0x5"}}, "--seed '0x0x5" SEED},
    {{{"--slo", "server-cpu<80%"}}, "--slo 'server-cpu<80%' needs --server-pid"},
    {{{"a:b:c"}}, "'a:b:c' is not an IPv6 address"},
    {{{"--seed", "18446744073709551616"}}, "--seed '18446744073709551616' has more than 64 bits"},

    {{{"--fault", "sabotage"}}, "--fault 'sabotage" FAULTS},
    {{{"--fault", "split,"}}, "--fault '" FAULTS},
    {{{"--fault", "SPLIT"}}, "--fault 'SPLIT" FAULTS},
    {{{"--fault", "reset:101"}}, "--fault reset: '101" PERCENT},
    {{{"--fault", "reset:0"}}, "--fault reset: '0" PERCENT},
    {{{"--fault", "reset:"}}, "--fault reset: '" PERCENT},
    {{{"--fault", "drip,reset:half"}}, "--fault reset: 'half" PERCENT},
    {{{"--fault", "split,split"}}, "--fault split is given twice"},
    {{{"--fault", "drip:1", "--fault", "split,drip:2"}}, "--fault drip is given twice"},
    {{{"--source", ""}}, "--source has an empty address"},
    {{{"--source", "127.0.0.1,,127.0.0.2"}}, "--source has an empty address"},
    {{{"--source", "127.0.0.1", "h", "unix:/x"}},
     "--source: unix:/x is not connected to from an address"},
    {{{"unix:"}}, "'unix:' has no path"},
    {{{"--slo", "p99"}}, "--slo: 'p99' has no operator (<, <=, =, >= or >)"},
    {{{"--slo", "p99<2"}}, "--slo: p99 is a time: '2' needs a unit (us, ms or s)"},
    {{{"--slo", "errors=0", "--slo", "rate>"}}, "--slo: 'rate>' has no value behind its operator"},

    {{{""}}, "'' has no host"},
    {{{":8007"}}, "':8007' has no host"},
    {{{"[]:8007"}}, "'[]:8007' has no host"},
    {{{"h:0"}}, "'h:0': port '0" PORT},
    {{{"h:http"}}, "'h:http': port 'http" PORT},
    {{{"h:"}}, "'h:': port '" PORT},
    {{{"good", "h:65536"}}, "'h:65536': port '65536" PORT},
    {{{"[::1"}}, "'[::1' is not [ADDRESS] or [ADDRESS]:PORT"},
    {{{"[::1]79"}}, "'[::1]79' is not [ADDRESS] or [ADDRESS]:PORT"},
    {{{"compare"}}, "compare takes two files: flood compare A.json B.json"},
    {{{"compare", "a"}}, "compare takes two files: flood compare A.json B.json"},
    {{{"compare", "a", "b", "-q"}}, "compare takes two files and no options"},
    {{{"--json", "c", "compare", "a", "b"}}, "compare takes two files and no options"},
    {{{"-c", "2", "a", "b", "c"}}, "--connections 2 does not suffice for 3 hosts"},
    {{{"--json="}}, "--json is empty"},
    {{{"--csv", ""}}, "--csv is empty"},
    {{{"--html", ""}}, "--html is empty"},
    {{{"--hgrm", ""}}, "--hgrm is empty"},
    {{{"compare", "a", "b", "c"}}, "compare takes two files: flood compare A.json B.json"},

    {{{"-n", "5", "-d", "1"}}, "--messages and --duration: give one of them"},
    {{{"-d", "1", "-n", "5"}}, "--messages and --duration: give one of them"},
    {{{"-m", "x", "-s", "5"}}, "--message and --size: the message has its own length"},
    {{{"--idle", "-n", "5"}}, "--idle and --messages: idle connections send one line each"},
    {{{"--idle", "-R", "5"}}, "--idle and --rate: idle connections send nothing until the end"},
    {{{"--idle", "-P", "2"}}, "--idle and --depth: idle connections send one line each"},
    {{{"--idle", "-w", "1"}}, "--idle and --warm-up: there is nothing to warm up"},
    {{{"--churn", "5", "--idle"}}, "--idle and --churn: an idle connection is kept"},
    {{{"--json", "-", "--csv", "-"}}, "only one file can be '-', standard output"},
    {{{"--html", "-", "--hgrm=-"}}, "only one file can be '-', standard output"},
    {{{"-c", "100k", "-P", "10001"}}, "--connections times --depth is above 1G lines in flight"},
};

static void test_bad(void **state)
{
    (void)state;
    size_t wrong = 0;

    for (size_t i = 0; i < sizeof bad_lines / sizeof *bad_lines; i++) {
        const char *const *argv = bad_lines[i].line.argv;
        yodel_flood_options o, before;
        char message[512] = "";

        memset(&o, 0x55, sizeof o);
        memcpy(&before, &o, sizeof o);
        int code = flood_parse(&bad_lines[i].line, &o, message, sizeof message);
        if (code != -EINVAL || strcmp(message, bad_lines[i].message) != 0) {
            print_error("%s %s: %d \"%s\", not \"%s\"\n", argv[0], argv[1] != NULL ? argv[1] : "",
                        code, message, bad_lines[i].message);
            wrong++;
        }
        assert_memory_equal(&o, &before, sizeof o);
    }
    assert_int_equal(wrong, 0);
}

/* Which metrics there are is metric.c's. */
static void test_unknown_metric(void **state)
{
    (void)state;
    yodel_flood_options o;
    char message[512];

    assert_int_equal(flood_parse(&(flood_line){{"--slo=p98<1ms"}}, &o, message, sizeof message),
                     -EINVAL);
    const char *start = "--slo: there is no metric 'p98', only: ";
    assert_memory_equal(message, start, strlen(start));
    assert_non_null(strstr(message, " p99.9 "));
}

/* Values of any length: the message is cut, not the memory behind it. */
static void test_long_values(void **state)
{
    (void)state;
    const char *const options[] = {"-c",           "-d",       "-R",        "-s",
                                   "--seed",       "--expect", "--fault",   "--slo",
                                   "--server-pid", "--churn",  "--no-such", "--"};
    char value[1000];

    memset(value, '1', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    value[0] = '['; /* for the host */
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        yodel_flood_options o;
        char message[20 + 1];
        memset(message, '#', sizeof message);
        assert_int_equal(flood_parse(&(flood_line){{options[i], value}}, &o, message, 20), -EINVAL);
        assert_int_equal(strlen(message), 19);
        assert_int_equal(message[20], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_unknown_metric),
        cmocka_unit_test(test_long_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
