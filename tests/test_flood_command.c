/*
 * The command line as text: a shell has to read back what flood was given, byte for byte.
 */
#include "tools/flood/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST = 8 };

static int count_of(const char *const argv[])
{
    int argc = 0;

    while (argv[argc] != NULL) {
        argc++;
    }
    return argc;
}

static char *command_of(const char *const argv[])
{
    char *copy[MOST + 1] = {0};
    int argc = count_of(argv);

    for (int i = 0; i < argc; i++) {
        copy[i] = (char *)(uintptr_t)argv[i];
    }
    char *text = yodel_command(argc, copy);
    assert_non_null(text);
    return text;
}

/* Lets sh split the command; it has to come to these words. */
static void check_words(const char *command, const char *const argv[])
{
    char *script = NULL;
    char expected[4096], got[4096];
    size_t length = 0;

    for (int i = 0; argv[i] != NULL; i++) {
        size_t n = strlen(argv[i]) + 1;
        assert_true(length + n < sizeof expected);
        memcpy(expected + length, argv[i], n);
        length += n;
    }
    assert_true(asprintf(&script, "printf '%%s\\0' %s", command) > 0);
    FILE *sh = popen(script, "re"); /* NOLINT(cert-env33-c): a shell is what is wanted here */
    assert_non_null(sh);
    size_t n = fread(got, 1, sizeof got, sh);
    assert_int_equal(pclose(sh), 0);
    free(script);
    assert_int_equal(n, length);
    assert_memory_equal(got, expected, length);
}

typedef struct quoting {
    const char *argv[MOST + 1];
    const char *command;
} quoting;

static const quoting quotings[] = {
    {{"flood"}, "flood"},
    {{"./bin/flood", "-c", "50", "--seed=5", "[::1]:8007"},
     "./bin/flood -c 50 --seed=5 '[::1]:8007'"},
    {{"flood", "--source", "10.0.0.1,10.0.0.2", "me@host", "reset:5%", "a_b+c-d"},
     "flood --source 10.0.0.1,10.0.0.2 me@host reset:5% a_b+c-d"},
    {{"flood", "--slo", "p99<2ms"}, "flood --slo 'p99<2ms'"},
    {{"flood", "--slo=rate >= 1k"}, "flood '--slo=rate >= 1k'"},
    {{"flood", "-m", ""}, "flood -m ''"},
    {{"flood", "-m", "it's"}, "flood -m 'it'\\''s'"},
    {{"flood", "-m", "'"}, "flood -m ''\\'''"},
    {{"my tools/flood", "x"}, "'my tools/flood' x"},
    {{"flood", "~", "*.json", "$HOME", "`id`", "a\\b", "#c", "!1"},
     "flood '~' '*.json' '$HOME' '`id`' 'a\\b' '#c' '!1'"},
    {{"flood", "\"a\"", "a;b&c|d", "(x)", "{a,b}", "a\nb", "\t", "\x1b[1m"},
     "flood '\"a\"' 'a;b&c|d' '(x)' '{a,b}' 'a\nb' '\t' '\x1b[1m'"},
    {{"flood", "\xc3\xa9", "\xff\x80"}, "flood '\xc3\xa9' '\xff\x80'"},
};

static void test_quoting(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof quotings / sizeof *quotings; i++) {
        char *command = command_of(quotings[i].argv);

        assert_string_equal(command, quotings[i].command);
        check_words(command, quotings[i].argv);
        free(command);
    }
}

/* Each byte that an argument can have: alone, at the beginning, at the end, and doubled. */
static void test_every_byte(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        char c = (char)byte;
        const char alone[] = {c, '\0'}, first[] = {c, 'x', '\0'}, last[] = {'x', c, '\0'},
                   twice[] = {'x', c, c, 'x', '\0'};
        const char *const argv[] = {"flood", alone, first, last, twice, NULL};
        char *command = command_of(argv);

        check_words(command, argv);
        free(command);
    }
}

/* A replay is the same command, and the seed before everything that could end the options. */
static void check_replay(const char *const argv[], const char *const expected[])
{
    char *command = command_of(argv);
    char *replay = yodel_command_replay(command, UINT64_C(18446744073709551615), false);

    assert_non_null(replay);
    check_words(replay, expected);
    free(replay);
    replay = yodel_command_replay(command, 1, true);
    assert_non_null(replay);
    assert_string_equal(replay, command);
    free(replay);
    free(command);
}

#define SEED "--seed", "18446744073709551615"
#define REPLAY(name, ...)                                                                          \
    check_replay((const char *const[]){name, __VA_ARGS__},                                         \
                 (const char *const[]){name, SEED, __VA_ARGS__})

static void test_replay(void **state)
{
    (void)state;
    REPLAY("flood", NULL);
    REPLAY("flood", "-c", "5", "localhost", NULL);
    REPLAY("flood", "localhost", "-c", "5", NULL);
    REPLAY("flood", "--", "-host", NULL);
    REPLAY("flood", "-m", "--seed 5", NULL);
    REPLAY("flood", "-m", "it's --", "x", NULL);
    /* The name may be more than one word to a shell. */
    REPLAY("/my tools/flood", "-c", "5", NULL);
    REPLAY("/it's 'my' flood", "-c", "5", NULL);
    REPLAY("/it's", "it's", NULL);
    REPLAY("/back\\slash flood", "-q", NULL);
    REPLAY("/ends so\\", "-q", NULL);
    REPLAY("'", "-q", NULL);
    REPLAY("", "-q", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_replay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
