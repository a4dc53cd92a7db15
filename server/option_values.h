/*
 * option_values: what yodel-server's options accept as a value.
 *
 * Every function takes the option's long name without the dashes, for the message, and the user's
 * text. It returns 0 and the value; or -EINVAL, the value untouched and the complaint
 * (option_error.h) filled with a line that names the option, the text and what is wrong with it.
 * Any thread.
 */
#ifndef YODEL_SERVER_OPTION_VALUES_H
#define YODEL_SERVER_OPTION_VALUES_H

#include "core/cidr.h"
#include "core/option_error.h"
#include "core/transport.h"

#include <stdint.h>
#include <sys/types.h>

/* A whole number from min to max. */
int yodel_server_parse_count(const char *name, const char *text, uint64_t min, uint64_t max,
                             uint64_t *count, const yodel_complaint *c);

/* Bytes, "65536", "64K" or "1.5M", from min to max, which is at most UINT32_MAX. */
int yodel_server_parse_size(const char *name, const char *text, uint64_t min, uint64_t max,
                            uint32_t *bytes, const yodel_complaint *c);

/* Bytes: 0, or enough to be worth it: who gives less than a megabyte has forgotten the unit. */
int yodel_server_parse_memory(const char *name, const char *text, uint64_t *bytes,
                              const yodel_complaint *c);

/* A time in seconds, "30", "1.5s", "500ms" or "2m"; at most 24 days (idle.h). */
int yodel_server_parse_duration(const char *name, const char *text, double *seconds,
                                const yodel_complaint *c);

/* Connections a second, "10" or "10/s", from 1 to YODEL_CLIENT_RATE_MAX (client_limit.h). */
int yodel_server_parse_rate(const char *name, const char *text, uint32_t *rate,
                            const yodel_complaint *c);

/* A network or one address: cidr.h. */
int yodel_server_parse_network(const char *name, const char *text, yodel_cidr *network,
                               const yodel_complaint *c);

/* Who may use a file, octal, "0660". */
int yodel_server_parse_mode(const char *name, const char *text, mode_t *mode,
                            const yodel_complaint *c);

/* --write-buffer: HIGH[:LOW[:HARD]], sizes as above. low is a quarter of high when it is not given,
 * hard stays 0 then: what it has to be depends on other options. */
int yodel_server_parse_write_buffer(const char *text, yodel_write_limits *limits,
                                    const yodel_complaint *c);

#endif
