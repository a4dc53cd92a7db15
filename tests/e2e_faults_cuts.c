/* FAULTS.md rows 1, 2 and 3: however a stream is cut, whatever bytes are in its lines. */
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/echo.h"

typedef struct line {
    const char *bytes;
    size_t len;
} line;

#define LINE(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

/* All that is special about lines. */
static const line lines[] = {LINE("one"), LINE(""),   LINE("a\rb\nc\r"),    LINE(".."),
                             LINE(". "),  LINE("\n"), LINE("\0\x80\xff\33")};

static void add_line(const echo *e, net_text *sent, net_text *answers, const void *bytes,
                     size_t len)
{
    net_text_add(sent, bytes, len);
    net_text_add(sent, "\r\n", 2);
    echo_answer(e, answers, bytes, len);
}

/* A conversation of these lines and a dot at its end, and what is answered. */
static void make_talk(const echo *e, net_text *talk, net_text *answers)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        add_line(e, talk, answers, lines[i].bytes, lines[i].len);
    }
    net_text_add(talk, ".\r\n", 3);
}

static void finish_talk(int fd, const net_text *answers)
{
    net_expect(fd, answers->data, answers->len);
    net_expect_eof(fd);
    close(fd);
}

/* Sends bytes that make no line complete and one line before them, whose answer proves that the
 * server has taken them, and has taken them alone. */
static void send_first_part(const echo *e, int fd, const void *bytes, size_t len)
{
    net_text first = {0}, answer = {0};
    net_text_add(&first, "front\r\n", 7);
    net_text_add(&first, bytes, len);
    echo_answer(e, &answer, "front", 5);
    net_send(fd, first.data, first.len);
    net_expect(fd, answer.data, answer.len);
    net_text_free(&first);
    net_text_free(&answer);
}

/* --- row 1 -------------------------------------------------------------------------------------*/

static void every_cut_in_two(echo *e)
{
    net_text talk = {0}, answers = {0};
    make_talk(e, &talk, &answers);
    for (size_t cut = 0; cut <= talk.len; cut++) {
        int fd = net_connect(e->server.port);
        send_first_part(e, fd, talk.data, cut);
        if (cut < talk.len) { /* else the server may have closed already */
            net_send(fd, talk.data + cut, talk.len - cut);
        }
        finish_talk(fd, &answers);
    }
    net_text_free(&talk);
    net_text_free(&answers);
}

static void test_row_01_every_way_to_cut_a_stream_in_two(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, every_cut_in_two, NULL);
}

static void every_byte_alone(echo *e)
{
    net_text talk = {0}, answers = {0};
    make_talk(e, &talk, &answers);
    int fd = net_connect(e->server.port);
    net_send_drop_by_drop(fd, talk.data, talk.len);
    finish_talk(fd, &answers);
    net_text_free(&talk);
    net_text_free(&answers);
}

static void test_row_01_every_byte_in_its_own_segment(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, every_byte_alone, NULL);
}

/* --- row 2 -------------------------------------------------------------------------------------*/

static void expect_line(const echo *e, int fd, const char *text)
{
    net_text answer = {0};
    echo_answer(e, &answer, text, strlen(text));
    net_expect(fd, answer.data, answer.len);
    net_text_free(&answer);
}

static void cr_then_lf(echo *e)
{
    static const struct {
        const char *first, *second, *line;
    } cuts[] = {
        {"line\r", "\n", "line"},          {"\r", "\n", ""},
        {"line\r\r", "\n", "line\r"},      {"line\r", "\r\n", "line\r"},
        {"line\r", "x\r\n", "line\rx"},    {"line\n\r", "\n", "line\n"},
        {"line\r", "\nnext\r\n.", "line"},
    };
    enum { CUTS = sizeof cuts / sizeof cuts[0] };
    for (size_t i = 0; i < CUTS; i++) {
        int fd = net_connect(e->server.port);
        send_first_part(e, fd, cuts[i].first, strlen(cuts[i].first));
        assert_false(net_wait_readable(fd, 10)); /* a CR alone is no end of a line */
        net_send_text(fd, cuts[i].second);
        expect_line(e, fd, cuts[i].line);
        if (i == CUTS - 1) {
            expect_line(e, fd, "next");
        }
        net_finish_sending(fd);
        net_expect_eof(fd); /* one line, not two */
        close(fd);
    }
    server_wait_counter(&e->server, "lines_in", 2 * CUTS + 1);
}

static void test_row_02_cr_ends_one_segment_and_lf_starts_the_next(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, cr_then_lf, NULL);
}

/* Lines one byte shorter than what the server receives at once: where CR and LF are cut wanders
 * over the whole line. */
static void cr_lf_at_the_edge_of_what_is_received(echo *e)
{
    enum { LEN = 65535, LINES = 40 };
    static char xs[LEN];
    memset(xs, 'x', sizeof xs);
    net_text sent = {0}, answers = {0};
    for (int i = 0; i < LINES; i++) {
        add_line(e, &sent, &answers, xs, LEN);
    }
    int fd = net_connect(e->server.port);
    net_exchange(fd, sent.data, sent.len, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_row_02_cr_and_lf_at_the_edge_of_what_is_received(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, cr_lf_at_the_edge_of_what_is_received, NULL);
}

/* --- row 3 -------------------------------------------------------------------------------------*/

static void every_byte_value(echo *e)
{
    net_text sent = {0}, answers = {0};
    for (int i = 0; i < 256; i++) { /* each alone, between others, and as the first and the last */
        char byte = (char)i;
        if (byte == '.') { /* alone it would end the talk */
            continue;
        }
        add_line(e, &sent, &answers, &byte, 1);
        char text[] = {byte, 'a', byte, byte, 'b', byte};
        add_line(e, &sent, &answers, text, sizeof text);
    }
    char all[256];
    for (int i = 0; i < 256; i++) { /* in this order there is no CRLF in it */
        all[i] = (char)i;
    }
    add_line(e, &sent, &answers, all, sizeof all);
    int fd = net_connect(e->server.port);
    net_exchange(fd, sent.data, sent.len, true, answers.data, answers.len);
    net_expect_eof(fd);
    close(fd);
    net_text_free(&sent);
    net_text_free(&answers);
}

static void test_row_03_every_byte_is_payload(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, every_byte_value, NULL);
}

static void lookalikes_of_crlf(echo *e)
{
    static const line payloads[] = {LINE("a\nb\rc\n\rd\r"), LINE("\n"),   LINE("\r\r\r"),
                                    LINE("\n\r"),           LINE("\0\r"), LINE(".\n")};
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        int fd = net_connect(e->server.port);
        net_text sent = {0}, answer = {0};
        add_line(e, &sent, &answer, payloads[i].bytes, payloads[i].len);
        net_send(fd, sent.data, sent.len);
        net_expect(fd, answer.data, answer.len);
        echo_talk(e, fd, "it is still open");
        close(fd);
        net_text_free(&sent);
        net_text_free(&answer);
    }
}

static void test_row_03_only_crlf_ends_a_line(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, lookalikes_of_crlf, NULL);
}

/* How the log escapes what peers sent is the matter of test_log_text.c and test_log_fd.c. */
static void forging_log_lines(echo *e)
{
    int fd = net_connect(e->server.port);
    net_send_text(fd, "\x1b[2J\nFORGED\r\n.\r\n");
    net_wait_end(fd);
    close(fd);
    fd = net_connect(e->server.port);
    for (int i = 0; i < 100; i++) {
        net_send_text(fd, "\x1b[2J\nFORGED ");
    }
    net_wait_end(fd); /* a line that is too long is a reason to complain */
    close(fd);
    server_wait_counter(&e->server, "closed_line_too_long", 1);
    size_t len;
    const char *log = program_output(e->server.program, PROGRAM_STDERR, &len);
    assert_null(memchr(log, 0x1b, len));
    assert_null(strstr(log, "\nFORGED"));
}

static void test_row_03_what_clients_send_cannot_forge_lines_of_the_log(void **state)
{
    (void)state;
    echo_with_each_protocol(NULL, forging_log_lines, "--log-level", "debug", "--max-line", "1000",
                            NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_row_01_every_way_to_cut_a_stream_in_two),
        program_test(test_row_01_every_byte_in_its_own_segment),
        program_test(test_row_02_cr_ends_one_segment_and_lf_starts_the_next),
        program_test(test_row_02_cr_and_lf_at_the_edge_of_what_is_received),
        program_test(test_row_03_every_byte_is_payload),
        program_test(test_row_03_only_crlf_ends_a_line),
        program_test(test_row_03_what_clients_send_cannot_forge_lines_of_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
