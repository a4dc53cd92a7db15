/*
 * The user's lines, made into the protocol's.
 *
 * A line of input is what stands before a LF, less one CR at its end, so that a file with DOS line
 * ends is sent as what it means and not as CR CR LF (who needs a CR at the end of a line's text
 * writes CR CR LF). It is sent as it is, NUL and all, with CR LF behind it. A last line without LF
 * is a line too.
 *
 * The conversion streams: no line is ever held, so lines may be of any length and come cut
 * anywhere. It also keeps the count that decides whether everything was answered. The line "." asks
 * a chat server to close: neither it nor what follows it can expect an answer.
 *
 * Pure: no I/O, no allocation; one object belongs to one thread.
 */
#ifndef YODEL_CLIENT_CRLF_H
#define YODEL_CLIENT_CRLF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct yodel_crlf {
    uint64_t lines;    /* lines that expect an answer, with one that has only begun */
    bool said_goodbye; /* the line "." was converted */
    /* the line that is being converted */
    bool begun;
    bool has_text;
    bool only_dot; /* its text so far is "." */
    bool held_cr;  /* a CR is kept back until it is known whether it ends the line */
} yodel_crlf;

/* Room that the conversion of `n` more bytes may take, with a CR that was kept back. */
#define YODEL_CRLF_ROOM(n) (2 * (n) + 1)

void yodel_crlf_init(yodel_crlf *c);

/*
 * Converts data[0..len) and returns how many bytes to send now lie in `out`, which has room for
 * YODEL_CRLF_ROOM(len) bytes.
 */
size_t yodel_crlf_convert(yodel_crlf *c, const uint8_t *data, size_t len, uint8_t *out);

/*
 * To be called at the end of input: ends a line that has begun. Returns the bytes to send, 0 or 2;
 * `out` has room for 2.
 */
size_t yodel_crlf_finish(yodel_crlf *c, uint8_t *out);

#endif
