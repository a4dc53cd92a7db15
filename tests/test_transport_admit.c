/*
 * Who is let in: the limits by address at adoption. The limit of all: test_transport_group.c;
 * behind a proxy: test_proxy_refused.c.
 */
#include "core/error.h"
#include "core/transport_group.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

#define TOO_MANY "Error: too many\r\n"

static yodel_client_limit *clients;

/* The group goes before what it uses. */
static int teardown(void **state)
{
    fixture *f = *state;
    faults_reset();
    if (f->group != NULL) {
        yodel_transport_group_free(f->group);
        f->group = NULL;
    }
    int result = yodel_client_limit_known(clients) == 0 || f->settings.idle_timeout > 0 ? 0 : -1;
    yodel_client_limit_free(clients);
    return fixture_teardown(state) != 0 ? -1 : result;
}

#define admit_test(function) cmocka_unit_test_setup_teardown(function, fixture_setup, teardown)

static probe_plan *start(fixture *f, size_t max, uint32_t rate, const char *message)
{
    assert_int_equal(yodel_client_limit_new(max, rate, &clients), 0);
    return probe_start(f,
                       &(yodel_transport_settings){.clients = clients, .client_message = message},
                       &(probe_plan){0});
}

static void check_echo(fixture *f, int client)
{
    fixture_send_text(f, client, "hello");
    fixture_expect_text(f, client, "hello");
}

static void test_too_many_of_one_address(void **state)
{
    fixture *f = *state;
    probe_plan *plan = start(f, 2, 0, TOO_MANY);
    int first = fixture_connect(f);
    int second = fixture_connect(f);
    int refused = fixture_connect(f);
    fixture_send_text(f, refused, "hello\r\n");
    fixture_expect_text(f, refused, TOO_MANY);
    fixture_expect_eof(f, refused);
    assert_int_equal(plan->made_count, 2);
    assert_int_equal(atomic_load(&f->limit.open), 2); /* it took no place */
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED_PER_IP), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 0);
    assert_true(fixture_logged(f, "connection of 127.0.0.1:"));
    assert_true(fixture_logged(f, "refused: too many connections from this address"));
    fixture_disconnect(f, refused, false);
    fixture_wait_active(f, 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_REFUSED), 1);

    check_echo(f, first);
    check_echo(f, second);
    fixture_disconnect(f, first, true); /* however it ends, its place is free */
    fixture_wait_active(f, 1);
    check_echo(f, fixture_connect(f));
}

/* More refused ones than may linger: each still reads why. */
static void test_far_too_many(void **state)
{
    fixture *f = *state;
    int client[FIXTURE_CLIENTS];
    start(f, 1, 0, TOO_MANY);
    for (size_t i = 0; i < FIXTURE_CLIENTS; i++) {
        client[i] = fixture_connect(f);
    }
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1 + YODEL_REFUSED_LINGERING);
    for (size_t i = 1; i < FIXTURE_CLIENTS; i++) {
        fixture_expect_text(f, client[i], TOO_MANY);
        fixture_expect_eof(f, client[i]);
        net_finish_sending(client[i]);
    }
    fixture_wait_active(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_REFUSED), FIXTURE_CLIENTS - 1);
    assert_true(f->log.lines <= 3); /* one a second */
}

static void test_too_often(void **state)
{
    fixture *f = *state;
    start(f, 0, 1, NULL);
    size_t refused = 0;
    for (size_t i = 0; i < 20; i++) {
        int client = fixture_connect(f);
        uint64_t before = fixture_count(f, YODEL_COUNT_REJECTED_RATE);
        if (before > refused) { /* without a message just the end */
            refused = before;
            fixture_expect_eof(f, client);
        }
    }
    assert_in_range(refused, 10, 19); /* on the slowest machine, too, twenty take less than 10 s */
    assert_true(fixture_logged(f, "refused: too frequent connections from this address"));
    f->settings.idle_timeout = 1; /* for the teardown: somebody is remembered */
}

/* Full and above one's own limit: the server's fullness is told, and nothing is taken from the
 * client. */
static void test_full_comes_first(void **state)
{
    fixture *f = *state;
    f->limit.max = 1;
    start(f, 1, 0, TOO_MANY);
    fixture_connect(f);
    fixture_connect(f);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED_PER_IP), 0);
}

static void test_unix_peers_are_not_limited(void **state)
{
    fixture *f = *state;
    int pair[4][2];
    start(f, 1, 1, TOO_MANY);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair[i]), 0);
        assert_int_equal(fcntl(pair[i][0], F_SETFL, O_NONBLOCK), 0);
        yodel_transport_group_adopt(f->group, pair[i][0]);
    }
    for (int i = 0; i < 4; i++) {
        check_echo(f, pair[i][1]);
        close(pair[i][1]);
    }
    fixture_wait_active(f, 0);
}

/* It has gone before anybody could ask who it was. */
static void test_gone_already(void **state)
{
    fixture *f = *state;
    probe_plan *plan = start(f, 1, 0, TOO_MANY);
    int pair[2];
    fixture_pair(pair, false);
    net_reset(pair[1]);
    yodel_transport_group_adopt(f->group, pair[0]);
    assert_int_equal(plan->made_count, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_RESET), 1);
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    check_echo(f, fixture_connect(f));
}

/* Whichever allocation fails: that connection ends, and leaves no trace in the limit. */
static void test_out_of_memory(void **state)
{
    fixture *f = *state;
    start(f, 1, 0, TOO_MANY);
    size_t failed = 0;
    for (size_t n = 1; n <= 2; n++) { /* the client's entry, the transport */
        int pair[2];
        fixture_pair(pair, false);
        faults_fail_allocation(n);
        yodel_transport_group_adopt(f->group, pair[0]);
        failed += faults_allocation_failed();
        assert_int_equal(fcntl(pair[0], F_GETFD), -1);
        close(pair[1]);
        assert_int_equal(yodel_client_limit_known(clients), 0);
    }
    assert_int_equal(failed, 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 2);
    check_echo(f, fixture_connect(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        admit_test(test_too_many_of_one_address),
        admit_test(test_far_too_many),
        admit_test(test_too_often),
        admit_test(test_full_comes_first),
        admit_test(test_unix_peers_are_not_limited),
        admit_test(test_gone_already),
        admit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
