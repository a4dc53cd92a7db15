/*
 * flood as the tests want it: it floods a server of theirs and tells its figures as JSON.
 *
 *     program *p = flood_start(NULL, port, "-n", "100", NULL);
 *     flood_run run = flood_end(p);
 *     flood_expect(&run, 4, (const flood_error[]){{"lost", 1}, {0}});
 *     flood_run_free(&run);
 *
 * The test fails, and shows what flood printed, when something is not as expected. On stdout is the
 * JSON, on stderr the report.
 */
#ifndef YODEL_TESTS_FLOOD_RUN_H
#define YODEL_TESTS_FLOOD_RUN_H

#include <jansson.h>
#include <stdint.h>

#include "program.h"

typedef struct flood_run {
    program *program; /* it has exited; it stays the harness's */
    int status;
    json_t *report; /* tools/flood/json.h */
} flood_run;

/* Errors of one kind. */
typedef struct flood_error {
    const char *name; /* "closed early" */
    int64_t count;    /* -1: as many as there are */
} flood_error;

/* Starts `flood -q --no-color --json - ... 127.0.0.1:PORT` with more arguments (NULL at the
 * end). */
program *flood_start(const program_options *options, unsigned port, ...) __attribute__((sentinel));

/* Waits until it has exited and reads its JSON. What must hold for each run is checked: all lines
 * are accounted for, and a status of 0 means no error. */
flood_run flood_end(program *p);

/* Starts the command that it says replays the run, in a shell. */
program *flood_replay(const flood_run *run);

void flood_run_free(flood_run *run);

/* A number of the (first) run, by its path: "counts/sent", "latency/service/p99". */
double flood_number(const flood_run *run, const char *path);
int64_t flood_count(const flood_run *run, const char *path);

/* These errors ({0} at the end; NULL: none) and no other ones, and this exit status. A status of 0
 * or 99 may be 5 where the machine was too busy for flood and it says so. */
void flood_expect(const flood_run *run, int status, const flood_error *errors);

#endif
