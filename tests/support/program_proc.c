#include "tests/support/program_internal.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static FILE *open_proc_for(program *p, const char *name, const char *mode)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)p->pid, name);
    FILE *file = program_running(p) ? fopen(path, mode) : NULL;
    if (file == NULL) {
        program_fail(p, "it has gone, no %s", path);
    }
    return file;
}

static FILE *open_proc(program *p, const char *name)
{
    return open_proc_for(p, name, "re");
}

static size_t status_number(program *p, const char *key)
{
    FILE *file = open_proc(p, "status");
    char line[256];
    size_t value = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoul(line + strlen(key), NULL, 10);
            break;
        }
    }
    fclose(file);
    return value;
}

size_t program_rss(program *p)
{
    return status_number(p, "VmRSS:") * 1024;
}

size_t program_peak_rss(program *p)
{
    return status_number(p, "VmHWM:") * 1024;
}

void program_forget_peak(program *p)
{
    FILE *file = open_proc_for(p, "clear_refs", "we");
    bool done = fputs("5", file) >= 0; /* proc(5) */
    done = fclose(file) == 0 && done;
    if (!done) {
        program_fail(p, "cannot reset its peak of resident memory");
    }
}

size_t program_address_space(program *p)
{
    return status_number(p, "VmSize:") * 1024;
}

size_t program_threads(program *p)
{
    return status_number(p, "Threads:");
}

double program_cpu_seconds(program *p)
{
    FILE *file = open_proc(p, "stat");
    char line[1024] = "";
    size_t len = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[len] = '\0';
    unsigned long user = 0, system = 0;
    const char *rest = strrchr(line, ')'); /* the name before it may hold blanks */
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) != 2) {
        program_fail(p, "cannot read its processor time");
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

size_t program_open_fds(program *p)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)p->pid);
    DIR *dir = program_running(p) ? opendir(path) : NULL;
    if (dir == NULL) {
        program_fail(p, "it has gone, no %s", path);
    }
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

void program_wait_open_fds(program *p, size_t n)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (size_t now; (now = program_open_fds(p)) > n; look_exited(p, LOOK_MS)) {
        if (program_now() > deadline) {
            program_fail(p, "it has %zu open file descriptors, not %zu", now, n);
        }
    }
}
