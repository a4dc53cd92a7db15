/*
 * Networks: how they are written, and who lies in them.
 */
#include "core/cidr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static yodel_address address_of(const char *text)
{
    yodel_address *list;
    size_t count;
    if (yodel_address_resolve(text, "1", &list, &count) != 0) {
        fail_msg("'%s' is no address", text);
    }
    yodel_address address = list[0];
    free(list);
    return address;
}

static yodel_cidr cidr_of(const char *text)
{
    yodel_cidr cidr;
    if (yodel_cidr_parse(text, &cidr) != 0) {
        fail_msg("'%s' is no network", text);
    }
    return cidr;
}

static bool contains(const char *network, const char *text)
{
    yodel_cidr cidr = cidr_of(network);
    yodel_address address = address_of(text);
    return yodel_cidr_contains(&cidr, &address);
}

static void test_parse_failures(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", -EINVAL},
        {"/8", -EINVAL},
        {"10.0.0.0/", -EINVAL},
        {"10.0.0.0/8 ", -EINVAL},
        {"10.0.0.0/+8", -EINVAL},
        {"10.0.0.0/-1", -EINVAL},
        {"10.0.0.0/8/8", -EINVAL},
        {"10.0.0.0/0x8", -EINVAL},
        {"10.0.0.0/0008", -EINVAL},
        {"10.0.0.0/4294967304", -EINVAL},
        {"10.0.0.0/255.0.0.0", -EINVAL},
        {"10/8", -EINVAL},
        {"example.org", -EINVAL},
        {"example.org/8", -EINVAL},
        {"[::1]/128", -EINVAL},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/1", -EINVAL},
        {"10.0.0.0/33", -ERANGE},
        {"10.0.0.0/999", -ERANGE},
        {"::/129", -ERANGE},
        {"10.0.0.1/8", -EDOM},
        {"10.0.0.1/31", -EDOM},
        {"128.0.0.0/0", -EDOM},
        {"2001:db8::1/32", -EDOM},
        {"2001:db8::/28", -EDOM},
        {"::ffff:10.0.0.0/8", -EDOM}, /* it is the mapped form whose bits are counted */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        yodel_cidr cidr = {.bits = 77};
        int code = yodel_cidr_parse(bad[i].text, &cidr);
        if (code != bad[i].code || cidr.bits != 77) {
            fail_msg("'%s': %d", bad[i].text, code);
        }
    }
}

static void test_contains(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.0.0.0"));
    assert_true(contains("10.0.0.0/8", "10.255.255.255"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_false(contains("10.0.0.0/8", "9.255.255.255"));
    assert_true(contains("192.0.2.7", "192.0.2.7"));
    assert_false(contains("192.0.2.7", "192.0.2.6"));
    assert_true(contains("192.0.2.6/31", "192.0.2.7"));
    assert_true(contains("0.0.0.0/0", "255.255.255.255"));
    assert_true(contains("::1", "::1"));
    assert_false(contains("::1", "::2"));
    assert_true(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(contains("2001:db8::/32", "2001:db9::"));
    assert_true(contains("fe80::/10", "febf::1"));
    assert_false(contains("fe80::/10", "fec0::1"));
    assert_true(contains("::/0", "2001::"));
}

/* Every length of a prefix: the last bit in it counts, the first one behind it does not. */
static void test_every_length(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 32; bits++) {
        char text[32];
        struct in_addr in = {.s_addr = htonl(bits == 0 ? 0 : 0x0a0b0c0du & (~0u << (32 - bits)))};
        yodel_address address = address_of("0.0.0.0");
        struct sockaddr_in *v4 = (struct sockaddr_in *)&address.storage;
        char dotted[INET_ADDRSTRLEN];
        snprintf(text, sizeof text, "%s/%u", inet_ntop(AF_INET, &in, dotted, sizeof dotted), bits);
        yodel_cidr cidr = cidr_of(text);
        v4->sin_addr = in;
        assert_true(yodel_cidr_contains(&cidr, &address));
        for (unsigned bit = 0; bit < 32; bit++) {
            v4->sin_addr.s_addr = in.s_addr ^ htonl(1u << (31 - bit));
            assert_int_equal(yodel_cidr_contains(&cidr, &address), bit >= bits);
        }
    }
}

/* IPv4 is IPv4, however it is written; what is IPv6 has nothing of it. */
static void test_mapped(void **state)
{
    (void)state;
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(contains("10.0.0.0/8", "::ffff:11.1.2.3"));
    assert_true(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_true(contains("::ffff:0:0/96", "10.1.2.3"));
    assert_true(contains("::ffff:10.1.2.3", "10.1.2.3"));
    assert_true(contains("0.0.0.0/0", "::ffff:10.1.2.3"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_false(contains("::/0", "10.1.2.3"));
    assert_false(contains("::/0", "::ffff:10.1.2.3"));
    assert_false(contains("::/64", "10.1.2.3"));
    assert_false(contains("10.0.0.0/8", "::10.1.2.3")); /* the form of old is not mapped */
}

static void test_lists(void **state)
{
    (void)state;
    const yodel_cidr list[] = {cidr_of("10.0.0.0/8"), cidr_of("::1")};
    yodel_address in = address_of("::1");
    yodel_address out = address_of("127.0.0.1");
    yodel_address local = {.storage.ss_family = AF_UNIX, .len = sizeof(sa_family_t)};
    assert_true(yodel_cidr_any_contains(list, 2, &in));
    assert_false(yodel_cidr_any_contains(list, 1, &in));
    assert_false(yodel_cidr_any_contains(list, 0, &in));
    assert_false(yodel_cidr_any_contains(list, 2, &out));
    assert_false(yodel_cidr_any_contains(list, 2, &local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_failures), cmocka_unit_test(test_contains),
        cmocka_unit_test(test_every_length),   cmocka_unit_test(test_mapped),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
