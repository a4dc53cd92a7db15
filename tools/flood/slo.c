#include "tools/flood/slo.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/units.h"
#include "tools/flood/amount.h"

#define OPERATORS "<>="

static size_t trimmed(const char *text, size_t length)
{
    while (length > 0 && isblank((unsigned char)text[length - 1])) {
        length--;
    }
    return length;
}

static int find_metric(const char *text, size_t length, const yodel_metric **metric, char *message,
                       size_t size)
{
    char name[64];

    length = trimmed(text, length);
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    *metric = length < sizeof name ? yodel_metric_find(name) : NULL;
    if (*metric != NULL) {
        return 0;
    }
    size_t count;
    const yodel_metric *all = yodel_metrics(&count);
    int used = snprintf(message, size, "there is no metric '%.*s', only:", (int)length, text);
    for (size_t i = 0; i < count && used > 0 && (size_t)used < size; i++) {
        used += snprintf(message + used, size - (size_t)used, " %s", all[i].name);
    }
    return -EINVAL;
}

static int read_operator(const char **text, yodel_slo_op *op)
{
    static const struct {
        const char *text;
        yodel_slo_op op;
    } operators[] = {
        {"<=", YODEL_SLO_LE}, {">=", YODEL_SLO_GE}, {"==", YODEL_SLO_EQ},
        {"<", YODEL_SLO_LT},  {">", YODEL_SLO_GT},  {"=", YODEL_SLO_EQ},
    };

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(*text, operators[i].text, length) == 0) {
            *op = operators[i].op;
            *text += length;
            return 0;
        }
    }
    return -EINVAL;
}

static int read_bound(const char *text, const yodel_metric *metric, double *bound, char *message,
                      size_t size)
{
    uint64_t bytes;
    size_t length = strlen(text);
    bool has_unit = length > 0 && !isdigit((unsigned char)text[length - 1]);
    int error = -EINVAL;

    switch (metric->unit) {
    case YODEL_UNIT_SECONDS:
        /* 2 is 2 s to all other options; who writes p99<2 means something else. */
        if (!has_unit && strcmp(text, "0") != 0) {
            snprintf(message, size, "%s is a time: '%s' needs a unit (us, ms or s)", metric->name,
                     text);
            return -EINVAL;
        }
        error = yodel_parse_duration(text, bound);
        break;
    case YODEL_UNIT_BYTES:
        error = yodel_parse_size(text, &bytes);
        if (error == 0) {
            *bound = (double)bytes;
        }
        break;
    case YODEL_UNIT_COUNT:
    case YODEL_UNIT_RATE:
    case YODEL_UNIT_CORES:
        error = yodel_amount_parse(text, bound);
        break;
    }
    if (error < 0) {
        snprintf(message, size, "'%s' is no value for %s", text, metric->name);
    }
    return error < 0 ? -EINVAL : 0;
}

int yodel_slo_parse(const char *text, yodel_slo *slo, char *message, size_t size)
{
    yodel_slo s = {.text = text};
    const char *start = text + strspn(text, " \t");
    const char *rest = start + strcspn(start, OPERATORS);
    char bound[64];

    if (*rest == '\0') {
        snprintf(message, size, "'%s' has no operator (<, <=, =, >= or >)", text);
        return -EINVAL;
    }
    int error = find_metric(start, (size_t)(rest - start), &s.metric, message, size);
    if (error < 0) {
        return error;
    }
    (void)read_operator(&rest, &s.op); /* one of them stands there */
    rest += strspn(rest, " \t");
    size_t length = trimmed(rest, strlen(rest));
    if (length == 0 || length >= sizeof bound) {
        snprintf(message, size, "'%s' has no value behind its operator", text);
        return -EINVAL;
    }
    snprintf(bound, sizeof bound, "%.*s", (int)length, rest);
    error = read_bound(bound, s.metric, &s.bound, message, size);
    if (error == 0) {
        *slo = s;
    }
    return error;
}

bool yodel_slo_kept(const yodel_slo *slo, const struct yodel_result *result, double *value)
{
    *value = slo->metric->of(result);
    switch (slo->op) {
    case YODEL_SLO_LT:
        return *value < slo->bound;
    case YODEL_SLO_LE:
        return *value <= slo->bound;
    case YODEL_SLO_EQ:
        return *value == slo->bound;
    case YODEL_SLO_GE:
        return *value >= slo->bound;
    case YODEL_SLO_GT:
        return *value > slo->bound;
    }
    return false;
}
