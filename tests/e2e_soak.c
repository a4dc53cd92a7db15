/*
 * A soak, only with YODEL_SOAK=1: ten minutes (YODEL_SOAK_SECONDS) of flood with every fault mixed
 * in, churn, idle connections, floods killed by SIGKILL, and fuzzing clients in between; in the
 * middle SIGTERM and a new server on the same port.
 *
 * Nowhere a wrong byte; nothing lost but around the restart; the server's memory and descriptors do
 * not grow once it is warm; each of the two servers drains well, with accepted = active + closed;
 * and in the end nothing is open.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fuzz_client.h"
#include "tests/support/server.h"
#include "tests/support/soak.h"
#include "tests/support/soak_load.h"

enum { MOST_SAMPLES = 4096, FUZZERS = 4, MAX_LINE = 65536 };

/* Flat: the median of the last third of the warm time is above that of the first one by no more. */
#define TOLERANCE   1.05
#define MEMORY_MORE ((size_t)2 << 20)
#define FDS_MORE    50

typedef struct sample {
    double at; /* seconds since the beginning */
    size_t memory, fds;
} sample;

/* The time of one server. */
typedef struct life {
    server server;
    double begin, warm, end; /* seconds since the beginning */
    size_t count;
    sample samples[MOST_SAMPLES];
} life;

typedef struct soak {
    double start, seconds, period;
    test_random random;
    soak_load load;
    fuzz_client fuzzers[FUZZERS];
    size_t fuzzed;
} soak;

static double passed(const soak *k)
{
    return program_now() - k->start;
}

/* --- fuzzing -----------------------------------------------------------------------------------*/

/* A step of each; returns how many are there. */
static size_t fuzz(soak *k, bool more)
{
    size_t open = 0;
    for (size_t i = 0; i < FUZZERS; i++) {
        fuzz_client *c = &k->fuzzers[i];
        if (c->fd < 0 && more) {
            fuzz_client_start(c, test_random_next(&k->random), ECHO_CHAT, MAX_LINE, false,
                              k->load.port);
        }
        for (int steps = 0; c->fd >= 0 && steps < 8; steps++) {
            fuzz_client_step(c);
            if (c->fd < 0) {
                fuzz_client_free(c);
                k->fuzzed++;
            }
        }
        open += c->fd >= 0;
    }
    return open;
}

/* --- sampling ----------------------------------------------------------------------------------*/

static void take_sample(const soak *k, life *l)
{
    assert_true(l->count < MOST_SAMPLES);
    sample *s = &l->samples[l->count++];
    *s = (sample){passed(k), program_rss(l->server.program), program_open_fds(l->server.program)};
    if (l->count % 10 == 0) {
        print_message("    %5.0f s: %6.1f MiB, %4zu fds, %zu floods over, %zu killed, %zu fuzzed\n",
                      s->at, (double)s->memory / (1 << 20), s->fds, k->load.runs, k->load.killed,
                      k->fuzzed);
    }
}

static int by_value(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return x < y ? -1 : x > y;
}

/* Of the samples between two instants; which: 0 memory, 1 fds. */
static size_t median(const life *l, double from, double to, int which)
{
    static size_t values[MOST_SAMPLES];
    size_t n = 0;
    for (size_t i = 0; i < l->count; i++) {
        const sample *s = &l->samples[i];
        if (s->at >= from && s->at <= to) {
            values[n++] = which == 0 ? s->memory : s->fds;
        }
    }
    assert_true(n > 0);
    qsort(values, n, sizeof values[0], by_value);
    return values[n / 2];
}

static void check_flat(const life *l)
{
    double third = (l->end - l->warm) / 3;
    size_t memory = median(l, l->warm, l->warm + third, 0);
    size_t memory_later = median(l, l->end - third, l->end, 0);
    size_t fds = median(l, l->warm, l->warm + third, 1);
    size_t fds_later = median(l, l->end - third, l->end, 1);

    print_message("    warm at %.0f s: %.2f MiB, %zu fds; until %.0f s: %.2f MiB, %zu fds\n",
                  l->warm, (double)memory / (1 << 20), fds, l->end,
                  (double)memory_later / (1 << 20), fds_later);
    if (!program_sanitized() && (double)memory_later > (double)memory * TOLERANCE + MEMORY_MORE) {
        fail_msg("memory grows");
    }
    if ((double)fds_later > (double)fds * TOLERANCE + FDS_MORE) {
        fail_msg("file descriptors grow");
    }
}

/* --- a life ------------------------------------------------------------------------------------*/

static void print_counters(const server *s)
{
    print_message("    server: accepted %" PRIu64 " = active %" PRIu64 " + closed %" PRIu64
                  "; %" PRIu64 " lines answered, reset %" PRIu64 ", eof %" PRIu64
                  ", too long %" PRIu64 ", drain %" PRIu64 ", drain abort %" PRIu64 "\n",
                  server_counter(s, "accepted"), server_counter(s, "active"),
                  server_counter(s, "closed"), server_counter(s, "lines_out"),
                  server_counter(s, "closed_reset"), server_counter(s, "closed_eof"),
                  server_counter(s, "closed_line_too_long"), server_counter(s, "closed_drain"),
                  server_counter(s, "closed_drain_abort"));
}

static void begin_life(soak *k, life *l, const char *mode)
{
    char port[8];
    snprintf(port, sizeof port, "%u", k->load.port);
    l->server = server_start(NULL, "-p", port, "--accept", mode, "-t", "2", "--grace", "5",
                             "--idle-timeout", "120", "--write-timeout", "60", NULL);
    k->load.port = l->server.port;
    l->begin = passed(k);
    l->warm = l->begin + k->seconds / 5;
}

/* Everything at once, for half of the time. */
static void live(soak *k, life *l)
{
    double until = l->begin + k->seconds / 2;
    for (double next = 0; passed(k) < until;) {
        soak_load_look(&k->load, true);
        fuzz(k, true);
        if (passed(k) >= next) {
            take_sample(k, l);
            next = passed(k) + k->period;
        }
        program_pause_ms(1);
    }
    l->end = passed(k);
    while (fuzz(k, false) > 0) { /* those want all answers */
        soak_load_look(&k->load, true);
        program_pause_ms(1);
    }
}

static void test_soak(void **state)
{
    (void)state;
    static life first, second;
    static soak k;
    k = (soak){.start = program_now(), .seconds = soak_seconds(0, 600)};
    k.period = k.seconds / 300 < 0.2 ? 0.2 : k.seconds / 300 > 2 ? 2 : k.seconds / 300;
    test_random_init(&k.random, "test_soak");
    k.load.random = &k.random;
    snprintf(k.load.length, sizeof k.load.length, "%.1fs", k.seconds < 120 ? 3 : k.seconds / 40);
    for (size_t i = 0; i < FUZZERS; i++) {
        k.fuzzers[i].fd = -1;
    }

    begin_life(&k, &first, "handoff");
    live(&k, &first);
    soak_load_restarted(&k.load);
    program_signal(first.server.program, SIGTERM);
    server_wait_drained(&first.server);
    begin_life(&k, &second, "reuseport");
    live(&k, &second);
    double deadline = program_now() + 100;
    while (soak_load_look(&k.load, false) > 0) {
        assert_true(program_now() < deadline);
        program_pause_ms(5);
    }
    server_stop(&second.server);

    print_message("    floods: %zu over, %zu killed; %" PRId64 " lines sent, %" PRId64
                  " answered, %" PRId64 " abandoned, %" PRId64 " lost; %" PRId64
                  " connections, %" PRId64 " ended early; no byte wrong; %zu streams fuzzed\n",
                  k.load.runs, k.load.killed, k.load.sent, k.load.answered, k.load.abandoned,
                  k.load.lost, k.load.connected, k.load.ended, k.fuzzed);
    print_counters(&first.server);
    print_counters(&second.server);
    check_flat(&first);
    check_flat(&second);
    assert_true(k.load.answered > 0 && k.load.killed > 0 && k.fuzzed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_soak),
    };
    if (!soak_wanted()) {
        printf("only with YODEL_SOAK=1\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
