#include "tools/flood/result.h"

#include <stdlib.h>

/* flood's exit statuses for what a run found. */
enum {
    STATUS_FINE = 0,
    STATUS_WRONG = 3,
    STATUS_MISSING = 4,
    STATUS_INVALID = 5,
    STATUS_INTERRUPTED = 130
};

void yodel_result_free(yodel_result *result)
{
    free(result->timeline);
    result->timeline = NULL;
    result->timeline_count = 0;
}

int yodel_result_status(const yodel_result *result)
{
    int64_t wrong = 0, missing = 0;

    for (int i = 0; i < YODEL_FLAWS; i++) {
        *(yodel_flaw_is_wrong_bytes((yodel_flaw)i) ? &wrong : &missing) += result->total.flaws[i];
    }
    if (result->interrupted) {
        return STATUS_INTERRUPTED;
    }
    if (wrong > 0) {
        return STATUS_WRONG;
    }
    if (missing > 0) {
        return STATUS_MISSING;
    }
    return result->invalid[0] != '\0' ? STATUS_INVALID : STATUS_FINE;
}

const yodel_histogram *yodel_result_latency(const yodel_result *result)
{
    return result->total.intended.count > 0 ? &result->total.intended : &result->total.service;
}
