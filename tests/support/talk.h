/*
 * A conversation of flood's with a server that the test plays: lines go out, their answers are made
 * here, changed as the test likes, and go in, in pieces of any size.
 */
#ifndef YODEL_TESTS_TALK_H
#define YODEL_TESTS_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "tools/flood/conversation.h"

#define TALK_SECOND UINT64_C(1000000000)

typedef struct talk {
    yodel_payload payload;
    yodel_referee referee;
    yodel_conversation c;
    uint64_t now; /* the time of all that happens, ns; the test moves it */
    uint64_t *sent_at;
    size_t piece;         /* what comes is cut into pieces of this size; 0: not cut */
    char text[64 * 1024]; /* answers that are to come */
    size_t length;
} talk;

/* Connection 3 of 10, depth lines in flight at most, lines of 20 to 40 bytes, timeout 5 s, closed
 * loop. */
talk *talk_new(uint32_t depth);
/* The same with lines of exactly this length; of `fixed` if that is not NULL. */
talk *talk_new_lines(uint32_t depth, uint32_t length, const char *fixed);
void talk_free(talk *t);

/* Begins so many more lines and sends them whole. */
void talk_send(talk *t, uint64_t lines);

/* Adds the answer to line n of a connection to what is to come; returns where it begins. */
char *talk_answer(talk *t, uint32_t connection, uint64_t n);
/* Adds the answers to own lines first to last. */
void talk_answers(talk *t, uint64_t first, uint64_t last);
/* Adds any text. */
void talk_text(talk *t, const char *text);
/* Takes the last n bytes of what is to come away. */
void talk_cut(talk *t, size_t n);

/* What was added comes. */
void talk_receive(talk *t);

/* Checks how many lines were answered well, and all flaws: pairs of a yodel_flaw and its count, -1
 * at the end; those not named are 0. */
void talk_expect(const talk *t, uint64_t answered, ...);

#endif
