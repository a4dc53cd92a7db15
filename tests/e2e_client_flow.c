/* yodel-client under load: back-pressure both ways, bounded memory, a reader that goes away. */
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/peer.h"
#include "tests/support/program.h"

enum { LINES = 200 * 1000 };

/* How much resident memory may grow once the client is warm. The lines are some 3 MB, their answers
 * 5 MB. */
#define GROWTH (512 * 1024)

/* A file with many lines, and what a chat server answers to them. */
typedef struct load {
    int fd;
    net_text answers;
} load;

static load make_load(void)
{
    load l = {.fd = memfd_create("input", MFD_CLOEXEC)};
    FILE *file = fdopen(dup(l.fd), "w");
    assert_non_null(file);
    for (int i = 0; i < LINES; i++) {
        fprintf(file, "line number %d\n", i);
        net_text_printf(&l.answers, "You sent: line number %d\r\n", i);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(lseek(l.fd, 0, SEEK_SET), 0);
    return l;
}

static void free_load(load *l)
{
    close(l->fd);
    net_text_free(&l->answers);
}

/* A chat server and the reader of the client's stdout in one thread: neither can hold the other up.
 */
typedef struct pump {
    int fd;            /* the server's end of the connection; -1 once closed */
    char line[64];     /* received, not yet complete */
    size_t line_len;   /* */
    net_text answers;  /* not yet sent from `sent` on */
    size_t sent;       /* */
    bool client_ended; /* the client has half-closed */
    size_t lines;      /* answered so far */
    int output;        /* where the client prints, -1: nobody reads that */
    net_text printed;
    bool printed_all; /* EOF */
} pump;

static void answer(pump *p, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        assert_true(p->line_len < sizeof p->line);
        p->line[p->line_len++] = data[i];
        if (data[i] == '\n') {
            net_text_add(&p->answers, "You sent: ", 10);
            net_text_add(&p->answers, p->line, p->line_len);
            p->line_len = 0;
            p->lines++;
        }
    }
}

static void receive_some(pump *p)
{
    char data[1500]; /* little by little */
    ssize_t n = recv(p->fd, data, sizeof data, MSG_DONTWAIT);
    assert_true(n >= 0);
    answer(p, data, (size_t)n);
    p->client_ended = n == 0;
}

static void send_some(pump *p)
{
    ssize_t n = send(p->fd, p->answers.data + p->sent, p->answers.len - p->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return;
    }
    p->sent += (size_t)n;
    if (p->sent == p->answers.len) {
        p->sent = p->answers.len = 0;
    }
}

static void read_some(pump *p)
{
    char data[4000];
    ssize_t n = read(p->output, data, sizeof data);
    assert_true(n >= 0);
    net_text_add(&p->printed, data, (size_t)n);
    p->printed_all = n == 0;
}

/* Does what can be done now. False: there was nothing to do for `ms`, or nothing is left to do. */
static bool pump_once(pump *p, int ms)
{
    size_t waiting = p->answers.len - p->sent;
    if (p->fd >= 0 && p->client_ended && waiting == 0) {
        close(p->fd);
        p->fd = -1;
    }
    struct pollfd fds[2] = {{.fd = p->fd}, {.fd = -1}};
    if (!p->client_ended && waiting < 1000) { /* as slow as the client takes the answers */
        fds[0].events |= POLLIN;
    }
    if (waiting > 0) {
        fds[0].events |= POLLOUT;
    }
    if (!p->printed_all) {
        fds[1] = (struct pollfd){.fd = p->output, .events = POLLIN};
    }
    if ((fds[0].fd < 0 && fds[1].fd < 0) || poll(fds, 2, ms) <= 0) {
        return false;
    }
    if ((fds[0].revents & POLLIN) != 0) {
        receive_some(p);
    }
    if ((fds[0].revents & POLLOUT) != 0) {
        send_some(p);
    }
    if (fds[1].revents != 0) {
        read_some(p);
    }
    return true;
}

static void check_memory(program *client, size_t warm)
{
    if (!program_sanitized() && program_rss(client) > warm + GROWTH) {
        program_fail(client, "%zu KiB resident, it was %zu KiB", program_rss(client) / 1024,
                     warm / 1024);
    }
}

static void expect_printed(peer *p, const char *printed, size_t len, const load *l)
{
    peer_expect_exit(p, 0, "");
    assert_int_equal(len, l->answers.len);
    assert_memory_equal(printed, l->answers.data, len);
}

/* The server takes 1,500 bytes at a time and holds little more in its kernel. */
static void test_slow_server(void **state)
{
    (void)state;
    load l = make_load();
    peer p = peer_start_tiny(&(program_options){.stdin_fd = l.fd});
    pump m = {.fd = p.fd, .output = -1};
    size_t warm = 0, turns = 0;
    while (pump_once(&m, (int)(NET_TIMEOUT * 1000))) {
        if (m.lines > LINES / 100 && !m.client_ended && ++turns % 16 == 0) {
            warm = warm > 0 ? warm : program_rss(p.client);
            check_memory(p.client, warm);
        }
    }
    p.fd = -1;
    assert_true(warm > 0);
    assert_int_equal(m.lines, LINES);
    program_expect_exit(p.client, 0);
    size_t len;
    const char *printed = program_output(p.client, PROGRAM_STDOUT, &len);
    expect_printed(&p, printed, len, &l);
    net_text_free(&m.answers);
    free_load(&l);
}

/* Nobody reads the answers, so the client stops receiving, so the server stops, so the client stops
 * sending. Nothing turns in circles meanwhile, and then all of it comes. */
static void test_everything_stands_still_and_goes_on(void **state)
{
    (void)state;
    load l = make_load();
    int output[2];
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    peer p = peer_start_tiny(&(program_options){.stdin_fd = l.fd, .stdout_fd = output[1]});
    close(output[1]);
    pump m = {.fd = p.fd, .output = -1};
    size_t warm = program_rss(p.client);
    while (pump_once(&m, 300)) {
    }
    assert_false(m.client_ended);
    assert_true(m.lines < LINES);
    check_memory(p.client, warm + 256 * 1024); /* it was not warm yet */
    double cpu = program_cpu_seconds(p.client);
    program_pause_ms(500);
    assert_true(program_cpu_seconds(p.client) - cpu < 0.1);

    m.output = output[0];
    while (pump_once(&m, (int)(NET_TIMEOUT * 1000))) {
    }
    p.fd = -1;
    assert_int_equal(m.lines, LINES);
    assert_true(m.printed_all);
    expect_printed(&p, m.printed.data, m.printed.len, &l);
    close(output[0]);
    net_text_free(&m.answers);
    net_text_free(&m.printed);
    free_load(&l);
}

/* Many lines leave in one send: counted in the segments that the server's kernel got. */
static void test_lines_are_batched(void **state)
{
    (void)state;
    load l = make_load();
    peer p = peer_start(&(program_options){.stdin_fd = l.fd}, NULL);
    assert_int_equal(peer_chat(&(peer){.fd = dup(p.fd)}), LINES);
    struct tcp_info info;
    socklen_t len = sizeof info;
    assert_int_equal(getsockopt(p.fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    if (info.tcpi_data_segs_in > LINES / 50) {
        fail_msg("%u segments for %d lines", info.tcpi_data_segs_in, LINES);
    }
    peer_close(&p);
    program_expect_exit(p.client, 0);
    size_t printed_len;
    const char *printed = program_output(p.client, PROGRAM_STDOUT, &printed_len);
    expect_printed(&p, printed, printed_len, &l);
    free_load(&l);
}

/* While nobody reads what the client prints it receives nothing; that is not the server's silence.
 */
static void test_waiting_for_the_reader_of_stdout_is_no_silence(void **state)
{
    (void)state;
    int output[2];
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    peer p = peer_start(&(program_options){.stdin_pipe = true, .stdout_fd = output[1]}, "--timeout",
                        "1s", NULL);
    close(output[1]);
    program_write_stdin(p.client, "1\n2\n", 4);
    net_expect_text(p.fd, "1\r\n2\r\n");
    char *answers = calloc(1, 100 * 1000); /* more than the pipe holds */
    net_send(p.fd, answers, 100 * 1000);
    program_close_stdin(p.client);
    net_expect_eof(p.fd);
    program_pause_ms(1500);
    net_send_text(p.fd, "1\r\n2\r\n");
    peer_close(&p);
    pump m = {.fd = -1, .output = output[0]};
    while (pump_once(&m, (int)(NET_TIMEOUT * 1000))) {
    }
    assert_int_equal(m.printed.len, 100 * 1000 + 6);
    peer_expect_exit(&p, 0, "");
    close(output[0]);
    free(answers);
    net_text_free(&m.printed);
}

/* Like `yodel-client | head -1`: ends quietly, though its input is still open. */
static void test_reader_of_stdout_goes_away(void **state)
{
    (void)state;
    int output[2];
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    peer p = peer_start(&(program_options){.stdin_pipe = true, .stdout_fd = output[1]}, NULL);
    close(output[1]);
    program_write_stdin(p.client, "1\n2\n", 4);
    net_expect_text(p.fd, "1\r\n2\r\n");
    net_send_text(p.fd, "first\r\n");
    char first[7];
    assert_int_equal(read(output[0], first, sizeof first), sizeof first);
    close(output[0]);
    net_send_text(p.fd, "second\r\n");
    peer_expect_exit(&p, 1, "");
}

static void test_disk_full(void **state)
{
    (void)state;
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    peer p = peer_start(&(program_options){.stdin_pipe = true, .stdout_fd = full}, NULL);
    net_send_text(p.fd, "first\r\n");
    peer_expect_exit(&p, 1, "cannot write to standard output: No space left on device");
    close(full);
}

/* Whoever shares the pipes with the client made them non-blocking. */
static void test_nonblocking_stdin_and_stdout(void **state)
{
    (void)state;
    load l = make_load();
    int input[2], output[2];
    assert_int_equal(pipe2(input, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC | O_NONBLOCK), 0);
    peer p = peer_start(&(program_options){.stdin_fd = input[0], .stdout_fd = output[1]}, NULL);
    close(input[0]);
    close(output[1]);
    assert_int_equal(write(input[1], "hello\n", 6), 6);
    net_expect_text(p.fd, "hello\r\n");
    pump m = {.fd = -1, .output = output[0]};
    size_t sent = net_send_until_blocked(p.fd, l.answers.data, l.answers.len, 100);
    while (m.printed.len < sent && pump_once(&m, (int)(NET_TIMEOUT * 1000))) {
    }
    assert_memory_equal(m.printed.data, l.answers.data, sent);
    close(input[1]);
    net_expect_eof(p.fd);
    peer_close(&p);
    while (pump_once(&m, (int)(NET_TIMEOUT * 1000))) {
    }
    peer_expect_exit(&p, 0, "");
    close(output[0]);
    net_text_free(&m.answers);
    net_text_free(&m.printed);
    free_load(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_slow_server),
        program_test(test_everything_stands_still_and_goes_on),
        program_test(test_lines_are_batched),
        program_test(test_waiting_for_the_reader_of_stdout_is_no_silence),
        program_test(test_reader_of_stdout_goes_away),
        program_test(test_disk_full),
        program_test(test_nonblocking_stdin_and_stdout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
