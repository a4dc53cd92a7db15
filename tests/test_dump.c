/*
 * dump: what is printed for each chunk, whole lines from several threads, and an output that fails.
 */
#include "proto/dump.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"

/* --- the notation ------------------------------------------------------------------------------*/

static void check_repr(const char *bytes, size_t len, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    /* A copy of exactly this size, so that the address sanitizer sees a look behind the end. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    FILE *out = open_memstream(&text, &size);
    assert_non_null(copy);
    assert_non_null(out);
    memcpy(copy, bytes, len);
    int code = yodel_dump_repr(out, copy, len);
    assert_int_equal(fclose(out), 0);
    free(copy);
    assert_int_equal(code, 0);
    assert_string_equal(text, expected);
    free(text);
}

#define CHECK_REPR(bytes, expected) check_repr(bytes, sizeof(bytes) - 1, expected)

/* As Python 3 prints them. */
static void test_repr(void **state)
{
    (void)state;
    CHECK_REPR("", "b''");
    CHECK_REPR("hello\r\n", "b'hello\\r\\n'");
    CHECK_REPR("\t\n\r\\", "b'\\t\\n\\r\\\\'");
    CHECK_REPR("\0\a\b\v\f\x1b\x1f\x7f", "b'\\x00\\x07\\x08\\x0b\\x0c\\x1b\\x1f\\x7f'");
    CHECK_REPR("\x80\xc3\xa9\xff", "b'\\x80\\xc3\\xa9\\xff'");
    CHECK_REPR(" !#$%&()*+,-./09:;<=>?@AZ[]^_`az{|}~", "b' !#$%&()*+,-./09:;<=>?@AZ[]^_`az{|}~'");
    CHECK_REPR("it's", "b\"it's\"");
    CHECK_REPR("say \"hi\"", "b'say \"hi\"'");
    CHECK_REPR("it's \"both\"", "b'it\\'s \"both\"'");
    CHECK_REPR("'", "b\"'\"");
    CHECK_REPR("\"", "b'\"'");
    CHECK_REPR("\\x41", "b'\\\\x41'");
}

static void test_repr_fails(void **state)
{
    (void)state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(setvbuf(full, NULL, _IONBF, 0), 0);
    assert_int_equal(yodel_dump_repr(full, (const uint8_t *)"x", 1), EOF);
    assert_true(ferror(full));
    (void)fclose(full);
}

/* --- connections -------------------------------------------------------------------------------*/

/* Where the dump of this test goes. */
static FILE *out;
static char *printed;
static size_t printed_len;
static pthread_mutex_t printed_lock = PTHREAD_MUTEX_INITIALIZER;
static bool broken; /* writing to it fails */

static bool keep(const char *data, size_t len)
{
    char *grown = realloc(printed, printed_len + len + 1);
    if (grown == NULL) {
        errno = ENOMEM;
        return false;
    }
    printed = grown;
    memcpy(printed + printed_len, data, len);
    printed_len += len;
    printed[printed_len] = '\0';
    return true;
}

static ssize_t write_out(void *cookie, const char *data, size_t len)
{
    (void)cookie;
    if (broken) {
        errno = ENOSPC;
        return 0;
    }
    /* The FILE's own lock is held already, but the thread sanitizer does not see that one. */
    pthread_mutex_lock(&printed_lock);
    bool kept = keep(data, len);
    pthread_mutex_unlock(&printed_lock);
    return kept ? (ssize_t)len : 0;
}

static int setup(void **state)
{
    broken = false;
    printed_len = 0;
    printed = calloc(1, 1);
    out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_out});
    return printed != NULL && out != NULL ? fixture_setup(state) : -1;
}

static int teardown(void **state)
{
    int result = fixture_teardown(state);
    broken = false;
    if (fclose(out) != 0) {
        result = -1;
    }
    free(printed);
    return result;
}

static fixture *start(void **state)
{
    fixture *f = *state;
    fixture_start(f, &(yodel_transport_settings){
                         .factory = {.ops = &yodel_dump_ops, .size = sizeof(FILE *), .arg = out}});
    return f;
}

#define FEED(f, client, text) fixture_feed(f, client, text, sizeof(text) - 1)

static void test_chunks(void **state)
{
    fixture *f = start(state);
    int a = fixture_connect(f);
    int b = fixture_connect(f);
    FEED(f, a, "hello\r\n");
    assert_string_equal(printed, "received [b'hello\\r\\n']\n"); /* at once */
    FEED(f, b, "it's\r\nha");
    FEED(f, a, "\0");
    FEED(f, b, "lf\r\n");
    assert_string_equal(printed, "received [b'hello\\r\\n']\n"
                                 "received [b\"it's\\r\\nha\"]\n"
                                 "received [b'\\x00']\n"
                                 "received [b'lf\\r\\n']\n");
    fixture_expect_nothing(f, a);
    fixture_expect_nothing(f, b);
    assert_int_equal(fixture_count(f, YODEL_COUNT_BYTES_OUT), 0);
    net_finish_sending(a);
    fixture_expect_eof(f, a);
    fixture_wait_active(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_EOF), 1);
}

/* The disk is full: this connection ends, and the next one may find room. */
static void test_output_fails(void **state)
{
    fixture *f = start(state);
    int other = fixture_connect(f);
    int client = fixture_connect(f);
    broken = true;
    FEED(f, client, "lost\r\n");
    fixture_wait_active(f, 1);
    assert_int_equal(fixture_count(f, YODEL_COUNT_CLOSED_HANDLER), 1);
    assert_true(fixture_logged(f, "No space left on device"));
    broken = false;
    FEED(f, other, "kept\r\n");
    assert_non_null(strstr(printed, "received [b'kept\\r\\n']\n"));
    assert_int_equal(fixture_count(f, YODEL_COUNT_ACTIVE), 1);
}

/* --- several workers ---------------------------------------------------------------------------*/

enum { THREADS = 4, CHUNKS = 500 };

typedef struct printer {
    pthread_t thread;
    FILE *instance; /* dump's instance of a connection */
    char chunk[64];
    bool failed;
} printer;

static void *print_chunks(void *arg)
{
    printer *p = arg;
    size_t len = strlen(p->chunk);
    p->failed = yodel_dump_ops.connection_made(&p->instance, NULL, out) != 0;
    for (int i = 0; i < CHUNKS && !p->failed; i++) {
        p->failed = yodel_dump_ops.data_received(&p->instance, (const uint8_t *)p->chunk, len) !=
                    (ssize_t)len;
    }
    return NULL;
}

/* A FILE that is shared by workers: every line is whole. */
static void test_lines_are_whole(void **state)
{
    (void)state;
    printer p[THREADS] = {{.failed = false}};
    size_t counts[THREADS] = {0};
    for (size_t i = 0; i < THREADS; i++) {
        (void)snprintf(p[i].chunk, sizeof p[i].chunk, "%zu says: '\\' and so on", i);
        assert_int_equal(pthread_create(&p[i].thread, NULL, print_chunks, &p[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(p[i].thread, NULL), 0);
        assert_false(p[i].failed);
    }
    char *rest = printed;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
        unsigned by = THREADS;
        char expected[100];
        assert_int_equal(sscanf(line, "received [b\"%u", &by), 1);
        assert_in_range(by, 0, THREADS - 1);
        (void)snprintf(expected, sizeof expected, "received [b\"%u says: '\\\\' and so on\"]", by);
        assert_string_equal(line, expected);
        counts[by]++;
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(counts[i], CHUNKS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repr),
        cmocka_unit_test(test_repr_fails),
        cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_output_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines_are_whole, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
