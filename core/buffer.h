/*
 * Growable bytes with a front that moves: what a connection keeps between two turns of the loop.
 *
 * Bytes go in at the tail and come out at the head:
 *
 *     memory            head                  tail            capacity         limit
 *       |  already read  |  the bytes (len)    |  space (free)  |  may still grow |
 *
 * Three properties matter with a hundred thousand connections, most of them idle:
 *   - an empty buffer owns no memory: consuming the last byte frees it;
 *   - it never holds more than its limit, whatever the peer does;
 *   - running out of memory is a return value, and the bytes already held stay intact.
 *
 * The bytes are always contiguous, so a line in it is a pointer and a length. Pointers into it live
 * until the next reserve, append, consume or free. Not thread-safe: a buffer belongs to one thread.
 */
#ifndef YODEL_CORE_BUFFER_H
#define YODEL_CORE_BUFFER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* 24 bytes, which every connection carries twice: hence the 32-bit offsets. */
typedef struct yodel_buffer {
    uint8_t *memory;   /* NULL when it owns none */
    uint32_t head;     /* offset of the first byte held */
    uint32_t tail;     /* offset behind the last byte held */
    uint32_t capacity; /* bytes at memory */
    uint32_t limit;    /* capacity never goes above this */
} yodel_buffer;

/* Makes an empty buffer that holds at most `limit` bytes. Allocates nothing, cannot fail. */
void yodel_buffer_init(yodel_buffer *b, uint32_t limit);

/* Drops all bytes and gives the memory back. The buffer stays usable, with the same limit. NULL is
 * fine. */
void yodel_buffer_free(yodel_buffer *b);

/* How many bytes it holds. */
static inline size_t yodel_buffer_len(const yodel_buffer *b)
{
    return b->tail - b->head;
}

/* The first byte held; NULL when the buffer owns no memory. Borrowed. */
static inline uint8_t *yodel_buffer_data(const yodel_buffer *b)
{
    return b->memory == NULL ? NULL : b->memory + b->head;
}

/* How many bytes can be written at yodel_buffer_tail without reserving. */
static inline size_t yodel_buffer_space(const yodel_buffer *b)
{
    return b->capacity - b->tail;
}

/* Where the next byte goes: yodel_buffer_space bytes can be written here, then committed. NULL when
 * the buffer owns no memory. Borrowed. */
static inline uint8_t *yodel_buffer_tail(const yodel_buffer *b)
{
    return b->memory == NULL ? NULL : b->memory + b->tail;
}

/* Makes `n` bytes that were written at the tail part of the buffer; n <= yodel_buffer_space. */
static inline void yodel_buffer_commit(yodel_buffer *b, size_t n)
{
    assert(n <= yodel_buffer_space(b));
    b->tail += (uint32_t)n;
}

/*
 * Makes room: afterwards yodel_buffer_space >= n. Invalidates pointers into the buffer.
 *
 * 0                 there is room
 * YODEL_EOVERRUN    len + n would be above the limit
 * -ENOMEM           malloc said no
 *
 * On failure nothing has changed. Any sequence of appending and consuming costs time linear in the
 * bytes appended, as long as the buffer stays under half of its limit (see buffer.c).
 */
int yodel_buffer_reserve(yodel_buffer *b, size_t n);

/* Copies `n` bytes in at the tail. Returns as yodel_buffer_reserve; all bytes go in or none. `data`
 * must not lie in the buffer itself, and may be NULL when n is 0. */
int yodel_buffer_append(yodel_buffer *b, const void *data, size_t n);

/* Drops `n` bytes at the head, n <= yodel_buffer_len. A buffer that becomes empty by this, or was
 * empty, gives its memory back. */
void yodel_buffer_consume(yodel_buffer *b, size_t n);

/* Gives back most of the memory when little is left in much of it (less than a quarter of more than
 * 4 KiB): for a buffer whose rest may stay for long. Moves the bytes; when there is no memory to
 * move them to, nothing changes. */
void yodel_buffer_shrink(yodel_buffer *b);

#endif
