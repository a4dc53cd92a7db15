/* FAULTS.md row 12: a crowd that writes and never reads beside ten that do: the ten keep their
 * latency. What it was is measured at the same time, at a second server without the crowd, so that
 * whatever else this machine does is in both figures. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

enum { TEN = 10, MOST_DEAF = 1000, MOST_ROUNDS = 2000 };

/* Ten clients of one server and how long each of their answers took, in seconds. */
typedef struct ten {
    int fds[TEN];
    double took[MOST_ROUNDS * TEN];
    size_t n;
} ten;

static void connect_ten(const echo *e, ten *t)
{
    t->n = 0;
    for (int i = 0; i < TEN; i++) {
        t->fds[i] = echo_connect(e);
    }
}

static void close_ten(const ten *t)
{
    for (int i = 0; i < TEN; i++) {
        close(t->fds[i]);
    }
}

static void ask_all(const echo *e, ten *t)
{
    for (int i = 0; i < TEN; i++) {
        double start = program_now();
        echo_talk(e, t->fds[i], "how long does it take?");
        t->took[t->n++] = program_now() - start;
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort(ten *t)
{
    qsort(t->took, t->n, sizeof t->took[0], compare_doubles);
}

static double quantile(const ten *sorted, double q)
{
    return sorted->took[(size_t)(q * (double)(sorted->n - 1))];
}

static void allow_many_descriptors(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(limit.rlim_cur > MOST_DEAF + 100);
}

/* Writes as much as goes. Its own buffer is small, else a thousand would take the kernel's memory.
 */
static int connect_deaf(const echo *e, const net_text *lines)
{
    int fd = net_connect_far(e->server.port), small = 64 << 10;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    net_fill(fd, lines->data, lines->len, 0);
    return fd;
}

static void beside_a_crowd(echo *crowded)
{
    static ten with, without;
    static int deaf[MOST_DEAF];
    int crowd = echo_soak() ? MOST_DEAF : 100, rounds = echo_soak() ? MOST_ROUNDS : 200;
    net_text lines = {0};
    echo_make_lines(crowded, 1 << 20, &lines, NULL);

    echo quiet = *crowded;
    quiet.server =
        server_start(NULL, "-P", crowded->protocol, "-t", "2", "--idle-timeout", "0", NULL);
    connect_ten(&quiet, &without);
    connect_ten(crowded, &with);
    size_t before = program_rss(crowded->server.program);
    for (int i = 0; i < crowd; i++) {
        deaf[i] = connect_deaf(crowded, &lines);
    }
    for (int round = 0; round < rounds; round++) {
        ask_all(round % 2 == 0 ? crowded : &quiet, round % 2 == 0 ? &with : &without);
        ask_all(round % 2 != 0 ? crowded : &quiet, round % 2 != 0 ? &with : &without);
        for (int i = round % 10; i < crowd; i += 10) { /* they go on writing as far as it goes */
            net_send_until_blocked(deaf[i], lines.data, lines.len, 0);
        }
    }
    size_t after = program_rss(crowded->server.program);
    server_wait_counter(&crowded->server, "active", (uint64_t)crowd + TEN); /* all were there */
    for (int i = 0; i < crowd; i++) {
        close(deaf[i]);
    }
    close_ten(&with);
    close_ten(&without);
    server_stop(&quiet.server);
    net_text_free(&lines);

    sort(&with);
    sort(&without);
    print_message("    microseconds        p50     p99   p99.9     max\n"
                  "    alone          %8.0f%8.0f%8.0f%8.0f\n"
                  "    beside %4d    %8.0f%8.0f%8.0f%8.0f\n"
                  "    resident memory for each of the %d: %zu KiB\n",
                  1e6 * quantile(&without, 0.5), 1e6 * quantile(&without, 0.99),
                  1e6 * quantile(&without, 0.999), 1e6 * quantile(&without, 1), crowd,
                  1e6 * quantile(&with, 0.5), 1e6 * quantile(&with, 0.99),
                  1e6 * quantile(&with, 0.999), 1e6 * quantile(&with, 1), crowd,
                  (after - before) / (size_t)crowd >> 10);
    if (echo_soak()) {
        assert_true(quantile(&with, 0.99) < 2 * quantile(&without, 0.99));
    } else {
        assert_true(quantile(&with, 0.5) < 3 * quantile(&without, 0.5) + 0.002);
    }
    if (!program_sanitized()) { /* the high mark and a turn or two each, far from the hard cap */
        assert_true(after - before < (size_t)crowd * (512 << 10));
    }
}

static void test_row_12_ten_keep_their_latency_beside_a_crowd_that_never_reads(void **state)
{
    (void)state;
    allow_many_descriptors();
    echo_with_each_protocol(NULL, beside_a_crowd, "--write-timeout", "0", "--idle-timeout", "0",
                            "--stats", "1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_12_ten_keep_their_latency_beside_a_crowd_that_never_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
