/*
 * flood: floods a line server and checks every byte of every answer.
 *
 * main prepares (options.h, plan.h, output.h), runs (run.h) and reports (report.h and the writers
 * of files). What happens in between is the generators' (generator.h).
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/error.h"
#include "core/std_fds.h"
#include "tools/flood/command.h"
#include "tools/flood/compare.h"
#include "tools/flood/live.h"
#include "tools/flood/options.h"
#include "tools/flood/output.h"
#include "tools/flood/plan.h"
#include "tools/flood/process.h"
#include "tools/flood/report.h"
#include "tools/flood/run.h"
#include "yodel_version.h"

static int complain(const char *message)
{
    fprintf(stderr, "flood: %s\n", message);
    return YODEL_STATUS_NOT_RUN;
}

/* For --help and --version, whose output may go to a full disk. */
static int print(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
        fprintf(stderr, "flood: cannot write to standard output: %s\n", yodel_strerror(-errno));
        return YODEL_STATUS_NOT_RUN;
    }
    return YODEL_STATUS_FINE;
}

/* --- running -----------------------------------------------------------------------------------*/

static void on_second(const yodel_second *second, void *arg)
{
    yodel_live_second(arg, second);
}

/* Runs as often as asked, or until one is interrupted; *count is how many results there are. */
static int run_all(const yodel_plan *plan, const yodel_process *server, yodel_result *results,
                   size_t *count, char *message, size_t size)
{
    const yodel_flood_options *o = plan->options;
    int error = 0;

    for (*count = 0; *count < o->repeat;) {
        yodel_live live;
        const yodel_run_watcher watcher = {on_second, &live};
        yodel_live_init(&live, stderr, !o->no_color && isatty(STDERR_FILENO) != 0);
        error = yodel_flood_run(plan, server, o->quiet ? NULL : &watcher, &results[*count], message,
                                size);
        yodel_live_finish(&live);
        if (error < 0) {
            break;
        }
        ++*count;
        if (results[*count - 1].interrupted) {
            break;
        }
    }
    return error;
}

/* --- reporting ---------------------------------------------------------------------------------*/

static bool slos_kept(const yodel_report *report)
{
    for (size_t i = 0; i < report->options->slo_count; i++) {
        if (yodel_report_kept(report, &report->options->slos[i]) < report->count) {
            return false;
        }
    }
    return true;
}

/* The gravest of the runs'. */
static int status_of(const yodel_report *report)
{
    static const yodel_status gravest_first[] = {YODEL_STATUS_INTERRUPTED, YODEL_STATUS_WRONG,
                                                 YODEL_STATUS_MISSING, YODEL_STATUS_INVALID};

    for (size_t g = 0; g < sizeof gravest_first / sizeof gravest_first[0]; g++) {
        for (size_t i = 0; i < report->count; i++) {
            if (yodel_result_status(&report->results[i]) == gravest_first[g]) {
                return (int)gravest_first[g];
            }
        }
    }
    return slos_kept(report) ? YODEL_STATUS_FINE : YODEL_STATUS_SLO;
}

static int report_all(const yodel_report *report, yodel_outputs *outputs)
{
    FILE *out = outputs->to_stdout ? stderr : stdout;
    bool color = !report->options->no_color && isatty(fileno(out)) != 0;
    char message[512];
    int status = status_of(report);

    yodel_report_write(report, out, color);
    if (fflush(out) == EOF || ferror(out)) {
        snprintf(message, sizeof message, "cannot write the report to standard output: %s",
                 yodel_strerror(-errno));
        status = complain(message);
    }
    if (yodel_outputs_write(outputs, report, message, sizeof message) < 0) {
        status = complain(message);
    }
    return status;
}

static int run_and_report(const yodel_plan *plan, const yodel_process *server, const char *command,
                          yodel_outputs *outputs)
{
    const yodel_flood_options *o = plan->options;
    char message[512] = "no memory";
    size_t count = 0;
    int status = YODEL_STATUS_NOT_RUN;
    yodel_result *results = calloc(o->repeat, sizeof *results);
    char *replay = yodel_command_replay(command, o->seed, o->seed_given);

    if (results == NULL || replay == NULL) {
        complain(message);
    } else {
        int error = run_all(plan, server, results, &count, message, sizeof message);
        yodel_report report = {o, command, replay, results, count};
        if (count > 0) {
            status = report_all(&report, outputs);
        }
        if (error < 0) {
            status = complain(message);
        }
    }
    for (size_t i = 0; i < count; i++) {
        yodel_result_free(&results[i]);
    }
    free(results);
    free(replay);
    return status;
}

/* --- preparing ---------------------------------------------------------------------------------*/

static int flood(const yodel_flood_options *o, const char *command)
{
    yodel_process server;
    yodel_outputs outputs;
    yodel_plan plan;
    char message[512];
    int status;

    if (o->server_pid > 0 &&
        yodel_process_find(&server, o->server_pid, message, sizeof message) < 0) {
        return complain(message);
    }
    if (yodel_plan_make(&plan, o, message, sizeof message) < 0) {
        return complain(message);
    }
    if (yodel_outputs_open(&outputs, o, message, sizeof message) < 0) {
        status = complain(message);
    } else {
        status = run_and_report(&plan, o->server_pid > 0 ? &server : NULL, command, &outputs);
        yodel_outputs_discard(&outputs); /* those that were not written */
    }
    yodel_plan_destroy(&plan);
    return status;
}

static int act(const yodel_flood_options *o, const char *command)
{
    switch (o->action) {
    case YODEL_FLOOD_HELP:
        return print(yodel_flood_help);
    case YODEL_FLOOD_VERSION:
        return print("flood " YODEL_VERSION " (" YODEL_COMMIT ")\n");
    case YODEL_FLOOD_COMPARE:
        return yodel_compare(o->operands[0], o->operands[1], stdout, stderr);
    case YODEL_FLOOD_RUN:
        break;
    }
    return flood(o, command);
}

int main(int argc, char *argv[])
{
    yodel_flood_options options;
    char message[1024];

    if (yodel_std_fds_open() < 0) {
        return YODEL_STATUS_NOT_RUN;
    }
    char *command = yodel_command(argc, argv);
    if (command == NULL) {
        return complain("no memory");
    }
    if (yodel_flood_options_parse(&options, argc, argv, message, sizeof message) < 0) {
        fprintf(stderr, "flood: %s (try flood --help)\n", message);
        free(command);
        return YODEL_STATUS_USAGE;
    }
    signal(SIGPIPE, SIG_IGN); /* a pipe that is closed is an error of write */
    int status = act(&options, command);
    yodel_flood_options_free(&options);
    free(command);
    return status;
}
