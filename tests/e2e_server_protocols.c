/* yodel-server's other protocols: raw (RFC 862) and dump, and the list of all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/net.h"
#include "tests/support/program.h"
#include "tests/support/server.h"

/* --- raw ---------------------------------------------------------------------------------------*/

static void every_byte_back(server *s)
{
    enum { SIZE = 4 << 20 };
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    uint32_t x = 1;
    for (size_t i = 0; i < SIZE; i++) {
        x = x * 1664525U + 1013904223U;
        bytes[i] = (char)(x >> 24);
    }
    int fd = net_connect(s->port);
    net_exchange(fd, bytes, SIZE, true, bytes, SIZE);
    net_expect_eof(fd);
    close(fd);
    free(bytes);
}

static void test_raw_sends_every_byte_back(void **state)
{
    (void)state;
    server_with_each_shape(every_byte_back, "-P", "raw", NULL);
}

static void test_raw_knows_no_lines(void **state)
{
    (void)state;
    server s = server_start(NULL, "--protocol", "raw", "--max-line", "10", NULL);
    int fd = net_connect(s.port);
    net_send_text(fd, "no line ends here, and it is longer than ten");
    net_expect_text(fd, "no line ends here, and it is longer than ten");
    net_send_text(fd, ".\r\n");
    net_expect_text(fd, ".\r\n");
    net_finish_sending(fd);
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "bytes_in"), 47);
    assert_int_equal(server_counter(&s, "bytes_out"), 47);
}

static void test_raw_with_a_slow_reader_stays_small(void **state)
{
    (void)state;
    static const char much[1 << 20];
    server s = server_start(NULL, "-P", "raw", "-t", "1", NULL);
    int first = net_connect(s.port);
    net_exchange(first, "x", 1, true, "x", 1);
    net_expect_eof(first);
    close(first);
    size_t before = program_rss(s.program);
    int fd = net_connect_tiny(s.port);
    net_fill(fd, much, sizeof much, 100);
    if (!program_sanitized()) {
        assert_true(program_rss(s.program) < before + (2 << 20));
    }
    net_reset(fd);
    server_stop(&s);
}

/* --- dump --------------------------------------------------------------------------------------*/

typedef struct repr {
    const char *bytes;
    size_t len;
    const char *python; /* what print([bytes]) shows inside the brackets */
} repr;

#define REPR(bytes, python)                                                                        \
    {                                                                                              \
        bytes, sizeof(bytes) - 1, python                                                           \
    }

static void test_dump_prints_chunks_as_python_does(void **state)
{
    (void)state;
    static const repr chunks[] = {
        REPR("hello\r\n", "b'hello\\r\\n'"),
        REPR("\t\n\r\\", "b'\\t\\n\\r\\\\'"),
        REPR("\0\1\x1f\x7f\x80\xff", "b'\\x00\\x01\\x1f\\x7f\\x80\\xff'"),
        REPR("\a\b\v\f\x1b[0m", "b'\\x07\\x08\\x0b\\x0c\\x1b[0m'"),
        REPR(" !~{}%s%n", "b' !~{}%s%n'"),
        REPR("say \"so\"", "b'say \"so\"'"),
        REPR("it's", "b\"it's\""),
        REPR("it's \"so\"", "b'it\\'s \"so\"'"),
        REPR("'", "b\"'\""),
        REPR("\\'", "b\"\\\\'\""),
        REPR("\303\244", "b'\\xc3\\xa4'"),
    };
    server s = server_start(NULL, "-P", "dump", "-t", "1", NULL);
    int fd = net_connect(s.port);
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        net_text line = {0};
        net_text_printf(&line, "received [%s]", chunks[i].python);
        net_send(fd, chunks[i].bytes, chunks[i].len);
        assert_string_equal(program_wait_lines(s.program, PROGRAM_STDOUT, "", i + 1), line.data);
        net_text_free(&line);
    }
    assert_false(net_wait_readable(fd, 0)); /* and it answers nothing */
    net_finish_sending(fd);
    net_expect_eof(fd);
    close(fd);
    server_stop(&s);
    assert_int_equal(server_counter(&s, "bytes_out"), 0);
}

static void test_dump_loses_nothing(void **state)
{
    (void)state;
    enum { SIZE = 300000 };
    char *bytes = malloc(SIZE);
    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    server s = server_start(NULL, "-P", "dump", "-t", "2", NULL);
    int fds[4];
    for (int i = 0; i < 4; i++) {
        fds[i] = net_connect(s.port);
        net_send(fds[i], bytes, SIZE);
    }
    for (int i = 0; i < 4; i++) {
        net_finish_sending(fds[i]);
        net_expect_eof(fds[i]);
        close(fds[i]);
    }
    server_stop(&s);

    /* However they were cut: all bytes are there, and no line of one thread tore another's. */
    size_t len, found = 0;
    const char *printed = program_output(s.program, PROGRAM_STDOUT, &len);
    while (*printed != '\0') {
        assert_memory_equal(printed, "received [b'", 12);
        size_t run = strspn(printed + 12, "x");
        assert_memory_equal(printed + 12 + run, "']\n", 3);
        found += run;
        printed += 12 + run + 3;
    }
    assert_int_equal(found, 4 * SIZE);
    free(bytes);
}

/* --- the list ----------------------------------------------------------------------------------*/

static void test_protocol_help_lists_them(void **state)
{
    (void)state;
    program *p = program_start(NULL, "yodel-server", "--protocol", "help", NULL);
    program_expect_exit(p, 0);
    static const char *const names[] = {"chat", "raw", "dump"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(program_count_lines(p, PROGRAM_STDOUT, names[i]), 1);
    }
    assert_int_equal(program_count_lines(p, PROGRAM_STDERR, ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        program_test(test_raw_sends_every_byte_back),
        program_test(test_raw_knows_no_lines),
        program_test(test_raw_with_a_slow_reader_stays_small),
        program_test(test_dump_prints_chunks_as_python_does),
        program_test(test_dump_loses_nothing),
        program_test(test_protocol_help_lists_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
