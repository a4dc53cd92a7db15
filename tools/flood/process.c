#include "tools/flood/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/error.h"

typedef struct stat_line {
    char state;
    unsigned long long user, system, started; /* clock ticks */
    long resident;                            /* pages */
} stat_line;

/* proc(5). The name of the program comes second, in parentheses, and may hold anything, blanks and
 * parentheses too: what follows its last one is numbers. */
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
    const char *rest = strrchr(line, ')');
    if (rest == NULL ||
        sscanf(rest + 1,
               " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu "
               "%*u %ld",
               &s->state, &s->user, &s->system, &s->started, &s->resident) != 5) {
        return -EPROTO;
    }
    /* Ended, though its parent has not asked how: there is nothing left to measure. */
    return s->state == 'Z' || s->state == 'X' ? -ESRCH : 0;
}

int yodel_process_find(yodel_process *process, pid_t pid, char *message, size_t size)
{
    stat_line s;
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
    stat_line s;

    *usage = (yodel_usage){0};
    if (read_stat(process->pid, &s) < 0 || s.started != process->started) {
        return;
    }
    usage->known = true;
    usage->cpu = (double)(s.user + s.system) / (double)sysconf(_SC_CLK_TCK);
    usage->resident = (uint64_t)s.resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void yodel_process_self(yodel_usage *usage)
{
    struct rusage used;
    stat_line s;

    getrusage(RUSAGE_SELF, &used);
    *usage = (yodel_usage){.known = true, .cpu = seconds(used.ru_utime) + seconds(used.ru_stime)};
    if (read_stat(getpid(), &s) == 0) {
        usage->resident = (uint64_t)s.resident * (uint64_t)sysconf(_SC_PAGESIZE);
    }
}
