#include "tests/support/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/run.h"
#include "tests/support/cmocka_all.h"

enum { MOST_ARGS = 40 };

uint16_t server_port_of_line(const char *line)
{
    const char *address = strstr(line, "listening on ");
    const char *colon = address != NULL ? strrchr(address, ':') : NULL;
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    if (port < 1 || port > 65535) {
        fail_msg("no port in \"%s\"", line);
    }
    return (uint16_t)port;
}

/* Adds the arguments of `args` up to NULL to argv[n...] and ends it with NULL. */
static void collect(const char **argv, size_t n, va_list args)
{
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;) {
        assert_true(n < MOST_ARGS);
        argv[n++] = arg;
    }
    argv[n] = NULL;
}

server server_start_argv(const program_options *options, const char *const argv[])
{
    server s = {.program = program_start_argv(options, argv)};
    s.port = server_port_of_line(program_wait_line(s.program, PROGRAM_STDERR, "listening on "));
    s.fds = program_open_fds(s.program);
    return s;
}

server server_start(const program_options *options, ...)
{
    const char *argv[MOST_ARGS + 1] = {"yodel-server", "-H", "127.0.0.1", "-p", "0"};
    va_list args;
    va_start(args, options);
    collect(argv, 5, args);
    va_end(args);
    return server_start_argv(options, argv);
}

void server_with_each_shape(void (*body)(server *s), ...)
{
    static const char *const modes[] = {"handoff", "reuseport"};
    static const char *const threads[] = {"1", "2", "8"};
    const char *argv[MOST_ARGS + 1] = {"yodel-server", "-H", "127.0.0.1", "-p", "0",
                                       "--accept",     NULL, "-t",        NULL};
    va_list args;
    va_start(args, body);
    collect(argv, 9, args);
    va_end(args);
    for (size_t m = 0; m < sizeof modes / sizeof modes[0]; m++) {
        for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
            argv[6] = modes[m];
            argv[8] = threads[t];
            print_message("    --accept %s -t %s\n", modes[m], threads[t]);
            server s = server_start_argv(NULL, argv);
            body(&s);
            server_stop(&s);
        }
    }
}

/* --- counters ----------------------------------------------------------------------------------*/

/* The value of the word name=N in a line. */
static uint64_t value_in_line(const server *s, const char *line, const char *name)
{
    char word[64];
    int len = snprintf(word, sizeof word, " %s=", name);
    const char *at = line != NULL ? strstr(line, word) : NULL;
    if (at == NULL) {
        program_fail(s->program, "no %s= in a line of counters", name);
    }
    return strtoull(at + len, NULL, 10);
}

/* The last complete line with `text`, or NULL. */
static const char *last_line(const server *s, const char *text)
{
    size_t n = program_count_lines(s->program, PROGRAM_STDERR, text);
    return n == 0 ? NULL : program_wait_lines(s->program, PROGRAM_STDERR, text, n);
}

uint64_t server_counter(const server *s, const char *name)
{
    return value_in_line(s, last_line(s, "stats accepted="), name);
}

uint64_t server_worker_counter(const server *s, unsigned worker, const char *name)
{
    char text[64];
    snprintf(text, sizeof text, "stats worker=%u ", worker);
    return value_in_line(s, last_line(s, text), name);
}

/* Until the last line of counters is one that was counted after this call: what the next one says
 * may have been counted before. */
static void wait_fresh_counters(const server *s)
{
    size_t old = program_count_lines(s->program, PROGRAM_STDERR, "stats accepted=");
    program_wait_lines(s->program, PROGRAM_STDERR, "stats accepted=", old + 2);
}

void server_wait_counter(const server *s, const char *name, uint64_t value)
{
    double deadline = program_now() + PROGRAM_TIMEOUT;
    wait_fresh_counters(s);
    for (uint64_t got; (got = server_counter(s, name)) != value; program_pause_ms(5)) {
        if (program_now() > deadline) {
            program_fail(s->program, "%s is %" PRIu64 ", not %" PRIu64, name, got, value);
        }
    }
}

/* The sum of all words closed_REASON=N. */
static uint64_t sum_of_reasons(const char *line)
{
    uint64_t sum = 0;
    for (const char *at = line; (at = strstr(at, " closed_")) != NULL; at++) {
        const char *value = strchr(at, '=');
        sum += value != NULL ? strtoull(value + 1, NULL, 10) : 0;
    }
    return sum;
}

static void check_invariant(server *s)
{
    uint64_t accepted = server_counter(s, "accepted");
    uint64_t active = server_counter(s, "active");
    uint64_t closed = server_counter(s, "closed");
    uint64_t reasons = sum_of_reasons(last_line(s, "stats accepted="));
    if (accepted != active + closed || active != 0 || closed != reasons) {
        program_fail(s->program,
                     "accepted %" PRIu64 " active %" PRIu64 " closed %" PRIu64
                     " (sum of reasons %" PRIu64 ")",
                     accepted, active, closed, reasons);
    }
}

void server_send_until_paused(const server *s, int fd, const net_text *chunk,
                              const net_text *answer, net_text *answers)
{
    do {
        net_send(fd, chunk->data, chunk->len);
        net_wait_delivered(fd);
        net_text_add(answers, answer->data, answer->len);
        wait_fresh_counters(s);
    } while (server_counter(s, "paused") == 0);
}

int server_connect_deaf(const server *s)
{
    static char lines[1 << 20];
    for (size_t i = 0; i < sizeof lines; i += 128) {
        memset(lines + i, 'x', 126);
        memcpy(lines + i + 126, "\r\n", 2);
    }
    wait_fresh_counters(s);
    uint64_t others = server_counter(s, "paused_now");
    int fd = net_connect_tiny(s->port);
    size_t n;
    do {
        n = net_fill(fd, lines, sizeof lines, 20);
        wait_fresh_counters(s);
    } while (n > 0 || server_counter(s, "paused_now") == others);
    return fd;
}

size_t server_count_warnings(program *p)
{
    return program_count_lines(p, PROGRAM_STDERR, " WARNING ") -
           program_count_lines(p, PROGRAM_STDERR, " is stuck: ") -
           program_count_lines(p, PROGRAM_STDERR, " moves again ");
}

/* --- ending ------------------------------------------------------------------------------------*/

void server_wait_drained(server *s)
{
    program_expect_exit(s->program, 0);
    check_invariant(s);
    if (program_count_lines(s->program, PROGRAM_STDERR, " ERROR ") > 0) {
        program_fail(s->program, "an error stands in its log");
    }
}

void server_stop(server *s)
{
    program_wait_open_fds(s->program, s->fds);
    program_signal(s->program, SIGTERM);
    server_wait_drained(s);
}

void server_check_serves(const server *s)
{
    int fd = net_connect(s->port);
    net_send_text(fd, "still there?\r\n");
    net_expect_text(fd, "You sent: still there?\r\n");
    close(fd);
}

void server_signal_again(program *p, int signal_number)
{
    program_pause_ms(YODEL_RUN_SAME_SIGNAL_MS);
    program_signal(p, signal_number);
}
