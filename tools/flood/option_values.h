/*
 * option_values: what stands behind flood's options, one kind of value each. Complaints name the
 * option, the text and what it should be.
 *
 * All return 0, or -EINVAL (-ENOMEM) after they have written one line without newline to the
 * complaint; outputs are untouched then.
 */
#ifndef YODEL_FLOOD_OPTION_VALUES_H
#define YODEL_FLOOD_OPTION_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/option_error.h"
#include "options.h"

/* A whole number from min to max, with k, M or G: "15k". */
int yodel_option_count(const char *option, const char *text, uint64_t min, uint64_t max,
                       uint64_t *count, const yodel_complaint *c);
/* A rate above 0: "250k", "0.5". */
int yodel_option_rate(const char *option, const char *text, double *rate, const yodel_complaint *c);
/* Seconds, above 0 or (zero_allowed) 0: "10s", "200ms". */
int yodel_option_time(const char *option, const char *text, bool zero_allowed, double *seconds,
                      const yodel_complaint *c);
/* A length or two of them: "64", "16-4K". */
int yodel_option_lengths(const char *text, uint32_t *min, uint32_t *max, const yodel_complaint *c);
/* The one line (-m), which is text itself, and its length. */
int yodel_option_message(const char *text, const char **line, uint32_t *length,
                         const yodel_complaint *c);
/* "chat" or "echo". */
int yodel_option_expect(const char *text, yodel_flood_expect *expect, const yodel_complaint *c);
/* The name of a file, which is text itself. Whether it can be written is not asked here. */
int yodel_option_file(const char *option, const char *text, const char **path,
                      const yodel_complaint *c);
/* A seed: decimal, or hexadecimal with 0x. */
int yodel_option_seed(const char *text, uint64_t *seed, const yodel_complaint *c);
/* A list of faults: "split,reset:5". Adds to percents. */
int yodel_option_faults(const char *text, double percents[YODEL_FAULTS], const yodel_complaint *c);
/* HOST, HOST:PORT, [ADDRESS]:PORT, an IPv6 address, or unix:PATH; not a number alone, which is
 * meant to be a port. Allocates the target's strings. */
int yodel_option_target(const char *text, yodel_flood_target *target, const yodel_complaint *c);
/* Addresses with commas between them. Allocates the array and its strings; an earlier one is
 * extended. */
int yodel_option_sources(const char *text, char ***sources, size_t *count,
                         const yodel_complaint *c);

#endif
