/*
 * Framing: where does the next line end?
 *
 * TCP knows no lines: a receive returns any part of one, or a hundred and a half. Framing looks for
 * the delimiter in bytes that somebody else received and keeps; it allocates nothing, copies
 * nothing, knows no socket and no loop. When the line is not complete yet it remembers how far it
 * has looked, so that each byte is looked at once, however small the pieces in which it comes: a
 * client that sends one byte at a time costs time linear in its bytes.
 *
 *     while ((n = yodel_framing_next(&framing, data, len, &line_len)) > 0) {
 *         ... the line is data[0 .. line_len) ...
 *         data += n, len -= n;
 *     }
 *
 * Framing decides nothing about what a line may contain: any byte, a NUL too, and any part of the
 * delimiter is payload. With the delimiter CRLF a bare LF is payload (RFC 5321, 2.3.8).
 */
#ifndef YODEL_PROTO_FRAMING_H
#define YODEL_PROTO_FRAMING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define YODEL_DELIMITER_MAX 4

/* The largest max_line, in bytes: with a delimiter it is still a uint32_t. */
#define YODEL_LINE_MAX (UINT32_MAX - YODEL_DELIMITER_MAX)

/* 16 bytes, since every connection has one. Only the functions below touch the members. */
typedef struct yodel_framing {
    uint32_t scanned; /* bytes of the current line that hold no end of a delimiter */
    uint32_t window;  /* max_line + delimiter_len: a delimiter that ends later ends too late */
    uint8_t delimiter[YODEL_DELIMITER_MAX];
    uint8_t delimiter_len;
    uint8_t last;       /* of the delimiter's bytes: what is searched for */
    uint8_t long_lines; /* the last line was longer than what is searched inline */
} yodel_framing;

/*
 * Prepares for the first line. `delimiter` is 1 to YODEL_DELIMITER_MAX bytes of any value, which
 * are copied. `max_line` is the longest line in bytes, without its delimiter, at most
 * YODEL_LINE_MAX.
 */
void yodel_framing_init(yodel_framing *f, const char *delimiter, size_t len, uint32_t max_line);

/*
 * Looks for the end of the line that begins at data[0]. `data` is borrowed for the call; len bytes
 * of it can be read, NULL is fine when that is 0.
 *
 * > 0                   a line: data[0 .. *line_len) without its delimiter, the return value with
 *                       it. The next call begins behind it.
 * 0                     no complete line. Call again with the same bytes and more behind them, at
 *                       the same or another place in memory; those already there are not looked at
 *                       again (but for the last delimiter_len - 1, where a delimiter may have
 *                       begun).
 * YODEL_ELINETOOLONG    more than max_line bytes come before the delimiter. Known as soon as
 *                       max_line + delimiter_len bytes are there, and never later: it does not
 *                       matter whether the rest of the line has come. The next call begins a line
 *                       at whatever data it is given.
 */
ssize_t yodel_framing_next(yodel_framing *f, const uint8_t *data, size_t len, size_t *line_len);

/* Forgets how far the current line was looked at. For a caller that, after a 0, dropped or took
 * bytes of the incomplete line: the next call begins a line at whatever data it is given. */
static inline void yodel_framing_reset(yodel_framing *f)
{
    f->scanned = 0;
}

#endif
