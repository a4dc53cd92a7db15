/* The reference model of the echo servers (support/echo_model.h), against answers made by hand. */
#include <stdbool.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo_model.h"

static void expect(echo_protocol protocol, size_t max_line, const char *sent, const char *answers,
                   echo_end end, size_t end_at, bool partial)
{
    echo_verdict v = echo_judge(protocol, max_line, sent, strlen(sent));
    assert_int_equal(v.answers.len, strlen(answers));
    assert_memory_equal(v.answers.len > 0 ? v.answers.data : "", answers, v.answers.len);
    assert_int_equal(v.end, end);
    assert_int_equal(v.end_at, end_at);
    assert_int_equal(v.partial, partial);
    net_text_free(&v.answers);
}

static void test_chat(void **state)
{
    (void)state;
    expect(ECHO_CHAT, 5, "", "", ECHO_OPEN, 0, false);
    expect(ECHO_CHAT, 5, "a\r\n\r\n", "You sent: a\r\nYou sent: \r\n", ECHO_OPEN, 5, false);
    expect(ECHO_CHAT, 5, "a\nb\r\r\nc\r", "You sent: a\nb\r\r\n", ECHO_OPEN, 8, true);
    expect(ECHO_CHAT, 5, "..\r\n. \r\n", "You sent: ..\r\nYou sent: . \r\n", ECHO_OPEN, 8, false);
    expect(ECHO_CHAT, 5, "a\r\n.\r\nb\r\n", "You sent: a\r\n", ECHO_QUIT, 6, false);
}

static void test_stream(void **state)
{
    (void)state;
    expect(ECHO_STREAM, 5, "a\r\n\r\n.\r\nb", "a\r\n\r\n", ECHO_QUIT, 8, false);
    expect(ECHO_STREAM, 5, "a\r\nb", "a\r\n", ECHO_OPEN, 4, true);
}

/* The limit is exact; a line without an end is known to be too long when its CRLF would come too
 * late. */
static void test_limit(void **state)
{
    (void)state;
    static const char error[] = "Error: line longer than 5 bytes\r\n";
    expect(ECHO_STREAM, 5, "12345\r\n", "12345\r\n", ECHO_OPEN, 7, false);
    expect(ECHO_STREAM, 5, "1234\r\r\n", "1234\r\r\n", ECHO_OPEN, 7, false);
    expect(ECHO_STREAM, 5, "123456\r\na\r\n", error, ECHO_TOO_LONG, 7, false);
    expect(ECHO_STREAM, 5, "123456", "", ECHO_OPEN, 6, true);
    expect(ECHO_STREAM, 5, "12345\r", "", ECHO_OPEN, 6, true);
    expect(ECHO_STREAM, 5, "1234567", error, ECHO_TOO_LONG, 7, true);
    expect(ECHO_STREAM, 5, "12345\r.", error, ECHO_TOO_LONG, 7, true);
}

static void test_raw(void **state)
{
    (void)state;
    expect(ECHO_RAW, 5, "a\r\n.\r\n12345678", "a\r\n.\r\n12345678", ECHO_OPEN, 14, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chat),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_raw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
