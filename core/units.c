#include "core/units.h"

#include "core/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { NANO = 1000000000 };

/* whole + nano / 10^9. */
typedef struct decimal {
    uint64_t whole;
    uint32_t nano;
    bool overflow; /* the whole part is larger than 64 bits can hold */
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9'; /* isdigit(3) asks the locale */
}

/* Reads digits and moves *text behind them. False when there are none. */
static bool read_whole(const char **text, decimal *d)
{
    *d = (decimal){0};
    if (!is_digit(**text)) {
        return false;
    }
    for (; is_digit(**text); (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');

        d->overflow |= __builtin_mul_overflow(d->whole, UINT64_C(10), &d->whole);
        d->overflow |= __builtin_add_overflow(d->whole, digit, &d->whole);
    }
    return true;
}

/* Reads digits and optionally a dot and more digits, of which those behind the ninth don't count.
 */
static bool read_decimal(const char **text, decimal *d)
{
    uint32_t place = NANO;

    if (!read_whole(text, d)) {
        return false;
    }
    if (**text != '.') {
        return true;
    }
    (*text)++;
    if (!is_digit(**text)) {
        return false;
    }
    for (; is_digit(**text); (*text)++) {
        place /= 10;
        d->nano += place * (uint32_t)(**text - '0');
    }
    return true;
}

int yodel_parse_size(const char *text, uint64_t *bytes)
{
    static const struct {
        const char *name;
        int shift;
    } units[] = {{"", 0}, {"K", 10}, {"M", 20}, {"G", 30}};
    decimal d;

    if (!read_decimal(&text, &d)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        int shift = units[i].shift;

        if (strcasecmp(text, units[i].name) != 0) {
            continue;
        }
        if (d.overflow || d.whole > UINT64_MAX >> shift) {
            return -ERANGE;
        }
        *bytes = (d.whole << shift) + (((uint64_t)d.nano << shift) / NANO);
        return 0;
    }
    return -EINVAL;
}

int yodel_parse_duration(const char *text, double *seconds)
{
    /* A factor and a divisor, since 1/1000 is no exact double and 200 / 1000 is rounded but once.
     */
    static const struct {
        const char *name;
        double factor, divisor;
    } units[] = {{"", 1, 1},  {"us", 1, 1e6}, {"ms", 1, 1e3},
                 {"s", 1, 1}, {"m", 60, 1},   {"h", 3600, 1}};
    decimal d;

    if (!read_decimal(&text, &d)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double value = (double)d.whole + (double)d.nano / NANO;

        if (strcmp(text, units[i].name) != 0) {
            continue;
        }
        value = value * units[i].factor / units[i].divisor;
        if (d.overflow || yodel_clock_from_seconds(value) == UINT64_MAX) {
            return -ERANGE;
        }
        *seconds = value;
        return 0;
    }
    return -EINVAL;
}

int yodel_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *count)
{
    decimal d;

    if (!read_whole(&text, &d) || *text != '\0') {
        return -EINVAL;
    }
    if (d.overflow || d.whole < min || d.whole > max) {
        return -ERANGE;
    }
    *count = d.whole;
    return 0;
}
