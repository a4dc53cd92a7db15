#include "tools/flood/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

static void write_quoted(FILE *out, const char *text)
{
    if (text[0] != '\0' && text[strspn(text, PLAIN)] == '\0') {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", out);
        } else {
            fputc(*text, out);
        }
    }
    fputc('\'', out);
}

char *yodel_command(int argc, char *const argv[])
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        return NULL;
    }
    for (int i = 0; i < argc; i++) {
        if (i > 0) {
            fputc(' ', out);
        }
        write_quoted(out, argv[i]);
    }
    if (fclose(out) == EOF) {
        free(text);
        return NULL;
    }
    return text;
}

/* Where the first word ends: the program's name may be quoted. */
static size_t first_word(const char *command)
{
    size_t i = 0;

    for (bool quoted = false; command[i] != '\0' && (quoted || command[i] != ' '); i++) {
        if (command[i] == '\\' && !quoted) {
            i++; /* of '\'' */
        } else if (command[i] == '\'') {
            quoted = !quoted;
        }
    }
    return i;
}

char *yodel_command_replay(const char *command, uint64_t seed, bool seed_given)
{
    char *text = NULL;

    if (seed_given) {
        return strdup(command);
    }
    size_t name = first_word(command);
    int n = asprintf(&text, "%.*s --seed %" PRIu64 "%s", (int)name, command, seed, command + name);
    return n < 0 ? NULL : text;
}
