#include "core/option_error.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

int yodel_option_error(int result, char *const argv[], char *message, size_t size)
{
    const char *argument = argv[optind - 1];
    if (result == ':') {
        (void)snprintf(message, size, "option '%s' needs a value", argument);
    } else if (strncmp(argument, "--", 2) != 0) {
        /* One letter of perhaps several behind a dash; optind may not have moved on yet. */
        (void)snprintf(message, size, "unknown option '-%c'", optopt);
    } else if (optopt != 0) {
        (void)snprintf(message, size, "option '%s' takes no value", argument);
    } else {
        (void)snprintf(message, size, "unknown option '%s'", argument);
    }
    return -EINVAL;
}
