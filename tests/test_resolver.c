/* Names to addresses: numeric ones, those of /etc/hosts, and those of a name server. */
#include "core/error.h"
#include "core/resolver.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/faults.h"
#include "tests/support/fixture.h"
#include "tests/support/names.h"
#include "tests/support/random.h"
#include "tests/support/threads.h"

#define HOSTS                                                                                      \
    "127.0.0.1 localhost\n"                                                                        \
    "192.0.2.7 printer printer.example # a comment\n"                                              \
    "192.0.2.8 both\n"                                                                             \
    "2001:db8::8 both\n"

static bool own_network;

static names_answer answers[] = {
    {"four.example", "192.0.2.1", 0, 0},
    {"six.example", "2001:db8::1", 0, 0},
    {"many.example", "192.0.2.1 192.0.2.2 2001:db8::1 192.0.2.3", 0, 0},
    {"empty.example", "", 0, 0},
    {"broken.example", "", 2, 0},
    {"lost.example", "192.0.2.9", 0, 0},
    {"silent.example", "", 0, UINT_MAX},
};

/* What a lookup came to. */
typedef struct outcome {
    size_t calls;
    int code;
    char text[512]; /* the addresses, a word each */
    bool odd;       /* a code with addresses, or none without */
} outcome;

typedef struct lookups {
    yodel_loop *loop;
    yodel_resolver *resolver;
    names_server server;
    size_t fds;
} lookups;

static int setup(void **state)
{
    lookups *l = calloc(1, sizeof *l);
    if (l == NULL || yodel_loop_new(&l->loop) != 0) {
        return -1;
    }
    if (own_network) {
        names_server_start(&l->server, l->loop, answers, sizeof answers / sizeof answers[0]);
    }
    l->fds = count_fds();
    *state = l;
    return yodel_resolver_new(l->loop, &l->resolver);
}

static int teardown(void **state)
{
    lookups *l = *state;
    faults_reset();
    yodel_resolver_free(l->resolver);
    size_t left = count_fds() - l->fds;
    if (own_network) {
        names_server_stop(&l->server);
    }
    yodel_loop_free(l->loop);
    free(l);
    if (left > 0) {
        print_error("%zu descriptors are left open\n", left);
    }
    return left > 0 ? -1 : 0;
}

#define resolver_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static void note(void *arg, int code, yodel_address *list, size_t count)
{
    outcome *o = arg;
    o->calls++;
    o->code = code;
    o->odd = (code == 0) != (list != NULL) || (code == 0) != (count > 0);
    for (size_t i = 0; i < count; i++) {
        char text[YODEL_ADDRESS_TEXT];
        size_t used = strlen(o->text);
        (void)snprintf(o->text + used, sizeof o->text - used, "%s%s", used > 0 ? " " : "",
                       yodel_address_format(&list[i], text));
    }
    free(list);
}

static yodel_lookup *look_up(lookups *l, const char *host, const char *port, outcome *o)
{
    yodel_lookup *lookup = NULL;
    *o = (outcome){.calls = 0};
    assert_int_equal(yodel_resolver_lookup(l->resolver, host, port, note, o, &lookup), 0);
    assert_non_null(lookup);
    assert_int_equal(o->calls, 0); /* never from inside the call */
    return lookup;
}

static bool has_come(void *arg)
{
    return ((outcome *)arg)->calls > 0;
}

static void expect(lookups *l, const char *host, int code, const char *addresses)
{
    outcome o;
    (void)look_up(l, host, "80", &o);
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    if (o.code != code || strcmp(o.text, addresses) != 0 || o.odd || o.calls != 1) {
        fail_msg("%s: %s \"%s\", wanted %s \"%s\"", host, yodel_strerror(o.code), o.text,
                 yodel_strerror(code), addresses);
    }
}

/* --- without a name server ---------------------------------------------------------------------*/

static void test_numeric_ones_ask_nobody(void **state)
{
    static const char *const hosts[][3] = {
        {"127.0.0.1", "8007", "127.0.0.1:8007"}, {"192.0.2.255", "1", "192.0.2.255:1"},
        {"0.0.0.0", "65535", "0.0.0.0:65535"},   {"::1", "8007", "[::1]:8007"},
        {"[::1]", "8007", "[::1]:8007"},         {"2001:db8::2", "25", "[2001:db8::2]:25"},
        {"fe80::1%lo", "25", "[fe80::1%lo]:25"}, {"unix:/x", "", "unix:/x"},
    };
    lookups *l = *state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        outcome o;
        (void)look_up(l, hosts[i][0], hosts[i][1], &o);
        assert_int_equal(count_fds(), l->fds);
        fixture_settle_loop(l->loop); /* at once: nothing has to be waited for */
        assert_int_equal(o.calls, 1);
        assert_int_equal(o.code, 0);
        assert_string_equal(o.text, hosts[i][2]);
    }
}

static void test_bad_ports(void **state)
{
    static const char *const ports[] = {"", "0", "65536", "http", "-1", "+1", " 1", "1x", "999999"};
    lookups *l = *state;
    outcome o = {.calls = 0};
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        yodel_lookup *lookup = NULL;
        assert_int_equal(
            yodel_resolver_lookup(l->resolver, "127.0.0.1", ports[i], note, &o, &lookup), -EINVAL);
        assert_null(lookup);
    }
    fixture_settle_loop(l->loop);
    assert_int_equal(o.calls, 0);
}

static void test_localhost(void **state)
{
    outcome o;
    lookups *l = *state;
    (void)look_up(l, "localhost", "80", &o);
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    assert_int_equal(o.code, 0);
    assert_true(strstr(o.text, "127.0.0.1:80") != NULL || strstr(o.text, "[::1]:80") != NULL);
}

/* --- cancelling and freeing --------------------------------------------------------------------*/

static void test_cancelled_before_the_answer(void **state)
{
    lookups *l = *state;
    outcome o[2];
    yodel_lookup_cancel(look_up(l, "127.0.0.1", "80", &o[0]));
    (void)look_up(l, "127.0.0.1", "80", &o[1]);
    fixture_settle_loop(l->loop);
    assert_int_equal(o[0].calls, 0);
    assert_int_equal(o[1].calls, 1);
}

typedef struct canceller {
    outcome o; /* first */
    yodel_lookup *other;
} canceller;

static void cancel_the_other(void *arg, int code, yodel_address *list, size_t count)
{
    note(arg, code, list, count);
    yodel_lookup_cancel(((canceller *)arg)->other);
}

/* Both answers are there; the one that is handed out first takes the other one back. */
static void test_cancelled_by_another_ones_answer(void **state)
{
    lookups *l = *state;
    outcome other;
    canceller c = {.other = NULL};
    yodel_lookup *lookup;
    assert_int_equal(
        yodel_resolver_lookup(l->resolver, "127.0.0.1", "80", cancel_the_other, &c, &lookup), 0);
    c.other = look_up(l, "127.0.0.2", "80", &other);
    fixture_settle_loop(l->loop);
    assert_int_equal(c.o.calls, 1);
    assert_int_equal(other.calls, 0);
}

static void ask_again(void *arg, int code, yodel_address *list, size_t count)
{
    lookups *l = arg;
    static outcome o;
    free(list);
    if (code == 0 && count == 1) {
        (void)look_up(l, "::1", "80", &o);
        yodel_resolver_free(l->resolver); /* with a lookup under way, which is cancelled */
        l->resolver = NULL;
    }
}

static void test_freed_by_an_answer(void **state)
{
    lookups *l = *state;
    yodel_lookup *lookup;
    assert_int_equal(yodel_resolver_lookup(l->resolver, "127.0.0.1", "80", ask_again, l, &lookup),
                     0);
    fixture_settle_loop(l->loop);
    assert_null(l->resolver);
}

static void test_freeing_nothing(void **state)
{
    (void)state;
    yodel_resolver_free(NULL);
}

static void test_no_memory(void **state)
{
    lookups *l = *state;
    yodel_lookup *lookup = NULL;
    yodel_resolver *resolver = NULL;
    outcome o = {.calls = 0};
    faults_fail_allocation(1);
    assert_int_equal(yodel_resolver_new(l->loop, &resolver), -ENOMEM);
    assert_null(resolver);
    faults_fail_allocation(1);
    assert_int_equal(yodel_resolver_lookup(l->resolver, "127.0.0.1", "80", note, &o, &lookup),
                     -ENOMEM);
    assert_null(lookup);
    faults_fail_allocation(2);
    if (yodel_resolver_lookup(l->resolver, "127.0.0.1", "80", note, &o, &lookup) == 0) {
        fixture_settle_loop(l->loop); /* no memory for the addresses: known later */
        assert_int_equal(o.calls, 1);
        assert_int_equal(o.code, -ENOMEM);
        assert_false(o.odd);
    }
    assert_true(faults_allocation_failed());
    expect(l, "127.0.0.1", 0, "127.0.0.1:80");
}

/* --- with a name server that is the test -------------------------------------------------------*/

static void need_own_network(void)
{
    if (!own_network) {
        skip();
    }
}

static void test_names_of_the_hosts_file(void **state)
{
    lookups *l = *state;
    need_own_network();
    expect(l, "printer", 0, "192.0.2.7:80");
    expect(l, "printer.example", 0, "192.0.2.7:80");
    expect(l, "PRINTER", 0, "192.0.2.7:80");
    outcome o;
    (void)look_up(l, "both", "80", &o);
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    assert_non_null(strstr(o.text, "192.0.2.8:80"));
    assert_non_null(strstr(o.text, "[2001:db8::8]:80"));
    assert_int_equal(l->server.questions, 0);
}

static void test_names_of_the_name_server(void **state)
{
    lookups *l = *state;
    need_own_network();
    expect(l, "four.example", 0, "192.0.2.1:80");
    expect(l, "six.example", 0, "[2001:db8::1]:80");
    outcome o;
    (void)look_up(l, "many.example", "80", &o);
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    assert_int_equal(o.code, 0);
    static const char *const all[] = {"192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80",
                                      "[2001:db8::1]:80"};
    size_t len = 0;
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(strstr(o.text, all[i]));
        len += strlen(all[i]);
    }
    assert_int_equal(strlen(o.text), len + 3); /* each once */
    assert_true(l->server.questions >= 6);
}

static void test_names_that_are_none(void **state)
{
    lookups *l = *state;
    need_own_network();
    expect(l, "unknown.example", YODEL_EAI(EAI_NONAME), "");
    expect(l, "empty.example", YODEL_EAI(EAI_NONAME), "");
    expect(l, "not a name", YODEL_EAI(EAI_NONAME), "");
    expect(l, "double..dot", YODEL_EAI(EAI_NONAME), "");
    expect(l, "secret.onion", YODEL_EAI(EAI_NONAME), "");
    char name[400];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    expect(l, name, YODEL_EAI(EAI_NONAME), "");
}

static void expect_failure(lookups *l, const char *host)
{
    outcome o;
    (void)look_up(l, host, "80", &o);
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    assert_true(o.code == YODEL_EAI(EAI_AGAIN) || o.code == YODEL_EAI(EAI_FAIL));
    assert_false(o.odd);
}

static void test_a_name_server_that_fails(void **state)
{
    lookups *l = *state;
    need_own_network();
    expect_failure(l, "broken.example");
    expect_failure(l, "silent.example");
    names_server_stop(&l->server); /* nobody there: refused */
    expect_failure(l, "four.example");
    names_server_start(&l->server, l->loop, answers, sizeof answers / sizeof answers[0]);
    expect(l, "four.example", 0, "192.0.2.1:80");
}

static void test_a_question_that_is_lost(void **state)
{
    lookups *l = *state;
    need_own_network();
    answers[5].lose = 2;
    expect(l, "lost.example", 0, "192.0.2.9:80");
    assert_int_equal(answers[5].lose, 0);
}

static void test_no_memory_for_a_socket(void **state)
{
    lookups *l = *state;
    outcome o = {.calls = 0};
    yodel_lookup *lookup;
    need_own_network();
    faults_fail_allocation(2); /* nobody will listen for the answer */
    assert_int_equal(yodel_resolver_lookup(l->resolver, "four.example", "80", note, &o, &lookup),
                     0);
    assert_true(faults_allocation_failed());
    assert_true(fixture_run_loop(l->loop, has_come, &o));
    assert_true(o.calls == 1 && !o.odd); /* it ended, one way or the other */
    expect(l, "six.example", 0, "[2001:db8::1]:80");
}

/* Lookups of all kinds are under way; some are cancelled, at any time; then the rest by freeing. */
static void test_many_at_once(void **state)
{
    enum { MANY = 120 };
    static outcome o[MANY];
    static yodel_lookup *lookup[MANY];
    lookups *l = *state;
    test_random r;
    need_own_network();
    test_random_init(&r, "many");
    for (size_t i = 0; i < MANY; i++) {
        lookup[i] = look_up(l, answers[i % 7].name, "80", &o[i]);
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t which = test_random_below(&r, MANY);
        if (lookup[which] != NULL && o[which].calls == 0) {
            yodel_lookup_cancel(lookup[which]);
            lookup[which] = NULL;
        }
        if (i % 10 == 9) {
            fixture_settle_loop(l->loop);
        }
    }
    size_t silent = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(o[i].calls <= 1 && !o[i].odd);
        silent += o[i].calls == 0 ? 1 : 0;
        if (lookup[i] == NULL) {
            assert_int_equal(o[i].calls, 0);
        }
    }
    assert_true(silent > 0);
    size_t calls = 0;
    yodel_resolver_free(l->resolver);
    l->resolver = NULL;
    fixture_settle_loop(l->loop);
    for (size_t i = 0; i < MANY; i++) {
        calls += o[i].calls;
    }
    assert_int_equal(calls, MANY - silent);
    /* Nothing of theirs comes later: for longer than they would have waited. */
    assert_int_equal(yodel_resolver_new(l->loop, &l->resolver), 0);
    expect_failure(l, "silent.example");
}

int main(void)
{
    own_network = names_begin(HOSTS);
    const struct CMUnitTest tests[] = {
        resolver_test(test_numeric_ones_ask_nobody),
        resolver_test(test_bad_ports),
        resolver_test(test_localhost),
        resolver_test(test_cancelled_before_the_answer),
        resolver_test(test_cancelled_by_another_ones_answer),
        resolver_test(test_freed_by_an_answer),
        cmocka_unit_test(test_freeing_nothing),
        resolver_test(test_no_memory),
        resolver_test(test_names_of_the_hosts_file),
        resolver_test(test_names_of_the_name_server),
        resolver_test(test_names_that_are_none),
        resolver_test(test_a_name_server_that_fails),
        resolver_test(test_a_question_that_is_lost),
        resolver_test(test_no_memory_for_a_socket),
        resolver_test(test_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
