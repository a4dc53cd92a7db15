#include "tools/flood/amount.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/units.h"

static double factor_of(char suffix)
{
    switch (suffix) {
    case 'k':
    case 'K':
        return 1e3;
    case 'm':
    case 'M':
        return 1e6;
    case 'g':
    case 'G':
        return 1e9;
    default:
        return 0;
    }
}

int yodel_amount_parse(const char *text, double *number)
{
    char digits[40];
    size_t length = strlen(text);
    double factor = length > 0 ? factor_of(text[length - 1]) : 0;
    double value;

    if (factor > 0) {
        length--;
    }
    /* What is left is a number without unit, which yodel_parse_duration reads as seconds. */
    if (length == 0 || length >= sizeof digits || text[length - 1] < '0' ||
        text[length - 1] > '9') {
        return -EINVAL;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    int error = yodel_parse_duration(digits, &value);
    if (error == 0) {
        *number = value * (factor > 0 ? factor : 1);
    }
    return error;
}

const char *yodel_amount_count(double number, char text[YODEL_AMOUNT_TEXT])
{
    static const char *const units[] = {"", "k", "M", "G", "T"};

    size_t unit = 0;

    if (fabs(number) < 9999.5) {
        snprintf(text, YODEL_AMOUNT_TEXT, "%.0f", number);
        return text;
    }
    /* What would be rounded up to 1000.0 has the next unit. */
    while (fabs(number) >= 999.95 && unit + 1 < sizeof units / sizeof units[0]) {
        number /= 1000;
        unit++;
    }
    snprintf(text, YODEL_AMOUNT_TEXT, "%.*f%s", fabs(number) < 9.995 ? 2 : 1, number, units[unit]);
    return text;
}

const char *yodel_amount_time(double seconds, char text[YODEL_AMOUNT_TEXT])
{
    double s = fabs(seconds);

    if (s == 0) {
        return strcpy(text, "0");
    }
    if (s < 0.9995e-6) {
        snprintf(text, YODEL_AMOUNT_TEXT, "%.0fns", seconds * 1e9);
    } else if (s < 0.9995e-3) {
        snprintf(text, YODEL_AMOUNT_TEXT, "%.*fus", s < 9.995e-6 ? 2 : 0, seconds * 1e6);
    } else if (s < 0.9995) {
        double ms = seconds * 1e3;
        snprintf(text, YODEL_AMOUNT_TEXT, "%.*fms", s < 9.995e-3 ? 2 : s < 99.95e-3 ? 1 : 0, ms);
    } else {
        snprintf(text, YODEL_AMOUNT_TEXT, "%.*fs", s < 9.995 ? 2 : s < 99.95 ? 1 : 0, seconds);
    }
    return text;
}

const char *yodel_amount_bytes(double bytes, char text[YODEL_AMOUNT_TEXT])
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    size_t unit = 0;

    while (fabs(bytes) >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    if (bytes == 0) {
        return strcpy(text, "0");
    }
    snprintf(text, YODEL_AMOUNT_TEXT, "%.*f%s", unit > 0, bytes, units[unit]);
    return text;
}

const char *yodel_amount_exact(int64_t number, char text[YODEL_AMOUNT_TEXT])
{
    char digits[YODEL_AMOUNT_TEXT];
    /* Negating the least number would overflow. */
    uint64_t magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
    int length = snprintf(digits, sizeof digits, "%" PRIu64, magnitude);
    char *out = text;

    if (number < 0) {
        *out++ = '-';
    }
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) {
            *out++ = ',';
        }
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}
