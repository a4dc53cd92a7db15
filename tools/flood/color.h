/*
 * color: the few ANSI sequences that flood shows on a terminal.
 */
#ifndef YODEL_FLOOD_COLOR_H
#define YODEL_FLOOD_COLOR_H

#include <stdbool.h>

#define YODEL_COLOR_BOLD  "\x1b[1m"
#define YODEL_COLOR_GOOD  "\x1b[1;32m"
#define YODEL_COLOR_BAD   "\x1b[1;31m"
#define YODEL_COLOR_DOUBT "\x1b[1;33m"
#define YODEL_COLOR_END   "\x1b[0m"

/* The sequence, or nothing when colors are off. */
static inline const char *yodel_color(bool on, const char *sequence)
{
    return on ? sequence : "";
}

#endif
