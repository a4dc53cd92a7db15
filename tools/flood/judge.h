/*
 * judge: what is wrong with an answer that is not the expected one, and how the conversation goes
 * on.
 *
 * An answer that is wrong at first sight may turn out to be something else once more is known: the
 * line that it seemed to answer may be answered after all (then it was extra), a line that was
 * passed over may come later (then it is reordered, not lost). The judge decides at once,
 * remembers, and corrects itself, so that the counts are right when the run is over.
 *
 * Needs answers that can be told apart: with a fixed line (-m) a lost or a doubled answer looks
 * like its neighbours, and shows only when answers are missing or left over at the end. So a
 * connection of fixed lines is closed at its first timeout (connection.c): what came after that
 * could be late, or the next line's.
 */
#ifndef YODEL_FLOOD_JUDGE_H
#define YODEL_FLOOD_JUDGE_H

#include "conversation.h"

/* How many lines that went wrong are remembered per connection, for correcting. Beyond that the
 * oldest is forgotten, and stays as it was judged. */
#define YODEL_JUDGE_MEMORY 256

/* Takes bytes of an answer that is wrong, or that no line asked for: c->matched bytes of it came
 * before and were right. Collects the answer up to its CRLF, and judges it when that has come.
 * Returns how many of the bytes it took: all, or those up to the CRLF. */
size_t yodel_judge_take(yodel_conversation *c, yodel_referee *r, const char *data, size_t length,
                        uint64_t now);

/* True while an answer is being collected: what comes is for yodel_judge_take. */
bool yodel_judge_collects(const yodel_conversation *c);

/* Nothing more comes: judges what was collected without its CRLF. */
void yodel_judge_end(yodel_conversation *c, yodel_referee *r);

/* Forgets what was collected. */
void yodel_judge_discard(yodel_conversation *c);

/* NULL is fine. */
void yodel_judge_free(struct yodel_doubt *doubt);

#endif
