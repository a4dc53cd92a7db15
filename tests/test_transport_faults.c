/* A whole session of connections while memory runs out at every place in turn, and while the kernel
 * gives and takes a byte at a time (FAULTS 21 and 22). */
#include "core/error.h"
#include "core/transport_group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/chat.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/probe.h"

static int teardown(void **state)
{
    faults_reset();
    return fixture_teardown(state);
}

#define faults_test(function) cmocka_unit_test_setup_teardown(function, fixture_setup, teardown)

/* --- memory ------------------------------------------------------------------------------------*/

static void log_nothing(yodel_log *log, yodel_log_level level, const char *msg, size_t len)
{
    (void)log;
    (void)level;
    (void)msg;
    (void)len;
}

/* A client that expects everything, or an end. */
typedef struct client {
    int fd;
    bool ended;
} client;

static void offer(yodel_loop *loop, client *c, const char *data, size_t len)
{
    while (len > 0 && !c->ended) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        c->ended = n < 0 && errno != EAGAIN;
        data += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        fixture_settle_loop(loop);
    }
}

/* What comes is what is expected; all of it, unless the connection ends. */
static void expect(yodel_loop *loop, client *c, const char *data, size_t len)
{
    static char got[65536];
    for (int quiet = 0; len > 0 && !c->ended; quiet++) {
        ssize_t n = recv(c->fd, got, len < sizeof got ? len : sizeof got, MSG_DONTWAIT);
        c->ended = n == 0 || (n < 0 && errno != EAGAIN);
        if (n > 0) {
            assert_memory_equal(got, data, (size_t)n);
            data += n;
            len -= (size_t)n;
            quiet = 0;
        }
        fixture_settle_loop(loop);
        if (quiet > 1000) {
            usleep(1000); /* the network: a window to open, for instance */
        }
        assert_true(quiet < 10000);
    }
}

static client adopt(yodel_loop *loop, yodel_transport_group *group)
{
    int pair[2];
    fixture_pair(pair, true);
    yodel_transport_group_adopt(group, pair[0]);
    fixture_settle_loop(loop);
    return (client){.fd = pair[1]};
}

/* Two connections: lines whole and cut, a line too long for the kernel's and the shared buffer,
 * answers that nobody reads at first, an end of file. Returns whether all of it could be done. */
static bool serve_two(yodel_loop *loop, yodel_transport_group *group)
{
    static char line[100002];
    static char answer[10 + sizeof line] = "You sent: ";
    memset(line, 'x', sizeof line - 2);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    memcpy(answer + 10, line, sizeof line);

    client first = adopt(loop, group);
    client second = adopt(loop, group);
    offer(loop, &first, "hello\r\nhal", 10);
    expect(loop, &first, "You sent: hello\r\n", 17);
    offer(loop, &first, "f\r\n", 3);
    expect(loop, &first, "You sent: half\r\n", 16);
    offer(loop, &second, line, sizeof line);
    offer(loop, &second, line, sizeof line);
    expect(loop, &second, answer, sizeof answer);
    expect(loop, &second, answer, sizeof answer);
    offer(loop, &first, "bye\r\n", 5);
    expect(loop, &first, "You sent: bye\r\n", 15);
    (void)shutdown(first.fd, SHUT_WR);
    fixture_settle_loop(loop);
    bool all = !first.ended && !second.ended;
    close(first.fd);
    close(second.fd);
    fixture_settle_loop(loop);
    return all;
}

static const yodel_line_config chat = {.ops = &yodel_chat_ops, .max_line = 200000};

/* The n-th allocation of a loop's life fails. Returns false when there were fewer. */
static bool fails_at(size_t n)
{
    yodel_log log = {.level = YODEL_LOG_DEBUG, .sink = log_nothing};
    yodel_connection_limit limit = {.max = 10};
    yodel_counters counters = {0};
    yodel_transport_settings settings = {
        .factory = yodel_line_factory(&chat),
        .write_limits = {.high = 65536, .low = 16384, .hard = 1024 * 1024},
        .idle_timeout = 30,
        .write_timeout = 30,
        .limit = &limit,
        .log = &log,
    };
    yodel_loop *loop = NULL;
    yodel_transport_group *group = NULL;
    bool all = false;
    faults_fail_allocation(n);
    int code = yodel_loop_new(&loop);
    if (code == 0) {
        code = yodel_transport_group_new(loop, &settings, &counters, &group);
    }
    if (code == 0) {
        all = serve_two(loop, group);
    }
    bool failed = faults_allocation_failed();
    assert_int_equal(code, loop != NULL && group != NULL ? 0 : -ENOMEM);
    if (group != NULL) {
        /* The loss of at most one connection, counted as what it was. */
        uint64_t lost = yodel_counters_get(&counters, YODEL_COUNT_CLOSED_MEMORY);
        assert_true(lost <= 1);
        assert_true(all || lost == 1);
        assert_true(failed || all);
        assert_int_equal(yodel_counters_get(&counters, YODEL_COUNT_ACCEPTED), 2);
        /* It serves on. */
        assert_true(serve_two(loop, group));
        assert_int_equal(yodel_counters_closed(&counters) +
                             yodel_counters_get(&counters, YODEL_COUNT_ACTIVE),
                         4);
    }
    yodel_transport_group_free(group);
    yodel_loop_free(loop);
    assert_int_equal(atomic_load(&limit.open), 0);
    return failed;
}

static void test_the_nth_allocation_fails(void **state)
{
    (void)state;
    size_t n = 1;
    while (fails_at(n)) {
        n++;
    }
    print_message("%zu allocations\n", n - 1);
    assert_true(n > 8);
}

/* No memory for the connection itself: as if it had never been there, but counted. */
static void test_no_memory_to_begin(void **state)
{
    fixture *f = *state;
    static yodel_log log = {.level = YODEL_LOG_DEBUG, .sink = log_nothing};
    probe_plan *plan = probe_start(f, &(yodel_transport_settings){.log = &log}, &(probe_plan){0});
    int pair[2];
    fixture_pair(pair, false);
    faults_fail_allocation(1);
    yodel_transport_group_adopt(f->group, pair[0]);
    assert_true(faults_allocation_failed());
    assert_int_equal(plan->made_count, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACCEPTED), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 1);
    assert_int_equal(atomic_load(&f->limit.open), 0);
    net_expect_eof(pair[1]);
    close(pair[1]);

    f->limit.max = 0; /* a refused one likewise */
    fixture_pair(pair, false);
    faults_fail_allocation(1);
    yodel_transport_group_adopt(f->group, pair[0]);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 2);
    assert_int_equal(fixture_count(f, YODEL_COUNT_REJECTED), 1);
    net_expect_eof(pair[1]);
    close(pair[1]);
}

static ssize_t keep(probe *p, const uint8_t *data, size_t len)
{
    (void)p;
    (void)data;
    (void)len;
    return 0;
}

static void test_no_memory_for_what_is_kept(void **state)
{
    fixture *f = *state;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){.data = keep});
    int client_fd = fixture_connect(f);
    faults_fail_allocation(1);
    fixture_feed(f, client_fd, "x", 1);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], -ENOMEM);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_MEMORY), 1);
}

/* Output is lost, so the peer must not see an end that looks complete. */
static void test_no_memory_for_what_is_refused(void **state)
{
    fixture *f = *state;
    static char much[60000];
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client_fd = fixture_connect_small(f);
    yodel_transport *t = plan->of[0]->transport;
    assert_int_equal(yodel_transport_write(t, much, sizeof much), 0); /* lies in the cork */
    faults_fail_allocation(1);
    fixture_settle(f);
    assert_int_equal(plan->lost_count, 1);
    assert_int_equal(plan->reason[0], -ENOMEM);
    assert_int_equal(net_wait_end(client_fd), ECONNRESET);
}

static void test_no_memory_while_writing(void **state)
{
    fixture *f = *state;
    static char much[200000];
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    (void)fixture_connect_small(f);
    faults_fail_allocation(1);
    assert_int_equal(yodel_transport_write(plan->of[0]->transport, much, sizeof much), -ENOMEM);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->reason[0], -ENOMEM);
}

/* --- a byte at a time --------------------------------------------------------------------------*/

static void test_a_session_a_byte_at_a_time(void **state)
{
    fixture *f = *state;
    faults.receive_max = 1;
    faults.send_max = 1;
    faults.disturb_every = 7;
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&chat)});
    int client_fd = fixture_connect(f);
    fixture_send_text(f, client_fd, "hello\r\n\r\nbare \n and \r\n..\r\n");
    fixture_expect_text(f, client_fd,
                        "You sent: hello\r\nYou sent: \r\n"
                        "You sent: bare \n and \r\nYou sent: ..\r\n");
    fixture_send_text(f, client_fd, "last\r\n.\r\nnever\r\n");
    fixture_expect_text(f, client_fd, "You sent: last\r\n");
    fixture_expect_eof(f, client_fd);
    net_finish_sending(client_fd);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_QUIT), 1);
}

/* A drain that finds in the socket what takes many turns to read; what comes before that is done is
 * answered as well. */
static void test_a_drain_a_few_bytes_at_a_time(void **state)
{
    fixture *f = *state;
    faults.receive_max = 100;
    probe_plan *plan = probe_start(f, NULL, &(probe_plan){0});
    int client_fd = fixture_connect(f);
    fixture_settle(f);
    uint8_t *bytes = probe_pattern(10000);
    net_send(client_fd, bytes, 10000);
    net_wait_delivered(client_fd);
    yodel_transport_group_drain(f->group, NULL, NULL);
    net_send(client_fd, "late", 4);
    fixture_expect(f, client_fd, bytes, 10000);
    fixture_expect(f, client_fd, "late", 4);
    fixture_expect_eof(f, client_fd);
    net_finish_sending(client_fd);
    fixture_wait_active(f, 0);
    assert_int_equal(plan->data_count, 101);
    assert_int_equal(plan->reason[0], YODEL_EDRAIN);
    test_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_nth_allocation_fails),
        faults_test(test_no_memory_to_begin),
        faults_test(test_no_memory_for_what_is_kept),
        faults_test(test_no_memory_for_what_is_refused),
        faults_test(test_no_memory_while_writing),
        faults_test(test_a_session_a_byte_at_a_time),
        faults_test(test_a_drain_a_few_bytes_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
