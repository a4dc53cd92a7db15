/*
 * verdict: can the figures be trusted? When flood itself was too slow they are about flood, and say
 * nothing about the server.
 */
#ifndef YODEL_FLOOD_VERDICT_H
#define YODEL_FLOOD_VERDICT_H

#include "options.h"
#include "result.h"

/* Fills in result->invalid and result->note from the rest of the result. `busiest`: the CPU share
 * of the thread that used most of it, 1.0 is all the time. */
void yodel_verdict(yodel_result *result, const yodel_flood_options *options, double busiest);

#endif
