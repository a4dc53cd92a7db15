/*
 * raw: every byte comes back (RFC 862), however many and however they come.
 */
#include "proto/raw.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

static fixture *start(void **state)
{
    fixture *f = *state;
    fixture_start(
        f, &(yodel_transport_settings){.factory = {.ops = &yodel_raw_ops, .size = yodel_raw_size}});
    return f;
}

static void test_every_byte(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    unsigned char all[256];
    for (int i = 0; i < 256; i++) {
        all[i] = (unsigned char)i;
    }
    fixture_feed(f, client, all, sizeof all);
    fixture_expect(f, client, all, sizeof all);
    for (int i = 0; i < 256; i++) { /* and each of them alone */
        fixture_feed(f, client, all + i, 1);
        fixture_expect(f, client, all + i, 1);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), 512);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), 512);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 0);
}

/* A line means nothing, not even the one that closes elsewhere. */
static void test_no_lines(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    fixture_feed(f, client, "half", 4);
    fixture_expect_text(f, client, "half");
    fixture_feed(f, client, ".\r\n.\r\n", 6);
    fixture_expect_text(f, client, ".\r\n.\r\n");
    fixture_expect_nothing(f, client);
}

static void test_the_rest_after_the_end(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_send_text(client, "the rest");
    net_finish_sending(client);
    size_t len;
    char *all = fixture_receive_all(f, client, &len);
    assert_string_equal(all, "the rest");
    free(all);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 0);
}

static void fill(char *data, size_t len)
{
    test_random r;
    test_random_init(&r, "test_raw");
    for (size_t i = 0; i < len; i++) {
        data[i] = (char)test_random_next(&r);
    }
}

/* Much more than any buffer holds, through small ones. */
static void test_much(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect_small(f);
    size_t len = 1000000;
    char *data = malloc(len);
    assert_non_null(data);
    fill(data, len);
    fixture_exchange(f, client, data, len, data, len);
    free(data);
}

/* A client that sends what it can and reads nothing. */
typedef struct flood {
    fixture *f;
    int client;
    const char *data;
    size_t len;
    size_t sent;
} flood;

static bool flood_until_paused(void *arg)
{
    flood *flow = arg;
    flow->sent +=
        net_send_until_blocked(flow->client, flow->data + flow->sent, flow->len - flow->sent, 0);
    return fixture_count(flow->f, YODEL_COUNT_PAUSED) > 0;
}

/* Who sends and does not read is not read from any more, and gets everything when he reads. */
static void test_slow_reader(void **state)
{
    fixture *f = start(state);
    size_t len = 1000000;
    char *data = malloc(len);
    assert_non_null(data);
    fill(data, len);
    flood flow = {.f = f, .client = fixture_connect_small(f), .data = data, .len = len};
    fixture_run_until(f, flood_until_paused, &flow, "reading is paused");
    uint64_t received = fixture_count(f, YODEL_COUNT_BYTES_IN);
    (void)flood_until_paused(&flow);
    fixture_settle(f);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_IN), received);
    assert_true(received < len);
    fixture_exchange(f, flow.client, data + flow.sent, len - flow.sent, data, len);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_every_byte),
        fixture_test(test_no_lines),
        fixture_test(test_the_rest_after_the_end),
        fixture_test(test_much),
        fixture_test(test_slow_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
