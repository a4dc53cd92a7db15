#include "core/counters.h"

#include "core/error.h"

#include <errno.h>

static const struct {
    const char *name;
    const char *help;
} words[] = {
#define YODEL_COUNTER_WORDS(id, name, help) [YODEL_COUNT_##id] = {name, help},
    YODEL_COUNTERS(YODEL_COUNTER_WORDS)
#undef YODEL_COUNTER_WORDS
};

const char *yodel_counter_name(yodel_counter counter)
{
    return words[counter].name;
}

const char *yodel_counter_help(yodel_counter counter)
{
    return words[counter].help;
}

void yodel_counters_add(yodel_counters *into, const yodel_counters *from)
{
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        yodel_count(into, (yodel_counter)i, yodel_counters_get(from, (yodel_counter)i));
    }
}

uint64_t yodel_counters_closed(const yodel_counters *counters)
{
    uint64_t sum = 0;
    for (int i = YODEL_COUNT_CLOSED_FIRST; i <= YODEL_COUNT_CLOSED_LAST; i++) {
        sum += yodel_counters_get(counters, (yodel_counter)i);
    }
    return sum;
}

yodel_counter yodel_counter_of_reason(int reason)
{
    switch (reason) {
    case 0:
        return YODEL_COUNT_CLOSED_QUIT;
    case YODEL_EOF:
        return YODEL_COUNT_CLOSED_EOF;
    case YODEL_EIDLE:
        return YODEL_COUNT_CLOSED_IDLE;
    case YODEL_ESTALLED:
        return YODEL_COUNT_CLOSED_STALLED;
    case YODEL_EOVERRUN:
        return YODEL_COUNT_CLOSED_OVERRUN;
    case YODEL_ELINETOOLONG:
        return YODEL_COUNT_CLOSED_LINE_TOO_LONG;
    case YODEL_EDRAIN:
        return YODEL_COUNT_CLOSED_DRAIN;
    case YODEL_EDRAINABORT:
        return YODEL_COUNT_CLOSED_DRAIN_ABORT;
    case YODEL_EHANDLER:
        return YODEL_COUNT_CLOSED_HANDLER;
    case YODEL_EPROXYHEADER:
        return YODEL_COUNT_CLOSED_PROXY;
    case YODEL_ETOOMANY:
    case YODEL_ETOOOFTEN:
    case YODEL_EUNTRUSTED:
        return YODEL_COUNT_CLOSED_REFUSED;
    case YODEL_EFULL:
        return YODEL_COUNT_CLOSED_FULL;
    case -ENOMEM:
    case YODEL_EMEMORY:
        return YODEL_COUNT_CLOSED_MEMORY;
    default:
        return YODEL_COUNT_CLOSED_RESET;
    }
}
