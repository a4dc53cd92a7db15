/*
 * json: everything that flood knows of its runs, for programs: --json, and what `flood compare`
 * reads.
 *
 * One object. Values are in base units: seconds, bytes, cores; null is "there is none". Members are
 * always there and always in the same order:
 *
 *   format, version       YODEL_JSON_FORMAT and YODEL_JSON_VERSION
 *   flood                 flood's own version and commit
 *   command, replay       for a shell
 *   started               of the first run, ISO 8601, UTC
 *   seed                  a string, since it has 64 bits and JSON's numbers have 53
 *   repeat                runs asked for
 *   configuration         what was asked of the runs; equal in two files of the same experiment
 *   system                where they ran: os, release, machine, cores
 *   runs                  one object each:
 *     valid, invalid, note, interrupted, status    invalid is why it is not valid
 *     started, seconds
 *     metrics             by the names of metric.h
 *     counts, errors, faults
 *     latency             intended, service, connect, lag: count, mean, min, percentiles, max
 *     slowest             the connection with the greatest mean
 *     connect_error
 *     cpu                 client, server: seconds of CPU after the warm-up
 *     memory              server_before, server_peak
 *     mismatch            the first wrong answer: bytes as hex and as text
 *     slos                text, value, kept
 *     timeline            one object a second
 *
 * Readers must take unknown members in their stride: new ones do not change the version.
 */
#ifndef YODEL_FLOOD_JSON_H
#define YODEL_FLOOD_JSON_H

#include <stdio.h>

#include "report.h"

#define YODEL_JSON_FORMAT "yodel-flood"
/* Goes up when a member that was there goes away or means something else. */
#define YODEL_JSON_VERSION 1

/* Writes and flushes. 0, -ENOMEM, or what writing failed with (then part of it may be written). */
int yodel_json_write(const yodel_report *report, FILE *out);

#endif
