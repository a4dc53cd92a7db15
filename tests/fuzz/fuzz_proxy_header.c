/*
 * Fuzzes the PROXY header: any bytes, growing one by one in memory of exactly that size. Whatever
 * they are, the answer must not depend on how they are cut: nothing yet, then a header or none, for
 * good; within the limits; and an address that can be written down and read back.
 */
#include "proto/proxy_header.h"

#include "core/error.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No value that the parser gives. */
enum { UNTOUCHED = 99 };

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static ssize_t parse(const void *data, size_t len, yodel_proxy_header *header)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    check(copy != NULL);
    if (len > 0) {
        memcpy(copy, data, len);
    }
    memset(header, 0, sizeof *header);
    header->source = (yodel_proxy_source)UNTOUCHED;
    ssize_t n = yodel_proxy_header_parse(copy, len, header);
    free(copy);
    return n;
}

static bool same(const yodel_proxy_header *a, const yodel_proxy_header *b)
{
    return a->source == b->source && a->client.len == b->client.len &&
           memcmp(&a->client.storage, &b->client.storage, a->client.len) == 0;
}

/* The same client in the words of version 1. */
static void check_written_down(const yodel_proxy_header *header)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&header->client.storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&header->client.storage;
    char ip[INET6_ADDRSTRLEN];
    char line[200];
    int len = 0;
    switch (header->client.storage.ss_family) {
    case AF_INET:
        check(header->client.len == sizeof *v4);
        inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip);
        len = snprintf(line, sizeof line, "PROXY TCP4 %s %s %u 0\r\n", ip, ip, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        check(header->client.len == sizeof *v6);
        inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip);
        len =
            snprintf(line, sizeof line, "PROXY TCP6 %s %s %u 0\r\n", ip, ip, ntohs(v6->sin6_port));
        break;
    default:
        check(header->client.storage.ss_family == AF_UNIX);
        return;
    }
    yodel_proxy_header again;
    check(parse(line, (size_t)len, &again) == len);
    check(same(header, &again));
}

static void check_header(const uint8_t *data, ssize_t n, const yodel_proxy_header *header)
{
    size_t max = data[0] == 'P' ? YODEL_PROXY_V1_MAX : YODEL_PROXY_V2_FIXED + YODEL_PROXY_V2_MAX;
    check((size_t)n <= max);
    switch (header->source) {
    case YODEL_PROXY_CLIENT:
        check_written_down(header);
        break;
    case YODEL_PROXY_UNKNOWN:
    case YODEL_PROXY_LOCAL:
        check(header->client.len == 0);
        break;
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yodel_proxy_header header = {.client.len = 0};
    yodel_proxy_header now;
    ssize_t result = 0;

    if (size > 600) { /* longer ones only take longer */
        return 0;
    }
    for (size_t len = 0; len <= size; len++) {
        ssize_t n = parse(data, len, &now);
        if (result == 0) {
            check(n == 0 || n == (ssize_t)len || n == YODEL_EPROXYHEADER);
            result = n;
            header = now;
        }
        check(n == result);
        check(n > 0 ? same(&header, &now) : now.source == (yodel_proxy_source)UNTOUCHED);
    }
    if (result > 0) {
        check_header(data, result, &header);
    }
    return 0;
}
