/*
 * output: the files that the user asked for. They are opened before the run, so that a name that
 * cannot be written to is known at once, not after ten minutes; what stood in them is lost only
 * when there is something new to write.
 */
#ifndef YODEL_FLOOD_OUTPUT_H
#define YODEL_FLOOD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

typedef struct yodel_output {
    const char *path; /* "-" is standard output */
    int fd;
    bool made; /* it was not there before */
    int (*write)(const yodel_report *report, FILE *out);
} yodel_output;

#define YODEL_OUTPUTS_MAX 4

typedef struct yodel_outputs {
    yodel_output list[YODEL_OUTPUTS_MAX];
    size_t count;
    bool to_stdout; /* one of them: the report goes to standard error then */
} yodel_outputs;

/* Opens those that the options name. 0, or a negative errno and one line in message that names the
 * file; then nothing is left behind. */
int yodel_outputs_open(yodel_outputs *outputs, const yodel_flood_options *options, char *message,
                       size_t size);

/* Writes and closes all. 0, or the first error and one line in message; the others are written all
 * the same. */
int yodel_outputs_write(yodel_outputs *outputs, const yodel_report *report, char *message,
                        size_t size);

/* Instead: there is nothing to write. Removes those that were made. */
void yodel_outputs_discard(yodel_outputs *outputs);

#endif
