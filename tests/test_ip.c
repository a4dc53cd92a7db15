/*
 * IP addresses alone: both families in one form.
 */
#include "core/ip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static void test_parse(void **state)
{
    (void)state;
    static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, 10, 1, 2, 255};
    static const uint8_t v6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1};
    yodel_ip ip;
    assert_int_equal(yodel_ip_parse("10.1.2.255", &ip), 0);
    assert_memory_equal(ip.bytes, v4, 16);
    assert_true(yodel_ip_is_v4(&ip));
    assert_int_equal(yodel_ip_parse("2001:DB8::1", &ip), 0);
    assert_memory_equal(ip.bytes, v6, 16);
    assert_false(yodel_ip_is_v4(&ip));
    assert_int_equal(yodel_ip_parse("::ffff:10.1.2.255", &ip), 0);
    assert_memory_equal(ip.bytes, v4, 16);
    assert_int_equal(yodel_ip_parse("::FFFF:a01:2ff", &ip), 0);
    assert_memory_equal(ip.bytes, v4, 16);
}

static void test_what_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ",  " 1.2.3.4",
        "::1::", ":",     "[::1]",     "::1%lo",    "::g",      "localhost", "1:2:3:4:5:6:7:8:9",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yodel_ip ip = {{1, 2, 3}};
        if (yodel_ip_parse(bad[i], &ip) != -EINVAL) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_int_equal(ip.bytes[1], 2); /* untouched */
    }
}

static void test_of_socket_addresses(void **state)
{
    (void)state;
    yodel_address address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address.storage;
    yodel_ip ip;
    yodel_ip expected;
    v4->sin_family = AF_INET;
    v4->sin_port = htons(99);
    assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &v4->sin_addr), 1);
    assert_true(yodel_ip_of(&address, &ip));
    assert_int_equal(yodel_ip_parse("192.0.2.7", &expected), 0);
    assert_memory_equal(&ip, &expected, sizeof ip);

    address = (yodel_address){.len = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address.storage;
    v6->sin6_family = AF_INET6;
    v6->sin6_scope_id = 3;
    assert_int_equal(inet_pton(AF_INET6, "fe80::7", &v6->sin6_addr), 1);
    assert_true(yodel_ip_of(&address, &ip));
    assert_int_equal(yodel_ip_parse("fe80::7", &expected), 0);
    assert_memory_equal(&ip, &expected, sizeof ip);

    address = (yodel_address){.storage.ss_family = AF_UNIX, .len = sizeof(sa_family_t)};
    assert_false(yodel_ip_of(&address, &ip));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_of_socket_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
