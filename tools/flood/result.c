#include "tools/flood/result.h"

#include <stdlib.h>

void yodel_result_free(yodel_result *result)
{
    free(result->timeline);
    result->timeline = NULL;
    result->timeline_count = 0;
}

yodel_status yodel_result_status(const yodel_result *result)
{
    int64_t wrong = yodel_tally_wrong(&result->total);

    if (result->interrupted) {
        return YODEL_STATUS_INTERRUPTED;
    }
    if (wrong > 0) {
        return YODEL_STATUS_WRONG;
    }
    if (yodel_tally_flaws(&result->total) - wrong > 0) {
        return YODEL_STATUS_MISSING;
    }
    return result->invalid[0] != '\0' ? YODEL_STATUS_INVALID : YODEL_STATUS_FINE;
}

const yodel_histogram *yodel_result_latency(const yodel_result *result)
{
    return result->total.intended.count > 0 ? &result->total.intended : &result->total.service;
}
