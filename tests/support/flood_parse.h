/*
 * Parses a command line of flood given as constants.
 */
#ifndef YODEL_TESTS_FLOOD_PARSE_H
#define YODEL_TESTS_FLOOD_PARSE_H

#include <stddef.h>

#include "tools/flood/options.h"

/* Words of a command line but for the program's name, NULL behind the last. */
enum { FLOOD_PARSE_MOST = 10 };

typedef struct flood_line {
    const char *argv[FLOOD_PARSE_MOST + 1];
} flood_line;

/* yodel_flood_options_parse. The options may be used until the next call. */
int flood_parse(const flood_line *line, yodel_flood_options *options, char *message, size_t size);

#endif
