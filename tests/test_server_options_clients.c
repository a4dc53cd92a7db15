/*
 * The command line of yodel-server: who gets in.
 */
#include "core/client_limit.h"
#include "server/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

enum { MOST = 8 };

/* Words with blanks between them. */
static int parse(const char *words, yodel_server_options *options, char *message, size_t size)
{
    char copy[256];
    char *argv[MOST + 2] = {(char *)(uintptr_t) "yodel-server"};
    int argc = 1;
    assert_true(strlen(words) < sizeof copy);
    strcpy(copy, words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc <= MOST);
        argv[argc++] = word;
    }
    return yodel_server_options_parse(options, argc, argv, message, size);
}

static yodel_server_options good(const char *words)
{
    yodel_server_options o;
    char message[256] = "";
    if (parse(words, &o, message, sizeof message) != 0) {
        fail_msg("%s: %s", words, message);
    }
    return o;
}

static void check_bad(const char *words, const char *expected)
{
    yodel_server_options o;
    char message[256] = "";
    if (parse(words, &o, message, sizeof message) != -EINVAL || strcmp(message, expected) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", words, message, expected);
    }
}

static void test_off_by_default(void **state)
{
    (void)state;
    yodel_server_options o = good("");
    assert_int_equal(o.server.max_per_ip, 0);
    assert_int_equal(o.server.connect_rate_per_ip, 0);
    assert_false(o.proxy_protocol);
    assert_int_equal(o.trusted_count, 0);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(good("--max-per-ip 1").server.max_per_ip, 1);
    assert_int_equal(good("--max-per-ip=2147483647").server.max_per_ip, INT32_MAX);
    assert_int_equal(good("--connect-rate-per-ip 7").server.connect_rate_per_ip, 7);
    assert_int_equal(good("--connect-rate-per-ip 7/s").server.connect_rate_per_ip, 7);
    assert_int_equal(good("--connect-rate-per-ip=1000000/s").server.connect_rate_per_ip,
                     YODEL_CLIENT_RATE_MAX);
}

static void test_bad_limits(void **state)
{
    (void)state;
    static const char *const rates[] = {"0",
                                        "0/s",
                                        "1000001",
                                        "-1",
                                        "0.5",
                                        "1/m",
                                        "1/",
                                        "/s",
                                        "1/s/s",
                                        "1 /s",
                                        "many",
                                        "1K",
                                        "99999999999999999999999999999999999999/s"};
    check_bad("--max-per-ip 0", "--max-per-ip '0' is not a whole number from 1 to 2147483647");
    check_bad("--max-per-ip 10/s",
              "--max-per-ip '10/s' is not a whole number from 1 to 2147483647");
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        yodel_server_options o;
        char message[256];
        char expected[256];
        char *argv[] = {(char *)(uintptr_t) "yodel-server",
                        (char *)(uintptr_t) "--connect-rate-per-ip", (char *)(uintptr_t)rates[i],
                        NULL};
        snprintf(expected, sizeof expected,
                 "--connect-rate-per-ip '%s' is not a rate like 10 or 10/s, from 1 to 1000000",
                 rates[i]);
        assert_int_equal(yodel_server_options_parse(&o, 3, argv, message, sizeof message), -EINVAL);
        assert_string_equal(message, expected);
    }
}

static yodel_address address_of(const char *text)
{
    yodel_address *list;
    size_t count;
    assert_int_equal(yodel_address_resolve(text, "1", &list, &count), 0);
    yodel_address address = list[0];
    free(list);
    return address;
}

static void test_proxy(void **state)
{
    (void)state;
    yodel_server_options o =
        good("--trusted 10.0.0.0/8 --proxy-protocol --trusted=::1 --trusted 192.0.2.7");
    yodel_address in[] = {address_of("10.1.2.3"), address_of("::1"), address_of("192.0.2.7")};
    yodel_address out = address_of("192.0.2.8");
    assert_true(o.proxy_protocol);
    assert_int_equal(o.trusted_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(yodel_cidr_contains(&o.trusted[i], &in[i]));
        assert_false(yodel_cidr_contains(&o.trusted[i], &out));
    }
}

static void test_bad_proxy(void **state)
{
    (void)state;
    check_bad("--proxy-protocol", "--proxy-protocol needs --trusted CIDR: the proxies' addresses");
    check_bad("--trusted 127.0.0.1", "--trusted means nothing without --proxy-protocol");
    check_bad("--proxy-protocol=v2", "option '--proxy-protocol=v2' takes no value");
    check_bad("--proxy-protocol --trusted localhost",
              "--trusted 'localhost' is neither an address nor a network like 10.0.0.0/8 or "
              "2001:db8::/32");
    check_bad("--proxy-protocol --trusted=",
              "--trusted '' is neither an address nor a network like 10.0.0.0/8 or 2001:db8::/32");
    check_bad("--proxy-protocol --trusted 10.0.0.0/33",
              "--trusted '10.0.0.0/33': such an address has fewer bits than that");
    check_bad("--proxy-protocol --trusted 10.0.0.1/8",
              "--trusted '10.0.0.1/8': the address has bits set behind the prefix; leave /N away "
              "if that one host is meant");
}

static void test_most_trusted(void **state)
{
    (void)state;
    char *argv[YODEL_MAX_TRUSTED + 4] = {(char *)(uintptr_t) "yodel-server",
                                         (char *)(uintptr_t) "--proxy-protocol"};
    int argc = 2;
    yodel_server_options o;
    char message[256];
    for (int i = 0; i < YODEL_MAX_TRUSTED; i++) {
        argv[argc++] = (char *)(uintptr_t) "--trusted=::1";
    }
    assert_int_equal(yodel_server_options_parse(&o, argc, argv, message, sizeof message), 0);
    assert_int_equal(o.trusted_count, YODEL_MAX_TRUSTED);
    argv[argc++] = (char *)(uintptr_t) "--trusted=::2";
    assert_int_equal(yodel_server_options_parse(&o, argc, argv, message, sizeof message), -EINVAL);
    assert_string_equal(message, "--trusted '::2': more than 64 networks");
}

static void test_help(void **state)
{
    (void)state;
    static const char *const names[] = {"--max-per-ip N", "--connect-rate-per-ip N[/s]",
                                        "--proxy-protocol", "--trusted CIDR"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strstr(yodel_server_help, names[i]) == NULL) {
            fail_msg("no \"%s\" in the help", names[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_by_default), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bad_limits),     cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_bad_proxy),      cmocka_unit_test(test_most_trusted),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
