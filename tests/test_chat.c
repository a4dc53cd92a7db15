/*
 * chat: each answer byte for byte, and the line that closes.
 */
#include "proto/chat.h"

#include "core/error.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"

static const yodel_line_config config = {.ops = &yodel_chat_ops, .max_line = 100};

static fixture *start(void **state)
{
    fixture *f = *state;
    fixture_start(f, &(yodel_transport_settings){.factory = yodel_line_factory(&config)});
    return f;
}

#define FEED(f, client, text)   fixture_feed(f, client, text, sizeof(text) - 1)
#define EXPECT(f, client, text) fixture_expect(f, client, text, sizeof(text) - 1)

static void test_answers(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "hello\r\n\r\n a \r\nnul\0here\r\n\x80\xff\r\nlf\nhere\r\ncr\rhere\r\r\n");
    EXPECT(f, client,
           "You sent: hello\r\nYou sent: \r\nYou sent:  a \r\nYou sent: nul\0here\r\n"
           "You sent: \x80\xff\r\nYou sent: lf\nhere\r\nYou sent: cr\rhere\r\r\n");
    fixture_expect_nothing(f, client);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), 7);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), 7);
}

/* One turn, one send, whatever the number of lines; in the order of the lines. */
static void test_long_and_short_lines(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_text out = {0}, in = {0};
    char line[101];
    memset(line, 'x', sizeof line);
    for (int i = 0; i <= 100; i++) {
        net_text_printf(&out, "%.*s\r\n", i, line);
        net_text_printf(&in, "You sent: %.*s\r\n", i, line);
    }
    fixture_feed(f, client, out.data, out.len);
    fixture_expect(f, client, in.data, in.len);
    net_text_free(&out);
    net_text_free(&in);
}

static void check_quit(void **state, const char *stream, const char *answer, uint64_t lines_in)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    fixture_feed(f, client, stream, strlen(stream));
    fixture_expect_text(f, client, answer);
    fixture_expect_eof(f, client);
    fixture_disconnect(f, client, false);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_QUIT), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_IN), lines_in);
    assert_int_equal(fixture_count(f, YODEL_COUNT_LINES_OUT), lines_in - 1);
}

static void test_dot_closes(void **state)
{
    check_quit(state, ".\r\n", "", 1);
}

static void test_dot_closes_after_the_answers(void **state)
{
    check_quit(state, "a\r\nb\r\n.\r\nc\r\nd", "You sent: a\r\nYou sent: b\r\n", 3);
}

static void test_dot_in_pieces(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "a\r\n.");
    FEED(f, client, "\r");
    EXPECT(f, client, "You sent: a\r\n");
    fixture_expect_nothing(f, client);
    FEED(f, client, "\n");
    fixture_expect_eof(f, client);
}

/* Only the line that is a dot and nothing else. */
static void test_no_other_dot_closes(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    FEED(f, client, "..\r\n. \r\n .\r\n.\n\r\n.\r\r\n\r\n");
    EXPECT(f, client,
           "You sent: ..\r\nYou sent: . \r\nYou sent:  .\r\nYou sent: .\n\r\nYou sent: .\r\r\n"
           "You sent: \r\n");
    fixture_expect_nothing(f, client);
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
}

static void test_half_close(void **state)
{
    fixture *f = start(state);
    int client = fixture_connect(f);
    net_send_text(client, "a\r\nb\r\nc");
    net_finish_sending(client);
    size_t len;
    char *all = fixture_receive_all(f, client, &len);
    assert_string_equal(all, "You sent: a\r\nYou sent: b\r\n");
    free(all);
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_PARTIAL), 1);
}

/* Out of bounds: the answer to a line that ended the connection is nobody's failure. */
static void test_overrun(void **state)
{
    fixture *f = *state;
    fixture_start(f, &(yodel_transport_settings){
                         .factory = yodel_line_factory(&config),
                         .write_limits = {.high = 1, .low = 0, .hard = 1},
                     });
    int client = fixture_connect_small(f);
    char line[102];
    memset(line, 'x', sizeof line);
    memcpy(line + 100, "\r\n", 2);
    for (int i = 0; i < 100000 && fixture_count(f, YODEL_COUNT_ACTIVE) == 1; i++) {
        (void)net_send_until_blocked(client, line, sizeof line, 0);
        fixture_settle(f);
    }
    fixture_wait_active(f, 0);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_OVERRUN), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(test_answers),       fixture_test(test_long_and_short_lines),
        fixture_test(test_dot_closes),    fixture_test(test_dot_closes_after_the_answers),
        fixture_test(test_dot_in_pieces), fixture_test(test_no_other_dot_closes),
        fixture_test(test_half_close),    fixture_test(test_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
