/* FAULTS.md rows 4 and 5: lines around the limit, and a line that never ends. */
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

#define MAX      100
#define MAX_TEXT "100"
#define TOO_LONG "Error: line longer than 100 bytes\r\n"

static const char hundred_and_one[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                                      "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

_Static_assert(sizeof hundred_and_one - 1 == MAX + 1, "one byte more than the limit");

/* --- row 4 -------------------------------------------------------------------------------------*/

/* Sends a line of `len` bytes in two parts. The line in front is answered before the second part
 * goes, so the server has seen the first part alone. */
static int send_cut_line(const echo *e, int len, int cut)
{
    int fd = net_connect(e->server.port);
    net_text line = {0}, first = {0}, answer = {0};
    net_text_printf(&line, "%.*s\r\n", len, hundred_and_one);
    net_text_printf(&first, "front\r\n%.*s", cut, line.data);
    echo_answer(e, &answer, "front", 5);
    net_send(fd, first.data, first.len);
    net_expect(fd, answer.data, answer.len);
    net_send_until_blocked(fd, line.data + cut, line.len - (size_t)cut, 0); /* may be cut off */
    net_text_free(&line);
    net_text_free(&first);
    net_text_free(&answer);
    return fd;
}

static void up_to_the_limit(echo *e)
{
    for (int len = MAX - 1; len <= MAX; len++) {
        net_text answer = {0};
        echo_answer(e, &answer, hundred_and_one, (size_t)len);
        for (int cut = 0; cut <= len + 2; cut++) {
            int fd = send_cut_line(e, len, cut);
            net_expect(fd, answer.data, answer.len);
            close(fd);
        }
        net_text_free(&answer);
    }
    server_wait_counter(&e->server, "closed_eof", 2 * MAX + 5);
    server_wait_counter(&e->server, "closed_line_too_long", 0);
}

static void test_row_04_the_limit_is_exact_wherever_the_line_is_cut(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, up_to_the_limit, "--max-line", MAX_TEXT, NULL);
}

static void one_byte_more(echo *e)
{
    for (int cut = 0; cut <= MAX + 3; cut++) {
        int fd = send_cut_line(e, MAX + 1, cut);
        net_expect_text(fd, TOO_LONG);
        net_expect_eof(fd);
        close(fd);
    }
    server_wait_counter(&e->server, "closed_line_too_long", MAX + 4);
}

static void test_row_04_one_byte_more_is_an_error_wherever_the_line_is_cut(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, one_byte_more, "--max-line", MAX_TEXT, NULL);
}

/* The default limit is as large as what the server receives at once. */
static void around_the_default_limit(echo *e)
{
    enum { DEFAULT_MAX = 65536 };
    static char line[DEFAULT_MAX + 3];
    for (size_t len = DEFAULT_MAX - 1; len <= DEFAULT_MAX + 1; len++) {
        memset(line, 'x', sizeof line);
        memcpy(line + len, "\r\n", 2);
        net_text answer = {0};
        if (len <= DEFAULT_MAX) {
            echo_answer(e, &answer, line, len);
        } else {
            net_text_printf(&answer, "Error: line longer than %d bytes\r\n", DEFAULT_MAX);
        }
        int fd = net_connect(e->server.port);
        net_exchange(fd, line, len + 2, true, answer.data, answer.len);
        net_expect_eof(fd);
        close(fd);
        net_text_free(&answer);
    }
    server_wait_counter(&e->server, "closed_line_too_long", 1);
}

static void test_row_04_the_default_limit(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, around_the_default_limit, NULL);
}

/* --- row 5 -------------------------------------------------------------------------------------*/

/* Sends on until the connection is cut; adds what the kernel took to *total. */
static void send_until_cut(const echo *e, size_t *total)
{
    enum { PIECE = 1 << 20, MOST = 64 << 20 };
    static const char piece[PIECE];
    int fd = net_connect(e->server.port);
    size_t sent = 0, n;
    do {
        n = net_send_until_blocked(fd, piece, PIECE, (unsigned)(NET_TIMEOUT * 1000));
        sent += n;
    } while (n == PIECE && sent < MOST);
    assert_true(n < PIECE);
    net_wait_end(fd); /* it was told not to go on and did: a reset is fair */
    close(fd);
    *total += sent;
}

static void no_delimiter(echo *e)
{
    size_t much = echo_soak() ? 1U << 30 : 16U << 20, sent = 0;
    close(echo_connect(e));
    send_until_cut(e, &sent); /* what a worker needs once */
    send_until_cut(e, &sent);
    program_wait_open_fds(e->server.program, e->server.fds);
    size_t before = program_rss(e->server.program);
    program_forget_peak(e->server.program);
    uint64_t times = 2;
    for (sent = 0; sent < much; times++) {
        send_until_cut(e, &sent);
    }
    size_t peak = program_peak_rss(e->server.program);
    program_wait_open_fds(e->server.program, e->server.fds);
    size_t after = program_rss(e->server.program);
    print_message("    %zu MiB in %u connections: resident memory %zu KiB before, %zu KiB at most, "
                  "%zu KiB after\n",
                  sent >> 20, (unsigned)times - 2, before >> 10, peak >> 10, after >> 10);
    if (!program_sanitized()) {
        assert_true(peak < before + (1 << 20));
    }
    server_wait_counter(&e->server, "closed_line_too_long", times);
}

static void test_row_05_much_without_a_delimiter(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, no_delimiter, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_04_the_limit_is_exact_wherever_the_line_is_cut),
        program_test(test_row_04_one_byte_more_is_an_error_wherever_the_line_is_cut),
        program_test(test_row_04_the_default_limit),
        program_test(test_row_05_much_without_a_delimiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
