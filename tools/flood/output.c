#include "tools/flood/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "tools/flood/csv.h"
#include "tools/flood/hgrm.h"
#include "tools/flood/html.h"
#include "tools/flood/json.h"

static int write_hgrm(const yodel_report *report, FILE *out)
{
    return yodel_hgrm_write(yodel_result_latency(yodel_report_median_run(report)), out);
}

static int open_one(yodel_output *o)
{
    if (strcmp(o->path, "-") == 0) {
        o->fd = STDOUT_FILENO;
        return 0;
    }
    o->made = access(o->path, F_OK) < 0;
    o->fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    return o->fd < 0 ? -errno : 0;
}

int yodel_outputs_open(yodel_outputs *outputs, const yodel_flood_options *options, char *message,
                       size_t size)
{
    const yodel_output wanted[YODEL_OUTPUTS_MAX] = {
        {.path = options->json, .write = yodel_json_write},
        {.path = options->csv, .write = yodel_csv_write},
        {.path = options->html, .write = yodel_html_write},
        {.path = options->hgrm, .write = write_hgrm},
    };

    *outputs = (yodel_outputs){0};
    for (size_t i = 0; i < YODEL_OUTPUTS_MAX; i++) {
        if (wanted[i].path == NULL) {
            continue;
        }
        yodel_output *o = &outputs->list[outputs->count];
        *o = wanted[i];
        int error = open_one(o);
        if (error < 0) {
            snprintf(message, size, "cannot write %s: %s", o->path, yodel_strerror(error));
            yodel_outputs_discard(outputs);
            return error;
        }
        outputs->to_stdout |= o->fd == STDOUT_FILENO;
        outputs->count++;
    }
    return 0;
}

static int write_one(const yodel_output *o, const yodel_report *report)
{
    struct stat info;

    /* What stood there goes now. A pipe or a device has nothing to cut. */
    if (o->fd != STDOUT_FILENO && fstat(o->fd, &info) == 0 && S_ISREG(info.st_mode) &&
        ftruncate(o->fd, 0) < 0) {
        return -errno;
    }
    int fd = o->fd == STDOUT_FILENO ? fcntl(o->fd, F_DUPFD_CLOEXEC, 3) : o->fd;
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        return -errno;
    }
    int error = o->write(report, out);
    if (fclose(out) == EOF && error == 0) {
        error = -errno;
    }
    return error;
}

int yodel_outputs_write(yodel_outputs *outputs, const yodel_report *report, char *message,
                        size_t size)
{
    int first = 0;

    for (size_t i = 0; i < outputs->count; i++) {
        int error = write_one(&outputs->list[i], report);
        if (error < 0 && first == 0) {
            snprintf(message, size, "cannot write %s: %s", outputs->list[i].path,
                     yodel_strerror(error));
            first = error;
        }
    }
    outputs->count = 0;
    return first;
}

void yodel_outputs_discard(yodel_outputs *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        yodel_output *o = &outputs->list[i];
        if (o->fd != STDOUT_FILENO) {
            close(o->fd);
        }
        if (o->made) {
            (void)unlink(o->path);
        }
    }
    outputs->count = 0;
}
