#include "talk.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

#define CONNECTION  3
#define CONNECTIONS 10

static talk *make(uint32_t depth, uint32_t least, uint32_t most, const char *fixed)
{
    talk *t = calloc(1, sizeof *t);
    assert_non_null(t);
    assert_int_equal(yodel_payload_init(&t->payload, 99, least, most, fixed, "You sent: "), 0);
    t->sent_at = calloc(yodel_conversation_ring(depth), sizeof *t->sent_at);
    t->now = 1000 * TALK_SECOND;
    t->referee = (yodel_referee){
        .payload = &t->payload,
        .connections = CONNECTIONS,
        .ring_mask = yodel_conversation_ring(depth) - 1,
        .timeout_ns = 5 * TALK_SECOND,
        .tally = calloc(1, sizeof(yodel_tally)),
    };
    assert_non_null(t->sent_at);
    assert_non_null(t->referee.tally);
    yodel_conversation_init(&t->c, CONNECTION, t->sent_at);
    return t;
}

talk *talk_new(uint32_t depth)
{
    return make(depth, 20, 40, NULL);
}

talk *talk_new_lines(uint32_t depth, uint32_t length, const char *fixed)
{
    return make(depth, length, length, fixed);
}

void talk_free(talk *t)
{
    yodel_conversation_destroy(&t->c);
    yodel_payload_destroy(&t->payload);
    free(t->sent_at);
    free(t->referee.tally);
    free(t);
}

void talk_send(talk *t, uint64_t lines)
{
    char out[64 * 1024];
    size_t n = yodel_conversation_compose(&t->c, &t->referee, t->c.begun + lines, out, sizeof out);
    uint64_t last = t->c.begun + lines;
    yodel_conversation_sent(&t->c, &t->referee, n, t->now);
    assert_int_equal(t->c.begun, last);
    assert_int_equal(t->c.cut, 0);
}

static char *add(talk *t, const char *text, size_t length)
{
    char *at = t->text + t->length;
    assert_true(length <= sizeof t->text - t->length);
    memcpy(at, text, length);
    t->length += length;
    return at;
}

char *talk_answer(talk *t, uint32_t connection, uint64_t n)
{
    yodel_line line;
    char answer[4096] = "";
    yodel_payload_line(&t->payload, connection, n, &line);
    return add(t, answer, yodel_line_copy(&line, true, 0, answer, sizeof answer));
}

void talk_answers(talk *t, uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        (void)talk_answer(t, CONNECTION, n);
    }
}

void talk_text(talk *t, const char *text)
{
    (void)add(t, text, strlen(text));
}

void talk_cut(talk *t, size_t n)
{
    assert_true(n <= t->length);
    t->length -= n;
}

void talk_receive(talk *t)
{
    size_t piece = t->piece > 0 ? t->piece : t->length;
    for (size_t at = 0; at < t->length; at += piece) {
        size_t n = t->length - at < piece ? t->length - at : piece;
        /* A copy of exactly its size: the address sanitizer sees every byte too many. */
        char *data = malloc(n);
        assert_non_null(data);
        memcpy(data, t->text + at, n);
        yodel_conversation_received(&t->c, &t->referee, data, n, t->now);
        free(data);
    }
    t->length = 0;
}

void talk_expect(const talk *t, uint64_t answered, ...)
{
    const yodel_tally *tally = t->referee.tally;
    int64_t expected[YODEL_FLAWS] = {0};
    va_list args;
    va_start(args, answered);
    for (int flaw = va_arg(args, int); flaw >= 0; flaw = va_arg(args, int)) {
        expected[flaw] = va_arg(args, int);
    }
    va_end(args);
    for (int i = 0; i < YODEL_FLAWS; i++) {
        if (tally->flaws[i] != expected[i]) {
            fail_msg("%s: %lld instead of %lld", yodel_flaw_name((yodel_flaw)i),
                     (long long)tally->flaws[i], (long long)expected[i]);
        }
    }
    assert_int_equal(tally->answered, answered);
}
