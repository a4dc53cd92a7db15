/*
 * flood --help: it lists what there is, and nothing else.
 */
#include "tools/flood/options.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_parse.h"

/* The options that the help lists: "  -c, --connections N", "      --seed N". Empty: no more. */
typedef struct listed {
    char letter; /* 0: none */
    char name[40];
    bool has_value;
} listed;

static const char *next_listed(const char *help, listed *l)
{
    *l = (listed){0};
    for (; *help != '\0'; help += strcspn(help, "\n"), help += *help == '\n') {
        const char *name = help + strspn(help, " ");
        if (name == help || name[0] != '-') {
            continue;
        }
        if (name[1] != '-') {
            l->letter = name[1];
            name += strlen("-c, ");
        }
        assert_memory_equal(name, "--", 2);
        name += 2;
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz-");
        assert_in_range(length, 2, sizeof l->name - 1);
        memcpy(l->name, name, length);
        /* A value follows at once, an explanation after two blanks or more. */
        l->has_value = name[length] == ' ' && name[length + 1] != ' ';
        return help + strcspn(help, "\n");
    }
    return NULL;
}

static void parse_one(const char *option, char *message, size_t size)
{
    yodel_flood_options o;

    message[0] = '\0';
    if (flood_parse(&(flood_line){{option}}, &o, message, size) == 0) {
        yodel_flood_options_free(&o);
    }
}

/* Alone an option that takes a value asks for it, and one that takes none is accepted. */
static void check_spelling(const listed *l, const char *option)
{
    char message[256], wanted[256] = "";

    if (l->has_value) {
        snprintf(wanted, sizeof wanted, "option '%s' needs a value", option);
    }
    parse_one(option, message, sizeof message);
    assert_string_equal(message, wanted);
}

static void test_what_the_help_lists_exists(void **state)
{
    (void)state;
    listed l;
    int count = 0;

    for (const char *help = yodel_flood_help; (help = next_listed(help, &l)) != NULL; count++) {
        char option[64];
        snprintf(option, sizeof option, "--%s", l.name);
        check_spelling(&l, option);
        if (l.letter != '\0') {
            snprintf(option, sizeof option, "-%c", l.letter);
            check_spelling(&l, option);
        }
    }
    assert_in_range(count, 20, 40);
}

static bool is_listed(const char *name, char letter)
{
    listed l;

    for (const char *help = yodel_flood_help; (help = next_listed(help, &l)) != NULL;) {
        if (name != NULL ? strcmp(l.name, name) == 0 : l.letter == letter) {
            return true;
        }
    }
    return false;
}

/* Every letter that is not refused as unknown, and every option of FLOOD.md. */
static void test_what_exists_is_in_the_help(void **state)
{
    (void)state;
    for (int letter = '!'; letter <= '~'; letter++) {
        char option[] = {'-', (char)letter, '\0'}, message[256], unknown[64];
        if (letter == '-') {
            continue;
        }
        parse_one(option, message, sizeof message);
        snprintf(unknown, sizeof unknown, "unknown option '%s'", option);
        assert_int_equal(strcmp(message, unknown) != 0, is_listed(NULL, (char)letter));
    }
    const char *const names[] = {
        "connections", "threads", "duration",     "messages", "depth", "warm-up",    "rate",
        "timeout",     "repeat",  "size",         "message",  "seed",  "expect",     "no-color",
        "idle",        "churn",   "connect-rate", "source",   "fault", "server-pid", "slo",
        "json",        "csv",     "html",         "hgrm",     "quiet", "help",       "version"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is_listed(names[i], 0)) {
            fail_msg("no --%s in the help", names[i]);
        }
    }
}

static void test_help_shows_defaults(void **state)
{
    (void)state;
    const char *const texts[] = {
        "localhost:8007", "(50)",      "(10s)",    "(1)", "(1s;",        "(5s)",     "(64)",
        "flood compare",  "slow-read", "errors=0", "130", "Exit status", "NO_COLOR", "half-close"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strstr(yodel_flood_help, texts[i]) == NULL) {
            fail_msg("no \"%s\" in the help", texts[i]);
        }
    }
    size_t column = 0;
    for (const char *c = yodel_flood_help; *c != '\0'; c++) {
        column = *c == '\n' ? 0 : column + 1;
        assert_in_range(column, 0, 80);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_help_lists_exists),
        cmocka_unit_test(test_what_exists_is_in_the_help),
        cmocka_unit_test(test_help_shows_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
