/*
 * The PROXY header, both versions: good ones at every cut, bad ones of every kind, and how early
 * they are found.
 */
#include "proto/proxy_header.h"

#include "core/error.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_LEN 12
#define BEHIND        "hello\r\n"

enum { UNTOUCHED = 12345 };

/* As many of the bytes as have come, in memory of exactly that size. */
static ssize_t parse(const void *data, size_t len, yodel_proxy_header *header)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    ssize_t n = yodel_proxy_header_parse(copy, len, header);
    free(copy);
    return n;
}

/* Parses at every cut; what follows the header must not matter. */
static yodel_proxy_header parse_good(const void *data, size_t len)
{
    char bytes[8192];
    yodel_proxy_header header = {.source = (yodel_proxy_source)UNTOUCHED};
    assert_true(len + sizeof BEHIND <= sizeof bytes);
    memcpy(bytes, data, len);
    memcpy(bytes + len, BEHIND, sizeof BEHIND);
    for (size_t n = 0; n < len; n++) {
        if (parse(bytes, n, &header) != 0) {
            fail_msg("%zu of %zu bytes are taken for all or for none", n, len);
        }
        assert_int_equal(header.source, UNTOUCHED);
    }
    for (size_t more = 0; more <= sizeof BEHIND; more++) {
        assert_int_equal(parse(bytes, len + more, &header), len);
    }
    return header;
}

static const char *client_text(const yodel_proxy_header *header, char text[YODEL_ADDRESS_TEXT])
{
    assert_int_equal(header->source, YODEL_PROXY_CLIENT);
    return yodel_address_format(&header->client, text);
}

static void check_client(const void *data, size_t len, const char *expected)
{
    char text[YODEL_ADDRESS_TEXT];
    yodel_proxy_header header = parse_good(data, len);
    assert_string_equal(client_text(&header, text), expected);
}

/* Bad after `at` bytes, and with all that follows; not earlier. */
static void check_bad(const void *data, size_t len, size_t at)
{
    yodel_proxy_header header = {.source = (yodel_proxy_source)UNTOUCHED};
    for (size_t n = 0; n <= len; n++) {
        ssize_t code = parse(data, n, &header);
        if (code != (n < at ? 0 : YODEL_EPROXYHEADER)) {
            fail_msg("after %zu of %zu bytes (%.*s): %zd", n, len, (int)n, (const char *)data,
                     code);
        }
    }
    assert_int_equal(header.source, UNTOUCHED);
}

#define BAD_AT(text, at) check_bad(text, sizeof(text) - 1, at)
#define BAD(text)        BAD_AT(text, sizeof(text) - 1)

/* --- version 1 ---------------------------------------------------------------------------------*/

static void check_v1(const char *line, const char *expected)
{
    check_client(line, strlen(line), expected);
}

static void test_v1(void **state)
{
    (void)state;
    check_v1("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1:56324");
    check_v1("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535");
    check_v1("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0");
    check_v1("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1");
    check_v1("PROXY TCP6 FFFF:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
             "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
             "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
    check_v1("PROXY TCP6 ::ffff:1.2.3.4 :: 7 8\r\n",
             "[::ffff:1.2.3.4]:7"); /* as inet_ntop has it */
}

static void check_unknown(const char *line, size_t len)
{
    assert_int_equal(parse_good(line, len).source, YODEL_PROXY_UNKNOWN);
}

#define UNKNOWN(line) check_unknown(line, sizeof(line) - 1)

static void test_v1_unknown(void **state)
{
    (void)state;
    UNKNOWN("PROXY UNKNOWN\r\n");
    UNKNOWN("PROXY UNKNOWN \r\n");
    UNKNOWN("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n");
    UNKNOWN("PROXY UNKNOWN any\rthing\n\0\xff at all\r\n");
}

static void test_v1_length(void **state)
{
    (void)state;
    char line[200];
    int len = snprintf(line, sizeof line, "PROXY UNKNOWN %091d\r\n", 0);
    assert_int_equal(len, YODEL_PROXY_V1_MAX);
    check_unknown(line, (size_t)len);
    len = snprintf(line, sizeof line, "PROXY UNKNOWN %092d\r\n", 0);
    check_bad(line, (size_t)len, YODEL_PROXY_V1_MAX);
    len = snprintf(line, sizeof line, "PROXY TCP4 %0160d\r\n", 0);
    check_bad(line, (size_t)len, YODEL_PROXY_V1_MAX);
    len = snprintf(line, sizeof line, "PROXY TCP4 %095d\r\n", 0); /* its CR is the 107th byte */
    check_bad(line, (size_t)len, YODEL_PROXY_V1_MAX);
}

/* Found at the first byte that cannot stand there. */
static void test_v1_bad_begins(void **state)
{
    (void)state;
    BAD_AT("hello\r\n", 1);
    BAD_AT("GET / HTTP/1.1\r\n", 1);
    BAD_AT("\x16\x03\x01", 1); /* TLS */
    BAD_AT("\0", 1);
    BAD_AT(" PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 1);
    BAD_AT("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 1);
    BAD_AT("PROXI", 5);
    BAD_AT("PROXY\r\n", 6);
    BAD_AT("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 7);
    BAD_AT("PROXY \r\n", 7);
    BAD_AT("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", 8);
    BAD_AT("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", 10);
    BAD_AT("PROXY TCP4\r\n", 11);
    BAD_AT("PROXY TCP44 1.2.3.4 5.6.7.8 1 2\r\n", 11);
    BAD_AT("PROXY UNKNOWNS\r\n", 14);
    BAD_AT("PROXY UNKNOWN\n", 14);
    BAD_AT("PROXY UNKNOWN\rX\n", 15);
}

static void test_v1_bad_lines(void **state)
{
    (void)state;
    BAD("PROXY TCP4 \r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n");
    BAD("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n");
    BAD("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7 1 2\r\n");
    BAD("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n");
    BAD("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n");
    BAD("PROXY TCP4 ::1 ::1 1 2\r\n");
    BAD("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n");
    BAD("PROXY TCP6 ::1%lo ::1 1 2\r\n");
    BAD("PROXY TCP6 :::1 ::1 1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 99999999999999999999 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 00\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 0x1 2\r\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 one 2\r\n");
    /* Neither a LF alone nor a CR alone ends the line, nor may anything unprintable stand in it. */
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rX");
    BAD("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r");
    BAD("PROXY TCP4 1.2.3.4\t");
    BAD("PROXY TCP4 1.2.3.4\0");
    BAD("PROXY TCP4 1.2.3.4\xff");
}

/* --- version 2 ---------------------------------------------------------------------------------*/

typedef struct v2 {
    uint8_t bytes[8192];
    size_t len;
} v2;

/* A header with this many bytes behind the fixed part: 1, 2, 3 and so on. */
static v2 make_v2(uint8_t command, uint8_t family, size_t rest)
{
    v2 h = {.len = YODEL_PROXY_V2_FIXED + rest};
    memcpy(h.bytes, SIGNATURE, SIGNATURE_LEN);
    h.bytes[12] = command;
    h.bytes[13] = family;
    h.bytes[14] = (uint8_t)(rest >> 8);
    h.bytes[15] = (uint8_t)rest;
    for (size_t i = 0; i < rest; i++) {
        h.bytes[YODEL_PROXY_V2_FIXED + i] = (uint8_t)(i + 1);
    }
    return h;
}

static void check_v2(uint8_t family, size_t rest, const char *expected)
{
    v2 h = make_v2(0x21, family, rest);
    check_client(h.bytes, h.len, expected);
}

static void test_v2(void **state)
{
    (void)state;
    check_v2(0x11, 12, "1.2.3.4:2314"); /* 0x090a */
    check_v2(0x21, 36, "[102:304:506:708:90a:b0c:d0e:f10]:8482");
    /* With TLVs. */
    check_v2(0x11, 13, "1.2.3.4:2314");
    check_v2(0x11, 300, "1.2.3.4:2314");
    check_v2(0x11, YODEL_PROXY_V2_MAX, "1.2.3.4:2314");
    check_v2(0x21, 100, "[102:304:506:708:90a:b0c:d0e:f10]:8482");
}

static void test_v2_unix(void **state)
{
    (void)state;
    v2 h = make_v2(0x21, 0x31, 216);
    yodel_proxy_header header = parse_good(h.bytes, h.len);
    assert_int_equal(header.source, YODEL_PROXY_CLIENT);
    assert_int_equal(header.client.storage.ss_family, AF_UNIX);
    assert_int_equal(header.client.len, sizeof(sa_family_t));
}

static void check_source(uint8_t command, uint8_t family, size_t rest, yodel_proxy_source source)
{
    v2 h = make_v2(command, family, rest);
    assert_int_equal(parse_good(h.bytes, h.len).source, source);
}

static void test_v2_without_an_address(void **state)
{
    (void)state;
    check_source(0x20, 0x00, 0, YODEL_PROXY_LOCAL);
    check_source(0x20, 0x11, 12, YODEL_PROXY_LOCAL);
    check_source(0x20, 0x11, 3, YODEL_PROXY_LOCAL); /* "discard the protocol block" */
    check_source(0x20, 0xff, 100, YODEL_PROXY_LOCAL);
    check_source(0x21, 0x00, 0, YODEL_PROXY_UNKNOWN);
    check_source(0x21, 0x00, 40, YODEL_PROXY_UNKNOWN);
    check_source(0x21, 0x01, 0, YODEL_PROXY_UNKNOWN);
    check_source(0x21, 0x10, 8, YODEL_PROXY_UNKNOWN);
    check_source(0x21, 0x12, 12, YODEL_PROXY_UNKNOWN); /* UDP */
    check_source(0x21, 0x22, 36, YODEL_PROXY_UNKNOWN);
    check_source(0x21, 0x32, 216, YODEL_PROXY_UNKNOWN);
}

static void check_bad_v2(uint8_t command, uint8_t family, size_t rest, size_t at)
{
    v2 h = make_v2(command, family, rest);
    check_bad(h.bytes, h.len, at);
}

static void test_v2_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIGNATURE_LEN; i++) {
        v2 h = make_v2(0x21, 0x11, 12);
        h.bytes[i] ^= 0x01;
        check_bad(h.bytes, h.len, i + 1);
    }
    for (unsigned command = 0; command < 256; command++) {
        if (command != 0x20 && command != 0x21) {
            check_bad_v2((uint8_t)command, 0x11, 12, 13);
        }
    }
    for (unsigned family = 0; family < 256; family++) {
        if (family >> 4 > 3 || (family & 15) > 2) {
            check_bad_v2(0x21, (uint8_t)family, 216, 14);
        }
    }
    check_bad_v2(0x21, 0x11, 11, 16);
    check_bad_v2(0x21, 0x12, 11, 16);
    check_bad_v2(0x21, 0x21, 35, 16);
    check_bad_v2(0x21, 0x22, 0, 16);
    check_bad_v2(0x21, 0x31, 215, 16);
    check_bad_v2(0x21, 0x32, 12, 16);
    check_bad_v2(0x21, 0x11, YODEL_PROXY_V2_MAX + 1, 16);
    check_bad_v2(0x20, 0x00, YODEL_PROXY_V2_MAX + 1, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v1),           cmocka_unit_test(test_v1_unknown),
        cmocka_unit_test(test_v1_length),    cmocka_unit_test(test_v1_bad_begins),
        cmocka_unit_test(test_v1_bad_lines), cmocka_unit_test(test_v2),
        cmocka_unit_test(test_v2_unix),      cmocka_unit_test(test_v2_without_an_address),
        cmocka_unit_test(test_v2_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
