/* What --slo takes, what it says about the rest, and where a promise begins to be broken. */
#include "support/cmocka_all.h"

#include "support/random.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/result.h"
#include "tools/flood/slo.h"

#define MESSAGE 512

static void test_what_is_taken(void **state)
{
    static const struct {
        const char *text, *metric;
        yodel_slo_op op;
        double bound;
    } table[] = {
        /* every operator */
        {"p99<2ms", "p99", YODEL_SLO_LT, 2e-3},
        {"p99<=2ms", "p99", YODEL_SLO_LE, 2e-3},
        {"errors=0", "errors", YODEL_SLO_EQ, 0},
        {"errors==0", "errors", YODEL_SLO_EQ, 0},
        {"rate>=100k", "rate", YODEL_SLO_GE, 100e3},
        {"rate>100k", "rate", YODEL_SLO_GT, 100e3},
        /* blanks */
        {"p99.9 <= 1.5ms", "p99.9", YODEL_SLO_LE, 1.5e-3},
        {"  p99 \t<\t 2ms \t ", "p99", YODEL_SLO_LT, 2e-3},
        {"errors= 0", "errors", YODEL_SLO_EQ, 0},
        {"errors =0", "errors", YODEL_SLO_EQ, 0},
        /* every unit: seconds */
        {"p99.99<412us", "p99.99", YODEL_SLO_LT, 412e-6},
        {"max<3s", "max", YODEL_SLO_LT, 3},
        {"max<1m", "max", YODEL_SLO_LT, 60},
        {"max<0", "max", YODEL_SLO_LT, 0},
        {"server-cpu-per-line<0.5us", "server-cpu-per-line", YODEL_SLO_LT, 0.5e-6},
        /* counts and rates */
        {"lost<10", "lost", YODEL_SLO_LT, 10},
        {"timeout<=1.5M", "timeout", YODEL_SLO_LE, 1.5e6},
        {"rate>0.5", "rate", YODEL_SLO_GT, 0.5},
        /* CPU */
        {"server-cpu<150%", "server-cpu", YODEL_SLO_LT, 1.5},
        /* bytes: powers of 1024 */
        {"server-memory-per-connection<1.5K", "server-memory-per-connection", YODEL_SLO_LT, 1536},
        {"server-memory-per-connection<=600", "server-memory-per-connection", YODEL_SLO_LE, 600},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        yodel_slo slo;
        char message[MESSAGE] = "";
        if (yodel_slo_parse(table[i].text, &slo, message, sizeof message) != 0) {
            fail_msg("'%s': %s", table[i].text, message);
        }
        assert_ptr_equal(slo.text, table[i].text);
        assert_string_equal(slo.metric->name, table[i].metric);
        assert_int_equal(slo.op, table[i].op);
        if (fabs(slo.bound - table[i].bound) > 1e-12 * table[i].bound) {
            fail_msg("'%s': %.17g", table[i].text, slo.bound);
        }
        assert_string_equal(message, "");
    }
}

static void check_refused(const char *text, const char *expected)
{
    yodel_slo slo, before;
    char message[MESSAGE] = "";

    memset(&slo, 0x5a, sizeof slo);
    before = slo;
    assert_int_equal(yodel_slo_parse(text, &slo, message, sizeof message), -EINVAL);
    assert_string_equal(message, expected);
    assert_memory_equal(&slo, &before, sizeof slo);
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } table[] = {
        {"", "'' has no operator (<, <=, =, >= or >)"},
        {"p99", "'p99' has no operator (<, <=, =, >= or >)"},
        {"p99 2ms", "'p99 2ms' has no operator (<, <=, =, >= or >)"},
        {"p99<", "'p99<' has no value behind its operator"},
        {"p99 <= \t", "'p99 <= \t' has no value behind its operator"},
        {"errors==", "'errors==' has no value behind its operator"},
        /* a time needs a unit, and nothing but a time's */
        {"p99<2", "p99 is a time: '2' needs a unit (us, ms or s)"},
        {"p99<0.0", "p99 is a time: '0.0' needs a unit (us, ms or s)"},
        {"p99 < 2 ms", "'2 ms' is no value for p99"},
        {"p99<2ns", "'2ns' is no value for p99"},
        {"p99<2k", "'2k' is no value for p99"},
        {"p99<2MS", "'2MS' is no value for p99"},
        {"p99<fast", "'fast' is no value for p99"},
        {"p99<-1ms", "'-1ms' is no value for p99"},
        {"p99<99999999999999999999s", "'99999999999999999999s' is no value for p99"},
        {"p99<2ms 3ms", "'2ms 3ms' is no value for p99"},
        /* operators that are none */
        {"p99=<2ms", "'<2ms' is no value for p99"},
        {"p99<<2ms", "'<2ms' is no value for p99"},
        {"p99<>2ms", "'>2ms' is no value for p99"},
        {"errors===0", "'=0' is no value for errors"},
        /* the other units */
        {"errors=none", "'none' is no value for errors"},
        {"errors<2ms", "'2ms' is no value for errors"},
        {"errors>=-1", "'-1' is no value for errors"},
        {"rate>100k/s", "'100k/s' is no value for rate"},
        {"server-cpu<%", "server-cpu is in percent of a core: '%' is not one like 80%"},
        {"server-cpu<x%", "server-cpu is in percent of a core: 'x%' is not one like 80%"},
        {"server-cpu<90", "server-cpu is in percent of a core: '90' is not one like 80%"},
        {"server-memory-per-connection<1KiB",
         "'1KiB' is no value for server-memory-per-connection"},
        {"rate>1000000000000000000000000000000000000000000000000000000000000000",
         "'1000000000000000000000000000000000000000000000000000000000000000' is no value for rate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_refused(table[i].text, table[i].message);
    }
}

/* Who misspells a name sees all that there are. */
static void test_unknown_metrics(void **state)
{
    static const struct {
        const char *text, *name;
    } table[] = {
        {"p98<1ms", "p98"},
        {" p98 \t<1ms", "p98"},
        {"<1ms", ""},
        {" = 5", ""},
        {"P99<1ms", "P99"},
        {"p99 p90<1ms", "p99 p90"},
        {"closed early=0", "closed early"},
        {"p99!=1ms", "p99!"},
        {"a-name-of-more-than-sixty-four-characters-which-no-metric-will-ever-have=0",
         "a-name-of-more-than-sixty-four-characters-which-no-metric-will-ever-have"},
    };
    char names[MESSAGE] = "";
    size_t count, used = 0;
    const yodel_metric *all = yodel_metrics(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, " %s", all[i].name);
    }
    assert_true(used < MESSAGE - 100);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char expected[2 * MESSAGE];
        snprintf(expected, sizeof expected, "there is no metric '%s', only:%s", table[i].name,
                 names);
        check_refused(table[i].text, expected);
    }
}

static void test_a_message_never_overflows(void **state)
{
    static const char *const texts[] = {"p98<1ms", "p99", "p99<", "p99<1", "p99<x"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        for (size_t size = 1; size < 400; size++) {
            yodel_slo slo;
            char *message = malloc(size); /* the address sanitizer watches its end */
            assert_non_null(message);
            assert_int_equal(yodel_slo_parse(texts[i], &slo, message, size), -EINVAL);
            assert_true(strlen(message) < size);
            free(message);
        }
    }
}

/* At the bound itself, just below and just above. */
static void test_kept_or_not_at_the_bound(void **state)
{
    static const struct {
        const char *text;
        bool below, at, above;
    } table[] = {
        {"errors<5", true, false, false},    {"errors<=5", true, true, false},
        {"errors=5", false, true, false},    {"errors==5", false, true, false},
        {"errors>=5", false, true, true},    {"errors>5", false, false, true},
        {"p99<1us", true, false, false},     {"p99<=1us", true, true, false},
        {"p99=1us", false, true, false},     {"p99>=0.001ms", false, true, true},
        {"p99>0.001ms", false, false, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const bool kept[] = {table[i].below, table[i].at, table[i].above};
        char message[MESSAGE];
        yodel_slo slo;
        assert_int_equal(yodel_slo_parse(table[i].text, &slo, message, sizeof message), 0);
        for (int k = 0; k < 3; k++) {
            yodel_result *r = calloc(1, sizeof *r);
            double value = -1;
            assert_non_null(r);
            r->total.flaws[YODEL_FLAW_LOST] = 4 + k;
            yodel_histogram_record(&r->total.service, 999 + (uint64_t)k, 1);
            if (yodel_slo_kept(&slo, r, &value) != kept[k]) {
                fail_msg("'%s' with %.17g", table[i].text, value);
            }
            assert_true(value == slo.metric->of(r));
            free(r);
        }
    }
}

/* 1.1 ms read as a double is not the double that 1,100,000 ns make: both must be the same. */
static void test_every_nanosecond_can_be_promised(void **state)
{
    yodel_result *r = calloc(1, sizeof *r);

    (void)state;
    assert_non_null(r);
    for (uint64_t ns = 1000; ns < YODEL_HISTOGRAM_HIGHEST; ns += 1 + ns / 50) {
        char text[64], message[MESSAGE];
        double value;
        yodel_slo slo;
        snprintf(text, sizeof text, "max=%" PRIu64 ".%06" PRIu64 "ms", ns / 1000000, ns % 1000000);
        assert_int_equal(yodel_slo_parse(text, &slo, message, sizeof message), 0);
        memset(&r->total.service, 0, sizeof r->total.service);
        yodel_histogram_record(&r->total.service, ns, 1);
        if (!yodel_slo_kept(&slo, r, &value)) {
            fail_msg("'%s': %.17g is not %.17g", text, value, slo.bound);
        }
    }
    free(r);
}

static void test_what_was_not_measured_is_never_kept(void **state)
{
    static const char *const texts[] = {
        "p99<1h",         "p99<=1h",          "p99=0",           "p99>=0",
        "p99>0",          "server-cpu<100k%", "server-cpu=0%",   "server-cpu>=0%",
        "connect-max<1h", "lag-p99>=0",       "client-cpu<=1k%", "server-memory-per-connection<1G",
    };
    yodel_result *r = calloc(1, sizeof *r);

    (void)state;
    assert_non_null(r);
    r->server_cpu = NAN;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char message[MESSAGE];
        double value = 0;
        yodel_slo slo;
        assert_int_equal(yodel_slo_parse(texts[i], &slo, message, sizeof message), 0);
        assert_false(yodel_slo_kept(&slo, r, &value));
        assert_true(isnan(value));
    }
    free(r);
}

static void test_bounds_are_exact_to_the_nanosecond(void **state)
{
    static const struct {
        const char *name;
        uint64_t whole, part; /* ns of what is before the dot, and of the last digit behind it */
    } units[] = {{"s", 1000000000, 1000000}, {"ms", 1000000, 1000}, {"us", 1000, 1}};
    yodel_result *r = calloc(1, sizeof *r);
    test_random random;

    (void)state;
    assert_non_null(r);
    test_random_init(&random, "test_bounds_are_exact_to_the_nanosecond");
    for (int i = 0; i < 3000; i++) {
        unsigned whole = (unsigned)test_random_below(&random, 59);
        unsigned part = (unsigned)test_random_below(&random, 1000);
        uint64_t ns = whole * units[i % 3].whole + part * units[i % 3].part;
        char at_most[64], below[64];
        double value;

        snprintf(at_most, sizeof at_most, "max<=%u.%03u%s", whole, part, units[i % 3].name);
        snprintf(below, sizeof below, "max<%u.%03u%s", whole, part, units[i % 3].name);
        yodel_slo le, lt;
        char message[256];
        assert_int_equal(yodel_slo_parse(at_most, &le, message, sizeof message), 0);
        assert_int_equal(yodel_slo_parse(below, &lt, message, sizeof message), 0);
        memset(&r->total.service, 0, sizeof r->total.service);
        yodel_histogram_record(&r->total.service, ns, 1);
        if (!yodel_slo_kept(&le, r, &value) || yodel_slo_kept(&lt, r, &value)) {
            fail_msg("%s: %.17g against %.17g", at_most, value, le.bound);
        }
        yodel_histogram_record(&r->total.service, ns + 1, 1);
        assert_false(yodel_slo_kept(&le, r, &value));
    }
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_taken),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_unknown_metrics),
        cmocka_unit_test(test_a_message_never_overflows),
        cmocka_unit_test(test_kept_or_not_at_the_bound),
        cmocka_unit_test(test_every_nanosecond_can_be_promised),
        cmocka_unit_test(test_what_was_not_measured_is_never_kept),
        cmocka_unit_test(test_bounds_are_exact_to_the_nanosecond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
