/*
 * markup: text from outside in an HTML file.
 */
#ifndef YODEL_FLOOD_MARKUP_H
#define YODEL_FLOOD_MARKUP_H

#include <stdio.h>

/* Writes text so that a browser shows it and does nothing else with it, between tags as well as in
 * a quoted attribute: < > & " ' as references, bytes that are no UTF-8 and control characters (but
 * newline and tab) as \x1b. */
void yodel_markup_text(FILE *out, const char *text);

#endif
