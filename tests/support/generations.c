#include "tests/support/generations.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/files.h"

/* Process groups of the test: a first one's process id, which all after it keep. */
static pid_t groups[GENERATIONS_MOST];
static size_t group_count;

int generations_setup(void **state)
{
    /* Whose parent has ended becomes a child of the test. */
    return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? files_setup(state) : -1;
}

int generations_teardown(void **state)
{
    int code = program_teardown(state); /* ends the first ones */
    for (size_t i = 0; i < group_count; i++) {
        /* While there is a child in it the group's number is nobody else's. */
        while (waitpid(-groups[i], NULL, WNOHANG) >= 0) {
            kill(-groups[i], SIGKILL);
        }
    }
    group_count = 0;
    return files_teardown(state) == 0 ? code : -1;
}

generations generations_start(const program_options *options, const char *const argv[])
{
    generations g = {.first = program_start_argv(options, argv), .count = 1};
    g.pid[0] = program_pid(g.first);
    assert_true(group_count < GENERATIONS_MOST);
    groups[group_count++] = g.pid[0];
    g.port = server_port_of_line(program_wait_line(g.first, PROGRAM_STDERR, "listening on "));
    return g;
}

pid_t generations_pid(const generations *g)
{
    return g->pid[g->count - 1];
}

void generations_signal(const generations *g, int signal_number)
{
    if (kill(generations_pid(g), signal_number) != 0) {
        program_fail(g->first, "process %d has gone", (int)generations_pid(g));
    }
}

/* Complete lines, also when the first one has exited; the harness would not wait then. */
void generations_wait_lines(const generations *g, const char *text, size_t n)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    while (program_count_lines(g->first, PROGRAM_STDERR, text) < n) {
        if (program_now() > deadline) {
            program_fail(g->first, "no line number %zu with \"%s\"", n, text);
        }
        program_pause_ms(2);
    }
}

static const char upgraded[] = " serves now";

void generations_begin_upgrade(const generations *g)
{
    assert_true(g->count < GENERATIONS_MOST);
    generations_signal(g, SIGUSR2);
}

bool generations_is_upgraded(const generations *g)
{
    return program_count_lines(g->first, PROGRAM_STDERR, upgraded) >= g->count;
}

void generations_end_upgrade(generations *g)
{
    static const char before[] = "upgrade: process ";
    generations_wait_lines(g, upgraded, g->count);
    const char *line = program_wait_lines(g->first, PROGRAM_STDERR, upgraded, g->count);
    const char *number = strstr(line, before);
    long pid = number != NULL ? strtol(number + strlen(before), NULL, 10) : 0;
    if (pid <= 1) {
        program_fail(g->first, "no process in \"%s\"", line);
    }
    g->pid[g->count++] = (pid_t)pid;
}

void generations_upgrade(generations *g)
{
    generations_begin_upgrade(g);
    generations_end_upgrade(g);
}

void generations_expect_exit(generations *g, size_t index, int status)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    int got = 0;
    pid_t pid;
    if (g->exited[index]) {
        return;
    }
    g->exited[index] = true;
    if (index == 0) {
        program_expect_exit(g->first, status);
        return;
    }
    /* It becomes ours when the one before it has exited. */
    while ((pid = waitpid(g->pid[index], &got, WNOHANG)) == 0 || (pid < 0 && errno == ECHILD)) {
        if (program_now() > deadline) {
            program_fail(g->first, "process %d does not exit", (int)g->pid[index]);
        }
        program_pause_ms(2);
    }
    if (pid != g->pid[index] || !WIFEXITED(got) || WEXITSTATUS(got) != status) {
        program_fail(g->first, "process %d ended with %d", (int)g->pid[index], got);
    }
}

/* The value of the word name=N. */
static uint64_t value(const generations *g, const char *line, const char *name)
{
    const char *at = strstr(line, name);
    if (at == NULL) {
        program_fail(g->first, "no %s in \"%s\"", name, line);
    }
    at = strchr(at, '=');
    return at != NULL ? strtoull(at + 1, NULL, 10) : 0;
}

void generations_stop(generations *g)
{
    generations_signal(g, SIGTERM);
    for (size_t i = 0; i < g->count; i++) {
        generations_expect_exit(g, i, 0);
    }
    for (size_t i = 1; i <= g->count; i++) {
        const char *line = program_wait_lines(g->first, PROGRAM_STDERR, "stats accepted=", i);
        if (value(g, line, " active=") != 0 ||
            value(g, line, " accepted=") != value(g, line, " closed=")) {
            program_fail(g->first, "not every connection is accounted for: %s", line);
        }
    }
    if (program_count_lines(g->first, PROGRAM_STDERR, " ERROR ") > 0) {
        program_fail(g->first, "an error stands in the log");
    }
}

size_t generations_open_fds(const generations *g, pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        program_fail(g->first, "no %s", path);
    }
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

const char *generations_status_line(const generations *g, pid_t pid, const char *key)
{
    static char line[256];
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, key, strlen(key)) == 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (!found) {
        program_fail(g->first, "no %s in %s", key, path);
    }
    return line;
}
