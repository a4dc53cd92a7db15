#include "tests/support/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"

char *http_header(const http_answer *answer, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = answer->head; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        assert_non_null(end);
        if (strncasecmp(line, name, len) == 0 && strncmp(line + len, ": ", 2) == 0) {
            return strndup(line + len + 2, (size_t)(end - line) - len - 2);
        }
        line = end + 2;
    }
    return NULL;
}

static void add_byte(net_text *text, int fd)
{
    char byte;
    net_receive(fd, &byte, 1);
    net_text_add(text, &byte, 1);
}

/* Reads an answer; a HEAD's has no body. */
static http_answer read_answer(int fd, const char *method)
{
    net_text head = {0};
    http_answer answer = {0};
    while (head.len < 4 || memcmp(head.data + head.len - 4, "\r\n\r\n", 4) != 0) {
        add_byte(&head, fd);
    }
    head.data[head.len - 2] = '\0';
    answer.head = head.data;
    if (sscanf(answer.head, "HTTP/1.1 %d", &answer.status) != 1) {
        fail_msg("no status in \"%s\"", answer.head);
    }
    char *length = http_header(&answer, "Content-Length");
    assert_non_null(length);
    answer.len = strcmp(method, "HEAD") == 0 ? 0 : strtoul(length, NULL, 10);
    free(length);
    answer.body = calloc(1, answer.len + 1);
    assert_non_null(answer.body);
    net_receive(fd, answer.body, answer.len);
    return answer;
}

static void send_request(int fd, const char *method, const char *path, const char *more)
{
    net_text request = {0};
    net_text_printf(&request, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n", method, path, more);
    net_send(fd, request.data, request.len);
    net_text_free(&request);
}

http_answer http_request(uint16_t port, const char *method, const char *path)
{
    int fd = net_connect(port);
    send_request(fd, method, path, "Connection: close\r\n");
    http_answer answer = read_answer(fd, method);
    net_expect_eof(fd);
    close(fd);
    return answer;
}

http_answer http_get(uint16_t port, const char *path)
{
    return http_request(port, "GET", path);
}

http_answer http_get_on(int fd, const char *path)
{
    send_request(fd, "GET", path, "");
    return read_answer(fd, "GET");
}

void http_free(http_answer *answer)
{
    free(answer->head);
    free(answer->body);
    *answer = (http_answer){0};
}

int http_status(uint16_t port, const char *path)
{
    http_answer answer = http_get(port, path);
    int status = answer.status;
    http_free(&answer);
    return status;
}

void http_wait_status(uint16_t port, const char *path, int status)
{
    double deadline = program_now() + NET_TIMEOUT;
    int got;
    while ((got = http_status(port, path)) != status) {
        if (program_now() > deadline) {
            fail_msg("%s is %d, not %d", path, got, status);
        }
        program_pause_ms(5);
    }
}
