/*
 * The registry: every name makes the protocol of that name, with the user's settings.
 */
#include "proto/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/fixture.h"

static void test_entries(void **state)
{
    (void)state;
    size_t count = 0;
    const yodel_protocol_entry *entries = yodel_protocol_entries(&count);
    const char *const names[] = {"chat", "stream", "raw", "dump"};
    assert_int_equal(count, sizeof names / sizeof *names);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(entries[i].name, names[i]);
        assert_true(strlen(entries[i].summary) > 0);
        assert_null(strchr(entries[i].summary, '\n'));
    }
}

static void test_unknown_names(void **state)
{
    (void)state;
    const char *const names[] = {"", "cha", "chats", "CHAT", " chat", "help"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        yodel_protocol_options options, options_before;
        yodel_protocol_factory factory, factory_before;
        memset(&options, 0x55, sizeof options);
        memset(&factory, 0x55, sizeof factory);
        memcpy(&options_before, &options, sizeof options);
        memcpy(&factory_before, &factory, sizeof factory);
        assert_int_equal(yodel_protocol_factory_for(names[i], &options, &factory), -ENOENT);
        assert_memory_equal(&options, &options_before, sizeof options);
        assert_memory_equal(&factory, &factory_before, sizeof factory);
    }
}

/* What the connections refer to, until the teardown has ended them. */
static yodel_protocol_options options;

static int start(fixture *f, const char *name)
{
    yodel_protocol_factory factory;
    assert_int_equal(yodel_protocol_factory_for(name, &options, &factory), 0);
    fixture_start(f, &(yodel_transport_settings){.factory = factory});
    return fixture_connect(f);
}

#define FEED(f, client, text) fixture_feed(f, client, text, sizeof(text) - 1)

static void test_chat(void **state)
{
    fixture *f = *state;
    options = (yodel_protocol_options){.max_line = 5};
    int client = start(f, "chat");
    FEED(f, client, "12345\r\n");
    fixture_expect_text(f, client, "You sent: 12345\r\n");
    FEED(f, client, "123456\r\n");
    fixture_expect_text(f, client, "Error: line longer than 5 bytes\r\n");
    fixture_expect_eof(f, client);
}

static void test_stream(void **state)
{
    fixture *f = *state;
    options = (yodel_protocol_options){.max_line = 5};
    int client = start(f, "stream");
    FEED(f, client, "12345\r\n");
    fixture_expect_text(f, client, "12345\r\n");
    FEED(f, client, "123456\r\n");
    fixture_expect_text(f, client, "Error: line longer than 5 bytes\r\n");
    fixture_expect_eof(f, client);
}

/* The one protocol that watches the time itself has to be told. */
static void test_stream_idle_timeout(void **state)
{
    fixture *f = *state;
    options = (yodel_protocol_options){.max_line = 5, .idle_timeout = 0.05};
    int client = start(f, "stream");
    FEED(f, client, "123");
    fixture_expect_eof(f, client);
}

static void test_raw(void **state)
{
    fixture *f = *state;
    options = (yodel_protocol_options){.max_line = 5};
    int client = start(f, "raw");
    FEED(f, client, "123456789");
    fixture_expect_text(f, client, "123456789");
}

static void test_dump(void **state)
{
    fixture *f = *state;
    char *text = NULL;
    size_t size = 0;
    options = (yodel_protocol_options){.max_line = 5, .dump = open_memstream(&text, &size)};
    assert_non_null(options.dump);
    int client = start(f, "dump");
    FEED(f, client, "123456789");
    fixture_expect_nothing(f, client);
    assert_string_equal(text, "received [b'123456789']\n");
    assert_int_equal(fclose(options.dump), 0);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_unknown_names),
        fixture_test(test_chat),
        fixture_test(test_stream),
        fixture_test(test_stream_idle_timeout),
        fixture_test(test_raw),
        fixture_test(test_dump),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
