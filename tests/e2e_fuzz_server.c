/*
 * Fuzzing the server process: dozens of clients at a time that send anything in any way
 * (support/fuzz_client.h) to chat, stream and raw, and each of them gets what the reference model
 * says, or the test tells its seed. The server's counters must agree with the model, too.
 *
 * YODEL_SEED=N repeats the clients of a run; YODEL_SOAK=1 goes on for five minutes.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fuzz_client.h"
#include "tests/support/program.h"
#include "tests/support/server.h"
#include "tests/support/soak.h"

enum { AT_ONCE = 48 };

/* How one server is used. */
typedef struct fuzz_plan {
    echo_protocol protocol;
    size_t max_line;
    bool orderly;  /* no client leaves in the middle: the counters are exact */
    bool short_io; /* its kernel takes and gives a few bytes at a time (shims/short_io.c) */
    double seconds;
} fuzz_plan;

/* What one server should have counted: at least that of orderly clients, at most that of all. */
typedef struct bounds {
    uint64_t least, most;
} bounds;

typedef struct sums {
    uint64_t clients;
    bounds ends[ECHO_ENDS];
    bounds partial;
    bounds lines;
} sums;

static void add(bounds *b, bool orderly, uint64_t n)
{
    b->least += orderly ? n : 0;
    b->most += n;
}

static void count(sums *s, const fuzz_client *c)
{
    bool orderly = fuzz_client_is_orderly(c);
    s->clients++;
    add(&s->lines, orderly, c->verdict.lines + (c->verdict.end == ECHO_QUIT));
    /* Who leaves before it has sent everything may end in any way. */
    for (int end = 0; end < ECHO_ENDS; end++) {
        if (!orderly || c->verdict.end == (echo_end)end) {
            add(&s->ends[end], orderly, 1);
        }
    }
    if (!orderly || (c->verdict.end == ECHO_OPEN && c->verdict.partial)) {
        add(&s->partial, orderly, 1);
    }
}

static void check_counter(const server *s, const char *name, bounds b)
{
    uint64_t got = server_counter(s, name);
    if (got < b.least || got > b.most) {
        program_fail(s->program, "%s is %" PRIu64 ", not %" PRIu64 " to %" PRIu64, name, got,
                     b.least, b.most);
    }
}

static void check_counters(const server *s, const sums *sum, echo_protocol protocol)
{
    assert_int_equal(server_counter(s, "accepted"), sum->clients);
    check_counter(s, "closed_eof", sum->ends[ECHO_OPEN]);
    if (protocol != ECHO_RAW) {
        check_counter(s, "closed_quit", sum->ends[ECHO_QUIT]);
        check_counter(s, "closed_line_too_long", sum->ends[ECHO_TOO_LONG]);
        check_counter(s, "partial", sum->partial);
        check_counter(s, "lines_in", sum->lines);
    }
}

/* --- clients -----------------------------------------------------------------------------------*/

static void wait_for_any(fuzz_client clients[AT_ONCE])
{
    struct pollfd fds[AT_ONCE];
    nfds_t n = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        if (clients[i].fd >= 0) {
            fds[n++] =
                (struct pollfd){.fd = clients[i].fd, .events = fuzz_client_events(&clients[i])};
        }
    }
    poll(fds, n, 100);
}

/* One that has come to its end is counted and makes room for the next. */
static void serve(const server *s, test_random *random, const fuzz_plan *plan, sums *sum)
{
    double end = program_now() + plan->seconds;
    fuzz_client clients[AT_ONCE] = {0};
    int open = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        clients[i].fd = -1;
    }
    for (bool more = true; more || open > 0;) {
        bool moved = false;
        more = program_now() < end;
        for (int i = 0; i < AT_ONCE; i++) {
            fuzz_client *c = &clients[i];
            if (c->fd >= 0) {
                moved |= fuzz_client_step(c);
                if (c->fd < 0) {
                    count(sum, c);
                    fuzz_client_free(c);
                    open--;
                }
            } else if (more) {
                fuzz_client_start(c, test_random_next(random), plan->protocol, plan->max_line,
                                  plan->orderly, s->port);
                moved = true;
                open++;
            }
        }
        if (!moved) {
            wait_for_any(clients);
        }
    }
}

/* --- servers -----------------------------------------------------------------------------------*/

static uint64_t fuzz_one_server(test_random *random, fuzz_plan *plan)
{
    static const char *const modes[] = {"handoff", "reuseport"};
    static const char *const threads[] = {"1", "2", "3"};
    static const char *const marks[] = {"64K:16K", "4K:1K"};
    static const size_t limits[] = {1, 2, 10, 100, 4096, 65536};
    char limit[16];
    sums sum = {0};

    plan->max_line = limits[test_random_below(random, sizeof limits / sizeof limits[0])];
    snprintf(limit, sizeof limit, "%zu", plan->max_line);
    const char *const argv[] = {
        plan->short_io ? YODEL_SERVER_SHORT_IO : "yodel-server",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--protocol",
        echo_protocol_name(plan->protocol),
        "--max-line",
        limit,
        "--accept",
        modes[test_random_below(random, 2)],
        "--threads",
        threads[test_random_below(random, 3)],
        "--write-buffer",
        marks[test_random_below(random, 2)],
        "--idle-timeout",
        "0",
        "--write-timeout",
        "0",
        NULL,
    };
    server s = server_start_argv(NULL, argv);
    serve(&s, random, plan, &sum);
    server_stop(&s);
    check_counters(&s, &sum, plan->protocol);
    program_kill(s.program);
    return sum.clients;
}

static void fuzz(echo_protocol protocol, const char *name)
{
    double end = program_now() + soak_seconds(3, 300) / ECHO_PROTOCOLS;
    uint64_t clients = 0, servers = 0;
    test_random random;
    fuzz_plan plan = {.protocol = protocol, .seconds = soak_wanted() ? 2 : 0.4};

    test_random_init(&random, name);
    while (program_now() < end || servers < 4) {
        plan.orderly = servers % 2 == 1;
        plan.short_io = servers % 4 >= 2;
        clients += fuzz_one_server(&random, &plan);
        servers++;
    }
    print_message("    %s: %" PRIu64 " streams to %" PRIu64 " servers, all as they should be\n",
                  echo_protocol_name(protocol), clients, servers);
}

static void test_chat(void **state)
{
    (void)state;
    fuzz(ECHO_CHAT, "test_chat");
}

static void test_stream(void **state)
{
    (void)state;
    fuzz(ECHO_STREAM, "test_stream");
}

static void test_raw(void **state)
{
    (void)state;
    fuzz(ECHO_RAW, "test_raw");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_chat),
        program_test(test_stream),
        program_test(test_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
