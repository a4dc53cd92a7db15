/* Connecting from a loop: one address after the other, until one answers. */
#include "core/connect.h"
#include "core/error.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/names.h"
#include "tests/support/probe.h"
#include "tests/support/threads.h"
#include "tests/support/virtual_time.h"

/* Addresses of 127/8 are all ours; who listens there is up to the test. */
#define HOSTS                                                                                      \
    "127.0.0.1 localhost\n"                                                                        \
    "127.0.0.2 nobody-then-somebody\n"                                                             \
    "127.0.0.1 nobody-then-somebody\n"                                                             \
    "127.0.0.3 full-then-somebody\n"                                                               \
    "127.0.0.1 full-then-somebody\n"                                                               \
    "127.0.0.2 nobody-twice\n"                                                                     \
    "127.0.0.4 nobody-twice\n"                                                                     \
    "127.0.0.2 nobody-then-full\n"                                                                 \
    "127.0.0.3 nobody-then-full\n"                                                                 \
    "127.0.0.3 full-then-nobody\n"                                                                 \
    "127.0.0.2 full-then-nobody\n"

static bool own_network;

static names_answer answers[] = {
    {"found.example", "127.0.0.1", 0, 0},
    {"silent.example", "", 0, UINT_MAX},
};

typedef struct attempts {
    fixture *f;
    names_server server;
    probe_plan plan;
    yodel_protocol_factory factory;
    size_t fds;
    int listener;
    int full;   /* on 127.0.0.3, same port, with no room */
    int inside; /* what takes the room there */
    char port[8];
    size_t done; /* calls */
    int code;
    size_t made_before; /* connection_made calls before done */
} attempts;

static int setup(void **state)
{
    static attempts a;
    uint16_t port;
    void *f = NULL;
    memset(&a, 0, sizeof a);
    if (fixture_setup(&f) != 0) {
        return -1;
    }
    a.f = f;
    a.listener = net_listen(&port);
    (void)snprintf(a.port, sizeof a.port, "%u", (unsigned)port);
    a.full = net_listen_full("127.0.0.3", &port, &a.inside);
    a.plan.data = probe_swallow;
    a.factory = probe_factory(&a.plan);
    fixture_start(a.f, &(yodel_transport_settings){.factory = a.factory});
    if (own_network) {
        names_server_start(&a.server, a.f->loop, answers, sizeof answers / sizeof answers[0]);
    }
    a.fds = count_fds();
    *state = &a;
    return 0;
}

static int teardown(void **state)
{
    attempts *a = *state;
    void *f = a->f;
    faults_reset();
    yodel_transport_group_free(a->f->group);
    a->f->group = NULL;
    size_t left = count_fds() - a->fds;
    if (left > 0) {
        print_error("%zu descriptors are left open\n", left);
    }
    if (own_network) {
        names_server_stop(&a->server);
    }
    close(a->listener);
    close(a->full);
    close(a->inside);
    return fixture_teardown(&f) != 0 || left > 0 ? -1 : 0;
}

#define attempt_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void note_done(void *arg, int code)
{
    attempts *a = arg;
    a->done++;
    a->code = code;
    a->made_before = a->plan.made_count;
}

static yodel_connecting *begin(attempts *a, const char *host, double timeout)
{
    yodel_connecting *c = NULL;
    a->done = 0;
    a->code = 1;
    assert_int_equal(
        yodel_connect(a->f->group, host, a->port, timeout, &a->factory, note_done, a, &c), 0);
    assert_non_null(c);
    assert_int_equal(a->done, 0); /* never from inside the call */
    return c;
}

static void expect(attempts *a, const char *host, double timeout, int code)
{
    size_t made = a->plan.made_count;
    (void)begin(a, host, timeout);
    fixture_run_until_count(a->f, &a->done, 1, "the attempt ends");
    if (a->code != code) {
        fail_msg("%s: %s, wanted %s", host, yodel_strerror(a->code), yodel_strerror(code));
    }
    assert_int_equal(a->made_before, code == 0 ? made + 1 : made); /* connection_made comes first */
    fixture_settle(a->f);
    assert_int_equal(a->done, 1);
}

static void need_own_network(void)
{
    if (!own_network) {
        skip();
    }
}

/* --- it works ----------------------------------------------------------------------------------*/

static void test_the_connection_is_a_transport_like_any_other(void **state)
{
    attempts *a = *state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; i < 2; i++) {
        expect(a, hosts[i], 5.0, 0);
        int peer = net_accept(a->listener);
        probe *p = a->plan.of[i];
        assert_int_equal(yodel_transport_write(p->transport, "hello", 5), 0);
        fixture_expect_text(a->f, peer, "hello");
        size_t before = a->plan.bytes;
        fixture_send_text(a->f, peer, "world");
        fixture_run_until_count(a->f, &a->plan.bytes, before + 5, "the answer comes");
        close(peer);
        fixture_run_until_count(a->f, &a->plan.lost_count, i + 1, "it ends");
        assert_int_equal(a->plan.reason[i], YODEL_EOF);
    }
    /* It is nobody's client. */
    assert_int_equal(fixture_count(a->f, YODEL_COUNT_OPENED), 2);
    assert_int_equal(fixture_count(a->f, YODEL_COUNT_ACCEPTED), 0);
    assert_int_equal(fixture_count(a->f, YODEL_COUNT_ACTIVE), 0);
    assert_int_equal(yodel_counters_closed(&a->f->counters), 0);
}

static int refuse_it(probe *p)
{
    (void)p;
    return -EPROTO;
}

static void test_a_protocol_that_does_not_want_it(void **state)
{
    attempts *a = *state;
    a->plan.made = refuse_it;
    expect(a, "127.0.0.1", 5.0, 0);
    int peer = net_accept(a->listener);
    fixture_run_until_count(a->f, &a->plan.lost_count, 1, "it ends");
    assert_int_equal(a->plan.reason[0], YODEL_EHANDLER);
    (void)net_wait_end(peer);
    close(peer);
}

/* A drain leaves it alone: it is somebody's means to finish. */
static void note_drained(void *arg)
{
    *(bool *)arg = true;
}

static void test_a_drain_does_not_close_it(void **state)
{
    static bool drained;
    attempts *a = *state;
    drained = false;
    expect(a, "127.0.0.1", 5.0, 0);
    yodel_transport_group_drain(a->f->group, note_drained, &drained);
    fixture_settle(a->f);
    assert_false(yodel_transport_is_closing(a->plan.of[0]->transport));
    assert_false(drained);
    expect(a, "127.0.0.1", 5.0, 0); /* and another one */
    int first = net_accept(a->listener);
    int second = net_accept(a->listener);
    yodel_transport_close(a->plan.of[0]->transport, 0);
    yodel_transport_close(a->plan.of[1]->transport, 0);
    fixture_expect_eof(a->f, first);
    fixture_expect_eof(a->f, second);
    close(first);
    close(second);
    fixture_run_until_true(a->f, &drained, "the group has drained");
}

/* --- it does not -------------------------------------------------------------------------------*/

static void test_nobody_listens(void **state)
{
    attempts *a = *state;
    expect(a, "127.0.0.2", 5.0, -ECONNREFUSED);
    expect(a, "127.0.0.2", 0, -ECONNREFUSED);
    assert_int_equal(a->plan.made_count, 0);
}

static void test_bad_ports(void **state)
{
    static const char *const ports[] = {"", "0", "65536", "http"};
    attempts *a = *state;
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        yodel_connecting *c = NULL;
        assert_int_equal(
            yodel_connect(a->f->group, "127.0.0.1", ports[i], 0, &a->factory, note_done, a, &c),
            -EINVAL);
        assert_null(c);
    }
    fixture_settle(a->f);
    assert_int_equal(a->done, 0);
}

static void test_it_takes_too_long(void **state)
{
    attempts *a = *state;
    uint64_t before = yodel_loop_now(a->f->loop);
    expect(a, "127.0.0.3", 0.03, -ETIMEDOUT);
    assert_true(yodel_loop_now(a->f->loop) - before >= 30 * 1000000);
}

/* The answer that the loop was not told of in time. */
static void test_an_answer_in_time(void **state)
{
    attempts *a = *state;
    virtual_time_begin();
    virtual_time.deaf = true;
    uint64_t before = virtual_time.now_ns;
    expect(a, "127.0.0.1", 5, 0);
    assert_true(virtual_time.now_ns - before >= UINT64_C(5000000000));
    virtual_time_end();
}

static void test_no_memory(void **state)
{
    attempts *a = *state;
    bool failed = true;
    size_t n = 0;
    while (failed && n < 50) {
        yodel_connecting *c = NULL;
        a->done = 0;
        faults_fail_allocation(++n);
        int code =
            yodel_connect(a->f->group, "127.0.0.1", a->port, 5.0, &a->factory, note_done, a, &c);
        if (code == 0) {
            fixture_run_until_count(a->f, &a->done, 1, "the attempt ends");
            code = a->code;
        } else {
            assert_null(c);
            assert_int_equal(a->done, 0);
        }
        failed = faults_allocation_failed();
        assert_int_equal(code, failed ? -ENOMEM : 0);
    }
    assert_true(n > 4); /* resolver, attempt, lookup, addresses, transport */
    assert_int_equal(a->plan.made_count, 1);
}

/* The kernel has no memory to watch the attempt, or for its descriptor in libev's arrays. */
static void test_cannot_be_watched(void **state)
{
    attempts *a = *state;
    fixture_settle(a->f); /* what else there is is watched already */
    faults_fail(FAULTS_EPOLL_CTL, 1, ENOSPC);
    expect(a, "127.0.0.1", 5.0, -ENOMEM);
    assert_true(faults_failed(FAULTS_EPOLL_CTL));
    assert_int_equal(a->plan.made_count, 0);
    expect(a, "127.0.0.1", 5.0, 0);
}

static void test_no_more_descriptors(void **state)
{
    attempts *a = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = 0, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    (void)begin(a, "127.0.0.1", 5.0);
    fixture_run_until_count(a->f, &a->done, 1, "the attempt ends");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(a->code, -EMFILE);
    expect(a, "127.0.0.1", 5.0, 0);
}

/* --- names with several addresses --------------------------------------------------------------*/

static void test_the_next_address_is_tried(void **state)
{
    attempts *a = *state;
    need_own_network();
    expect(a, "nobody-then-somebody", 5.0, 0);
    expect(a, "full-then-somebody", 0.03, 0);
    expect(a, "nobody-twice", 5.0, -ECONNREFUSED);
    /* It is the last one's error that is handed out. */
    expect(a, "nobody-then-full", 0.03, -ETIMEDOUT);
    expect(a, "full-then-nobody", 0.03, -ECONNREFUSED);
}

/* Each address has the whole time. */
static void test_each_address_has_its_time(void **state)
{
    attempts *a = *state;
    need_own_network();
    uint64_t before = yodel_loop_now(a->f->loop);
    close(a->listener);
    uint16_t port = (uint16_t)strtoul(a->port, NULL, 10);
    int inside;
    a->listener = net_listen_full("127.0.0.1", &port, &inside);
    expect(a, "full-then-somebody", 0.05, -ETIMEDOUT);
    assert_true(yodel_loop_now(a->f->loop) - before >= 100 * 1000000);
    close(inside);
}

static void test_names(void **state)
{
    attempts *a = *state;
    need_own_network();
    expect(a, "found.example", 5.0, 0);
    expect(a, "unknown.example", 5.0, YODEL_EAI(EAI_NONAME));
    expect(a, "silent.example", 0.03, YODEL_EAI(EAI_AGAIN)); /* the name's time */
    expect(a, "127.0.0.1", 5.0, 0);
}

/* --- giving up ---------------------------------------------------------------------------------*/

static void test_cancelled_at_every_stage(void **state)
{
    attempts *a = *state;
    expect(a, "127.0.0.2", 0, -ECONNREFUSED); /* the resolver is there from now on */
    size_t fds = count_fds();

    yodel_connecting_cancel(begin(a, "127.0.0.1", 5.0)); /* before the lookup's answer */
    fixture_settle(a->f);
    assert_int_equal(a->done, 0);
    assert_int_equal(count_fds(), fds);

    yodel_connecting *c = begin(a, "127.0.0.3", 0.05); /* while it hangs */
    fixture_settle(a->f);
    assert_int_equal(count_fds(), fds + 1);
    yodel_connecting_cancel(c);
    assert_int_equal(count_fds(), fds);
    c = begin(a, "127.0.0.3", 0);
    fixture_settle(a->f);
    yodel_connecting_cancel(c);
    assert_int_equal(count_fds(), fds);

    if (own_network) {
        c = begin(a, "silent.example", 0.05); /* while the name server says nothing */
        fixture_settle(a->f);
        yodel_connecting_cancel(c);
        c = begin(a, "nobody-then-full", 0.05); /* at the second address */
        fixture_settle(a->f);
        yodel_connecting_cancel(c);
    }
    /* Nothing of theirs comes later: another one is through all its stages meanwhile. */
    expect(a, "127.0.0.3", 0.1, -ETIMEDOUT);
    assert_int_equal(a->plan.made_count, 0);
}

typedef struct rival {
    struct rival *other;
    yodel_connecting *c;
    size_t *done;
} rival;

static void cancel_the_other(void *arg, int code)
{
    rival *r = arg;
    (void)code;
    ++*r->done;
    yodel_connecting_cancel(r->other->c);
}

/* Both are ready in the same turn; whichever comes first cancels the other one. */
static void test_cancelled_by_another_ones_end(void **state)
{
    attempts *a = *state;
    rival rivals[2] = {{.other = &rivals[1], .done = &a->done},
                       {.other = &rivals[0], .done = &a->done}};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(yodel_connect(a->f->group, "127.0.0.1", a->port, 0, &a->factory,
                                       cancel_the_other, &rivals[i], &rivals[i].c),
                         0);
    }
    fixture_run_until_count(a->f, &a->done, 1, "one connects");
    fixture_settle(a->f);
    assert_int_equal(a->done, 1);
    assert_int_equal(a->plan.made_count, 1);
}

int main(void)
{
    own_network = names_begin(HOSTS);
    const struct CMUnitTest tests[] = {
        attempt_test(test_the_connection_is_a_transport_like_any_other),
        attempt_test(test_a_protocol_that_does_not_want_it),
        attempt_test(test_a_drain_does_not_close_it),
        attempt_test(test_nobody_listens),
        attempt_test(test_bad_ports),
        attempt_test(test_it_takes_too_long),
        attempt_test(test_an_answer_in_time),
        attempt_test(test_no_memory),
        attempt_test(test_cannot_be_watched),
        attempt_test(test_no_more_descriptors),
        attempt_test(test_the_next_address_is_tried),
        attempt_test(test_each_address_has_its_time),
        attempt_test(test_names),
        attempt_test(test_cancelled_at_every_stage),
        attempt_test(test_cancelled_by_another_ones_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
