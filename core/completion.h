/*
 * Completion: something that happens once, between threads.
 *
 * One thread says that it is over and with which result; any number of others wait for that, each
 * in the way it can: asleep (wait), asleep up to a deadline (wait_until), or in poll, epoll or
 * libev together with other things (the fd). This is the future `on_exit` of the asyncio examples:
 * the client's reader thread completes it, the thread that waits for a key sees its fd, main waits
 * for it. Once done it stays done.
 */
#ifndef YODEL_CORE_COMPLETION_H
#define YODEL_CORE_COMPLETION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Only the functions below touch the members. Must not be moved after init. */
typedef struct yodel_completion {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int fd; /* eventfd, its counter is 1 once done */
    int value;
    bool done;
} yodel_completion;

/* Makes one that is not done. 0, or a negated errno (-EMFILE: it needs a descriptor). */
int yodel_completion_init(yodel_completion *c);

/*
 * Ends it. NULL is fine. The completer may still be on its way out of yodel_completion_complete, so
 * a thread that has seen it done, in whichever way, may destroy it at once; but no thread may be
 * waiting, or come to wait or to complete later.
 */
void yodel_completion_destroy(yodel_completion *c);

/* Sets the result and wakes everybody. The first call wins and returns true; every later one
 * returns false and changes nothing. What the completer wrote before is visible to those who see it
 * done. Any thread; not for a signal handler. */
bool yodel_completion_complete(yodel_completion *c, int value);

/* Sleeps until it is done and returns the value. Any thread, any number of times. */
int yodel_completion_wait(yodel_completion *c);

/* The same up to `deadline_ns`, an instant of CLOCK_MONOTONIC (yodel_clock_after). 0 and *value
 * when it is done, even if the deadline has passed; otherwise -ETIMEDOUT. Any thread. */
int yodel_completion_wait_until(yodel_completion *c, uint64_t deadline_ns, int *value);

/* Is it done? Never sleeps. Any thread. */
bool yodel_completion_done(yodel_completion *c);

/* A descriptor that polls as readable once it is done and from then on. Owned by `c`; nobody may
 * read from it, since that would hide the news from the others. Any thread. */
int yodel_completion_fd(const yodel_completion *c);

#endif
