#include "tests/support/soak.h"

#include <stdlib.h>
#include <string.h>

bool soak_wanted(void)
{
    const char *wanted = getenv("YODEL_SOAK");
    return wanted != NULL && wanted[0] != '\0' && strcmp(wanted, "0") != 0;
}

double soak_seconds(double normal, double soaking)
{
    const char *seconds = getenv("YODEL_SOAK_SECONDS");
    if (!soak_wanted()) {
        return normal;
    }
    return seconds != NULL && strtod(seconds, NULL) > 0 ? strtod(seconds, NULL) : soaking;
}
