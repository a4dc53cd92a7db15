/*
 * option_error: what getopt_long(3) refused, in words that name it. For programs.
 */
#ifndef YODEL_CORE_OPTION_ERROR_H
#define YODEL_CORE_OPTION_ERROR_H

#include <stddef.h>

/* Writes one line without newline, at most size bytes with the NUL, to message: "unknown option '--fast'",
 * "option '--port' needs a value", "option '--help=yes' takes no value", "unknown option '-x'".
 * result is what getopt_long has just returned ('?' or ':'); the option string began with ':' and
 * opterr was 0, so that it printed nothing itself. Reads its optind and optopt. Always -EINVAL. */
int yodel_option_error(int result, char *const argv[], char *message, size_t size);

#endif
