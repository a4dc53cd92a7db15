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

static void fill(const char *protocol, const char *answer)
{
    server s = server_start(NULL, "--max-memory", "2M", "--write-buffer", "256K:64K:1M", "-t", "2",
                            "-P", protocol, NULL);
    static char lines[64 * 1024];
    for (size_t i = 0; i < sizeof lines; i++) {
        lines[i] = "xxxxxxxxxxxxxx\r\n"[i % 16];
    }
    int reader = net_connect(s.port);
    net_send_text(reader, "hello\r\n");
    net_expect_text(reader, answer);
    size_t warm = program_rss(s.program);
    int slow[SLOW];
    for (size_t i = 0; i < SLOW; i++) {
        slow[i] = net_connect_tiny(s.port);
        while (net_send_until_blocked(slow[i], lines, sizeof lines, 10) == sizeof lines) {
            /* the kernels' buffers hold megabytes */
        }
        net_send_text(reader, "hello\r\n");
        net_expect_text(reader, answer);
        if (!program_sanitized() && program_rss(s.program) > warm + GROWTH) {
            program_fail(s.program, "%zu KiB resident, it was %zu KiB",
                         program_rss(s.program) / 1024, warm / 1024);
        }
    }
    for (size_t i = 0; i < SLOW; i++) {
        close(slow[i]);
    }
    close(reader);
    server_stop(&s);
    assert_in_range(server_counter(&s, "closed_memory"), SLOW / 2, SLOW);
    assert_int_equal(server_counter(&s, "accepted"), SLOW + 1);
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
