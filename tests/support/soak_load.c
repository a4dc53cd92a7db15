#include "tests/support/soak_load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"

enum { MOST_WORDS = 16 };

/* Rates, so that the load stays the same however fast the machine is. The last one is killed. */
static const char *const kinds[SOAK_FLOODS][MOST_WORDS] = {
    {"-c", "50", "-P", "16", "-s", "1-2000", "-R", "10k"},
    {"-c", "60", "-P", "8", "-s", "1-5000", "-R", "1k", "--churn", "50", "--fault",
     "split:20,drip:10,slow-read:20,half-close:20,reset:20"},
    {"-c", "30", "-s", "1-100", "-R", "1k", "--churn", "5"},
    {"-c", "300", "--idle"},
    {"-c", "100", "-P", "32", "-s", "1-20000", "-R", "1k", "--fault", "slow-read:50,split:30"},
};

static bool is_victim(const soak_load *load, const soak_flood *f)
{
    return f == &load->running[SOAK_FLOODS - 1];
}

static void start(soak_load *load, soak_flood *f)
{
    const char *const *w = kinds[f - load->running];
    *f = (soak_flood){0};
    /* NULL ends them early: those that are not given are at the end. */
    f->program =
        flood_start(NULL, load->port, "-T", "60s", "-d", load->length, "-t", "1", w[0], w[1], w[2],
                    w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], NULL);
    if (is_victim(load, f)) {
        f->kill_at = program_now() + 0.2 + (double)test_random_below(load->random, 3000) / 1000;
    }
}

/* Of the errors in a report: those of bytes, and all others but failed attempts to connect. */
static void check_errors(const soak_flood *f, const flood_run *run)
{
    static const char *const wrong[] = {"duplicated", "reordered", "foreign",
                                        "corrupt",    "truncated", "extra"};
    static const char *const missing[] = {"lost", "timeout", "reset", "closed early", "connect"};
    char path[40];

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(path, sizeof path, "errors/%s", wrong[i]);
        if (flood_count(run, path) != 0) {
            program_fail(f->program, "%" PRId64 " answers are %s", flood_count(run, path),
                         wrong[i]);
        }
    }
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        snprintf(path, sizeof path, "errors/%s", missing[i]);
        if (flood_count(run, path) != 0 && !f->restarted) {
            program_fail(f->program, "%s: %" PRId64 ", and the server did not restart", missing[i],
                         flood_count(run, path));
        }
    }
}

static void take_report(soak_load *load, soak_flood *f)
{
    flood_run run = flood_end(f->program);
    check_errors(f, &run);
    if (run.status != 0 && run.status != 4 && run.status != 5) {
        program_fail(f->program, "it exited with status %d", run.status);
    }
    load->runs++;
    load->sent += flood_count(&run, "counts/sent");
    load->answered += flood_count(&run, "counts/answered");
    load->abandoned += flood_count(&run, "counts/abandoned");
    load->connected += flood_count(&run, "counts/connected");
    load->lost += flood_count(&run, "errors/lost") + flood_count(&run, "errors/timeout");
    load->ended += flood_count(&run, "errors/reset") + flood_count(&run, "errors/closed early");
    flood_run_free(&run);
}

size_t soak_load_look(soak_load *load, bool more)
{
    size_t running = 0;

    for (size_t i = 0; i < SOAK_FLOODS; i++) {
        soak_flood *f = &load->running[i];
        if (f->program != NULL && !program_running(f->program)) {
            take_report(load, f);
            program_kill(f->program);
            f->program = NULL;
        } else if (f->program != NULL && f->kill_at > 0 && program_now() > f->kill_at) {
            program_kill(f->program);
            f->program = NULL;
            load->killed++;
        }
        if (f->program == NULL && more) {
            start(load, f);
        }
        running += f->program != NULL;
    }
    return running;
}

void soak_load_restarted(soak_load *load)
{
    for (size_t i = 0; i < SOAK_FLOODS; i++) {
        load->running[i].restarted = true;
    }
}
