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

/* Bit i: data[i] is `wanted`. Of the YODEL_NEAR bytes at data, which have to be there. */
static inline uint64_t yodel_find_all_near(const uint8_t *data, uint8_t wanted)
{
    uint64_t found = 0;
#ifdef __SSE2__
    const __m128i all_wanted = _mm_set1_epi8((char)wanted);
    for (unsigned at = 0; at < YODEL_NEAR; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(data + at));
        unsigned here = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all_wanted));
        found |= (uint64_t)here << at;
    }
#else
    (void)data;
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
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(data + at));
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, all_wanted));
        if (found != 0) {
            return data + at + __builtin_ctz(found);
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
