/*
 * Error codes: that their three ranges never meet, and that each has a text of its own.
 */
#include "core/error.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static const int own[] = {
    YODEL_EOF,      YODEL_ELINETOOLONG, YODEL_EOVERRUN,   YODEL_EIDLE,        YODEL_ESTALLED,
    YODEL_EDRAIN,   YODEL_EDRAINABORT,  YODEL_EHANDLER,   YODEL_EFULL,        YODEL_EMEMORY,
    YODEL_ETOOMANY, YODEL_ETOOOFTEN,    YODEL_EUNTRUSTED, YODEL_EPROXYHEADER,
};

static const int resolver[] = {
    EAI_BADFLAGS, EAI_NONAME, EAI_AGAIN,   EAI_FAIL,       EAI_FAMILY,
    EAI_SOCKTYPE, EAI_MEMORY, EAI_SERVICE, EAI_ADDRFAMILY, EAI_NODATA,
};

enum {
    OWN = sizeof own / sizeof own[0],
    RESOLVER = sizeof resolver / sizeof resolver[0],
};

static void ranges_never_meet(void **state)
{
    (void)state;
    for (int i = 0; i < OWN; i++) {
        assert_true(own[i] < -4096);
        assert_true(own[i] > -8192);
    }
    for (int i = 0; i < RESOLVER; i++) {
        assert_true(YODEL_EAI(resolver[i]) < -8192);
    }
}

static void own_codes_have_texts_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < OWN; i++) {
        const char *text = yodel_strerror(own[i]);

        assert_string_not_equal(text, "");
        assert_string_not_equal(text, "unknown error");
        for (int k = 0; k < i; k++) {
            assert_int_not_equal(own[i], own[k]);
            assert_string_not_equal(text, yodel_strerror(own[k]));
        }
    }
    assert_string_equal(yodel_strerror(YODEL_ELINETOOLONG), "line too long");
}

static void errno_and_resolver_codes_have_libc_texts(void **state)
{
    (void)state;
    assert_string_equal(yodel_strerror(-ECONNREFUSED), "Connection refused");
    assert_string_equal(yodel_strerror(-ENOMEM), "Cannot allocate memory");
    for (int i = 0; i < RESOLVER; i++) {
        assert_string_equal(yodel_strerror(YODEL_EAI(resolver[i])), gai_strerror(resolver[i]));
    }
}

static void everything_else_is_unknown(void **state)
{
    static const int unknown[] = {1,     ENOENT,   -4000,     -4096,    -4159,
                                  -8192, -1000000, INT32_MAX, INT32_MIN};

    (void)state;
    assert_string_equal(yodel_strerror(0), "no error");
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_non_null(strstr(yodel_strerror(unknown[i]), "nknown error"));
    }
}

static void never_null(void **state)
{
    (void)state;
    for (int code = -10000; code <= 5000; code++) {
        assert_non_null(yodel_strerror(code));
        assert_string_not_equal(yodel_strerror(code), "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_never_meet),
        cmocka_unit_test(own_codes_have_texts_of_their_own),
        cmocka_unit_test(errno_and_resolver_codes_have_libc_texts),
        cmocka_unit_test(everything_else_is_unknown),
        cmocka_unit_test(never_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
