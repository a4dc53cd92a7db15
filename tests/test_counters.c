/*
 * The counters: each closing reason has one of its own, sums are sums, and others may look while
 * the owner counts.
 */
#include "core/counters.h"

#include "core/error.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static void test_count(void **state)
{
    (void)state;
    static yodel_counters c;
    yodel_count(&c, YODEL_COUNT_BYTES_IN, 5);
    yodel_count(&c, YODEL_COUNT_BYTES_IN, UINT64_C(1) << 40);
    yodel_count(&c, YODEL_COUNT_ACTIVE, 2);
    yodel_uncount(&c, YODEL_COUNT_ACTIVE, 1);
    assert_int_equal(yodel_counters_get(&c, YODEL_COUNT_BYTES_IN), (UINT64_C(1) << 40) + 5);
    assert_int_equal(yodel_counters_get(&c, YODEL_COUNT_ACTIVE), 1);
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        if (i != YODEL_COUNT_BYTES_IN && i != YODEL_COUNT_ACTIVE) {
            assert_int_equal(yodel_counters_get(&c, (yodel_counter)i), 0);
        }
    }
}

static void test_add(void **state)
{
    (void)state;
    static yodel_counters sum, a, b;
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        yodel_count(&a, (yodel_counter)i, (uint64_t)i + 1);
        yodel_count(&b, (yodel_counter)i, 100 * (uint64_t)i);
    }
    yodel_counters_add(&sum, &a);
    yodel_counters_add(&sum, &b);
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        assert_int_equal(yodel_counters_get(&sum, (yodel_counter)i), 101 * (uint64_t)i + 1);
        assert_int_equal(yodel_counters_get(&a, (yodel_counter)i), (uint64_t)i + 1);
    }
}

/* closed is the sum of exactly those whose name begins so. */
static void test_closed(void **state)
{
    (void)state;
    static yodel_counters c;
    uint64_t closed = 0;
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        uint64_t n = UINT64_C(1) << i;
        yodel_count(&c, (yodel_counter)i, n);
        if (strncmp(yodel_counter_name((yodel_counter)i), "closed_", 7) == 0) {
            closed += n;
        }
    }
    assert_int_not_equal(closed, 0);
    assert_int_equal(yodel_counters_closed(&c), closed);
}

static const struct {
    int reason;
    yodel_counter counter;
} reasons[] = {
    {0, YODEL_COUNT_CLOSED_QUIT},
    {YODEL_EOF, YODEL_COUNT_CLOSED_EOF},
    {YODEL_EIDLE, YODEL_COUNT_CLOSED_IDLE},
    {YODEL_ESTALLED, YODEL_COUNT_CLOSED_STALLED},
    {YODEL_EOVERRUN, YODEL_COUNT_CLOSED_OVERRUN},
    {YODEL_ELINETOOLONG, YODEL_COUNT_CLOSED_LINE_TOO_LONG},
    {YODEL_EDRAIN, YODEL_COUNT_CLOSED_DRAIN},
    {YODEL_EDRAINABORT, YODEL_COUNT_CLOSED_DRAIN_ABORT},
    {YODEL_EHANDLER, YODEL_COUNT_CLOSED_HANDLER},
    {YODEL_EFULL, YODEL_COUNT_CLOSED_FULL},
    {YODEL_ETOOMANY, YODEL_COUNT_CLOSED_REFUSED},
    {YODEL_ETOOOFTEN, YODEL_COUNT_CLOSED_REFUSED},
    {YODEL_EUNTRUSTED, YODEL_COUNT_CLOSED_REFUSED},
    {YODEL_EPROXYHEADER, YODEL_COUNT_CLOSED_PROXY},
    {-ENOMEM, YODEL_COUNT_CLOSED_MEMORY},
    {YODEL_EMEMORY, YODEL_COUNT_CLOSED_MEMORY},
    {-ECONNRESET, YODEL_COUNT_CLOSED_RESET},
    {-EPIPE, YODEL_COUNT_CLOSED_RESET},
    {-ETIMEDOUT, YODEL_COUNT_CLOSED_RESET},
    {-EHOSTUNREACH, YODEL_COUNT_CLOSED_RESET},
    {YODEL_EAI(EAI_NONAME), YODEL_COUNT_CLOSED_RESET},
};

/* Every reason has its counter, and every closing counter its reason. */
static void test_reasons(void **state)
{
    (void)state;
    bool met[YODEL_COUNTER_COUNT] = {false};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        yodel_counter counter = yodel_counter_of_reason(reasons[i].reason);
        if (counter != reasons[i].counter) {
            fail_msg("%s is counted as %s", yodel_strerror(reasons[i].reason),
                     yodel_counter_name(counter));
        }
        met[counter] = true;
    }
    for (int i = YODEL_COUNT_CLOSED_FIRST; i <= YODEL_COUNT_CLOSED_LAST; i++) {
        assert_true(met[i]);
    }
}

/* Each errno that accept4 has is counted by itself, the others together. */
static void test_accept_errors(void **state)
{
    (void)state;
    static yodel_counters c, sum;
    static const int errors[] = {EMFILE, ENFILE, EMFILE, ECONNABORTED, EINVAL, ENOTSOCK, EFAULT};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        yodel_count_accept_error(&c, errors[i]);
    }
    yodel_counters_add(&sum, &c);
    yodel_counters_add(&sum, &c);
    for (unsigned i = 0; i < YODEL_ACCEPT_ERROR_COUNT; i++) {
        const char *name = yodel_accept_error_name(i);
        uint64_t expected = strcmp(name, "EMFILE") == 0 || strcmp(name, "other") == 0 ? 2
                            : strcmp(name, "ENFILE") == 0 || strcmp(name, "EINVAL") == 0 ||
                                    strcmp(name, "ECONNABORTED") == 0
                                ? 1
                                : 0;
        assert_int_equal(yodel_counters_accept_error(&c, i), expected);
        assert_int_equal(yodel_counters_accept_error(&sum, i), 2 * expected);
        for (unsigned j = 0; j < i; j++) {
            assert_string_not_equal(name, yodel_accept_error_name(j));
        }
    }
    assert_string_equal(yodel_accept_error_name(YODEL_ACCEPT_ERROR_COUNT - 1), "other");
}

/* Words for log lines and metrics: lower case, no two alike, with an explanation of one line. */
static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < YODEL_COUNTER_COUNT; i++) {
        const char *name = yodel_counter_name((yodel_counter)i);
        const char *help = yodel_counter_help((yodel_counter)i);
        assert_true(strlen(name) > 0 && strlen(help) > 0);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_null(strchr(help, '\n'));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(name, yodel_counter_name((yodel_counter)j));
        }
    }
    assert_string_equal(yodel_counter_name(YODEL_COUNT_BYTES_IN), "bytes_in");
    assert_string_equal(yodel_counter_name(YODEL_COUNT_CLOSED_LINE_TOO_LONG),
                        "closed_line_too_long");
}

/* Two workers' counters in an array never share a cache line. */
static void test_cache_lines(void **state)
{
    (void)state;
    static yodel_counters two[2];
    assert_int_equal((uintptr_t)&two[0] % 64, 0);
    assert_int_equal(sizeof two[0] % 64, 0);
}

typedef struct watched {
    yodel_counters counters;
    atomic_bool end;
    uint64_t looks;
    bool went_back;
} watched;

static void *look(void *arg)
{
    watched *w = arg;
    uint64_t last = 0;
    do {
        uint64_t lines = yodel_counters_get(&w->counters, YODEL_COUNT_LINES_IN);
        w->went_back = w->went_back || lines < last;
        last = lines;
        w->looks++;
    } while (!atomic_load(&w->end));
    return NULL;
}

/* For the thread sanitizer above all. */
static void test_others_may_look(void **state)
{
    (void)state;
    static watched w;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, look, &w), 0);
    for (int i = 0; i < 100000; i++) {
        yodel_count(&w.counters, YODEL_COUNT_LINES_IN, 1);
    }
    atomic_store(&w.end, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(w.went_back);
    assert_true(w.looks > 0);
    assert_int_equal(yodel_counters_get(&w.counters, YODEL_COUNT_LINES_IN), 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),           cmocka_unit_test(test_add),
        cmocka_unit_test(test_closed),          cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_words),           cmocka_unit_test(test_cache_lines),
        cmocka_unit_test(test_others_may_look), cmocka_unit_test(test_accept_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
