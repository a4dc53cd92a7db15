/*
 * payload: the lines that flood sends, and the answers that it expects.
 *
 * A line is a function of (seed, connection, number), so nothing has to be stored to check its
 * answer, by whichever thread it arrives. It begins with its number and its connection in base 32,
 * least digit first ("k1.7:"), so that neighbours differ from their first byte on and an answer in
 * the wrong place tells whose it is; the rest is a slice of random printable text. No line is "."
 * or holds a CR or LF. With a fixed line (-m) all lines are that one.
 *
 * Made before the threads start, then only read: any thread.
 */
#ifndef YODEL_FLOOD_PAYLOAD_H
#define YODEL_FLOOD_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Room for the prefix and the head: 13 digits, a dot, 7 digits and a colon. */
#define YODEL_PAYLOAD_PREFIX 16
#define YODEL_PAYLOAD_HEAD   22

typedef struct yodel_payload {
    uint64_t seed;
    uint32_t length_min;
    uint32_t length_range; /* number of different lengths */
    uint32_t length_max;
    uint32_t prefix_length;
    char prefix[YODEL_PAYLOAD_PREFIX]; /* what an answer has in front of its line */
    const char *fixed;                 /* the one line, length_min bytes; or NULL */
    char *text;                        /* what the lines are slices of */
} yodel_payload;

/* One line, in pieces that lie where they are. */
typedef struct yodel_line {
    char head[YODEL_PAYLOAD_PREFIX + YODEL_PAYLOAD_HEAD]; /* prefix and number */
    uint32_t prefix_length;
    uint32_t head_length; /* prefix included */
    uint32_t body_length; /* without CRLF */
    const char *body;     /* the payload's */
} yodel_line;

/* Lines of length_min to length_max bytes (at least 1; without CRLF), or the one line `fixed` (not
 * NULL; length_min bytes, which must live as long). `prefix` (static, at most YODEL_PAYLOAD_PREFIX
 * bytes) comes back in front of each line. 0 or -ENOMEM. */
int yodel_payload_init(yodel_payload *p, uint64_t seed, uint32_t length_min, uint32_t length_max,
                       const char *fixed, const char *prefix);
void yodel_payload_destroy(yodel_payload *p);

/* The line with this number (from 1) of this connection (from 0). */
void yodel_payload_line(const yodel_payload *p, uint32_t connection, uint64_t number,
                        yodel_line *line);

/* Its length with CRLF; cheaper than the line. */
uint32_t yodel_payload_length(const yodel_payload *p, uint32_t connection, uint64_t number);

/* The same two things for lines that are whole, which nearly all are, without taking them to
 * pieces. Writes the line with CRLF to out, where there has to be room for length_max +
 * YODEL_PAYLOAD_HEAD + 2 bytes; returns its length. */
size_t yodel_payload_write(const yodel_payload *p, uint32_t connection, uint64_t number, char *out);

/* If the line's whole answer lies at the begin of data: its length. 0 when that has fewer bytes, or
 * a wrong one. */
size_t yodel_payload_check(const yodel_payload *p, uint32_t connection, uint64_t number,
                           const char *data, size_t length);

/* Whose line an answer (without CRLF) claims to be. False when it doesn't say so, as short lines
 * cannot. Only comparing tells whether it is true. */
bool yodel_payload_claim(const yodel_payload *p, const char *answer, size_t length,
                         uint32_t *connection, uint64_t *number);

/* A number that is random but the same each time: for deciding faults. `what` keeps apart what is
 * decided. */
uint64_t yodel_payload_chance(const yodel_payload *p, uint32_t connection, uint64_t number,
                              uint32_t what);

/* Lengths on the wire, CRLF included. */
static inline uint32_t yodel_line_sent_length(const yodel_line *line)
{
    return line->head_length - line->prefix_length + line->body_length + 2;
}

static inline uint32_t yodel_line_answer_length(const yodel_line *line)
{
    return line->head_length + line->body_length + 2;
}

/* Copies at most `room` bytes of the line (answer: of its answer), CRLF included, from `offset` on;
 * returns how many. */
size_t yodel_line_copy(const yodel_line *line, bool answer, size_t offset, char *out, size_t room);

/* The same without copying: where the pieces lie, in order; returns how many there are, up to 3.
 * They live as long as the line and the payload. */
int yodel_line_pieces(const yodel_line *line, bool answer, size_t offset, struct iovec pieces[3]);

/* How many of the `length` bytes at data are those of the line's answer from `offset` on: less than
 * length where a byte differs or the answer is over. */
size_t yodel_line_match(const yodel_line *line, size_t offset, const char *data, size_t length);

#endif
