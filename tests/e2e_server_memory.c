/* yodel-server --max-memory: clients that never read cannot have more of it, however many they are;
 * those that do read do not feel it. */
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

#define MIB ((size_t)1 << 20)

/* Each of them would take a quarter of a MiB and more: 25 MiB together. */
#define SLOW 100

/* 2 MiB and the eighth above, what malloc makes of it, the connections themselves. */
#define GROWTH (6 * MIB)

enum { WORKERS = 2 };

static char lines[64 * 1024];

/* Clients that read; one of each worker, since a client goes to the one that has fewer. */
typedef struct readers {
    int fd[WORKERS];
    const char *answer;
} readers;

static void talk(const readers *r)
{
    for (int i = 0; i < WORKERS; i++) {
        net_send_text(r->fd[i], "hello\r\n");
        net_expect_text(r->fd[i], r->answer);
    }
}

/* Sends until the server takes nothing more, or ends the connection. The readers' answers tell that
 * the workers have been around their sockets; the second ones in a row, that this was after our
 * last look. */
static void fill_up(int slow, const readers *r)
{
    for (int idle = 0; idle < 2; talk(r)) {
        idle = net_send_until_blocked(slow, lines, sizeof lines, 0) > 0 ? 0 : idle + 1;
    }
}

static void fill(const char *protocol, const char *answer)
{
    server s = server_start(NULL, "--max-memory", "2M", "--write-buffer", "256K:64K:1M", "-t", "2",
                            "-P", protocol, NULL);
    for (size_t i = 0; i < sizeof lines; i++) {
        lines[i] = "xxxxxxxxxxxxxx\r\n"[i % 16];
    }
    readers r = {.answer = answer};
    for (int i = 0; i < WORKERS; i++) {
        r.fd[i] = net_connect(s.port);
    }
    talk(&r);
    size_t warm = program_rss(s.program);
    int slow[SLOW];
    for (size_t i = 0; i < SLOW; i++) {
        slow[i] = net_connect_tiny(s.port);
        fill_up(slow[i], &r);
        if (!program_sanitized() && program_rss(s.program) > warm + GROWTH) {
            program_fail(s.program, "%zu KiB resident, it was %zu KiB",
                         program_rss(s.program) / 1024, warm / 1024);
        }
    }
    for (size_t i = 0; i < SLOW; i++) {
        close(slow[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        close(r.fd[i]);
    }
    server_stop(&s);
    assert_in_range(server_counter(&s, "closed_memory"), SLOW / 2, SLOW);
    assert_int_equal(server_counter(&s, "accepted"), SLOW + WORKERS);
    assert_int_equal(server_counter(&s, "buffered"), 0);
    assert_int_equal(server_worker_counter(&s, 0, "closed_memory") +
                         server_worker_counter(&s, 1, "closed_memory"),
                     server_counter(&s, "closed_memory"));
}

static void test_chat(void **state)
{
    (void)state;
    fill("chat", "You sent: hello\r\n");
}

static void test_stream(void **state)
{
    (void)state;
    fill("stream", "hello\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
