#include "core/option_error.h"

#include <errno.h>
#include <getopt.h>
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

int yodel_option_error(int result, char *const argv[], const yodel_complaint *c)
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
    return yodel_complain(c, "unknown option '%s'", argument);
}
