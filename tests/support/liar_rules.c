#include <string.h>

#include "core/clock.h"
#include "tests/support/liar_internal.h"

/* --- which rule --------------------------------------------------------------------------------*/

/* One answer at a time is held back, here and for another connection's. */
static bool can_follow(const liar_connection *c, liar_lie lie)
{
    return !(lie == LIAR_SWAP && c->held_for > 0) &&
           !(lie == LIAR_EXCHANGE && c->liar->exchanges != NULL);
}

static bool is_about_connections(liar_lie lie)
{
    return lie == LIAR_GREET || lie == LIAR_SLAM || lie == LIAR_STAY;
}

static bool is_about_line(const liar_rule *rule, uint64_t line)
{
    if (rule->line == 0) {
        return true;
    }
    if (rule->every == 0 || line < rule->line) {
        return line == rule->line;
    }
    return (line - rule->line) % rule->every == 0;
}

const liar_rule *liar_rule_for(liar_connection *c, liar_lie lie)
{
    liar *l = c->liar;

    for (unsigned i = 0; l->rules[i].lie != LIAR_NOTHING; i++) {
        const liar_rule *rule = &l->rules[i];
        bool meant = lie == LIAR_NOTHING
                         ? !is_about_connections(rule->lie) && is_about_line(rule, c->lines)
                         : rule->lie == lie;
        if (meant && (rule->connection == 0 || rule->connection == c->number) &&
            (rule->times == 0 || l->followed[i] < rule->times) && can_follow(c, rule->lie)) {
            l->followed[i]++;
            atomic_fetch_add(&l->did[rule->lie], 1);
            return rule;
        }
    }
    return NULL;
}

/* --- making answers ----------------------------------------------------------------------------*/

/* What the answer to a line should be, with its CRLF; in liar.answer. */
static size_t make_answer(liar *l, const char *line, size_t len)
{
    yodel_buffer *answer = &l->answer;

    yodel_buffer_free(answer);
    bool fits = (l->options.echo || yodel_buffer_append(answer, "You sent: ", 10) == 0) &&
                yodel_buffer_append(answer, line, len) == 0 &&
                yodel_buffer_append(answer, "\r\n", 2) == 0;
    liar_must(fits, "room for an answer");
    return yodel_buffer_len(answer);
}

/* How pieces are sent when no rule says so. */
static liar_piece plainly(const liar *l)
{
    uint64_t delay = yodel_clock_from_seconds(l->options.delay);

    /* From now: the turn's time may be older than the line. */
    return (liar_piece){.due = delay > 0 ? yodel_clock_now() + delay : 0};
}

static void say_held(liar_connection *c)
{
    liar_piece how = plainly(c->liar);

    liar_say(c, &how, yodel_buffer_data(&c->held), yodel_buffer_len(&c->held));
    yodel_buffer_free(&c->held);
    c->held_for = 0;
}

/* An answer, and behind it the one that had to wait for it. */
static void say_answer(liar_connection *c, const liar_piece *how, const void *data, size_t len)
{
    liar_say(c, how, data, len);
    atomic_fetch_add(&c->liar->answers, 1);
    c->overtaken = c->held_for > 0;
    if (c->held_for > 0 && --c->held_for == 0) {
        say_held(c);
    }
}

static void hold(liar_connection *c, int behind, const void *data, size_t len)
{
    liar_must(yodel_buffer_append(&c->held, data, len) == 0, "room for an answer");
    c->held_for = behind > 0 ? behind : 1;
    c->overtaken = false;
    atomic_fetch_add(&c->liar->answers, 1);
}

/* `at` bytes, but not more than there are. */
static size_t at_most(int at, size_t len)
{
    return at < 0 ? 0 : (size_t)at < len ? (size_t)at : len;
}

/* --- lies --------------------------------------------------------------------------------------*/

static void corrupt(liar_connection *c, int at, char *answer, size_t len)
{
    liar_piece how = plainly(c->liar);
    size_t offset = at < 0 ? len - at_most(-at, len) : at_most(at, len - 1);

    answer[offset] ^= 1;
    say_answer(c, &how, answer, len);
}

/* The first answer waits here, for another connection's. */
static void begin_exchange(liar_connection *c, const char *answer, size_t len)
{
    liar *l = c->liar;

    l->exchanges = c;
    liar_must(yodel_buffer_append(&l->exchanged, answer, len) == 0, "room for an answer");
    say_answer(c, &(liar_piece){.waits = true}, "", 0);
}

static void exchange(liar_connection *c, const char *answer, size_t len)
{
    liar *l = c->liar;
    liar_connection *other = l->exchanges;
    liar_piece how = plainly(l);

    l->exchanges = NULL;
    say_answer(c, &how, yodel_buffer_data(&l->exchanged), yodel_buffer_len(&l->exchanged));
    yodel_buffer_free(&l->exchanged);
    liar_fill(other, answer, len);
    liar_flush(other);
}

static void stop_all(liar *l)
{
    yodel_list *item, *next;

    l->all_deaf = true;
    yodel_list_for_each_safe(item, next, &l->connections)
    {
        liar_connection *c = yodel_container_of(item, liar_connection, node);
        c->deaf = true;
        liar_flush(c);
    }
}

static void follow(liar_connection *c, const liar_rule *rule, char *answer, size_t len)
{
    liar_piece how = plainly(c->liar);
    size_t at = at_most(rule->at, len);

    switch (rule->lie) {
    case LIAR_CORRUPT:
        corrupt(c, rule->at, answer, len);
        break;
    case LIAR_REPEAT:
        liar_say(c, &how, answer, len);
        say_answer(c, &how, answer, len);
        break;
    case LIAR_SWAP:
        hold(c, rule->at, answer, len);
        break;
    case LIAR_EXCHANGE:
        begin_exchange(c, answer, len);
        break;
    case LIAR_CUT:
        at = at_most(rule->at, len - 2);
        memcpy(answer + (len - 2 - at), "\r\n", 2);
        say_answer(c, &how, answer, len - at);
        break;
    case LIAR_CUT_OFF:
        say_answer(c, &how, answer, len - at);
        break;
    case LIAR_INSERT:
        liar_say(c, &how, rule->text, strlen(rule->text));
        say_answer(c, &how, answer, len);
        break;
    case LIAR_APPEND:
        say_answer(c, &how, answer, len);
        liar_say(c, &how, rule->text, strlen(rule->text));
        break;
    case LIAR_DELAY:
        how.due = yodel_clock_now() + yodel_clock_from_seconds(rule->seconds);
        say_answer(c, &how, answer, len);
        break;
    case LIAR_DRIP:
        how.drip = true;
        say_answer(c, &how, answer, len);
        break;
    case LIAR_FINISH:
    case LIAR_RESET:
        how.then = rule->lie;
        c->ended = true;
        liar_say(c, &how, answer, at);
        break;
    case LIAR_STOP_READING:
        c->deaf = true;
        break;
    case LIAR_STOP_ALL:
        stop_all(c->liar);
        break;
    default: /* LIAR_DROP */
        break;
    }
}

void liar_answer(liar_connection *c, const char *line, size_t len)
{
    liar *l = c->liar;
    size_t answer_len = make_answer(l, line, len);
    char *answer = (char *)yodel_buffer_data(&l->answer);

    c->lines++;
    atomic_fetch_add(&l->lines, 1);
    if (!l->said_first) {
        l->said_first = true;
        if (l->options.pause_for > 0) {
            l->pause_at = l->now + yodel_clock_from_seconds(l->options.pause_after);
        }
    }
    if (l->exchanges != NULL && l->exchanges != c) {
        exchange(c, answer, answer_len);
        return;
    }
    const liar_rule *rule = liar_rule_for(c, LIAR_NOTHING);
    if (rule != NULL) {
        follow(c, rule, answer, answer_len);
    } else {
        liar_piece how = plainly(l);
        say_answer(c, &how, answer, answer_len);
    }
}

/* --- the end -----------------------------------------------------------------------------------*/

/* A lie that was begun did not come true. */
static void take_back(liar *l, liar_lie lie)
{
    atomic_fetch_sub(&l->did[lie], 1);
}

void liar_answer_rest(liar_connection *c)
{
    liar *l = c->liar;

    if (l->exchanges == c) {
        liar_fill(c, yodel_buffer_data(&l->exchanged), yodel_buffer_len(&l->exchanged));
    }
    if (c->held_for > 0 && !c->ended) {
        if (!c->overtaken) {
            take_back(l, LIAR_SWAP);
        }
        say_held(c);
    }
    liar_forget_answers(c);
}

void liar_forget_answers(liar_connection *c)
{
    liar *l = c->liar;

    if (l->exchanges == c) {
        take_back(l, LIAR_EXCHANGE);
        l->exchanges = NULL;
        yodel_buffer_free(&l->exchanged);
    }
    yodel_buffer_free(&c->held);
}
