#include "server/option_values.h"

#include "core/idle.h"
#include "core/units.h"

#include <errno.h>
#include <string.h>

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
