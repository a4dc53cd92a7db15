#include "tools/flood/value.h"

#include <math.h>
#include <stdio.h>

const char *yodel_value_text(yodel_unit unit, double value, char text[YODEL_VALUE_TEXT])
{
    char amount[YODEL_AMOUNT_TEXT];

    if (isnan(value)) {
        snprintf(text, YODEL_VALUE_TEXT, "-");
        return text;
    }
    switch (unit) {
    case YODEL_UNIT_RATE:
        snprintf(text, YODEL_VALUE_TEXT, "%s/s", yodel_amount_count(value, amount));
        return text;
    case YODEL_UNIT_SECONDS:
        return yodel_amount_time(value, text);
    case YODEL_UNIT_BYTES:
        return yodel_amount_bytes(value, text);
    case YODEL_UNIT_CORES:
        snprintf(text, YODEL_VALUE_TEXT, "%.*f%%", fabs(value) < 0.1 ? 1 : 0, 100 * value);
        return text;
    case YODEL_UNIT_COUNT:
        break;
    }
    return fabs(value) < 9e15 ? yodel_amount_exact((int64_t)value, text)
                              : yodel_amount_count(value, text);
}
