/*
 * conversation: what was said on one connection: which lines were begun and when, which answers
 * came and whether they were right. Knows no socket; survives reconnects, line numbers go on.
 *
 * Answers are compared with what they have to be as they come, in place: nothing of a line is
 * stored, only how many bytes of its answer were right so far. As long as that goes well the
 * answers' ends are not even searched for. When a byte is wrong the answer is collected whole and
 * judged (judge.h).
 *
 * All of it belongs to one thread, like the referee.
 */
#ifndef YODEL_FLOOD_CONVERSATION_H
#define YODEL_FLOOD_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "payload.h"
#include "result.h"
#include "tally.h"

/* What the conversations of a thread have in common. */
typedef struct yodel_referee {
    const yodel_payload *payload;
    uint32_t connections; /* of the whole run: whose lines there can be */
    uint32_t ring_mask;   /* yodel_conversation_ring - 1 */
    uint64_t timeout_ns;
    uint64_t counted_from; /* lines sent (open loop: due) before this instant are the warm-up's */
    /* Open loop: line n of connection c is due at start + ((n - 1) * connections + c) * slot_ns. */
    uint64_t start;
    double slot_ns; /* 0: closed loop */

    yodel_tally *tally; /* of this interval */
    bool has_mismatch;
    yodel_mismatch mismatch; /* the thread's first */
} yodel_referee;

struct yodel_doubt;

typedef struct yodel_conversation {
    uint64_t begun;    /* lines 1 to begun have at least their first byte sent */
    uint64_t answered; /* lines 1 to answered are done with, well or badly */
    uint64_t overdue;  /* lines up to this one were counted as timeouts, if not answered before */
    uint64_t *sent_at; /* of line n at n & ring_mask: when its first byte was sent, ns */
    uint64_t progress_at; /* when an answer or a part of it came, or the rest of a line went, for
                           * the last time */
    uint64_t latency_sum; /* ns, of the answers timed */
    uint32_t latency_count;
    uint32_t connection;
    uint32_t cut;     /* bytes of line `begun` that are sent; 0: all of it */
    uint32_t matched; /* bytes of the answer to line answered + 1 that have come and were right */
    bool faulted;     /* its times do not count, nor does being slow while it makes progress */
    struct yodel_doubt *doubt; /* NULL until something is wrong */
} yodel_conversation;

/* How many entries sent_at has for so many lines in flight at most: a power of two, since a
 * division for each line would be felt. */
static inline uint32_t yodel_conversation_ring(uint32_t depth)
{
    return depth <= 1 ? 1 : UINT32_C(1) << (32 - __builtin_clz(depth - 1));
}

/* Starts one: sent_at has room for as many entries as yodel_conversation_ring says and stays the
 * caller's. */
void yodel_conversation_init(yodel_conversation *c, uint32_t connection, uint64_t *sent_at);

/* Frees what it holds. */
void yodel_conversation_destroy(yodel_conversation *c);

/* Lines in flight that may still be answered in time. */
static inline uint64_t yodel_conversation_in_flight(const yodel_conversation *c)
{
    return c->begun - (c->answered > c->overdue ? c->answered : c->overdue);
}

/* When line n is due (open loop). */
static inline uint64_t yodel_conversation_due(const yodel_conversation *c, const yodel_referee *r,
                                              uint64_t n)
{
    return r->start + (uint64_t)((double)((n - 1) * r->connections + c->connection) * r->slot_ns);
}

/* Writes what is to be sent next, up to and with line `last` and at most `room` bytes, to out;
 * returns how many bytes. Changes nothing: yodel_conversation_sent does. */
size_t yodel_conversation_compose(const yodel_conversation *c, const yodel_referee *r,
                                  uint64_t last, char *out, size_t room);

/* The same for long lines, which are sent from where they lie: fills in the message's pieces
 * instead of copying. It lives as long as the batch and the payload. */
#define YODEL_BATCH_LINES 32
typedef struct yodel_batch {
    yodel_line lines[YODEL_BATCH_LINES];
    struct iovec pieces[3 * YODEL_BATCH_LINES];
    size_t count; /* pieces */
} yodel_batch;
size_t yodel_conversation_gather(const yodel_conversation *c, const yodel_referee *r, uint64_t last,
                                 yodel_batch *batch);

/* The first `length` of the bytes composed went to the kernel at `now`. */
void yodel_conversation_sent(yodel_conversation *c, yodel_referee *r, size_t length, uint64_t now);

/* These bytes came. */
void yodel_conversation_received(yodel_conversation *c, yodel_referee *r, const char *data,
                                 size_t length, uint64_t now);

/* Counts the lines that have waited for longer than the timeout. True when there were any: the
 * window has room again. */
bool yodel_conversation_expire(yodel_conversation *c, yodel_referee *r, uint64_t now);

/* The connection is over; a later one goes on with the next line. What is unanswered is lost, or
 * abandoned when flood planned it. */
void yodel_conversation_ended(yodel_conversation *c, yodel_referee *r, bool planned);

/* For the judge. Line `answered` + 1 was answered properly at `now`. */
void yodel_conversation_answered(yodel_conversation *c, yodel_referee *r, uint64_t now);

/* For the judge. Line `answered` + 1 is done with in another way: if it was counted as a timeout,
 * it no longer is. */
void yodel_conversation_failed(yodel_conversation *c, yodel_referee *r, yodel_flaw flaw);

/* Lines 1 to this one are sent whole: only these can be answered. */
static inline uint64_t yodel_conversation_whole(const yodel_conversation *c)
{
    return c->begun - (c->cut > 0);
}

#endif
