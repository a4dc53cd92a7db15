/*
 * value: a metric's value as text for people.
 */
#ifndef YODEL_FLOOD_VALUE_H
#define YODEL_FLOOD_VALUE_H

#include "amount.h"
#include "metric.h"

/* Room for the text, NUL included. */
#define YODEL_VALUE_TEXT (YODEL_AMOUNT_TEXT + 8)

/* "250.0k/s", "412us", "4.6 KiB", "61%", "0.5%", "1,234"; "-" for NAN. Writes to text and returns it. */
const char *yodel_value_text(yodel_unit unit, double value, char text[YODEL_VALUE_TEXT]);

#endif
