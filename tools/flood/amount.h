/*
 * amount: numbers with units, from options and for people.
 */
#ifndef YODEL_FLOOD_AMOUNT_H
#define YODEL_FLOOD_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

/* Room for any of the texts below, NUL included. */
#define YODEL_AMOUNT_TEXT 32

/* Reads a number with an optional k, M or G (1,000, 1,000,000, 1,000,000,000; either case) behind
 * it: "250k", "1.5M". As strict as core/units.h, and the same return values. */
int yodel_amount_parse(const char *text, double *number);

/* All of these write to text and return it. At most four significant characters: what changes every
 * second must not dance. */

/* A number: "0", "42", "9999", "12.3k", "250.0k", "1.25M". */
const char *yodel_amount_count(double number, char text[YODEL_AMOUNT_TEXT]);
/* A time in seconds: "412us", "1.94ms", "12.3s"; "850ns" below a microsecond; "0" . */
const char *yodel_amount_time(double seconds, char text[YODEL_AMOUNT_TEXT]);
/* Bytes: "0", "216 B", "4.6 KiB", "1.2 GiB". */
const char *yodel_amount_bytes(double bytes, char text[YODEL_AMOUNT_TEXT]);
/* A whole number with thousands separated: "1,234,567", "-3". */
const char *yodel_amount_exact(int64_t number, char text[YODEL_AMOUNT_TEXT]);

#endif
