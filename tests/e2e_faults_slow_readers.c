/* FAULTS.md rows 10 and 11: a client that writes and does not read, for ever or for a while. */
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

#define HARD_CAP (1U << 20)

/* --- row 10 ------------------------------------------------------------------------------------*/

/* Sends this chunk again and again and reads nothing until the server gives up. */
static void write_for_ever(const echo *e, const char *what, const net_text *chunk)
{
    program *p = e->server.program;
    int fd = net_connect_tiny(e->server.port);
    echo_talk(e, fd, "now you serve me");
    size_t before = program_rss(p), sent = 0;
    program_forget_peak(p);
    double start = program_now();
    uint64_t buffered = 0, taken = 0;
    size_t peak = 0;
    while (program_open_fds(p) > e->server.fds) {
        sent += net_send_until_blocked(fd, chunk->data, chunk->len, 5);
        uint64_t now = server_counter(&e->server, "buffered");
        buffered = now > buffered ? now : buffered;
        taken = server_counter(&e->server, "bytes_in");
        assert_true(program_now() - start < NET_TIMEOUT);
    }
    peak = program_peak_rss(p);
    print_message("    %s: %zu KiB sent, %u KiB taken, at most %u KiB in buffers, resident memory "
                  "%zu KiB before, %zu KiB at most\n",
                  what, sent >> 10, (unsigned)(taken >> 10), (unsigned)(buffered >> 10),
                  before >> 10, peak >> 10);
    assert_true(program_now() - start > 0.49);
    assert_true(buffered <= HARD_CAP);
    if (!program_sanitized()) {
        assert_true(peak < before + HARD_CAP + (512 << 10)); /* and one turn of the worker */
    }
    net_wait_end(fd);
    close(fd);
}

static void writes_for_ever(echo *e)
{
    net_text lines = {0}, empty = {0}, longest = {0};
    echo_make_lines(e, 1 << 20, &lines, NULL);
    for (int i = 0; i < 100000; i++) {
        net_text_add(&empty, "\r\n", 2);
    }
    static char xs[65536];
    memset(xs, 'x', sizeof xs);
    for (int i = 0; i < 16; i++) {
        net_text_add(&longest, xs, 60000);
        net_text_add(&longest, "\r\n", 2);
    }
    server_wait_counter(&e->server, "active", 0);
    write_for_ever(e, "lines of 1,000 bytes", &lines);
    write_for_ever(e, "empty lines", &empty);
    write_for_ever(e, "lines of 60,000 bytes", &longest);
    server_wait_counter(&e->server, "closed_stalled", 3);
    server_wait_counter(&e->server, "closed_overrun", 0);
    assert_true(server_counter(&e->server, "paused") >= 3);
    server_wait_counter(&e->server, "buffered", 0);
    net_text_free(&lines);
    net_text_free(&empty);
    net_text_free(&longest);
}

static void test_row_10_who_never_reads_is_aborted_and_takes_little(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, writes_for_ever, "--write-timeout", "500ms", "--stats", "0.01",
                            NULL);
}

/* --- row 11 ------------------------------------------------------------------------------------*/

static void stop_and_go(echo *e)
{
    net_text sent = {0}, answers = {0};
    echo_make_lines(e, 16 << 20, &sent, &answers);
    int fd = net_connect_with_buffer(e->server.port, 64 << 10);
    size_t offset = 0;
    double deadline = program_now() + PROGRAM_TIMEOUT;
    do { /* the kernel may take all of it meanwhile: up to 32 MiB */
        offset += net_send_until_blocked(fd, sent.data + offset, sent.len - offset, 50);
        program_wait_line(e->server.program, PROGRAM_STDERR, "stats accepted=");
        assert_true(program_now() < deadline);
    } while (server_counter(&e->server, "paused") == 0);
    net_exchange(fd, sent.data + offset, sent.len - offset, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
    server_wait_counter(&e->server, "closed_eof", 1);
}

static void test_row_11_who_stops_and_reads_on_gets_every_byte(void **state)
{
    (void)state;
    echo_with_each_accept(NULL, stop_and_go, NULL);
}

static void test_row_11_with_small_water_marks(void **state)
{
    (void)state;
    /* Marks below the size of a line, of what one receive brings, and of one another's distance. */
    static const char *const marks[] = {"1:0:256K", "100:99:200K", "4K:1K:256K"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        echo_with_each_protocol(NULL, stop_and_go, "--write-buffer", marks[i], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_10_who_never_reads_is_aborted_and_takes_little),
        program_test(test_row_11_who_stops_and_reads_on_gets_every_byte),
        program_test(test_row_11_with_small_water_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
