#include "tools/flood/judge.h"

#include <stdlib.h>
#include <string.h>

#include "core/buffer.h"
#include "core/clock.h"

/* Beyond the longest answer so much of what comes in its place is kept. */
#define KEPT_MORE (64U * 1024)

/* A line that is done with, and not well. */
typedef struct failure {
    uint64_t line; /* 0: none */
    yodel_flaw flaw;
} failure;

struct yodel_doubt {
    bool collecting;
    bool cr;             /* the last byte was a CR */
    yodel_buffer answer; /* what was collected, with the CR of its end */
    unsigned next;       /* where the next failure goes */
    failure failures[YODEL_JUDGE_MEMORY];
};

/* What is judged. */
typedef struct suspect {
    const char *data;
    size_t length; /* without its CRLF */
    size_t whole;  /* with it, if it came */
} suspect;

void yodel_judge_free(struct yodel_doubt *doubt)
{
    if (doubt != NULL) {
        yodel_buffer_free(&doubt->answer);
        free(doubt);
    }
}

bool yodel_judge_collects(const yodel_conversation *c)
{
    return c->doubt != NULL && c->doubt->collecting;
}

void yodel_judge_discard(yodel_conversation *c)
{
    if (c->doubt != NULL) {
        c->doubt->collecting = false;
        yodel_buffer_free(&c->doubt->answer);
    }
}

/* --- comparing ---------------------------------------------------------------------------------*/

/* The length of a line's answer without its CRLF. */
static size_t bare_length(const yodel_line *line)
{
    return yodel_line_answer_length(line) - 2;
}

/* Is this the answer to the line? */
static bool is_answer(const yodel_referee *r, uint32_t connection, uint64_t number, suspect s)
{
    yodel_line line;
    yodel_payload_line(r->payload, connection, number, &line);
    return s.length == bare_length(&line) &&
           yodel_line_match(&line, 0, s.data, s.length) == s.length;
}

/* The last line that went wrong and has this answer; 0: none. */
static uint64_t search_failures(const yodel_conversation *c, const yodel_referee *r, suspect s)
{
    uint64_t last = 0;

    for (unsigned i = 0; c->doubt != NULL && i < YODEL_JUDGE_MEMORY; i++) {
        uint64_t n = c->doubt->failures[i].line;
        if (n > last && is_answer(r, c->connection, n, s)) {
            last = n;
        }
    }
    return last;
}

/* How many lines after the expected one are looked at: each wrong answer costs as much. */
#define NEAR 256

/* Which of the connection's lines, sent whole and near the expected one, has this answer? For
 * lines that are too short to say themselves, and for fixed ones: many are alike, so it is the
 * nearest. 0: none. */
static uint64_t search_near(const yodel_conversation *c, const yodel_referee *r, suspect s)
{
    const yodel_payload *p = r->payload;

    if ((p->fixed == NULL && p->length_min >= YODEL_PAYLOAD_HEAD) ||
        s.length < p->prefix_length + p->length_min ||
        s.length > p->prefix_length + p->length_max) {
        return 0;
    }
    uint64_t whole = yodel_conversation_whole(c);
    uint64_t failed = search_failures(c, r, s);
    uint64_t reach = failed > 0 && c->answered - failed < NEAR ? c->answered - failed : NEAR;

    for (uint64_t n = c->answered + 1; n <= whole && n - c->answered <= reach; n++) {
        if (is_answer(r, c->connection, n, s)) {
            return n;
        }
    }
    if (failed > 0) {
        return failed;
    }
    return c->answered > 0 && is_answer(r, c->connection, c->answered, s) ? c->answered : 0;
}

/* --- remembering -------------------------------------------------------------------------------*/

/* The first answer that was wrong is shown to the user, with all that may help. */
static void note_mismatch(const yodel_conversation *c, yodel_referee *r, yodel_flaw flaw, suspect s)
{
    yodel_mismatch *m = &r->mismatch;

    if (r->has_mismatch) {
        return;
    }
    r->has_mismatch = true;
    *m = (yodel_mismatch){
        .flaw = flaw,
        .connection = c->connection,
        .line = c->answered + 1,
        .got_length = s.whole,
        .at_ns = yodel_clock_now(),
    };
    if (c->answered < yodel_conversation_whole(c)) {
        yodel_line line;
        yodel_payload_line(r->payload, c->connection, m->line, &line);
        m->expected_length = yodel_line_answer_length(&line);
        m->offset = yodel_line_match(&line, 0, s.data, s.whole);
        m->from = m->offset < 16 ? 0 : m->offset / 8 * 8 - 8;
        m->expected_kept =
            yodel_line_copy(&line, true, m->from, (char *)m->expected, sizeof m->expected);
    }
    m->got_kept = s.whole - m->from < sizeof m->got ? s.whole - m->from : sizeof m->got;
    memcpy(m->got, s.data + m->from, m->got_kept);
}

/* The judgement of a line was corrected; what is shown of it follows. */
static void correct_mismatch(const yodel_conversation *c, yodel_referee *r, uint64_t line,
                             yodel_flaw flaw)
{
    if (r->has_mismatch && r->mismatch.connection == c->connection && r->mismatch.line == line) {
        r->mismatch.flaw = flaw;
    }
}

/* The expected line is done with, and not well. */
static void fail_line(yodel_conversation *c, yodel_referee *r, yodel_flaw flaw)
{
    yodel_conversation_failed(c, r, flaw);
    c->doubt->failures[c->doubt->next] = (failure){c->answered, flaw};
    c->doubt->next = (c->doubt->next + 1) % YODEL_JUDGE_MEMORY;
}

static failure *failure_of(yodel_conversation *c, uint64_t line)
{
    for (unsigned i = 0; i < YODEL_JUDGE_MEMORY; i++) {
        if (c->doubt->failures[i].line == line) {
            return &c->doubt->failures[i];
        }
    }
    return NULL;
}

/* --- judging -----------------------------------------------------------------------------------*/

/* The answer to a later line than the expected one: those between were passed over. */
static void pass_over(yodel_conversation *c, yodel_referee *r, uint64_t number, suspect s,
                      uint64_t now)
{
    note_mismatch(c, r, YODEL_FLAW_LOST, s);
    while (c->answered + 1 < number) {
        fail_line(c, r, YODEL_FLAW_LOST);
    }
    yodel_conversation_answered(c, r, now);
}

/* The answer to a line that is done with. */
static void answer_again(yodel_conversation *c, yodel_referee *r, uint64_t number, suspect s)
{
    failure *f = failure_of(c, number);

    if (f == NULL) {
        note_mismatch(c, r, YODEL_FLAW_DUPLICATED, s);
        r->tally->flaws[YODEL_FLAW_DUPLICATED]++;
        return;
    }
    if (f->flaw == YODEL_FLAW_LOST) {
        r->tally->flaws[YODEL_FLAW_LOST]--;
        r->tally->flaws[YODEL_FLAW_REORDERED]++;
        correct_mismatch(c, r, number, YODEL_FLAW_REORDERED);
    } else {
        /* What stood in its place came in addition. A foreign answer stays one. */
        r->tally->answered++;
        if (f->flaw != YODEL_FLAW_FOREIGN) {
            r->tally->flaws[f->flaw]--;
            r->tally->flaws[YODEL_FLAW_EXTRA]++;
            correct_mismatch(c, r, number, YODEL_FLAW_EXTRA);
        }
    }
    f->line = 0;
}

/* An answer that has nothing to do with the expected line stands in its place, or comes in
 * addition when nothing is expected. */
static void stand_in(yodel_conversation *c, yodel_referee *r, yodel_flaw flaw, yodel_flaw alone,
                     suspect s)
{
    if (c->answered < yodel_conversation_whole(c)) {
        note_mismatch(c, r, flaw, s);
        fail_line(c, r, flaw);
    } else {
        note_mismatch(c, r, alone, s);
        r->tally->flaws[alone]++;
    }
}

/* The end of the expected answer is missing, or damaged so that it did not end, and the next
 * answer follows in the same piece. */
static bool is_glued(yodel_conversation *c, yodel_referee *r, suspect s, uint64_t now)
{
    uint64_t second = c->answered + 2;
    yodel_line line;

    if (second > yodel_conversation_whole(c)) {
        return false;
    }
    yodel_payload_line(r->payload, c->connection, second, &line);
    size_t tail = bare_length(&line);
    if (s.length < tail || yodel_line_match(&line, 0, s.data + (s.length - tail), tail) != tail) {
        return false;
    }
    size_t head = s.length - tail;
    yodel_payload_line(r->payload, c->connection, c->answered + 1, &line);
    bool cut = yodel_line_match(&line, 0, s.data, head) == head;
    yodel_flaw flaw = cut ? YODEL_FLAW_TRUNCATED : YODEL_FLAW_CORRUPT;
    note_mismatch(c, r, flaw, s);
    fail_line(c, r, flaw);
    yodel_conversation_answered(c, r, now);
    return true;
}

static bool is_cut(const yodel_conversation *c, const yodel_referee *r, suspect s)
{
    yodel_line line;

    if (c->answered == yodel_conversation_whole(c)) {
        return false;
    }
    yodel_payload_line(r->payload, c->connection, c->answered + 1, &line);
    return s.length < bare_length(&line) &&
           yodel_line_match(&line, 0, s.data, s.length) == s.length;
}

static void judge(yodel_conversation *c, yodel_referee *r, suspect s, uint64_t now)
{
    uint32_t connection;
    uint64_t number;

    if (yodel_payload_claim(r->payload, s.data, s.length, &connection, &number) &&
        connection != c->connection && connection < r->connections &&
        is_answer(r, connection, number, s)) {
        stand_in(c, r, YODEL_FLAW_FOREIGN, YODEL_FLAW_FOREIGN, s);
        return;
    }
    if (!(yodel_payload_claim(r->payload, s.data, s.length, &connection, &number) &&
          connection == c->connection && number <= yodel_conversation_whole(c) &&
          is_answer(r, connection, number, s))) {
        number = search_near(c, r, s);
    }
    if (number > c->answered) {
        pass_over(c, r, number, s, now);
    } else if (number > 0) {
        answer_again(c, r, number, s);
    } else if (!is_glued(c, r, s, now)) {
        bool cut = is_cut(c, r, s);
        stand_in(c, r, cut ? YODEL_FLAW_TRUNCATED : YODEL_FLAW_CORRUPT, YODEL_FLAW_EXTRA, s);
    }
}

/* --- collecting --------------------------------------------------------------------------------*/

static void keep(struct yodel_doubt *doubt, const char *data, size_t length)
{
    size_t room = doubt->answer.limit - yodel_buffer_len(&doubt->answer);

    /* More than fits, or no memory: what is missing makes it no less wrong. */
    (void)yodel_buffer_append(&doubt->answer, data, length < room ? length : room);
}

/* Begins with those bytes of the expected answer that came and were right. */
static void begin(yodel_conversation *c, const yodel_referee *r)
{
    const yodel_payload *p = r->payload;
    uint32_t longest = p->prefix_length + p->length_max + 2;
    struct yodel_doubt *doubt = c->doubt;

    yodel_buffer_init(&doubt->answer, 2 * longest + KEPT_MORE);
    doubt->collecting = true;
    doubt->cr = false;
    if (c->matched > 0) {
        yodel_line line;
        yodel_payload_line(p, c->connection, c->answered + 1, &line);
        if (yodel_buffer_reserve(&doubt->answer, c->matched) == 0) {
            char *tail = (char *)yodel_buffer_tail(&doubt->answer);
            yodel_buffer_commit(&doubt->answer, yodel_line_copy(&line, true, 0, tail, c->matched));
        }
        doubt->cr = c->matched + 1 == yodel_line_answer_length(&line);
        c->matched = 0;
    }
}

/* The end of the answer: the length up to and with its LF, or 0 when it is not there. */
static size_t find_end(bool cr, const char *data, size_t length)
{
    const char *from = data;
    const char *end = data + length;

    if (cr && length > 0 && data[0] == '\n') {
        return 1;
    }
    while ((from = memchr(from, '\n', (size_t)(end - from))) != NULL) {
        if (from > data && from[-1] == '\r') {
            return (size_t)(from - data) + 1;
        }
        from++;
    }
    return 0;
}

static suspect collected(const struct yodel_doubt *doubt)
{
    const char *data = (const char *)yodel_buffer_data(&doubt->answer);
    size_t length = yodel_buffer_len(&doubt->answer);

    if (data == NULL) {
        return (suspect){.data = ""};
    }
    bool ended = length >= 2 && memcmp(data + length - 2, "\r\n", 2) == 0;
    return (suspect){data, ended ? length - 2 : length, length};
}

size_t yodel_judge_take(yodel_conversation *c, yodel_referee *r, const char *data, size_t length,
                        uint64_t now)
{
    if (c->doubt == NULL) {
        c->doubt = calloc(1, sizeof *c->doubt);
        if (c->doubt == NULL) {
            /* Without memory nothing can be told apart: all of it is wrong. */
            r->tally->flaws[YODEL_FLAW_EXTRA]++;
            return length;
        }
    }
    struct yodel_doubt *doubt = c->doubt;
    if (!doubt->collecting) {
        begin(c, r);
    }
    size_t end = find_end(doubt->cr, data, length);
    if (end == 0) {
        keep(doubt, data, length);
        doubt->cr = length > 0 ? data[length - 1] == '\r' : doubt->cr;
        return length;
    }
    keep(doubt, data, end);
    judge(c, r, collected(doubt), now);
    yodel_judge_discard(c);
    return end;
}

void yodel_judge_end(yodel_conversation *c, yodel_referee *r)
{
    if (yodel_judge_collects(c)) {
        stand_in(c, r, YODEL_FLAW_CORRUPT, YODEL_FLAW_EXTRA, collected(c->doubt));
        yodel_judge_discard(c);
    }
}
