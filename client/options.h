/*
 * The command line of yodel-client, made into a struct.
 *
 * Nothing is printed here and nothing is looked up: main decides what to do with the result.
 */
#ifndef YODEL_CLIENT_OPTIONS_H
#define YODEL_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum yodel_client_action {
    YODEL_CLIENT_TALK,
    YODEL_CLIENT_HELP,
    YODEL_CLIENT_VERSION,
} yodel_client_action;

typedef struct yodel_client_options {
    yodel_client_action action;
    const char *host; /* not empty; points into argv, or to a constant */
    const char *port; /* decimal, 1 to 65535; likewise */
    double timeout;   /* seconds, 0: never */
    bool raw;
} yodel_client_options;

/* What --help prints. */
extern const char yodel_client_help[];

/*
 * Reads argv, whose argv[0] is skipped and whose strings are borrowed; getopt_long(3) may move
 * operands to its end. Uses getopt's global state: for one thread at a time.
 *
 * Returns 0, or -EINVAL with one line without newline in `message` (at most `size` bytes with the
 * NUL) that names the option or value and what is wrong with it; *options is then untouched.
 */
int yodel_client_options_parse(yodel_client_options *options, int argc, char *argv[], char *message,
                               size_t size);

#endif
