/*
 * Hostile messages: that nothing that a peer sent can forge a line, a JSON field or an escape
 * sequence of a terminal, however long it is.
 */
#include "core/log_fd.h"

#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/piped_log.h"
#include "tests/support/random.h"

/* Reads the JSON string that begins at text[0], strictly by RFC 8259, 7, and decodes it (\u00NN to
 * the byte NN, which is all that the log may use); returns what comes behind its closing quote. */
static const char *json_string(const char *text, char *decoded)
{
    static const char hex[] = "0123456789abcdef";

    text = expect_text(text, "\"");
    for (; *text != '"'; text++) {
        assert_true((unsigned char)*text >= 0x20);
        if (*text != '\\') {
            *decoded++ = *text;
            continue;
        }
        text++;
        if (*text == 'u') {
            const char *high;
            const char *low;

            text = expect_text(text, "u00");
            high = strchr(hex, text[0]);
            low = strchr(hex, text[1]);
            assert_true(text[0] != '\0' && high != NULL && text[1] != '\0' && low != NULL);
            *decoded++ = (char)((high - hex) * 16 + (low - hex));
            text++;
        } else {
            assert_true(*text == '"' || *text == '\\');
            *decoded++ = *text;
        }
    }
    *decoded = '\0';
    return text + 1;
}

/* One line of valid UTF-8, a JSON object with the three strings in their order; the message
 * decoded. It is the C library that knows here what valid UTF-8 is. */
static void json_line(const char *line, char *message)
{
    char text[PIPE_BUF];

    assert_true(mbstowcs(NULL, line, 0) != (size_t)-1);
    line = json_string(expect_text(line, "{\"time\":"), text);
    assert_string_equal(expect_time(text), "");
    line = json_string(expect_text(line, ",\"level\":"), text);
    line = json_string(expect_text(line, ",\"message\":"), message);
    assert_string_equal(line, "}\n");
}

static const struct {
    const char *message;
    const char *text;
    const char *json;
} hostile[] = {
    {"a\nFAKE line", "a\\nFAKE line", "a\\u000aFAKE line"},
    {"a\r\tb", "a\\r\\tb", "a\\u000d\\u0009b"},
    {"\x1b[2J\x07\x7f", "\\x1b[2J\\x07\\x7f", "\\u001b[2J\\u0007\\u007f"},
    {"\",\"level\":\"error", "\",\"level\":\"error", "\\\",\\\"level\\\":\\\"error"},
    {"back\\slash", "back\\slash", "back\\\\slash"},
    {"\xc2\x9b"
     "31m", /* CSI of C1 */
     "\\xc2\\x9b31m", "\\u009b31m"},
    {"\xc2\xa0", "\xc2\xa0", "\xc2\xa0"}, /* the first above C1 */
    {"\xe2\x82\xac\xf0\x9f\x8e\xb5", "\xe2\x82\xac\xf0\x9f\x8e\xb5",
     "\xe2\x82\xac\xf0\x9f\x8e\xb5"},
    {"\x80\xbf\xff\xfe", "\\x80\\xbf\\xff\\xfe", "\\\\x80\\\\xbf\\\\xff\\\\xfe"},
    {"\xc0\xaf", "\\xc0\\xaf", "\\\\xc0\\\\xaf"},                 /* an overlong slash */
    {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", "\\\\xe0\\\\x9f\\\\xbf"}, /* overlong, of three bytes */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\\\xed\\\\xa0\\\\x80"}, /* a surrogate */
    {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\\\xf4\\\\x90\\\\x80\\\\x80"}, /* U+110000 */
    {"\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80", "\\\\xf5\\\\x80\\\\x80\\\\x80"},
    {"\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf", "\\\\xf0\\\\x8f\\\\xbf\\\\xbf"}, /* overlong */
    {"\xe2\x82", "\\xe2\\x82", "\\\\xe2\\\\x82"}, /* the end is missing */
    {"\xe2\x82x", "\\xe2\\x82x", "\\\\xe2\\\\x82x"},
};

static void hostile_messages_stay_in_their_line(void **state)
{
    piped_log text;
    piped_log json;

    (void)state;
    piped_log_open(&text, YODEL_LOG_TEXT);
    piped_log_open(&json, YODEL_LOG_JSON);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char expected[200];
        char decoded[PIPE_BUF];
        const char *at;

        snprintf(expected, sizeof expected, " INFO %s\n", hostile[i].text);
        yodel_log_write(&text.log.log, YODEL_LOG_INFO, "%s", hostile[i].message);
        assert_string_equal(expect_time(piped_log_drain(&text)), expected);

        snprintf(expected, sizeof expected, "\",\"level\":\"info\",\"message\":\"%s\"}\n",
                 hostile[i].json);
        yodel_log_write(&json.log.log, YODEL_LOG_INFO, "%s", hostile[i].message);
        at = piped_log_drain(&json);
        json_line(at, decoded);
        assert_string_equal(expect_time(expect_text(at, "{\"time\":\"")), expected);
    }
    piped_log_close(&text);
    piped_log_close(&json);
}

static void random_messages_are_valid_json(void **state)
{
    test_random r;
    piped_log p;

    (void)state;
    test_random_init(&r, __func__);
    piped_log_open(&p, YODEL_LOG_JSON);
    for (int round = 0; round < 5000; round++) {
        size_t len = test_random_below(&r, 50);
        bool plain = true;
        char decoded[PIPE_BUF];
        char message[64];

        for (size_t i = 0; i < len; i++) {
            message[i] = (char)(1 + test_random_below(&r, 255));
            plain = plain && (uint8_t)message[i] < 0x80;
        }
        message[len] = '\0';
        yodel_log_write(&p.log.log, YODEL_LOG_INFO, "%s", message);
        json_line(piped_log_drain(&p), decoded);
        if (plain) {
            assert_string_equal(decoded, message);
        }
    }
    piped_log_close(&p);
}

/* The worst that escaping can do to the longest message must still go into one atomic write. */
static void the_longest_line_fits_into_a_pipe(void **state)
{
    static const char worst[] = {'\x01', '"', '\xff', 'x'};

    (void)state;
    for (size_t i = 0; i < sizeof worst; i++) {
        for (yodel_log_format format = YODEL_LOG_TEXT; format <= YODEL_LOG_JSON; format++) {
            char message[YODEL_LOG_MESSAGE_MAX + 1] = "";
            char decoded[PIPE_BUF];
            const char *line;
            piped_log p;

            memset(message, worst[i], YODEL_LOG_MESSAGE_MAX);
            piped_log_open(&p, format);
            yodel_log_write(&p.log.log, YODEL_LOG_INFO, "%s", message);
            line = piped_log_drain(&p);
            assert_true(strlen(line) <= PIPE_BUF);
            assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
            if (format == YODEL_LOG_JSON) {
                json_line(line, decoded);
                if (strlen(line) > PIPE_BUF - 10) {
                    assert_string_equal(decoded + strlen(decoded) - 3, "...");
                }
            }
            assert_int_equal(yodel_log_fd_lost(&p.log), 0);
            piped_log_close(&p);
        }
    }
}

static void the_notice_and_the_longest_line_fit_together(void **state)
{
    char message[YODEL_LOG_MESSAGE_MAX + 1] = "";
    char decoded[PIPE_BUF];
    const char *at;
    char *second;
    piped_log p;

    (void)state;
    memset(message, 1, YODEL_LOG_MESSAGE_MAX);
    piped_log_open(&p, YODEL_LOG_JSON);
    piped_log_fill(&p);
    piped_log_drain(&p);
    yodel_log_write(&p.log.log, YODEL_LOG_INFO, "%s", message);
    at = piped_log_drain(&p);
    assert_true(strlen(at) <= PIPE_BUF);
    second = strchr(at, '\n') + 1;
    json_line(second, decoded);
    *second = '\0';
    json_line(at, decoded);
    assert_string_equal(decoded, "1 log line lost");
    piped_log_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_messages_stay_in_their_line),
        cmocka_unit_test(random_messages_are_valid_json),
        cmocka_unit_test(the_longest_line_fits_into_a_pipe),
        cmocka_unit_test(the_notice_and_the_longest_line_fit_together),
    };

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        fprintf(stderr, "the locale C.UTF-8 is missing\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
