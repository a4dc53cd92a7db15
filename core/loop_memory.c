#include "core/loop_memory.h"

#include <errno.h>
#include <ev.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/*
 * What libev 4.33 can need, in bytes. Each loop has an array of all descriptors up to its highest
 * one (16). The others, a descriptor's in one loop alone: a change (4), an event (12), and for the
 * connection and two timers a place among what is pending (16), for the timers also one among the
 * timers (16) and one among those that fire at once (8). An array grows to at most twice what is
 * needed, and while it does so step by step all of its former sizes together take as much again.
 */
#define PER_LOOP_AND_FD 16u
#define PER_FD          (4u + 12u + 3u * 16u + 2u * 16u + 2u * 8u)
#define GROWTH          4u
/* The loop itself, and the smallest sizes of its arrays. */
#define PER_LOOP 65536u

#define FIRST_FDS 1024u

/* One mapping. The first of the list is the one that blocks are taken from. */
typedef struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    size_t blocks; /* taken and not given back */
    _Alignas(max_align_t) uint8_t memory[];
} chunk;

typedef struct block {
    size_t size;
    _Alignas(max_align_t) uint8_t memory[];
} block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static chunk *chunks;
static unsigned loops;
static atomic_uint covered;    /* file descriptors */
static atomic_bool in_use;     /* there are blocks in the reserve */
static atomic_bool diminished; /* the reserve gave something since it was last made */

/* --- with the lock held --- */

static size_t needed(unsigned fds)
{
    return sizeof(chunk) + (size_t)loops * PER_LOOP +
           (size_t)fds * GROWTH * (PER_FD + (size_t)loops * PER_LOOP_AND_FD);
}

/* Unmaps what nobody holds a block of; keep: but not this one. */
static void drop_unused(const chunk *keep)
{
    chunk **at = &chunks;
    while (*at != NULL) {
        chunk *c = *at;
        if (c->blocks == 0 && c != keep) {
            *at = c->next;
            (void)munmap(c, c->size);
        } else {
            at = &c->next;
        }
    }
}

/* A whole reserve for so many descriptors. */
static int renew(unsigned fds)
{
    size_t size = needed(fds);
    chunk *c = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (c == MAP_FAILED) {
        return -ENOMEM;
    }
    c->size = size;
    c->next = chunks;
    chunks = c;
    drop_unused(c);
    covered = fds;
    diminished = false;
    return 0;
}

static chunk *chunk_of(const void *memory)
{
    for (chunk *c = chunks; c != NULL; c = c->next) {
        if ((uintptr_t)memory - (uintptr_t)c < c->size) {
            return c;
        }
    }
    return NULL;
}

static block *block_of(void *memory)
{
    return (block *)(void *)((uint8_t *)memory - offsetof(block, memory));
}

/* --- libev's allocator --- */

static void give_back(void *memory)
{
    pthread_mutex_lock(&lock);
    chunk *c = in_use ? chunk_of(memory) : NULL;
    if (c != NULL) {
        if (--c->blocks == 0) {
            c->used = 0;
            diminished = diminished && c != chunks;
        }
        drop_unused(chunks);
        in_use = chunks->blocks > 0 || chunks->next != NULL;
    }
    pthread_mutex_unlock(&lock);
    if (c == NULL) {
        free(memory);
    }
}

/* How many bytes there are at memory; *reserved: in the reserve. */
static size_t size_of(void *memory, bool *reserved)
{
    *reserved = false;
    if (memory == NULL) {
        return 0;
    }
    if (in_use) {
        pthread_mutex_lock(&lock);
        *reserved = chunk_of(memory) != NULL;
        pthread_mutex_unlock(&lock);
    }
    return *reserved ? block_of(memory)->size : malloc_usable_size(memory);
}

static void *take(size_t size)
{
    const size_t unit = _Alignof(max_align_t);
    size_t whole = (sizeof(block) + size + unit - 1) / unit * unit;
    void *memory = NULL;
    pthread_mutex_lock(&lock);
    chunk *c = chunks;
    if (c != NULL && whole <= c->size - sizeof(*c) - c->used) {
        block *b = (block *)(void *)(c->memory + c->used);
        b->size = size;
        c->used += whole;
        c->blocks++;
        in_use = diminished = true;
        memory = b->memory;
    }
    pthread_mutex_unlock(&lock);
    return memory;
}

static void *allocate(void *memory, long wanted) /* NOLINT(google-runtime-int): libev's type */
{
    size_t size = (size_t)wanted;
    bool reserved;
    if (size == 0) {
        give_back(memory);
        return NULL;
    }
    size_t old = size_of(memory, &reserved);
    /* realloc, by a name that tests can make fail. */
    void *moved = reallocarray(reserved ? NULL : memory, 1, size);
    if (moved != NULL && !reserved) {
        return moved;
    }
    if (moved == NULL) {
        moved = take(size);
    }
    if (moved != NULL && memory != NULL) {
        memcpy(moved, memory, old < size ? old : size);
        give_back(memory);
    }
    return moved;
}

/* --- */

int yodel_loop_memory_begin(void)
{
    pthread_mutex_lock(&lock);
    loops++;
    int code = renew(covered > 0 ? covered : FIRST_FDS);
    if (code < 0) {
        loops--;
    } else if (loops == 1) {
        ev_set_allocator(allocate);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

void yodel_loop_memory_end(void)
{
    pthread_mutex_lock(&lock);
    if (--loops == 0) {
        drop_unused(NULL);
        covered = 0;
        in_use = chunks != NULL; /* somebody else's loop */
    }
    pthread_mutex_unlock(&lock);
}

int yodel_loop_memory_cover(int fd)
{
    if ((unsigned)fd < atomic_load_explicit(&covered, memory_order_relaxed) &&
        !atomic_load_explicit(&diminished, memory_order_relaxed)) {
        return 0;
    }
    pthread_mutex_lock(&lock);
    unsigned fds = covered;
    int code = 0;
    if ((unsigned)fd >= fds) {
        code = renew((unsigned)fd + (unsigned)fd / 4 + FIRST_FDS);
    } else if (diminished) {
        code = renew(fds);
    }
    pthread_mutex_unlock(&lock);
    return code;
}
