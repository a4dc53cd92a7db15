/*
 * coroutine: a second stack for a function that waits in the middle, and the switch to and from it.
 * Knows nothing of I/O: who resumes a coroutine, and when, is somebody else's business.
 *
 * A coroutine belongs to the thread that made it. It runs when somebody resumes it and until it
 * suspends itself or returns. Its stack is mapped with a guard page below, so that running over
 * the end is a SIGSEGV and not somebody else's data. A switch is two dozen instructions; only a new
 * stack costs system calls, and each thread keeps the stacks of coroutines that ended for the next
 * ones.
 */
#ifndef YODEL_CORE_COROUTINE_H
#define YODEL_CORE_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct yodel_coroutine yodel_coroutine;

/* Bytes of stack that a coroutine gets; four times as many where sanitizers make every frame
 * larger. */
#define YODEL_COROUTINE_STACK ((size_t)64 * 1024)

/* How many free stacks a thread keeps; those above that are unmapped. */
#define YODEL_COROUTINE_KEEP 1024

/* Makes a coroutine that will call run(arg); it does not run before it is resumed, and is gone when
 * run returns. One that was never resumed cannot be taken back: resume it.
 * 0 and *out, or -ENOMEM: no memory, or no more mappings (each guard page splits one: near
 * vm.max_map_count / 2 coroutines in the process). */
int yodel_coroutine_new(void (*run)(void *arg), void *arg, yodel_coroutine **out);

/* Runs it until it suspends (true) or returns (false: it is gone then). On its own thread, not from
 * inside itself; from inside another coroutine is fine. */
bool yodel_coroutine_resume(yodel_coroutine *coroutine);

/* Goes back to whoever resumed the running coroutine; returns when it is resumed again. Only from
 * inside a coroutine. */
void yodel_coroutine_suspend(void);

/* The coroutine that is running on this thread, NULL outside of any. */
yodel_coroutine *yodel_coroutine_self(void);

/* Unmaps this thread's free stacks; a thread's end does that by itself. Not from inside a
 * coroutine. */
void yodel_coroutine_trim(void);

#endif
