/*
 * A small HTTP client for tests of the admin endpoint, on plain sockets (net.h).
 */
#ifndef YODEL_TESTS_HTTP_H
#define YODEL_TESTS_HTTP_H

#include <stddef.h>
#include <stdint.h>

typedef struct http_answer {
    int status;
    char *head; /* status line and headers, ending in CRLF */
    char *body; /* with a NUL behind */
    size_t len; /* of the body */
} http_answer;

/* One request on a connection of its own to 127.0.0.1, and its whole answer. The test fails when
 * there is none, or when its body is not as long as it says (a HEAD has none). */
http_answer http_request(uint16_t port, const char *method, const char *path);
http_answer http_get(uint16_t port, const char *path);

/* One request on a connection that stays open, and its answer. */
http_answer http_get_on(int fd, const char *path);

/* The value of a header, as it stands in the answer's head, malloc'ed; NULL when it is not there.
 */
char *http_header(const http_answer *answer, const char *name);

void http_free(http_answer *answer);

/* The status of GET path. */
int http_status(uint16_t port, const char *path);

/* Waits until GET path has this status. */
void http_wait_status(uint16_t port, const char *path, int status);

#endif
