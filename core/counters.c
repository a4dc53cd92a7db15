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

/* accept(2), and the errors of networks that it passes on. The last one stands for all others. */
static const struct {
    int error;
    const char *name;
} accept_errors[YODEL_ACCEPT_ERROR_COUNT] = {
#define ACCEPT_ERROR(error)                                                                        \
    {                                                                                              \
        error, #error                                                                              \
    }
    ACCEPT_ERROR(EMFILE),       ACCEPT_ERROR(ENFILE),
    ACCEPT_ERROR(ENOBUFS),      ACCEPT_ERROR(ENOMEM),
    ACCEPT_ERROR(ECONNABORTED), ACCEPT_ERROR(EPROTO),
    ACCEPT_ERROR(EPERM),        ACCEPT_ERROR(ENETDOWN),
    ACCEPT_ERROR(ENOPROTOOPT),  ACCEPT_ERROR(EHOSTDOWN),
    ACCEPT_ERROR(ENONET),       ACCEPT_ERROR(EHOSTUNREACH),
    ACCEPT_ERROR(ENETUNREACH),  ACCEPT_ERROR(EOPNOTSUPP),
    ACCEPT_ERROR(EINVAL),       {0, "other"},
#undef ACCEPT_ERROR
};

void yodel_count_accept_error(yodel_counters *counters, int error)
{
    unsigned i = 0;
    while (i < YODEL_ACCEPT_ERROR_COUNT - 1 && accept_errors[i].error != error) {
        i++;
    }
    uint64_t old = atomic_load_explicit(&counters->accept_error[i], memory_order_relaxed);
    atomic_store_explicit(&counters->accept_error[i], old + 1, memory_order_relaxed);
}

uint64_t yodel_counters_accept_error(const yodel_counters *counters, unsigned index)
{
    return atomic_load_explicit(&counters->accept_error[index], memory_order_relaxed);
}

const char *yodel_accept_error_name(unsigned index)
{
    return accept_errors[index].name;
}

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
    for (unsigned i = 0; i < YODEL_ACCEPT_ERROR_COUNT; i++) {
        uint64_t sum = yodel_counters_accept_error(into, i) + yodel_counters_accept_error(from, i);
        atomic_store_explicit(&into->accept_error[i], sum, memory_order_relaxed);
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
