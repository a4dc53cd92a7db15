/*
 * Logging up to the sink: levels, cutting, the rate limit, escaping, the names in options. What the
 * lines look like is in test_log_fd.c, what hostile messages can do in test_log_text.c.
 */
#include "core/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

/* ---- a log that remembers its last message --------------------------------------------------- */

typedef struct memory_log {
    yodel_log log;
    int count;
    yodel_log_level level;
    char last[YODEL_LOG_MESSAGE_MAX + 1];
} memory_log;

static void remember(yodel_log *base, yodel_log_level level, const char *msg, size_t len)
{
    memory_log *log = (memory_log *)base;

    assert_int_equal(strlen(msg), len);
    assert_true(len <= YODEL_LOG_MESSAGE_MAX);
    log->count++;
    errno = EIO; /* as a sink that had trouble */
    log->level = level;
    memcpy(log->last, msg, len + 1);
}

static memory_log new_memory_log(yodel_log_level level)
{
    return (memory_log){.log = {.level = level, .sink = remember}};
}

static void levels_let_through_what_is_important_enough(void **state)
{
    (void)state;
    for (yodel_log_level set = YODEL_LOG_ERROR; set <= YODEL_LOG_DEBUG; set++) {
        memory_log log = new_memory_log(set);

        for (yodel_log_level level = YODEL_LOG_ERROR; level <= YODEL_LOG_DEBUG; level++) {
            log.count = 0;
            yodel_log_write(&log.log, level, "number %d", 42);
            assert_int_equal(log.count, level <= set);
            if (level <= set) {
                assert_int_equal(log.level, level);
                assert_string_equal(log.last, "number 42");
            }
        }
    }
    yodel_log_write(NULL, YODEL_LOG_ERROR, "into the void");
}

static void errno_is_kept(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_DEBUG);
    yodel_log_limit limit = {0};

    (void)state;
    errno = EXDEV;
    yodel_log_write(&log.log, YODEL_LOG_INFO, "it was %m");
    assert_int_equal(errno, EXDEV);
    assert_string_equal(log.last, "it was Invalid cross-device link");
    yodel_log_limited(&log.log, &limit, 1, YODEL_LOG_INFO, "the same");
    assert_int_equal(errno, EXDEV);
}

static void too_long_messages_are_cut_visibly(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_DEBUG);
    char text[2 * YODEL_LOG_MESSAGE_MAX];

    (void)state;
    memset(text, 'x', sizeof text);
    for (int len = YODEL_LOG_MESSAGE_MAX - 1; len <= YODEL_LOG_MESSAGE_MAX + 2; len++) {
        yodel_log_write(&log.log, YODEL_LOG_INFO, "%.*s", len, text);
        if (len <= YODEL_LOG_MESSAGE_MAX) {
            assert_int_equal(strlen(log.last), len);
            assert_int_equal(log.last[len - 1], 'x');
        } else {
            assert_int_equal(strlen(log.last), YODEL_LOG_MESSAGE_MAX);
            assert_string_equal(log.last + YODEL_LOG_MESSAGE_MAX - 4, "x...");
        }
    }
}

static void a_cut_is_not_within_a_character(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_DEBUG);
    char text[2 * YODEL_LOG_MESSAGE_MAX] = "";

    (void)state;
    for (int shift = 0; shift < 4; shift++) {
        memset(text, 'x', (size_t)shift);
        for (size_t i = (size_t)shift; i + 4 < sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x8e\xb5", 5);
        }
        yodel_log_write(&log.log, YODEL_LOG_INFO, "%s", text);
        assert_true(strlen(log.last) > YODEL_LOG_MESSAGE_MAX - 4);
        assert_string_equal(log.last + strlen(log.last) - 4, "\xb5...");
    }
}

/* ---- rate limit ------------------------------------------------------------------------------ */

static void one_line_in_a_period(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_WARNING);
    yodel_log_limit limit = {.period_ns = 100};

    (void)state;
    yodel_log_limited(&log.log, &limit, 5000, YODEL_LOG_WARNING, "refused %s", "a");
    assert_string_equal(log.last, "refused a");
    yodel_log_limited(&log.log, &limit, 5000, YODEL_LOG_WARNING, "refused %s", "b");
    yodel_log_limited(&log.log, &limit, 5099, YODEL_LOG_WARNING, "refused %s", "c");
    assert_int_equal(log.count, 1);
    yodel_log_limited(&log.log, &limit, 5100, YODEL_LOG_WARNING, "refused %s", "d");
    assert_string_equal(log.last, "refused d (2 more suppressed)");
    yodel_log_limited(&log.log, &limit, 5199, YODEL_LOG_WARNING, "refused %s", "e");
    assert_int_equal(log.count, 2);
    yodel_log_limited(&log.log, &limit, 9000, YODEL_LOG_WARNING, "refused %s", "f");
    assert_string_equal(log.last, "refused f (1 more suppressed)");
    yodel_log_limited(&log.log, &limit, 9100, YODEL_LOG_WARNING, "refused %s", "g");
    assert_string_equal(log.last, "refused g");
}

static void what_the_level_drops_does_not_count(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_WARNING);
    yodel_log_limit limit = {.period_ns = 100};

    (void)state;
    yodel_log_limited(&log.log, &limit, 1, YODEL_LOG_DEBUG, "detail");
    yodel_log_limited(NULL, &limit, 1, YODEL_LOG_ERROR, "into the void");
    assert_int_equal(limit.next_ns, 0);
    assert_int_equal(limit.suppressed, 0);
    assert_int_equal(log.count, 0);
}

static void the_number_suppressed_survives_a_cut(void **state)
{
    memory_log log = new_memory_log(YODEL_LOG_WARNING);
    yodel_log_limit limit = {.period_ns = 1, .suppressed = UINT64_MAX};
    static const char end[] = "x... (18446744073709551615 more suppressed)";
    char text[2 * YODEL_LOG_MESSAGE_MAX];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    yodel_log_limited(&log.log, &limit, 1, YODEL_LOG_ERROR, "%s", text);
    assert_int_equal(strlen(log.last), YODEL_LOG_MESSAGE_MAX);
    assert_string_equal(log.last + YODEL_LOG_MESSAGE_MAX - strlen(end), end);
}

/* ---- escaping -------------------------------------------------------------------------------- */

static void expect_escaped(const char *data, size_t len, const char *expected)
{
    char out[256];

    assert_int_equal(yodel_log_escape(out, sizeof out, data, len), strlen(expected));
    assert_string_equal(out, expected);
}

static void bytes_of_peers_become_visible(void **state)
{
    (void)state;
    expect_escaped("", 0, "");
    expect_escaped(NULL, 0, "");
    expect_escaped("hello, ~world", 13, "hello, ~world");
    expect_escaped("\r\n\t\\", 4, "\\r\\n\\t\\\\");
    expect_escaped("\0\x01\x1b[2J\x7f\x80\xff", 9, "\\x00\\x01\\x1b[2J\\x7f\\x80\\xff");
    expect_escaped("\xc3\xa4", 2, "\\xc3\\xa4");
}

static void escaping_never_writes_too_much(void **state)
{
    static const char data[] = "a\x01\\b\r\xff";
    static const char whole[] = "a\\x01\\\\b\\r\\xff";
    static const char *const cut[] = {
        /* the longest text of less than i bytes, ending between two escapes */
        NULL, "", ".", "..", "...", "a...", "a...", "a...", "a...", "a\\x01...",
    };

    (void)state;
    for (size_t size = 0; size <= sizeof whole + 2; size++) {
        char *out = malloc(size + 1); /* asan sees what is written behind it */
        size_t len;

        assert_non_null(out);
        out[size] = '#';
        len = yodel_log_escape(out, size, data, sizeof data - 1);
        assert_int_equal(out[size], '#');
        if (size == 0) {
            assert_int_equal(len, 0);
        } else {
            assert_int_equal(strlen(out), len);
            assert_true(len < size);
        }
        if (size > 0 && size < sizeof cut / sizeof cut[0]) {
            assert_string_equal(out, cut[size]);
        } else if (size >= sizeof whole) {
            assert_string_equal(out, whole);
        } else if (size > 0) {
            assert_string_equal(out + len - 3, "...");
        }
        free(out);
    }
}

/* ---- options --------------------------------------------------------------------------------- */

static void names_of_levels(void **state)
{
    yodel_log_level level = YODEL_LOG_ERROR;

    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(yodel_log_level_name((yodel_log_level)i), names[i]);
        assert_int_equal(yodel_log_level_parse(names[i], &level), 0);
        assert_int_equal(level, i);
    }
    level = YODEL_LOG_ERROR;
    assert_int_equal(yodel_log_level_parse("Error", &level), -EINVAL);
    assert_int_equal(yodel_log_level_parse("", &level), -EINVAL);
    assert_int_equal(yodel_log_level_parse("infos", &level), -EINVAL);
    assert_int_equal(level, YODEL_LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_let_through_what_is_important_enough),
        cmocka_unit_test(errno_is_kept),
        cmocka_unit_test(too_long_messages_are_cut_visibly),
        cmocka_unit_test(a_cut_is_not_within_a_character),
        cmocka_unit_test(one_line_in_a_period),
        cmocka_unit_test(what_the_level_drops_does_not_count),
        cmocka_unit_test(the_number_suppressed_survives_a_cut),
        cmocka_unit_test(bytes_of_peers_become_visible),
        cmocka_unit_test(escaping_never_writes_too_much),
        cmocka_unit_test(names_of_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
