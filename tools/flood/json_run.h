/*
 * json_run: one run as JSON, a part of json.h.
 */
#ifndef YODEL_FLOOD_JSON_RUN_H
#define YODEL_FLOOD_JSON_RUN_H

#include <jansson.h>

#include "report.h"

/* The object for the run, or NULL without memory. The report says what was asked of it. */
json_t *yodel_json_run(const yodel_report *report, const yodel_result *run);

/* An instant of the wall clock in ISO 8601: "2026-11-21T09:00:00Z". NULL without memory. */
json_t *yodel_json_time(time_t t);

#endif
