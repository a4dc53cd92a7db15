/*
 * A server that answers anything: whatever bytes come, in whichever pieces, flood neither crashes
 * nor loses count. The input is a program: each byte an instruction, some with arguments.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/flood/conversation.h"
#include "tools/flood/judge.h"

#define CONNECTION  2
#define CONNECTIONS 4
#define DEPTH       8

typedef struct input {
    const uint8_t *data;
    size_t length;
} input;

static uint8_t take(input *in)
{
    if (in->length == 0) {
        return 0;
    }
    in->length--;
    return *in->data++;
}

static void receive(yodel_conversation *c, yodel_referee *r, const char *data, size_t length,
                    uint64_t now)
{
    /* In memory of exactly its size, for the address sanitizer. */
    char *copy = malloc(length + 1);
    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, length);
    if (length > 0) {
        yodel_conversation_received(c, r, copy, length, now);
    }
    free(copy);
}

/* Some line's answer, with a byte changed and an end missing if so told. */
static void answer(yodel_conversation *c, yodel_referee *r, input *in, uint32_t connection,
                   uint64_t number, uint64_t now)
{
    yodel_line line;
    char text[256];
    yodel_payload_line(r->payload, connection, number, &line);
    size_t length = yodel_line_copy(&line, true, 0, text, sizeof text);
    uint8_t change = take(in), cut = take(in) % 64;
    if (change > 128) {
        text[change % length] = (char)(text[change % length] ^ (1 << take(in) % 8));
    }
    receive(c, r, text, length > cut ? length - cut : 0, now);
}

static void check(const yodel_conversation *c, const yodel_tally *t, bool exact)
{
    const int64_t *f = t->flaws;
    int64_t ended = (int64_t)(t->answered + t->abandoned) + f[YODEL_FLAW_TIMEOUT] +
                    f[YODEL_FLAW_LOST] + f[YODEL_FLAW_REORDERED] + f[YODEL_FLAW_CORRUPT] +
                    f[YODEL_FLAW_TRUNCATED];
    for (int i = 0; i < YODEL_FLAWS; i++) {
        if (f[i] < 0) {
            abort();
        }
    }
    if (c->answered > c->begun || yodel_conversation_in_flight(c) > DEPTH) {
        abort();
    }
    /* Every line ended in one way; foreign answers may stand in a line's place, or not. */
    int64_t missing = (int64_t)t->sent - ended;
    if (exact && (missing < 0 || missing > f[YODEL_FLAW_FOREIGN])) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static yodel_payload payload;
    static yodel_tally tally;
    uint64_t sent_at[DEPTH] = {0}, now = 1000;
    input in = {data, size};
    uint8_t shape = take(&in);
    uint32_t length = shape % 3 == 0 ? 1 : 24;
    const char *fixed = shape % 5 == 0 ? "x" : NULL;

    if (yodel_payload_init(&payload, 1, fixed != NULL ? 1 : length, fixed != NULL ? 1 : length,
                           fixed, shape & 64 ? "" : "You sent: ") < 0) {
        return 0;
    }
    memset(&tally, 0, sizeof tally);
    yodel_referee r = {
        .payload = &payload,
        .connections = CONNECTIONS,
        .ring_mask = yodel_conversation_ring(DEPTH) - 1,
        .timeout_ns = 100,
        .tally = &tally,
    };
    yodel_conversation c;
    yodel_conversation_init(&c, CONNECTION, sent_at);
    c.faulted = (shape & 128) != 0;
    while (in.length > 0) {
        char out[512];
        size_t n;
        uint8_t arg;
        switch (take(&in) % 8) {
        case 0: /* lines go out, cut anywhere */
            n = yodel_conversation_compose(
                &c, &r, c.begun + DEPTH - yodel_conversation_in_flight(&c), out, take(&in));
            yodel_conversation_sent(&c, &r, n, now);
            break;
        case 1:
            now += take(&in);
            break;
        case 2:
            (void)yodel_conversation_expire(&c, &r, now);
            break;
        case 3: /* an own line, in place or not */
            arg = take(&in);
            answer(&c, &r, &in, CONNECTION,
                   c.answered + 1 + arg % 4 - (c.answered > 3 ? arg / 64 : 0), now);
            break;
        case 4:
            arg = take(&in);
            answer(&c, &r, &in, arg % (CONNECTIONS + 1), 1 + arg / 8, now);
            break;
        case 5: /* any bytes */
            n = take(&in) % 32;
            n = n < in.length ? n : in.length;
            receive(&c, &r, (const char *)in.data, n, now);
            in.data += n;
            in.length -= n;
            break;
        case 6:
            receive(&c, &r, "\r\n", 2, now);
            break;
        default:
            yodel_conversation_ended(&c, &r, take(&in) % 2 == 0);
            check(&c, &tally, true);
            break;
        }
        check(&c, &tally, false);
    }
    yodel_conversation_ended(&c, &r, false);
    check(&c, &tally, true);
    yodel_conversation_destroy(&c);
    yodel_payload_destroy(&payload);
    return 0;
}
