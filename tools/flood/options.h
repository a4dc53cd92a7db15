/*
 * options: what the user asks flood for.
 */
#ifndef YODEL_FLOOD_OPTIONS_H
#define YODEL_FLOOD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "slo.h"
#include "tally.h"

typedef enum yodel_flood_action {
    YODEL_FLOOD_RUN,
    YODEL_FLOOD_COMPARE, /* operands[0] and operands[1] are the files */
    YODEL_FLOOD_HELP,
    YODEL_FLOOD_VERSION
} yodel_flood_action;

typedef enum yodel_flood_expect {
    YODEL_EXPECT_CHAT, /* the answer to line L is "You sent: L" */
    YODEL_EXPECT_ECHO  /* it is L itself */
} yodel_flood_expect;

/* A server to flood: HOST[:PORT], taken apart. Strings are allocated. */
typedef struct yodel_flood_target {
    char *host; /* without the brackets of an IPv6 address; or unix:PATH */
    char *port; /* decimal, "8007" when none was given; empty for unix:PATH, which has none */
} yodel_flood_target;

/* Enough for the text of any target, the NUL included. */
#define YODEL_FLOOD_TARGET_TEXT 300

/* Writes "HOST:PORT", "[ADDRESS]:PORT" or "unix:PATH" to `text`, cut off after
 * YODEL_FLOOD_TARGET_TEXT - 1 bytes, and returns `text`. */
const char *yodel_flood_target_text(const yodel_flood_target *target,
                                    char text[YODEL_FLOOD_TARGET_TEXT]);

/* Strings point into argv unless said otherwise. */
typedef struct yodel_flood_options {
    yodel_flood_action action;
    char **operands; /* COMPARE: the two files */

    yodel_flood_target *targets; /* at least one; allocated */
    size_t target_count;
    char **sources; /* --source: addresses to connect from, allocated; NULL when none */
    size_t source_count;

    uint32_t connections;
    uint32_t threads;  /* never more than connections */
    double duration;   /* seconds, > 0; ignored when messages > 0 */
    uint64_t messages; /* -n, lines to send in all; 0: by duration */
    uint32_t depth;    /* -P, lines in flight per connection */
    double warm_up;    /* seconds; 0 with -n or --idle unless given */
    double rate;       /* -R, lines a second in all; 0: closed loop */
    double timeout;    /* -T, seconds, > 0 */
    uint32_t repeat;   /* -x, runs */

    uint32_t length_min, length_max; /* bytes of a line without its CRLF, >= 1 */
    const char *fixed_line;          /* -m, or NULL; then length_min = length_max = its length */
    uint64_t seed;                   /* given, or chosen at random */
    bool seed_given;
    yodel_flood_expect expect;

    double connect_rate; /* connections opened per second; 0: as fast as they come */
    uint64_t churn;      /* reconnect after so many lines; 0: never */
    bool idle;

    double faults[YODEL_FAULTS]; /* percent of the connections that get it, 0 to 100 */

    pid_t server_pid; /* 0: none */
    yodel_slo *slos;  /* allocated */
    size_t slo_count;

    const char *json, *csv, *html, *hgrm; /* files to write, "-" is stdout (at most one); or NULL */
    bool quiet;                           /* -q: no live line */
    bool no_color; /* --no-color, or NO_COLOR is set and not empty (no-color.org) */
} yodel_flood_options;

/* The text of --help. */
extern const char yodel_flood_help[];

/* Reads argv, which must live as long as the options. 0 and *options, which
 * yodel_flood_options_free frees; or -EINVAL (-ENOMEM) and one line without newline in message that
 * names the option and says what is wrong with it; then there is nothing to free. */
int yodel_flood_options_parse(yodel_flood_options *options, int argc, char *argv[], char *message,
                              size_t size);

/* Frees what parse allocated, not the struct. */
void yodel_flood_options_free(yodel_flood_options *options);

#endif
