/*
 * html: the report as one HTML file: figures, charts, tables.
 *
 * It needs nothing beside itself: style and SVG are inline, there is no script, and a
 * Content-Security-Policy forbids the browser to load anything. It is well-formed XML, too.
 */
#ifndef YODEL_FLOOD_HTML_H
#define YODEL_FLOOD_HTML_H

#include <stdio.h>

#include "report.h"

/* Writes the page: of several runs the charts of the median one, and a table of all. 0, -ENOMEM, or
 * the error of writing (-ENOSPC, -EPIPE, ...); out is flushed, not closed. */
int yodel_html_write(const yodel_report *report, FILE *out);

#endif
