/*
 * How a conversation ended: each rule of client/outcome.h, as a row.
 */
#include "client/outcome.h"

#include <errno.h>
#include <string.h>

#include "core/error.h"
#include "tests/support/cmocka_all.h"

typedef struct row {
    const char *name;
    yodel_outcome outcome;
    int status;
    const char *message;
} row;

/* The usual end: the server closed in order. */
#define CLOSED .receive_error = YODEL_EOF

static const row rows[] = {
    {"all answered", {CLOSED, .input_ended = true, .lines = 10, .answers = 10}, 0, ""},
    {"more answers than lines", {CLOSED, .input_ended = true, .lines = 1, .answers = 9}, 0, ""},
    {"nothing sent", {CLOSED, .input_ended = true}, 0, ""},
    {"a server that only listens", {CLOSED, .input_ended = true, .lines = 10}, 0, ""},
    {"some unanswered",
     {CLOSED, .input_ended = true, .lines = 10, .answers = 7},
     1,
     "connection closed by server: 3 of 10 lines unanswered"},

    {"closed early, all answered", {CLOSED, .lines = 2, .answers = 2}, 0, ""},
    {"closed early, unanswered",
     {CLOSED, .lines = 2, .answers = 1},
     1,
     "connection closed by server: 1 of 2 lines unanswered"},
    {"closed early, nothing answered",
     {CLOSED, .lines = 2},
     1,
     "connection closed by server: 2 of 2 lines unanswered"},
    {"closed early within a line, which an error answered",
     {CLOSED, .cut = true, .lines = 2, .answers = 2},
     1,
     "connection closed by server"},
    {"closed early behind a goodbye, with more to send",
     {CLOSED, .cut = true, .said_goodbye = true, .lines = 2, .answers = 2},
     0,
     ""},
    {"closed before a word was said", {CLOSED, .lines = 0}, 1, "connection closed by server"},
    {"a server that only talks", {CLOSED, .answers = 1}, 0, ""},
    {"someone is typing",
     {CLOSED, .from_terminal = true, .lines = 2, .answers = 2},
     1,
     "connection closed by server"},
    {"someone typed Ctrl-D",
     {CLOSED, .from_terminal = true, .input_ended = true, .lines = 2, .answers = 2},
     0,
     ""},

    {"goodbye", {CLOSED, .said_goodbye = true, .lines = 2, .answers = 2}, 0, ""},
    {"goodbye at a terminal",
     {CLOSED, .said_goodbye = true, .from_terminal = true, .lines = 2, .answers = 2},
     0,
     ""},
    {"goodbye, then a send into the closed connection",
     {CLOSED, .send_error = -EPIPE, .said_goodbye = true, .lines = 2, .answers = 2},
     0,
     ""},
    {"goodbye, and a reset by what followed it",
     {.receive_error = -ECONNRESET, .said_goodbye = true, .lines = 2, .answers = 2},
     0,
     ""},
    {"goodbye, and a reset instead of an answer",
     {.receive_error = -ECONNRESET, .said_goodbye = true, .lines = 2, .answers = 1},
     1,
     "connection reset by server"},

    {"the receiver met the reset",
     {.receive_error = -ECONNRESET, .lines = 1, .answers = 1, .input_ended = true},
     1,
     "connection reset by server"},
    {"the sender met the reset",
     {CLOSED, .send_error = -ECONNRESET, .lines = 1, .answers = 1},
     1,
     "connection reset by server"},
    {"the network went away",
     {.receive_error = -ETIMEDOUT, .lines = 1, .answers = 1},
     1,
     "connection lost: Connection timed out"},
    {"the sender found it closed",
     {CLOSED, .send_error = -EPIPE, .lines = 2, .answers = 1},
     1,
     "connection closed by server: 1 of 2 lines unanswered"},

    {"silent",
     {CLOSED, .silent = true, .timeout = 1.5, .input_ended = true, .lines = 10, .answers = 7},
     1,
     "no answer for 1.5 s: 3 of 10 lines unanswered"},
    {"silent, but all was answered",
     {CLOSED, .silent = true, .timeout = 30, .input_ended = true, .lines = 10, .answers = 10},
     0,
     ""},

    {"stdin unreadable",
     {CLOSED, .input_error = -EISDIR, .input_ended = true},
     1,
     "cannot read standard input: Is a directory"},
    {"nobody reads stdout",
     {.receive_error = -ECANCELED, .output_error = -EPIPE, .lines = 2, .answers = 1},
     1,
     ""},
    {"disk full",
     {.receive_error = -ECANCELED, .output_error = -ENOSPC, .lines = 2, .answers = 1},
     1,
     "cannot write to standard output: No space left on device"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char message[YODEL_OUTCOME_MESSAGE] = "untouched";
        int status = yodel_outcome_status(&rows[i].outcome, message);
        if (status != rows[i].status || strcmp(message, rows[i].message) != 0) {
            fail_msg("%s: %d \"%s\", not %d \"%s\"", rows[i].name, status, message, rows[i].status,
                     rows[i].message);
        }
    }
}

static void test_longest_message_fits(void **state)
{
    (void)state;
    yodel_outcome o = {CLOSED, .silent = true, .timeout = 1.23456e-300, .lines = UINT64_MAX,
                       .answers = 0};
    char message[YODEL_OUTCOME_MESSAGE];

    assert_int_equal(yodel_outcome_status(&o, message), 1);
    assert_non_null(strstr(message, "18446744073709551615 lines unanswered"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_longest_message_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
