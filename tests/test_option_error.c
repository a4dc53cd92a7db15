/*
 * What getopt_long refuses, in words: long and short options, in clusters, abbreviated, with values
 * where none belong and without where one does.
 */
#include "core/option_error.h"
#include "support/cmocka_all.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static const struct option options[] = {
    {"help", no_argument, NULL, 'h'},
    {"port", required_argument, NULL, 'p'},
    {"fast", no_argument, NULL, 300},
    {"faster", no_argument, NULL, 301},
    {NULL, 0, NULL, 0},
};

/* The first complaint about these arguments. */
static void expect(const char *message, int argc, char *argv[])
{
    char text[128] = "none";
    const yodel_complaint complaint = {text, sizeof(text)};
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hp:", options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            assert_int_equal(yodel_option_error(option, argv, options, &complaint), -EINVAL);
            break;
        }
    }
    assert_string_equal(text, message);
}

#define EXPECT(message, ...)                                                                       \
    do {                                                                                           \
        char *argv[] = {(char *)"program", __VA_ARGS__, NULL};                                     \
        expect(message, (int)(sizeof(argv) / sizeof(argv[0])) - 1, argv);                          \
    } while (0)

static void test_words(void **state)
{
    (void)state;
    EXPECT("none", (char *)"-h", (char *)"--port", (char *)"1");
    EXPECT("unknown option '--slow'", (char *)"--slow");
    EXPECT("unknown option '--slow=1'", (char *)"-h", (char *)"--slow=1");
    EXPECT("unknown option '-x'", (char *)"-x");
    EXPECT("unknown option '-x'", (char *)"-hxh");
    EXPECT("unknown option '-x'", (char *)"-h", (char *)"-x", (char *)"--port");
    EXPECT("unknown option '--=1'", (char *)"--=1");
    EXPECT("option '--f' is ambiguous: --fast, --faster", (char *)"--f");
    EXPECT("option '--fas=1' is ambiguous: --fast, --faster", (char *)"--fas=1");
    EXPECT("option '--port' needs a value", (char *)"--port");
    EXPECT("option '-p' needs a value", (char *)"-p");
    EXPECT("option '--help=yes' takes no value", (char *)"--help=yes");
    EXPECT("option '--fast=1' takes no value", (char *)"--fast=1");
}

static void test_cut_to_size(void **state)
{
    (void)state;
    char *argv[] = {(char *)"program", (char *)"--slow", NULL};
    char text[8];
    const yodel_complaint complaint = {text, sizeof(text)};
    optind = 0;
    opterr = 0;
    assert_int_equal(getopt_long(2, argv, ":", options, NULL), '?');
    assert_int_equal(yodel_option_error('?', argv, options, &complaint), -EINVAL);
    assert_string_equal(text, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_cut_to_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
