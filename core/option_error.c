#include "core/option_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int yodel_complain(const yodel_complaint *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(c->message, c->size, format, args);
    va_end(args);
    return -EINVAL;
}

/* getopt_long refused it though it begins some options' names: it cannot know which is meant. */
static int unknown_or_ambiguous(const char *argument, const struct option *options,
                                const yodel_complaint *c)
{
    const char *name = argument + 2;
    size_t len = strcspn(name, "=");
    char meant[256] = "";
    size_t used = 0;

    for (const struct option *o = options; o->name != NULL && used < sizeof(meant); o++) {
        if (len > 0 && strncmp(o->name, name, len) == 0) {
            used += (size_t)snprintf(meant + used, sizeof(meant) - used, "%s--%s",
                                     used > 0 ? ", " : "", o->name);
        }
    }
    if (used == 0) {
        return yodel_complain(c, "unknown option '%s'", argument);
    }
    return yodel_complain(c, "option '%s' is ambiguous: %s", argument, meant);
}

int yodel_option_error(int result, char *const argv[], const struct option *options,
                       const yodel_complaint *c)
{
    const char *argument = argv[optind - 1];
    if (result == ':') {
        return yodel_complain(c, "option '%s' needs a value", argument);
    }
    if (strncmp(argument, "--", 2) != 0) {
        /* One letter of perhaps several behind a dash; optind may not have moved on yet. */
        return yodel_complain(c, "unknown option '-%c'", optopt);
    }
    if (optopt != 0) {
        return yodel_complain(c, "option '%s' takes no value", argument);
    }
    return unknown_or_ambiguous(argument, options, c);
}
