#include "server/option_values.h"

#include "core/client_limit.h"
#include "core/idle.h"
#include "core/units.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEAST_MEMORY (UINT64_C(1) << 20)
#define MOST_MEMORY  (UINT64_C(1) << 60)

int yodel_server_parse_count(const char *name, const char *text, uint64_t min, uint64_t max,
                             uint64_t *count, const yodel_complaint *c)
{
    if (yodel_parse_count(text, min, max, count) < 0) {
        return yodel_complain(c, "--%s '%s' is not a whole number from %llu to %llu", name, text,
                              (unsigned long long)min, (unsigned long long)max);
    }
    return 0;
}

static int complain_of_size(const char *name, const char *text, const yodel_complaint *c)
{
    return yodel_complain(c, "--%s '%s' is not a size like 65536, 64K or 1.5M", name, text);
}

int yodel_server_parse_size(const char *name, const char *text, uint64_t min, uint64_t max,
                            uint32_t *bytes, const yodel_complaint *c)
{
    uint64_t value;
    int code = yodel_parse_size(text, &value);
    if (code == -EINVAL) {
        return complain_of_size(name, text, c);
    }
    if (code < 0 || value < min || value > max) {
        return yodel_complain(c, "--%s '%s' is not from %llu to %llu bytes", name, text,
                              (unsigned long long)min, (unsigned long long)max);
    }
    *bytes = (uint32_t)value;
    return 0;
}

/* 0, or enough to be worth it: who gives less has forgotten the unit. */
int yodel_server_parse_memory(const char *name, const char *text, uint64_t *bytes,
                              const yodel_complaint *c)
{
    uint64_t value;
    int code = yodel_parse_size(text, &value);
    if (code == -EINVAL) {
        return complain_of_size(name, text, c);
    }
    if (code < 0 || (value != 0 && value < LEAST_MEMORY) || value > MOST_MEMORY) {
        return yodel_complain(c, "--%s '%s' is neither 0 nor from %llu to %llu bytes", name, text,
                              (unsigned long long)LEAST_MEMORY, (unsigned long long)MOST_MEMORY);
    }
    *bytes = value;
    return 0;
}

int yodel_server_parse_duration(const char *name, const char *text, double *seconds,
                                const yodel_complaint *c)
{
    double value;
    int code = yodel_parse_duration(text, &value);
    if (code == -EINVAL) {
        return yodel_complain(c, "--%s '%s' is not a duration like 30, 1.5s, 500ms or 2m", name,
                              text);
    }
    if (code < 0 || value > YODEL_IDLE_MAX_SECONDS) {
        return yodel_complain(c, "--%s '%s' is longer than 24 days", name, text);
    }
    *seconds = value;
    return 0;
}

int yodel_server_parse_rate(const char *name, const char *text, uint32_t *rate,
                            const yodel_complaint *c)
{
    char number[32];
    uint64_t value;
    size_t len = strlen(text);
    if (len > 2 && strcmp(text + len - 2, "/s") == 0) {
        len -= 2;
    }
    int code = len < sizeof(number) ? 0 : -EINVAL;
    if (code == 0) {
        memcpy(number, text, len);
        number[len] = '\0';
        code = yodel_parse_count(number, 1, YODEL_CLIENT_RATE_MAX, &value);
    }
    if (code < 0) {
        return yodel_complain(c, "--%s '%s' is not a rate like 10 or 10/s, from 1 to %u", name,
                              text, YODEL_CLIENT_RATE_MAX);
    }
    *rate = (uint32_t)value;
    return 0;
}

int yodel_server_parse_network(const char *name, const char *text, yodel_cidr *network,
                               const yodel_complaint *c)
{
    switch (yodel_cidr_parse(text, network)) {
    case 0:
        return 0;
    case -ERANGE:
        return yodel_complain(c, "--%s '%s': such an address has fewer bits than that", name, text);
    case -EDOM:
        return yodel_complain(c,
                              "--%s '%s': the address has bits set behind the prefix; leave /N "
                              "away if that one host is meant",
                              name, text);
    default:
        return yodel_complain(
            c, "--%s '%s' is neither an address nor a network like 10.0.0.0/8 or 2001:db8::/32",
            name, text);
    }
}

int yodel_server_parse_mode(const char *name, const char *text, mode_t *mode,
                            const yodel_complaint *c)
{
    char *end;
    unsigned long value = strtoul(text, &end, 8);
    if (strspn(text, "01234567") == 0 || *end != '\0' || value > ACCESSPERMS) {
        return yodel_complain(c, "--%s '%s' is not an octal mode like 0660", name, text);
    }
    *mode = (mode_t)value;
    return 0;
}

/* HIGH[:LOW[:HARD]]. hard stays 0 when it is not given: see options.c. */
int yodel_server_parse_write_buffer(const char *text, yodel_write_limits *limits,
                                    const yodel_complaint *c)
{
    const char *name = "write-buffer";
    char copy[128];
    if (strlen(text) >= sizeof(copy)) {
        return yodel_complain(c, "--%s '%s' is not HIGH[:LOW[:HARD]]", name, text);
    }
    strcpy(copy, text);
    char *rest = copy;
    const char *high = strsep(&rest, ":");
    const char *low = strsep(&rest, ":");
    const char *hard = rest;

    *limits = (yodel_write_limits){0};
    int code = yodel_server_parse_size(name, high, 1, INT32_MAX, &limits->high, c);
    limits->low = limits->high / 4;
    if (code == 0 && low != NULL) {
        code = yodel_server_parse_size(name, low, 0, INT32_MAX, &limits->low, c);
    }
    if (code == 0 && hard != NULL) {
        code = yodel_server_parse_size(name, hard, 1, INT32_MAX, &limits->hard, c);
    }
    if (code == 0 && limits->low > limits->high) {
        code = yodel_complain(c, "--%s '%s': the low mark is above the high one", name, text);
    }
    return code;
}
