/*
 * What a server sent, made safe to look at.
 *
 * A terminal obeys what it is shown: ESC and C1 bytes move the cursor, retitle the window or answer
 * back as if the user had typed, a lone CR overprints what stands on the line, bidirectional
 * controls reorder it. On its way to a terminal every such thing therefore becomes text. The
 * notation is for eyes, not for reading back (a server may well send the two characters "^["); for
 * the bytes themselves there are pipes and --raw.
 *
 *   CR LF                                      a new line
 *   LF without CR                              "^J" and a new line
 *   other C0 controls but tab, and DEL         "^[" for ESC, "^M" for a lone CR, "^?" for DEL
 *   C1 controls (U+0080..U+009F), U+2028/9     "<U+009B>"
 *   bidirectional controls (U+061C, U+200E/F,
 *   U+202A..U+202E, U+2066..U+2069)            "<U+202E>"
 *   bytes that are no UTF-8                    "\x9b", each byte for itself: a stray continuation,
 *                                              overlong forms, surrogates, above U+10FFFF, cut off
 *   everything else, tab included              as it came
 *
 * The terminal is taken to speak UTF-8 (RFC 3629).
 *
 * The translation is incremental: what the network cut in two gives the same text as in one piece.
 * It holds back at most a CR or the first three bytes of a character until the next byte decides.
 * Pure: no I/O, no allocation; one object belongs to one thread.
 */
#ifndef YODEL_CLIENT_VISIBLE_H
#define YODEL_CLIENT_VISIBLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct yodel_visible {
    uint8_t held[4]; /* a CR, or the bytes of a character so far: they are not shown yet */
    uint8_t held_len;
    uint8_t expected; /* length of the whole character, when `held` is the start of one */
} yodel_visible;

/* Room that the text of `n` more bytes may take, with what an earlier call held back. */
#define YODEL_VISIBLE_ROOM(n) (4 * ((n) + 4))

void yodel_visible_init(yodel_visible *v);

/*
 * Translates data[0..len) and returns how many bytes of text now lie in `text`, which has room for
 * YODEL_VISIBLE_ROOM(len) bytes. No NUL is added.
 */
size_t yodel_visible_translate(yodel_visible *v, const uint8_t *data, size_t len, char *text);

/*
 * To be called when nothing more will come: shows what was held back (a CR, a character cut off)
 * and returns its length, 0 when there was none. `text` has room for YODEL_VISIBLE_ROOM(0) bytes.
 */
size_t yodel_visible_finish(yodel_visible *v, char *text);

#endif
