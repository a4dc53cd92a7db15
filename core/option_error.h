/*
 * option_error: what is wrong with a command line, in one line of words. For programs.
 */
#ifndef YODEL_CORE_OPTION_ERROR_H
#define YODEL_CORE_OPTION_ERROR_H

#include <getopt.h>
#include <stddef.h>

/* Where a complaint goes: size bytes (the NUL included) at message. */
typedef struct yodel_complaint {
    char *message;
    size_t size;
} yodel_complaint;

/* Writes one line without newline, cut off where there is no room. Always -EINVAL, so that who
 * refuses something can return it. */
int yodel_complain(const yodel_complaint *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Complains of what getopt_long(3) refused: "unknown option '--fast'", "option '--port' needs a
 * value", "option '--help=yes' takes no value", "unknown option '-x'", "option '--ho' is ambiguous:
 * --host, --hold". result is what getopt_long, called with these options, has just returned ('?' or
 * ':'); the option string began with ':' and opterr was 0, so that it printed nothing itself. Reads
 * its optind and optopt. Always -EINVAL. */
int yodel_option_error(int result, char *const argv[], const struct option *options,
                       const yodel_complaint *c);

#endif
