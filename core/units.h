/*
 * Numbers as people write them in options: sizes (64K), durations (1.5s, 200ms), counts (8).
 *
 * A number is decimal digits, for sizes and durations optionally a dot and more digits, then at
 * most one unit; nothing before, between or after. No sign, blank, exponent, hexadecimal, inf or
 * nan, and the dot is a dot in every locale, which rules strtod(3) out. The strictness is the
 * point: a misread option is worse than a refused one.
 *
 * All return 0, -EINVAL (this is not a number of that kind) or -ERANGE (it is, but too large, or
 * outside of min..max), and leave the output alone on failure. Any thread may call them.
 */
#ifndef YODEL_CORE_UNITS_H
#define YODEL_CORE_UNITS_H

#include <stdint.h>

/* Bytes: K, M and G are powers of 1024, in either case; no unit is bytes. "1.5M" is 1,572,864; what
 * is not a whole number of bytes is rounded down. */
int yodel_parse_size(const char *text, uint64_t *bytes);

/* Seconds: us, ms, s, m (minutes), h; no unit is seconds. At most what 64 bits of nanoseconds can
 * hold, 584 years. */
int yodel_parse_duration(const char *text, double *seconds);

/* A count, digits only, from min to max inclusive. */
int yodel_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count);

#endif
