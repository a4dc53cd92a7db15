#include "core/buffer.h"

#include "core/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST = 256, SHRINK_ABOVE = 4096 };

void yodel_buffer_init(yodel_buffer *b, uint32_t limit)
{
    *b = (yodel_buffer){.limit = limit};
}

void yodel_buffer_free(yodel_buffer *b)
{
    if (b == NULL) {
        return;
    }
    free(b->memory);
    yodel_buffer_init(b, b->limit);
}

static void move_to_front(yodel_buffer *b)
{
    uint32_t len = b->tail - b->head;

    memmove(b->memory, b->memory + b->head, len);
    b->head = 0;
    b->tail = len;
}

/* The capacity for `needed` bytes: doubling makes the copying of all growth together less than what
 * the last copy moves, times two. 64 bits, since the doubled value may leave 32. */
static uint32_t grown_capacity(const yodel_buffer *b, size_t needed)
{
    uint64_t capacity = b->capacity < SMALLEST ? SMALLEST : (uint64_t)b->capacity * 2;

    if (capacity < needed) {
        capacity = needed;
    }
    return capacity > b->limit ? b->limit : (uint32_t)capacity;
}

/* To other memory. Not realloc, which would also copy the bytes before the head, already read. */
static int move_to_new(yodel_buffer *b, uint32_t capacity)
{
    uint32_t len = b->tail - b->head;
    uint8_t *memory = malloc(capacity);

    if (memory == NULL) {
        return -ENOMEM;
    }
    if (len > 0) {
        memcpy(memory, b->memory + b->head, len);
    }
    free(b->memory);
    b->memory = memory;
    b->head = 0;
    b->tail = len;
    b->capacity = capacity;
    return 0;
}

void yodel_buffer_shrink(yodel_buffer *b)
{
    uint32_t len = b->tail - b->head;

    if (b->capacity > SHRINK_ABOVE && len < b->capacity / 4) {
        (void)move_to_new(b, len > SMALLEST ? len : SMALLEST);
    }
}

int yodel_buffer_reserve(yodel_buffer *b, size_t n)
{
    size_t len = yodel_buffer_len(b);

    /* The limit may have been lowered below what is there (yodel_transport_set_limits). */
    if (len > b->limit || n > b->limit - len) {
        return YODEL_EOVERRUN;
    }
    if (n <= yodel_buffer_space(b)) {
        return 0;
    }
    /*
     * Moving is free only when it is paid for: at least as many bytes were consumed as have to be
     * moved. Otherwise a queue that stays nearly full, with a little taken and a little added each
     * time, would move all of it each time. Growing halves the fill instead, and at the limit,
     * where it cannot grow, moving is what is left.
     */
    if (n <= b->capacity - len && (b->head >= len || b->capacity == b->limit)) {
        move_to_front(b);
        return 0;
    }
    return move_to_new(b, grown_capacity(b, len + n));
}

int yodel_buffer_append(yodel_buffer *b, const void *data, size_t n)
{
    int code = yodel_buffer_reserve(b, n);

    if (code != 0) {
        return code;
    }
    if (n > 0) {
        memcpy(yodel_buffer_tail(b), data, n);
        yodel_buffer_commit(b, n);
    }
    return 0;
}

void yodel_buffer_consume(yodel_buffer *b, size_t n)
{
    assert(n <= yodel_buffer_len(b));
    b->head += (uint32_t)n;
    if (b->head == b->tail) {
        yodel_buffer_free(b);
    }
}
