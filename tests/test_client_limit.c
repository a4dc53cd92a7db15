/*
 * The limits of one client: how many, how often, who is one, and that memory stays bounded.
 */
#include "core/client_limit.h"

#include "core/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define SECOND UINT64_C(1000000000)
#define START  (1000 * SECOND)

static yodel_address v4(uint32_t host)
{
    yodel_address address = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&address.storage;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(host);
    in->sin_port = htons((uint16_t)host);
    return address;
}

static yodel_address v6(const char *text)
{
    yodel_address address = {.len = sizeof(struct sockaddr_in6)};
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&address.storage;
    in->sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &in->sin6_addr), 1);
    return address;
}

static yodel_client_limit *limit_of(size_t max, uint32_t rate)
{
    yodel_client_limit *limit;
    assert_int_equal(yodel_client_limit_new(max, rate, &limit), 0);
    return limit;
}

static int enter(yodel_client_limit *limit, yodel_address address, uint64_t now,
                 yodel_client **client)
{
    return yodel_client_limit_enter(limit, &address, now, client);
}

/* Comes and goes at once. */
static int visit(yodel_client_limit *limit, yodel_address address, uint64_t now)
{
    yodel_client *client;
    int code = enter(limit, address, now, &client);
    if (code == 0) {
        yodel_client_limit_leave(limit, client, now);
    }
    return code;
}

/* --- how many ----------------------------------------------------------------------------------*/

static void test_how_many(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(2, 0);
    yodel_client *c[4];
    assert_int_equal(enter(limit, v4(1), START, &c[0]), 0);
    assert_int_equal(enter(limit, v4(1), START, &c[1]), 0);
    c[2] = NULL;
    assert_int_equal(enter(limit, v4(1), START, &c[2]), YODEL_ETOOMANY);
    assert_null(c[2]);
    assert_int_equal(enter(limit, v4(2), START, &c[2]), 0); /* another one */
    assert_int_equal(yodel_client_limit_known(limit), 2);
    assert_false(yodel_client_limit_leave(limit, c[0], START));
    assert_int_equal(enter(limit, v4(1), START, &c[3]), 0);
    yodel_client_limit_leave(limit, c[1], START);
    yodel_client_limit_leave(limit, c[2], START);
    yodel_client_limit_leave(limit, c[3], START);
    assert_int_equal(yodel_client_limit_known(limit), 0); /* without a rate nobody is remembered */
    yodel_client_limit_free(limit);
}

/* --- how often ---------------------------------------------------------------------------------*/

static void test_how_often(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(0, 4);
    for (int i = 0; i < 4; i++) { /* what one second brings, at once */
        assert_int_equal(visit(limit, v4(1), START), 0);
    }
    assert_int_equal(visit(limit, v4(1), START), YODEL_ETOOOFTEN);
    assert_int_equal(visit(limit, v4(2), START), 0);
    assert_int_equal(visit(limit, v4(1), START + SECOND / 4 - 1), YODEL_ETOOOFTEN);
    assert_int_equal(visit(limit, v4(1), START + SECOND / 4), 0);
    assert_int_equal(visit(limit, v4(1), START + SECOND / 4), YODEL_ETOOOFTEN);
    /* A long rest fills the bucket, and no more than that. */
    for (int i = 0; i < 4; i++) {
        assert_int_equal(visit(limit, v4(1), START + 100 * SECOND), 0);
    }
    assert_int_equal(visit(limit, v4(1), START + 100 * SECOND), YODEL_ETOOOFTEN);
    yodel_client_limit_free(limit);
}

/* At every rate: as many at once as it says, and over ten seconds, too. */
static void test_rates(void **state)
{
    (void)state;
    static const uint32_t rates[] = {1, 2, 3, 7, 10, 1000, 999983, YODEL_CLIENT_RATE_MAX};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        yodel_client_limit *limit = limit_of(0, rates[i]);
        uint32_t let_in = 0;
        while (visit(limit, v4(1), START) == 0) {
            let_in++;
        }
        assert_in_range(let_in, rates[i], rates[i] + rates[i] / 1000); /* whole nanoseconds */
        if (rates[i] <= 1000) {
            assert_int_equal(let_in, rates[i]);
            for (uint64_t t = START; t < START + 10 * SECOND; t += SECOND / 4000) {
                let_in += visit(limit, v4(1), t) == 0;
            }
            assert_in_range(let_in, 11 * rates[i] - 1, 11 * rates[i]);
        }
        yodel_client_limit_free(limit);
    }
}

/* Who holds a connection for long has a full bucket, who is refused pays nothing for it. */
static void test_both(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(1, 2);
    yodel_client *first;
    yodel_client *second;
    assert_int_equal(enter(limit, v4(1), START, &first), 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(visit(limit, v4(1), START), YODEL_ETOOMANY);
    }
    yodel_client_limit_leave(limit, first, START);
    assert_int_equal(enter(limit, v4(1), START, &second), 0); /* the second token is still there */
    yodel_client_limit_leave(limit, second, START);
    assert_int_equal(visit(limit, v4(1), START), YODEL_ETOOOFTEN);
    yodel_client_limit_free(limit);
}

/* Clocks of two threads are a turn apart. */
static void test_time_that_goes_back_a_little(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(0, 2);
    assert_int_equal(visit(limit, v4(1), START), 0);
    assert_int_equal(visit(limit, v4(1), START - 1000), YODEL_ETOOOFTEN);
    assert_int_equal(visit(limit, v4(1), START + SECOND / 2), 0);
    yodel_client_limit_free(limit);
}

/* --- who is one --------------------------------------------------------------------------------*/

static bool same_client(yodel_address a, yodel_address b)
{
    yodel_client_limit *limit = limit_of(1, 0);
    yodel_client *client;
    assert_int_equal(enter(limit, a, START, &client), 0);
    int code = visit(limit, b, START);
    yodel_client_limit_leave(limit, client, START);
    yodel_client_limit_free(limit);
    return code == YODEL_ETOOMANY;
}

static void test_who_is_one(void **state)
{
    (void)state;
    assert_true(same_client(v4(0x0a000001), v4(0x0a000001)));
    assert_false(same_client(v4(0x0a000001), v4(0x0a000002)));
    assert_true(same_client(v4(0x0a000001), v6("::ffff:10.0.0.1")));
    assert_false(same_client(v4(0x0a000001), v6("::ffff:10.0.0.2")));
    assert_true(same_client(v6("2001:db8::1"), v6("2001:db8::ffff:ffff:ffff:ffff")));
    assert_false(same_client(v6("2001:db8::1"), v6("2001:db8:0:1::1")));
    /* The same 64 bits, once at IPv4's end, once at IPv6's begin. */
    assert_false(same_client(v4(0x0a000001), v6("0:ffff:a00:1::")));
    assert_false(same_client(v6("::1"), v4(0)));
}

static void test_unix_clients_are_not_limited(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(1, 1);
    yodel_address address = {.storage.ss_family = AF_UNIX, .len = sizeof(sa_family_t)};
    for (int i = 0; i < 10; i++) {
        yodel_client *client = (yodel_client *)(uintptr_t)&address;
        assert_int_equal(enter(limit, address, START, &client), 0);
        assert_null(client);
        assert_false(yodel_client_limit_leave(limit, client, START));
    }
    assert_int_equal(yodel_client_limit_known(limit), 0);
    yodel_client_limit_free(limit);
}

/* --- memory ------------------------------------------------------------------------------------*/

/* Everybody is known as long as there is something to know. */
static void test_remembered_for_as_long_as_needed(void **state)
{
    (void)state;
    enum { CLIENTS = 10000 };
    yodel_client_limit *limit = limit_of(0, 1);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(visit(limit, v4(i), START + i), 0);
    }
    assert_int_equal(yodel_client_limit_known(limit), CLIENTS);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(visit(limit, v4(i), START + CLIENTS), YODEL_ETOOOFTEN);
    }
    /* A second later others push them out, two for one. */
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(visit(limit, v4(CLIENTS + i), START + 2 * SECOND), 0);
    }
    assert_in_range(yodel_client_limit_known(limit), CLIENTS, CLIENTS + CLIENTS / 20);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(visit(limit, v4(CLIENTS + i), START + 4 * SECOND), 0);
    }
    assert_in_range(yodel_client_limit_known(limit), CLIENTS, CLIENTS + CLIENTS / 20);
    yodel_client_limit_free(limit);
}

static void test_many_addresses_at_once(void **state)
{
    (void)state;
    enum { CLIENTS = 300000 };
    yodel_client_limit *limit = limit_of(1, 1);
    uint32_t forgotten = 0;
    yodel_client *connected;
    assert_int_equal(enter(limit, v4(UINT32_MAX), START, &connected), 0);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        yodel_client *client;
        assert_int_equal(enter(limit, v4(i), START, &client), 0);
        forgotten += yodel_client_limit_leave(limit, client, START);
        if (i % 10000 == 0) {
            assert_in_range(yodel_client_limit_known(limit), 1, YODEL_CLIENTS_GONE + 1);
        }
    }
    assert_in_range(yodel_client_limit_known(limit), YODEL_CLIENTS_GONE / 2,
                    YODEL_CLIENTS_GONE + 1);
    assert_int_equal(yodel_client_limit_known(limit) + forgotten, CLIENTS + 1);
    /* Not those who are there: no limit of theirs is forgotten. */
    assert_int_equal(visit(limit, v4(UINT32_MAX), START), YODEL_ETOOMANY);
    yodel_client_limit_leave(limit, connected, START + SECOND);
    yodel_client_limit_free(limit);
}

static void test_freed_with_clients_inside(void **state)
{
    (void)state;
    yodel_client_limit *limit = limit_of(5, 5);
    yodel_client *client;
    for (uint32_t i = 0; i < 1000; i++) { /* the leak checker looks */
        assert_int_equal(enter(limit, v4(i), START, &client), 0);
    }
    yodel_client_limit_free(limit);
    yodel_client_limit_free(NULL);
}

/* --- threads -----------------------------------------------------------------------------------*/

enum { THREADS = 4, ROUNDS = 20000, MAX = 3, ADDRESSES = 40 };

typedef struct crowd {
    yodel_client_limit *limit;
    atomic_int inside[ADDRESSES];
    atomic_bool too_many;
} crowd;

static void *come_and_go(void *arg)
{
    crowd *all = arg;
    uint32_t x = (uint32_t)(uintptr_t)&x;
    for (int i = 0; i < ROUNDS; i++) {
        yodel_client *client;
        x = x * 1664525u + 1013904223u;
        uint32_t who = (x >> 16) % ADDRESSES;
        if (enter(all->limit, v4(who), START + (uint64_t)i * 1000000, &client) == 0) {
            if (atomic_fetch_add(&all->inside[who], 1) >= MAX) {
                atomic_store(&all->too_many, true);
            }
            atomic_fetch_sub(&all->inside[who], 1);
            yodel_client_limit_leave(all->limit, client, START + (uint64_t)i * 1000000);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    static crowd all;
    pthread_t threads[THREADS];
    all.limit = limit_of(MAX, 1000);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &all), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_false(atomic_load(&all.too_many));
    assert_in_range(yodel_client_limit_known(all.limit), 0, ADDRESSES);
    yodel_client_limit_free(all.limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_how_many),
        cmocka_unit_test(test_how_often),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_both),
        cmocka_unit_test(test_time_that_goes_back_a_little),
        cmocka_unit_test(test_who_is_one),
        cmocka_unit_test(test_unix_clients_are_not_limited),
        cmocka_unit_test(test_remembered_for_as_long_as_needed),
        cmocka_unit_test(test_many_addresses_at_once),
        cmocka_unit_test(test_freed_with_clients_inside),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
