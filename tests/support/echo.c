#include "tests/support/echo.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

enum { MOST_ARGS = 40 };

typedef struct way {
    const char *accept, *threads;
} way;

static const way ways[] = {{"handoff", "2"}, {"reuseport", "8"}};

static void run(echo *e, const program_options *options, echo_body *body, const way *w,
                va_list args)
{
    const char *argv[MOST_ARGS + 1] = {
        "yodel-server", "-H",      "127.0.0.1", "-p",       "0",       "-P",   e->protocol,
        "--accept",     w->accept, "-t",        w->threads, "--stats", "0.05",
    };
    size_t n = 13;
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;) {
        assert_true(n < MOST_ARGS);
        argv[n++] = arg;
    }
    print_message("    -P %s --accept %s\n", e->protocol, w->accept);
    e->server = server_start_argv(options, argv);
    body(e);
    if (e->drained) {
        server_wait_drained(&e->server);
    } else {
        close(echo_connect(e));
        server_stop(&e->server);
    }
    program_kill(e->server.program);
}

static void run_all(const program_options *options, echo_body *body, size_t number_of_ways,
                    va_list args)
{
    for (int protocol = 0; protocol < 2; protocol++) {
        for (size_t i = 0; i < number_of_ways; i++) {
            echo e = {.protocol = "chat", .prefix = "You sent: "};
            if (protocol == 1) {
                e = (echo){.protocol = "stream", .prefix = ""};
            }
            va_list copy;
            va_copy(copy, args);
            run(&e, options, body, &ways[i], copy);
            va_end(copy);
        }
    }
}

void echo_with_each_protocol(const program_options *options, echo_body *body, ...)
{
    va_list args;
    va_start(args, body);
    run_all(options, body, 1, args);
    va_end(args);
}

void echo_with_each_accept(const program_options *options, echo_body *body, ...)
{
    va_list args;
    va_start(args, body);
    run_all(options, body, sizeof ways / sizeof ways[0], args);
    va_end(args);
}

void echo_answer(const echo *e, net_text *answers, const void *line, size_t len)
{
    net_text_add(answers, e->prefix, strlen(e->prefix));
    net_text_add(answers, line, len);
    net_text_add(answers, "\r\n", 2);
}

void echo_talk(const echo *e, int fd, const char *line)
{
    net_text sent = {0}, answer = {0};
    net_text_printf(&sent, "%s\r\n", line);
    echo_answer(e, &answer, line, strlen(line));
    net_send(fd, sent.data, sent.len);
    net_expect(fd, answer.data, answer.len);
    net_text_free(&sent);
    net_text_free(&answer);
}

int echo_connect(const echo *e)
{
    int fd = net_connect(e->server.port);
    echo_talk(e, fd, "hello");
    return fd;
}

void echo_make_lines(const echo *e, size_t bytes, net_text *lines, net_text *answers)
{
    char filling[1000];
    memset(filling, 'x', sizeof filling);
    for (int i = 0; lines->len < bytes; i++) {
        size_t start = lines->len;
        net_text_printf(lines, "%d %.*s", i, (int)sizeof filling, filling);
        if (answers != NULL) {
            echo_answer(e, answers, lines->data + start, lines->len - start);
        }
        net_text_add(lines, "\r\n", 2);
    }
}

bool echo_soak(void)
{
    const char *soak = getenv("YODEL_SOAK");
    return soak != NULL && strcmp(soak, "1") == 0;
}
