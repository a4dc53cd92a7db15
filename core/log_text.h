/*
 * log_text: a line of text in a buffer of fixed size, from bytes that a peer may have sent: what
 * cannot be shown as it is becomes an escape, what does not fit is cut between two units and shown
 * to be cut. Private: not installed.
 */
#ifndef YODEL_CORE_LOG_TEXT_H
#define YODEL_CORE_LOG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text that grows up to `size` bytes at `out` (the caller's), without a NUL, and ends in "..." when
 * something did not fit. Set out and size, leave the rest 0. */
typedef struct yodel_log_text {
    char *out;
    size_t size;
    size_t len;
    size_t cut; /* the last length after which there was room for the dots */
} yodel_log_text;

/* The longest unit: a character, or the escape that stands for one. */
#define YODEL_LOG_UNIT 8

/* Adds the `n` bytes of one unit whole. When they do not fit the text is finished, and false is
 * returned. */
bool yodel_log_text_put(yodel_log_text *text, const char *unit, size_t n);

/* The escape of a byte: \t, \n, \r or \xNN. Its length. */
size_t yodel_log_unit_of_byte(char unit[YODEL_LOG_UNIT], uint8_t byte);

/* Turns the next character of a message, of which `len` >= 1 bytes are at `s`, into what stands for
 * it in a line of text, or in a JSON string. Returns how many bytes of the message that is, puts
 * the unit and its length into `unit` and *n. */
size_t yodel_log_unit(bool json, const uint8_t *s, size_t len, char unit[YODEL_LOG_UNIT],
                      size_t *n);

#endif
