/*
 * makecontext(3) only to enter a new stack: swapcontext(3) keeps the signal mask and makes a system
 * call for that at every switch (1,650 ns a round trip against 66 to 87). Everything else is
 * sigsetjmp(env, 0) and siglongjmp. A stack is entered once: its first frame then runs one
 * coroutine after another.
 *
 * _FORTIFY_SOURCE must be off in this file: its longjmp refuses to go to another stack.
 */
#undef _FORTIFY_SOURCE

#include "core/coroutine.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define WITH_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#endif

#if defined(WITH_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(WITH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(WITH_ASAN) || defined(WITH_TSAN)
#define STACK_SIZE (YODEL_COROUTINE_STACK * 4)
#else
#define STACK_SIZE YODEL_COROUTINE_STACK
#endif

/* What the sanitizers want to know of a stack. */
typedef struct stack_identity {
    const void *bottom;
    size_t size;
    void *fiber; /* tsan */
    void *fake;  /* asan's, while the stack is not running */
} stack_identity;

/* Lies at the top end of its own stack. */
struct yodel_coroutine {
    sigjmp_buf here;    /* where it suspended */
    sigjmp_buf *caller; /* where to go back to */
    stack_identity stack;
    stack_identity caller_stack;
    void (*run)(void *arg);
    void *arg;
    yodel_coroutine *next_free;
    void *mapping;
    bool ended;
};

/* This thread's. */
static _Thread_local yodel_coroutine *current;
static _Thread_local yodel_coroutine *free_stacks;
static _Thread_local size_t free_count;

/* Its only use: to be told when a thread that has stacks ends. */
static pthread_key_t at_thread_end;
static pthread_once_t at_thread_end_once = PTHREAD_ONCE_INIT;

/* Right before the jump and after sigsetjmp: tsan files a jmp_buf under the fiber that runs. Always
 * inlined: tsan would see the call in one fiber and the return in the other. */
__attribute__((always_inline)) static inline void leave(stack_identity *from,
                                                        const stack_identity *to)
{
#if defined(WITH_ASAN)
    __sanitizer_start_switch_fiber(&from->fake, to->bottom, to->size);
#endif
#if defined(WITH_TSAN)
    __tsan_switch_to_fiber(to->fiber, 0);
#endif
    (void)from;
    (void)to;
}

__attribute__((always_inline)) static inline void arrive(const stack_identity *here,
                                                         stack_identity *from)
{
#if defined(WITH_ASAN)
    __sanitizer_finish_switch_fiber(here->fake, &from->bottom, &from->size);
#endif
    (void)here;
    (void)from;
}

/* Neither is ever inlined: what the function around keeps in registers over a switch has to be what
 * the jump restores. */
__attribute__((noinline)) static void to_caller(yodel_coroutine *c)
{
    if (sigsetjmp(c->here, 0) == 0) {
        leave(&c->stack, &c->caller_stack);
        siglongjmp(*c->caller, 1);
    }
    arrive(&c->stack, &c->caller_stack);
}

/* first: the context of a stack that has never run; NULL: go on where it suspended. */
__attribute__((noinline)) static void to_coroutine(yodel_coroutine *c, const ucontext_t *first)
{
    sigjmp_buf here;
    stack_identity ignored;
    c->caller = &here;
#if defined(WITH_TSAN)
    c->caller_stack.fiber = __tsan_get_current_fiber();
#endif
    if (sigsetjmp(here, 0) == 0) {
        leave(&c->caller_stack, &c->stack);
        if (first != NULL) {
            (void)setcontext(first);
        }
        siglongjmp(c->here, 1);
    }
    arrive(&c->caller_stack, &ignored);
}

/* The first frame of every stack. makecontext passes ints, so the pointer comes in two. */
static void first_frame(unsigned high, unsigned low)
{
    yodel_coroutine *c =
        (yodel_coroutine *)(((uintptr_t)high << 16 << 16) | (uintptr_t)low); /* NOLINT */
    arrive(&c->stack, &c->caller_stack);
    for (;;) {
        to_caller(c); /* at first: the stack is made; later: a run has ended */
        c->run(c->arg);
        c->ended = true;
    }
}

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void unmap(yodel_coroutine *c)
{
    size_t size = page_size() + STACK_SIZE;
    void *mapping = c->mapping;
#if defined(WITH_ASAN)
    /* The first frame never returns; what comes to lie here next must not find its red zones. */
    __asan_unpoison_memory_region(mapping, size);
#endif
#if defined(WITH_TSAN)
    __tsan_destroy_fiber(c->stack.fiber);
#endif
    (void)munmap(mapping, size);
}

void yodel_coroutine_trim(void)
{
    while (free_stacks != NULL) {
        yodel_coroutine *c = free_stacks;
        free_stacks = c->next_free;
        free_count--;
        unmap(c);
    }
}

static void on_thread_end(void *value)
{
    (void)value;
    yodel_coroutine_trim();
}

static void make_key(void)
{
    /* Without a key a thread that ends leaves its stacks mapped: nothing worse. */
    (void)pthread_key_create(&at_thread_end, on_thread_end);
}

static int map(yodel_coroutine **out)
{
    size_t page = page_size();
    size_t size = page + STACK_SIZE;
    (void)pthread_once(&at_thread_end_once, make_key);
    (void)pthread_setspecific(at_thread_end, &free_stacks);
    char *mapping =
        mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (mapping == MAP_FAILED) {
        return -ENOMEM;
    }
    char *bottom = mapping + page;
    if (mprotect(bottom, STACK_SIZE, PROT_READ | PROT_WRITE) < 0) {
        (void)munmap(mapping, size);
        return -ENOMEM;
    }
    size_t top = (STACK_SIZE - sizeof(yodel_coroutine)) & ~(size_t)63;
    yodel_coroutine *c = (yodel_coroutine *)(void *)(bottom + top);
    c->mapping = mapping;
    c->stack.bottom = bottom;
    c->stack.size = top;
#if defined(WITH_TSAN)
    c->stack.fiber = __tsan_create_fiber(0);
#endif

    ucontext_t first;
    (void)getcontext(&first);
    first.uc_stack.ss_sp = bottom;
    first.uc_stack.ss_size = top;
    first.uc_link = NULL;
    uintptr_t self = (uintptr_t)c;
    makecontext(&first, (void (*)(void))first_frame, 2, (unsigned)(self >> 16 >> 16),
                (unsigned)self);
    to_coroutine(c, &first);
    *out = c;
    return 0;
}

int yodel_coroutine_new(void (*run)(void *arg), void *arg, yodel_coroutine **out)
{
    yodel_coroutine *c = free_stacks;
    if (c != NULL) {
        free_stacks = c->next_free;
        free_count--;
    } else {
        int code = map(&c);
        if (code < 0) {
            return code;
        }
    }
    c->run = run;
    c->arg = arg;
    c->ended = false;
    *out = c;
    return 0;
}

bool yodel_coroutine_resume(yodel_coroutine *c)
{
    yodel_coroutine *before = current;
    assert(c != before);
    current = c;
    to_coroutine(c, NULL);
    current = before;
    if (!c->ended) {
        return true;
    }
    if (free_count < YODEL_COROUTINE_KEEP) {
        c->next_free = free_stacks;
        free_stacks = c;
        free_count++;
    } else {
        unmap(c);
    }
    return false;
}

void yodel_coroutine_suspend(void)
{
    assert(current != NULL);
    to_caller(current);
}

yodel_coroutine *yodel_coroutine_self(void)
{
    return current;
}
