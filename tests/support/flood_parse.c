#include "tests/support/flood_parse.h"

#include <stdint.h>
#include <string.h>

int flood_parse(const flood_line *line, yodel_flood_options *options, char *message, size_t size)
{
    static char *argv[FLOOD_PARSE_MOST + 2]; /* the options point into it */
    int argc = 1;

    memset(argv, 0, sizeof argv);
    argv[0] = (char *)(uintptr_t) "flood";
    for (size_t i = 0; line->argv[i] != NULL; i++) {
        argv[argc++] = (char *)(uintptr_t)line->argv[i];
    }
    return yodel_flood_options_parse(options, argc, argv, message, size);
}
