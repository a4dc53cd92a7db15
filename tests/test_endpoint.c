/* HOST:PORT, and what is not. */
#include "server/endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static char message[256];
static const yodel_complaint complaint = {message, sizeof message};

static void test_good(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port;
    } good[] = {
        {"localhost:9007", "localhost", "9007"},
        {"127.0.0.1:9007", "127.0.0.1", "9007"},
        {"0.0.0.0:0", "0.0.0.0", "0"},
        {"[::1]:65535", "[::1]", "65535"},
        {"[fe80::1%eth0]:80", "[fe80::1%eth0]", "80"},
        {":9007", "127.0.0.1", "9007"},
        {"a-name.example:009007", "a-name.example", "9007"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        yodel_endpoint e;
        if (yodel_endpoint_parse("admin", good[i].text, &e, &complaint) != 0) {
            fail_msg("%s", message);
        }
        assert_string_equal(e.host, good[i].host);
        assert_string_equal(e.port, good[i].port);
    }
}

/* Each complaint names the option and the text. */
static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "9007",
        "localhost",
        "localhost:",
        "localhost:http",
        "host:-1",
        "host:65536",
        "::1:9007",
        "::",
        "[::1]",
        "[::1]9007",
        "[]:9007",
        "[::1:9007",
        "::1]:9007",
        "[::1]]:9007",
        "host: 9007",
        "host:9007 ",
        "host:9007/x",
        "http://host:80",
        "a:b:9007",
        "*:9007",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        yodel_endpoint e = {.host = "untouched"};
        message[0] = '\0';
        assert_int_equal(yodel_endpoint_parse("admin", bad[i], &e, &complaint), -EINVAL);
        char named[64];
        (void)snprintf(named, sizeof named, "--admin '%s'", bad[i]);
        if (strstr(message, named) != message) {
            fail_msg("\"%s\" does not name %s", message, bad[i]);
        }
        assert_string_equal(e.host, "untouched");
    }
}

static void test_long(void **state)
{
    (void)state;
    yodel_endpoint e;
    char text[300];
    memset(text, 'a', sizeof text);
    (void)strcpy(text + 255, ":80");
    assert_int_equal(yodel_endpoint_parse("admin", text, &e, &complaint), 0);
    assert_int_equal(strlen(e.host), 255);
    memset(text, 'a', sizeof text);
    (void)strcpy(text + 256, ":80");
    assert_int_equal(yodel_endpoint_parse("admin", text, &e, &complaint), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
