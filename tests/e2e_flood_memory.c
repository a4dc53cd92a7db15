/*
 * What a connection costs flood: under 1 KiB, also with thousands of them.
 */
#include <signal.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/flood_run.h"
#include "tests/support/server.h"

/* Resident bytes of a flood that holds so many connections. */
static size_t resident_with(const server *s, const char *connections, size_t count)
{
    program *p = flood_start(NULL, s->port, "-c", connections, "-t", "2", "--idle", "-d", "60s",
                             "-T", "60s", NULL);
    double deadline = program_now() + 2 * PROGRAM_TIMEOUT;
    while (program_open_fds(p) < count) {
        if (program_now() > deadline) {
            program_fail(p, "it does not open %zu connections", count);
        }
        program_pause_ms(10);
    }
    /* Each connection was touched when it was made; what comes now is the same for all. */
    size_t resident = program_rss(p);
    program_signal(p, SIGINT);
    flood_run run = flood_end(p);
    assert_int_equal(run.status, 130);
    flood_run_free(&run);
    return resident;
}

static void test_thousands_of_connections(void **state)
{
    (void)state;
    if (program_sanitized()) {
        skip();
    }
    server s = server_start(NULL, "--idle-timeout", "0", NULL);
    size_t few = resident_with(&s, "10", 10);
    size_t many = resident_with(&s, "5010", 5010);
    size_t each = many > few ? (many - few) / 5000 : 0;
    print_message("    %zu bytes of resident memory for a connection\n", each);
    assert_in_range(each, 0, 1024);
    server_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_thousands_of_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
