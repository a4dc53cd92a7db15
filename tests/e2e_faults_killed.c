/*
 * FAULTS 26: clients killed at random. floods and yodel-clients end by SIGKILL in the middle of
 * what they do, again and again; the server's descriptors are back afterwards, and its sockets too:
 * none is left in CLOSE_WAIT.
 *
 * 3 seconds; a minute with YODEL_SOAK=1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/random.h"
#include "tests/support/server.h"
#include "tests/support/soak.h"

enum { FLOODS = 4, CLOSE_WAIT = 8 /* tcp_states.h */ };

typedef struct victim {
    program *program;
    double kill_at;
} victim;

/* How many sockets with this local port are in this state. */
static size_t count_sockets(uint16_t port, unsigned state)
{
    FILE *file = fopen("/proc/net/tcp", "re");
    char line[512];
    size_t n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned local_port, its_state;
        if (sscanf(line, " %*u: %*8x:%4x %*8x:%*4x %2x", &local_port, &its_state) == 2) {
            n += local_port == port && its_state == state;
        }
    }
    fclose(file);
    return n;
}

static program *start_victim(const server *s, test_random *r)
{
    static const char *const depths[] = {"1", "16", "200"};
    static const char *const sizes[] = {"1-50", "1-2000", "60000"};
    static const char *const faults[] = {"split:50", "slow-read:50", "half-close:50", "reset:50"};
    static const char *const churns[] = {"0", "3"};
    const char *churn = churns[test_random_below(r, 2)];
    return flood_start(NULL, s->port, "-c", "40", "-d", "1h", "-w", "0", "-t", "1", "-P",
                       depths[test_random_below(r, 3)], "-s", sizes[test_random_below(r, 3)],
                       "--fault", faults[test_random_below(r, 4)],
                       churn[0] == '0' ? NULL : "--churn", churn, NULL);
}

static void kill_and_start(const server *s, test_random *r, victim *v)
{
    program_kill(v->program);
    v->program = start_victim(s, r);
    v->kill_at = program_now() + (double)test_random_below(r, 400) / 1000;
}

/* Those that are not accepted yet are no descriptors. */
static void wait_no_close_wait(const server *s)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    for (size_t left; (left = count_sockets(s->port, CLOSE_WAIT)) > 0; program_pause_ms(5)) {
        if (program_now() > deadline) {
            program_fail(s->program, "%zu sockets are in CLOSE_WAIT", left);
        }
    }
}

static void check_clean(server *s)
{
    wait_no_close_wait(s);
    program_wait_open_fds(s->program, s->fds);
    server_check_serves(s);
    program_wait_open_fds(s->program, s->fds);
}

static void kill_at_random(const char *mode, double seconds, test_random *r)
{
    server s = server_start(NULL, "--accept", mode, "-t", "2", "--stats", "0.2", NULL);
    victim victims[FLOODS] = {0};
    size_t kills = 0, most = 0;
    double end = program_now() + seconds, round = program_now() + seconds / 3;
    while (program_now() < end) {
        for (int i = 0; i < FLOODS; i++) {
            if (program_now() >= victims[i].kill_at) {
                kill_and_start(&s, r, &victims[i]);
                kills++;
            }
        }
        size_t fds = program_open_fds(s.program);
        most = fds > most ? fds : most;
        program_pause_ms(2);
        if (program_now() > round || program_now() > end) { /* all are gone for a moment */
            for (int i = 0; i < FLOODS; i++) {
                program_kill(victims[i].program);
                victims[i] = (victim){0};
            }
            check_clean(&s);
            round = program_now() + seconds / 3;
        }
    }
    for (int i = 0; i < FLOODS; i++) {
        program_kill(victims[i].program);
    }
    check_clean(&s);
    server_stop(&s);
    print_message("    %s: %zu floods killed; %" PRIu64 " connections, %" PRIu64
                  " of them reset; %zu fds at the most, %zu before and after\n",
                  mode, kills, server_counter(&s, "accepted"), server_counter(&s, "closed_reset"),
                  most, s.fds);
    assert_true(most > s.fds + 40);
}

static void test_row_26_clients_killed_at_random(void **state)
{
    (void)state;
    test_random random;
    test_random_init(&random, "test_row_26_clients_killed_at_random");
    kill_at_random("handoff", soak_seconds(3, 60) / 2, &random);
    kill_at_random("reuseport", soak_seconds(3, 60) / 2, &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_26_clients_killed_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
