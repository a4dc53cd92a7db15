/*
 * FAULTS 17: SIGTERM under flood's load. Every line whose sending had ended before the signal is
 * answered.
 *
 * flood cannot know what had ended before the signal, so clients beside it do: all they sent was in
 * the server's kernel before. flood itself, which goes on sending, must get no wrong byte and no
 * answer out of its order, and loses only what it sent too late.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/server.h"

enum { CLIENTS = 16 };

/* What a client sends in a round, and what comes back. */
typedef struct talk_round {
    net_text lines, answers;
} talk_round;

static talk_round make_round(int client, int round)
{
    talk_round t = {0};
    for (int i = 0; i < 200 + 100 * client; i++) {
        net_text_printf(&t.lines, "client %d round %d line %d %0*d\r\n", client, round, i,
                        1 + i % 50, 0);
        net_text_printf(&t.answers, "You sent: client %d round %d line %d %0*d\r\n", client, round,
                        i, 1 + i % 50, 0);
    }
    return t;
}

static void free_round(talk_round *t)
{
    net_text_free(&t->lines);
    net_text_free(&t->answers);
}

/* Each in its own segment's way: some in one piece, some in many. */
static void send_round(int fd, const talk_round *t, int client)
{
    size_t piece = client % 2 ? t->lines.len : 1000;
    for (size_t at = 0; at < t->lines.len; at += piece) {
        size_t left = t->lines.len - at;
        net_send(fd, t->lines.data + at, left < piece ? left : piece);
    }
    net_wait_delivered(fd);
}

/* Besides the number of errors that a server that went away causes, there are none. */
static void check_flood(program *p, program *server_program)
{
    program_signal(p, SIGINT);
    flood_run run = flood_end(p);
    flood_expect(&run, 130,
                 (const flood_error[]){
                     {"connect", -1}, {"reset", -1}, {"closed early", -1}, {"lost", -1}, {0}});
    if (flood_count(&run, "counts/answered") == 0) {
        program_fail(server_program, "it has answered nothing of flood's");
    }
    print_message("    flood: %" PRId64 " lines sent, %" PRId64 " answered, %" PRId64 " too late\n",
                  flood_count(&run, "counts/sent"), flood_count(&run, "counts/answered"),
                  flood_count(&run, "errors/lost"));
    flood_run_free(&run);
}

static void drain_under_load(const char *mode, const char *depth, const char *fault)
{
    server s = server_start(NULL, "--accept", mode, "-t", "2", "--grace", "300", "--stats", "0.05",
                            "--idle-timeout", "0", "--write-timeout", "0", NULL);
    program *p = flood_start(NULL, s.port, "-c", "40", "-P", depth, "-s", "1-500", "-d", "1h", "-w",
                             "0", "-T", "60s", "--fault", fault, NULL);
    server_wait_counter(&s, "active", 40);
    int fds[CLIENTS];
    talk_round last[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = net_connect(s.port);
        talk_round t = make_round(i, 0); /* so that it was accepted */
        net_exchange(fds[i], t.lines.data, t.lines.len, false, t.answers.data, t.answers.len);
        free_round(&t);
    }
    for (int i = 0; i < CLIENTS; i++) {
        last[i] = make_round(i, 1);
        send_round(fds[i], &last[i], i);
    }
    program_signal(s.program, SIGTERM);
    for (int i = 0; i < CLIENTS; i++) {
        net_expect(fds[i], last[i].answers.data, last[i].answers.len);
        net_expect_eof(fds[i]);
        close(fds[i]);
        free_round(&last[i]);
    }
    server_wait_drained(&s);
    assert_int_equal(server_counter(&s, "closed_drain_abort"), 0);
    check_flood(p, s.program);
}

static void test_row_17_every_line_sent_before_the_signal_is_answered(void **state)
{
    (void)state;
    static const char *const modes[] = {"handoff", "reuseport"};
    static const char *const depths[] = {"1", "64"};
    for (int i = 0; i < 4; i++) {
        drain_under_load(modes[i / 2], depths[i % 2], "split:30");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_17_every_line_sent_before_the_signal_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
