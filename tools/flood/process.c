#include "tools/flood/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"

/* Fields of /proc/PID/stat, counted from 1 as in proc(5). */
enum { STATE = 3, USER = 14, SYSTEM = 15, STARTED = 22, RESIDENT = 24 };

typedef struct stat_line {
    unsigned long long ticks, started; /* clock ticks */
    unsigned long long pages;
} stat_line;

/* proc(5). The name of the program comes second, in parentheses, and may hold anything, blanks and
 * parentheses too: what follows its last one is the state, then numbers. */
static int parse_stat(const char *line, stat_line *s)
{
    unsigned long long fields[RESIDENT + 1];
    const char *name_end = strrchr(line, ')');

    if (name_end == NULL || name_end[1] != ' ' || name_end[2] == '\0') {
        return -EPROTO;
    }
    const char *at = name_end + 3;
    for (int i = STATE + 1; i <= RESIDENT; i++) {
        char *end;
        fields[i] = strtoull(at, &end, 10); /* some are negative; none that we want */
        if (end == at) {
            return -EPROTO;
        }
        at = end;
    }
    /* Ended, though its parent has not asked how: there is nothing left to measure. */
    if (name_end[2] == 'Z' || name_end[2] == 'X') {
        return -ESRCH;
    }
    *s = (stat_line){
        .ticks = fields[USER] + fields[SYSTEM],
        .started = fields[STARTED],
        .pages = fields[RESIDENT],
    };
    return 0;
}

static int read_stat(pid_t pid, stat_line *s)
{
    char path[64], line[1024];

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    errno = 0;
    size_t length = fread(line, 1, sizeof line - 1, file);
    int error = ferror(file) ? -(errno != 0 ? errno : EIO) : 0;
    fclose(file);
    if (error < 0) {
        return error; /* -ESRCH: it has just ended */
    }
    line[length] = '\0';
    return parse_stat(line, s);
}

int yodel_process_find(yodel_process *process, pid_t pid, char *message, size_t size)
{
    stat_line s = {0};
    int error = read_stat(pid, &s);

    if (error < 0) {
        snprintf(message, size, "cannot look at process %ld: %s", (long)pid, yodel_strerror(error));
        return error;
    }
    *process = (yodel_process){.pid = pid, .started = s.started};
    return 0;
}

void yodel_process_look(const yodel_process *process, yodel_usage *usage)
{
    stat_line s = {0};

    *usage = (yodel_usage){0};
    if (read_stat(process->pid, &s) < 0 || s.started != process->started) {
        return;
    }
    usage->known = true;
    usage->cpu = (double)s.ticks / (double)sysconf(_SC_CLK_TCK);
    usage->resident = (uint64_t)s.pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void yodel_process_self(yodel_usage *usage)
{
    struct rusage used;
    stat_line s = {0};

    getrusage(RUSAGE_SELF, &used);
    *usage = (yodel_usage){.known = true, .cpu = seconds(used.ru_utime) + seconds(used.ru_stime)};
    if (read_stat(getpid(), &s) == 0) {
        usage->resident = (uint64_t)s.pages * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}
