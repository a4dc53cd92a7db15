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
    o->fd = open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    o->made = o->fd >= 0;
    if (!o->made && errno == EEXIST) { /* or a link to nothing: what it names is made, it stays */
        o->fd = open(o->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    }
    return o->fd < 0 ? -errno : 0;
}

/* Under whatever name: two would write over one another. */
static bool is_same_file(const yodel_output *a, const yodel_output *b)
{
    struct stat first, second;

    return fstat(a->fd, &first) == 0 && fstat(b->fd, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

/* Another output that goes to the file of the last one, or NULL. */
static const yodel_output *find_same(const yodel_outputs *outputs)
{
    const yodel_output *last = &outputs->list[outputs->count - 1];

    for (const yodel_output *o = outputs->list; o < last; o++) {
        if (is_same_file(o, last)) {
            return o;
        }
    }
    return NULL;
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
        const yodel_output *same = find_same(outputs);
        if (same != NULL) {
            snprintf(message, size, "%s and %s are the same file", same->path, o->path);
            yodel_outputs_discard(outputs);
            return -EINVAL;
        }
    }
    return 0;
}

/* A stream for it, empty. What it has is closed with it, or at once when there is an error. */
static int open_stream(const yodel_output *o, FILE **out)
{
    bool to_stdout = o->fd == STDOUT_FILENO;
    int fd = to_stdout ? fcntl(o->fd, F_DUPFD_CLOEXEC, 3) : o->fd;
    struct stat info;

    if (fd < 0) {
        return -errno;
    }
    /* What stood there goes now. A pipe or a device has nothing to cut. */
    bool cut = !to_stdout && fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    *out = cut && ftruncate(fd, 0) < 0 ? NULL : fdopen(fd, "w");
    if (*out == NULL) {
        int error = -errno;
        close(fd);
        return error;
    }
    return 0;
}

static int write_one(const yodel_output *o, const yodel_report *report)
{
    FILE *out = NULL;
    int error = open_stream(o, &out);

    if (error < 0) {
        return error;
    }
    error = o->write(report, out);
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
