#include "tools/flood/tally.h"

void yodel_tally_add(yodel_tally *into, const yodel_tally *from)
{
    into->sent += from->sent;
    into->answered += from->answered;
    into->abandoned += from->abandoned;
    into->counted_sent += from->counted_sent;
    into->counted += from->counted;
    into->bytes_out += from->bytes_out;
    into->bytes_in += from->bytes_in;
    into->connected += from->connected;
    for (int i = 0; i < YODEL_FLAWS; i++) {
        into->flaws[i] += from->flaws[i];
    }
    for (int i = 0; i < YODEL_FAULTS; i++) {
        into->faults[i] += from->faults[i];
    }
    yodel_histogram_add(&into->service, &from->service);
    yodel_histogram_add(&into->intended, &from->intended);
    yodel_histogram_add(&into->connect, &from->connect);
    yodel_histogram_add(&into->lag, &from->lag);
}

int64_t yodel_tally_flaws(const yodel_tally *t)
{
    int64_t sum = 0;

    for (int i = 0; i < YODEL_FLAWS; i++) {
        sum += t->flaws[i];
    }
    return sum;
}

int64_t yodel_tally_wrong(const yodel_tally *t)
{
    int64_t sum = 0;

    for (int i = 0; i < YODEL_FLAWS; i++) {
        sum += yodel_flaw_is_wrong_bytes((yodel_flaw)i) ? t->flaws[i] : 0;
    }
    return sum;
}

bool yodel_flaw_is_wrong_bytes(yodel_flaw flaw)
{
    switch (flaw) {
    case YODEL_FLAW_DUPLICATED:
    case YODEL_FLAW_REORDERED:
    case YODEL_FLAW_FOREIGN:
    case YODEL_FLAW_CORRUPT:
    case YODEL_FLAW_TRUNCATED:
    case YODEL_FLAW_EXTRA:
        return true;
    default:
        return false;
    }
}

const char *yodel_flaw_name(yodel_flaw flaw)
{
    static const char *const names[YODEL_FLAWS] = {
        [YODEL_FLAW_CONNECT] = "connect",     [YODEL_FLAW_RESET] = "reset",
        [YODEL_FLAW_CLOSED] = "closed early", [YODEL_FLAW_TIMEOUT] = "timeout",
        [YODEL_FLAW_LOST] = "lost",           [YODEL_FLAW_DUPLICATED] = "duplicated",
        [YODEL_FLAW_REORDERED] = "reordered", [YODEL_FLAW_FOREIGN] = "foreign",
        [YODEL_FLAW_CORRUPT] = "corrupt",     [YODEL_FLAW_TRUNCATED] = "truncated",
        [YODEL_FLAW_EXTRA] = "extra",
    };
    return names[flaw];
}

const char *yodel_fault_name(yodel_fault fault)
{
    static const char *const names[YODEL_FAULTS] = {
        [YODEL_FAULT_SPLIT] = "split",         [YODEL_FAULT_DRIP] = "drip",
        [YODEL_FAULT_SLOW_READ] = "slow-read", [YODEL_FAULT_HALF_CLOSE] = "half-close",
        [YODEL_FAULT_RESET] = "reset",
    };
    return names[fault];
}
