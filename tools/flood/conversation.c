#include "tools/flood/conversation.h"

#include <string.h>

#include "tools/flood/judge.h"

void yodel_conversation_init(yodel_conversation *c, uint32_t connection, uint64_t *sent_at)
{
    *c = (yodel_conversation){.connection = connection, .sent_at = sent_at};
}

void yodel_conversation_destroy(yodel_conversation *c)
{
    yodel_judge_free(c->doubt);
    c->doubt = NULL;
}

/* --- sending -----------------------------------------------------------------------------------*/

size_t yodel_conversation_compose(const yodel_conversation *c, const yodel_referee *r,
                                  uint64_t last, char *out, size_t room)
{
    uint64_t number = yodel_conversation_whole(c) + 1;
    size_t offset = c->cut;
    size_t length = 0;

    for (; number <= last && length < room; number++) {
        if (offset == 0 && room - length >= r->payload->length_max + YODEL_PAYLOAD_HEAD + 2) {
            length += yodel_payload_write(r->payload, c->connection, number, out + length);
            continue;
        }
        yodel_line line;
        yodel_payload_line(r->payload, c->connection, number, &line);
        length += yodel_line_copy(&line, false, offset, out + length, room - length);
        offset = 0;
    }
    return length;
}

size_t yodel_conversation_gather(const yodel_conversation *c, const yodel_referee *r, uint64_t last,
                                 yodel_batch *batch)
{
    uint64_t number = yodel_conversation_whole(c) + 1;
    size_t offset = c->cut;
    size_t length = 0;

    batch->count = 0;
    for (size_t i = 0; number <= last && i < YODEL_BATCH_LINES; number++, i++) {
        yodel_line *line = &batch->lines[i];
        yodel_payload_line(r->payload, c->connection, number, line);
        batch->count +=
            (size_t)yodel_line_pieces(line, false, offset, batch->pieces + batch->count);
        length += yodel_line_sent_length(line) - offset;
        offset = 0;
    }
    return length;
}

static bool counts(const yodel_conversation *c, const yodel_referee *r, uint64_t number,
                   uint64_t sent_at)
{
    uint64_t at = r->slot_ns > 0 ? yodel_conversation_due(c, r, number) : sent_at;
    return at >= r->counted_from;
}

void yodel_conversation_sent(yodel_conversation *c, yodel_referee *r, size_t length, uint64_t now)
{
    r->tally->bytes_out += length;
    while (length > 0) {
        if (c->cut == 0) {
            c->begun++;
            c->sent_at[c->begun & r->ring_mask] = now;
            r->tally->sent++;
            r->tally->counted_sent += counts(c, r, c->begun, now);
        } else {
            /* The rest of a line: the server's time begins when it has all of it. */
            c->progress_at = now;
        }
        uint32_t rest = yodel_payload_length(r->payload, c->connection, c->begun) - c->cut;
        if (length < rest) {
            c->cut += (uint32_t)length;
            return;
        }
        length -= rest;
        c->cut = 0;
    }
}

/* --- receiving ---------------------------------------------------------------------------------*/

/* Lines that left in one write and were answered in one read have the same latency: it is recorded
 * once for all of them. */
typedef struct run {
    uint64_t sent_at;
    uint64_t lines;
} run;

static void record(yodel_conversation *c, yodel_referee *r, run *same, uint64_t now)
{
    if (same->lines > 0) {
        uint64_t latency = now - same->sent_at;
        yodel_histogram_record(&r->tally->service, latency, same->lines);
        if (r->slot_ns == 0) {
            c->latency_sum += latency * same->lines;
            c->latency_count += (uint32_t)same->lines;
        }
        same->lines = 0;
    }
}

static void record_intended(yodel_conversation *c, yodel_referee *r, uint64_t due, uint64_t now)
{
    uint64_t latency = now > due ? now - due : 0;
    yodel_histogram_record(&r->tally->intended, latency, 1);
    c->latency_sum += latency;
    c->latency_count++;
}

/* Line answered + 1 was answered with the right bytes. */
static void answered(yodel_conversation *c, yodel_referee *r, run *same, uint64_t now)
{
    uint64_t number = ++c->answered;

    c->matched = 0;
    if (number <= c->overdue) {
        return; /* too late: counted as a timeout already */
    }
    uint64_t sent_at = c->sent_at[number & r->ring_mask];
    if (now - sent_at > r->timeout_ns && !c->faulted) {
        c->overdue = number;
        r->tally->flaws[YODEL_FLAW_TIMEOUT]++;
        return;
    }
    r->tally->answered++;
    if (!counts(c, r, number, sent_at)) {
        return;
    }
    r->tally->counted++;
    if (c->faulted) {
        return;
    }
    if (sent_at != same->sent_at) {
        record(c, r, same, now);
        same->sent_at = sent_at;
    }
    same->lines++;
    if (r->slot_ns > 0) {
        record_intended(c, r, yodel_conversation_due(c, r, number), now);
    }
}

void yodel_conversation_answered(yodel_conversation *c, yodel_referee *r, uint64_t now)
{
    run same = {0};
    answered(c, r, &same, now);
    record(c, r, &same, now);
}

void yodel_conversation_failed(yodel_conversation *c, yodel_referee *r, yodel_flaw flaw)
{
    c->answered++;
    c->matched = 0;
    r->tally->flaws[flaw]++;
    if (c->answered <= c->overdue) {
        r->tally->flaws[YODEL_FLAW_TIMEOUT]--;
    }
}

void yodel_conversation_received(yodel_conversation *c, yodel_referee *r, const char *data,
                                 size_t length, uint64_t now)
{
    run same = {0};
    uint64_t before = c->answered;
    uint32_t matched = c->matched;

    r->tally->bytes_in += length;
    while (length > 0) {
        size_t taken = 0;
        if (!yodel_judge_collects(c) && c->answered < yodel_conversation_whole(c)) {
            if (c->matched == 0) {
                taken =
                    yodel_payload_check(r->payload, c->connection, c->answered + 1, data, length);
                if (taken > 0) {
                    answered(c, r, &same, now);
                    data += taken;
                    length -= taken;
                    continue;
                }
            }
            yodel_line line;
            yodel_payload_line(r->payload, c->connection, c->answered + 1, &line);
            size_t rest = yodel_line_answer_length(&line) - c->matched;
            size_t there = rest < length ? rest : length;
            taken = yodel_line_match(&line, c->matched, data, there);
            c->matched += (uint32_t)taken;
            if (taken == rest) {
                answered(c, r, &same, now);
            }
            if (taken == there) {
                data += taken;
                length -= taken;
                continue;
            }
        }
        record(c, r, &same, now);
        taken += yodel_judge_take(c, r, data + taken, length - taken, now);
        data += taken;
        length -= taken;
    }
    record(c, r, &same, now);
    /* Bytes that belong to no answer are none: they could come for ever. */
    if (c->answered != before || c->matched != matched) {
        c->progress_at = now;
    }
}

/* --- the end -----------------------------------------------------------------------------------*/

bool yodel_conversation_expire(yodel_conversation *c, yodel_referee *r, uint64_t now)
{
    uint64_t number = (c->answered > c->overdue ? c->answered : c->overdue) + 1;
    bool any = false;

    for (; number <= c->begun; number++) {
        uint64_t since = c->sent_at[number & r->ring_mask];
        if (c->faulted && c->progress_at > since) {
            since = c->progress_at;
        }
        if (now <= since || now - since <= r->timeout_ns) {
            break;
        }
        c->overdue = number;
        r->tally->flaws[YODEL_FLAW_TIMEOUT]++;
        any = true;
    }
    return any;
}

void yodel_conversation_ended(yodel_conversation *c, yodel_referee *r, bool planned)
{
    if (planned) {
        yodel_judge_discard(c);
    } else {
        yodel_judge_end(c, r);
    }
    while (c->answered < c->begun) {
        c->answered++;
        if (c->answered <= c->overdue) {
            continue; /* a timeout, and stays one */
        }
        if (planned) {
            r->tally->abandoned++;
        } else {
            r->tally->flaws[YODEL_FLAW_LOST]++;
        }
    }
    c->cut = 0;
    c->matched = 0;
}
