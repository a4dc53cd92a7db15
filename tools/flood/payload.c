#include "tools/flood/payload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slices begin at one of so many places. Together they stay in the first-level cache. */
#define PLACES 4096

#define DIGITS "0123456789abcdefghijklmnopqrstuv"

/* The finalizer of MurmurHash3 (Austin Appleby, public domain): every bit of the input changes half
 * of those of the output. */
static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    x ^= x >> 33;
    return x;
}

static inline uint64_t hash(const yodel_payload *p, uint32_t connection, uint64_t number)
{
    return mix(p->seed + connection * UINT64_C(0x9e3779b97f4a7c15) + (number << 1));
}

uint64_t yodel_payload_chance(const yodel_payload *p, uint32_t connection, uint64_t number,
                              uint32_t what)
{
    return mix(hash(p, connection, number) ^ (what * UINT64_C(0xd6e8feb86659fd93)));
}

/* A number below range, from the upper half of the hash; the lower one chooses the slice. */
static inline uint32_t below(uint64_t h, uint32_t range)
{
    return (uint32_t)(((h >> 32) * range) >> 32);
}

int yodel_payload_init(yodel_payload *p, uint64_t seed, uint32_t length_min, uint32_t length_max,
                       const char *fixed, const char *prefix)
{
    size_t size = fixed != NULL ? 1 : (size_t)PLACES + length_max;
    char *text = malloc(size);

    if (text == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('!' + mix(seed ^ mix(i)) % ('~' - '!' + 1));
    }
    *p = (yodel_payload){
        .seed = mix(seed),
        .length_min = length_min,
        .length_max = length_max,
        .length_range = length_max - length_min + 1,
        .prefix_length = (uint32_t)strlen(prefix),
        .fixed = fixed,
        .text = text,
    };
    memcpy(p->prefix, prefix, p->prefix_length);
    return 0;
}

void yodel_payload_destroy(yodel_payload *p)
{
    free(p->text);
    p->text = NULL;
}

static inline char *put_number(char *out, uint64_t number)
{
    do {
        *out++ = DIGITS[number & 31];
        number >>= 5;
    } while (number != 0);
    return out;
}

uint32_t yodel_payload_length(const yodel_payload *p, uint32_t connection, uint64_t number)
{
    uint32_t length = p->length_min;

    if (p->length_range > 1) {
        length += below(hash(p, connection, number), p->length_range);
    }
    return length + 2;
}

/* Writes a line's head to out; returns its length before it is cut to the line's. */
static inline size_t put_head(char *out, uint32_t connection, uint64_t number)
{
    char *end = put_number(out, number);
    *end++ = '.';
    end = put_number(end, connection);
    *end++ = ':';
    return (size_t)(end - out);
}

/* Where a line's body comes from. */
static inline const char *body_at(const yodel_payload *p, uint64_t h)
{
    return p->text + h % PLACES;
}

void yodel_payload_line(const yodel_payload *p, uint32_t connection, uint64_t number,
                        yodel_line *line)
{
    uint64_t h = hash(p, connection, number);
    uint32_t length = p->length_min + below(h, p->length_range);

    memcpy(line->head, p->prefix, YODEL_PAYLOAD_PREFIX);
    line->prefix_length = p->prefix_length;
    line->head_length = p->prefix_length;
    line->body_length = length;
    if (p->fixed != NULL) {
        line->body = p->fixed;
        return;
    }
    uint32_t head = (uint32_t)put_head(line->head + p->prefix_length, connection, number);
    if (head > length) {
        head = length;
    }
    line->head_length += head;
    line->body_length -= head;
    line->body = body_at(p, h);
}

size_t yodel_payload_write(const yodel_payload *p, uint32_t connection, uint64_t number, char *out)
{
    uint64_t h = hash(p, connection, number);
    size_t length = p->length_min + below(h, p->length_range);

    if (p->fixed != NULL) {
        memcpy(out, p->fixed, length);
    } else {
        size_t head = put_head(out, connection, number);
        if (head < length) {
            memcpy(out + head, body_at(p, h), length - head);
        }
    }
    memcpy(out + length, "\r\n", 2);
    return length + 2;
}

size_t yodel_payload_check(const yodel_payload *p, uint32_t connection, uint64_t number,
                           const char *data, size_t length)
{
    yodel_line line;

    if (length < p->prefix_length + p->length_min + 2) {
        return 0;
    }
    yodel_payload_line(p, connection, number, &line);
    size_t bare = line.head_length + line.body_length;
    if (length < bare + 2 || memcmp(data, line.head, line.head_length) != 0 ||
        memcmp(data + line.head_length, line.body, line.body_length) != 0 ||
        memcmp(data + bare, "\r\n", 2) != 0) {
        return 0;
    }
    return bare + 2;
}

/* Reads base 32, least digit first; at most 64 bits. */
static bool take_number(const char **text, const char *end, char terminator, uint64_t *number)
{
    uint64_t value = 0;
    unsigned shift = 0;

    for (const char *c = *text; c < end; c++) {
        if (*c == terminator) {
            *number = value;
            *text = c + 1;
            return shift > 0;
        }
        const char *digit = *c == '\0' ? NULL : strchr(DIGITS, *c);
        if (digit == NULL || shift > 60) {
            return false;
        }
        value |= (uint64_t)(digit - DIGITS) << shift;
        shift += 5;
    }
    return false;
}

bool yodel_payload_claim(const yodel_payload *p, const char *answer, size_t length,
                         uint32_t *connection, uint64_t *number)
{
    const char *end = answer + length;
    uint64_t c, n;

    if (p->fixed != NULL || length < p->prefix_length ||
        memcmp(answer, p->prefix, p->prefix_length) != 0) {
        return false;
    }
    answer += p->prefix_length;
    if (!take_number(&answer, end, '.', &n) || !take_number(&answer, end, ':', &c) ||
        c > UINT32_MAX || n == 0) {
        return false;
    }
    *connection = (uint32_t)c;
    *number = n;
    return true;
}

/* A line is three pieces: head, body, CRLF. */
typedef struct piece {
    const char *data;
    size_t length;
} piece;

static void pieces_of(const yodel_line *line, bool answer, piece pieces[3])
{
    uint32_t skip = answer ? 0 : line->prefix_length;

    pieces[0] = (piece){line->head + skip, line->head_length - skip};
    pieces[1] = (piece){line->body, line->body_length};
    pieces[2] = (piece){"\r\n", 2};
}

size_t yodel_line_copy(const yodel_line *line, bool answer, size_t offset, char *out, size_t room)
{
    piece pieces[3];
    size_t done = 0;

    pieces_of(line, answer, pieces);
    for (int i = 0; i < 3; i++) {
        if (offset >= pieces[i].length) {
            offset -= pieces[i].length;
            continue;
        }
        size_t n = pieces[i].length - offset;
        if (n > room - done) {
            n = room - done;
        }
        memcpy(out + done, pieces[i].data + offset, n);
        done += n;
        offset = 0;
    }
    return done;
}

static size_t equal_bytes(const char *a, const char *b, size_t length)
{
    size_t n = 0;

    if (memcmp(a, b, length) == 0) {
        return length;
    }
    while (a[n] == b[n]) {
        n++;
    }
    return n;
}

size_t yodel_line_match(const yodel_line *line, size_t offset, const char *data, size_t length)
{
    piece pieces[3];
    size_t done = 0;

    pieces_of(line, true, pieces);
    for (int i = 0; i < 3; i++) {
        if (offset >= pieces[i].length) {
            offset -= pieces[i].length;
            continue;
        }
        size_t n = pieces[i].length - offset;
        if (n > length - done) {
            n = length - done;
        }
        size_t equal = equal_bytes(pieces[i].data + offset, data + done, n);
        done += equal;
        if (equal < n) {
            break;
        }
        offset = 0;
    }
    return done;
}
