/*
 * fault: which connection gets which planned fault, and when. Decided by the seed, so that a replay
 * makes the same ones.
 */
#ifndef YODEL_FLOOD_FAULT_H
#define YODEL_FLOOD_FAULT_H

#include <stdint.h>

#include "payload.h"
#include "tally.h"

/* The fault that the connection has, on all of its sockets; -1: none. percents: of the connections,
 * for each fault; above 100 in all they are scaled down to it. */
int8_t yodel_fault_choose(const yodel_payload *payload, const double percents[YODEL_FAULTS],
                          uint32_t connection);

/* After how many lines the connection's n-th socket is half-closed or reset: from 1 to `most`. */
uint64_t yodel_fault_lines(const yodel_payload *payload, uint32_t connection, uint32_t socket,
                           uint32_t most);

#endif
