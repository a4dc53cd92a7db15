/*
 * find_near: a byte among 64, for short lines. Private: not installed.
 *
 * A call of memchr costs more than to look at 64 bytes inline, 16 at a time. Without SSE2 nothing
 * is near.
 */
#ifndef YODEL_PROTO_FIND_NEAR_H
#define YODEL_PROTO_FIND_NEAR_H

#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#define YODEL_NEAR ((size_t)64)

/* Bit i: data[i] is the wanted byte, which stands 16 times in all_wanted. Of 16 bytes. */
static inline uint64_t yodel_find_16(const uint8_t *data, __m128i all_wanted)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)data);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all_wanted));
}
#else
#define YODEL_NEAR ((size_t)0)
#endif

/* Of len bytes, how many yodel_find_near looks at: whole 16s, YODEL_NEAR at the most. */
static inline size_t yodel_near(size_t len)
{
#ifdef __SSE2__
    return (len < YODEL_NEAR ? len : YODEL_NEAR) & ~(size_t)15;
#else
    (void)len;
    return 0; /* comparing with a YODEL_NEAR of 0 would be a warning */
#endif
}

/* Bit i: data[from + i] is `wanted`. Of len bytes, 1 to YODEL_NEAR; there have to be 16 in all from
 * data[0] to the last of them. */
static inline uint64_t yodel_find_all_near(const uint8_t *data, size_t from, size_t len,
                                           uint8_t wanted)
{
    uint64_t found = 0;
#ifdef __SSE2__
    const __m128i all_wanted = _mm_set1_epi8((char)wanted);
    const uint8_t *at = data + from;
    if (len == YODEL_NEAR) {
        return yodel_find_16(at, all_wanted) | yodel_find_16(at + 16, all_wanted) << 16 |
               yodel_find_16(at + 32, all_wanted) << 32 | yodel_find_16(at + 48, all_wanted) << 48;
    }
    size_t done = 0;
    for (; len - done >= 16; done += 16) {
        found |= yodel_find_16(at + done, all_wanted) << done;
    }
    if (len > done) { /* the rest, with bytes in front of it that are not asked for any more */
        uint64_t last = yodel_find_16(at + len - 16, all_wanted);
        found |= last >> (16 - (len - done)) << done;
    }
#else
    (void)data;
    (void)from;
    (void)len;
    (void)wanted;
#endif
    return found;
}

/* The first `wanted` of the yodel_near(len) bytes at data, or NULL. */
static inline const uint8_t *yodel_find_near(const uint8_t *data, uint8_t wanted, size_t len)
{
#ifdef __SSE2__
    const __m128i all_wanted = _mm_set1_epi8((char)wanted);
    for (size_t at = 0; at < YODEL_NEAR && len - at >= 16; at += 16) {
        unsigned found = (unsigned)yodel_find_16(data + at, all_wanted);
        if (found != 0) {
            return data + at + (unsigned)__builtin_ctz(found);
        }
    }
#else
    (void)data;
    (void)wanted;
    (void)len;
#endif
    return NULL;
}

#endif
