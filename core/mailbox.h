/*
 * mailbox: how another thread talks to a loop (asyncio: call_soon_threadsafe).
 *
 * A queue of messages under a mutex, and one ev_async that is sent only when the queue was empty:
 * a burst of messages costs one wake-up. It is not on the data path; connections never use it.
 */
#ifndef YODEL_CORE_MAILBOX_H
#define YODEL_CORE_MAILBOX_H

#include "loop.h"

#include <pthread.h>

/* A message: embedded in the sender's struct, which says in deliver what happens. It is the
 * mailbox's from yodel_mailbox_post until deliver is called, then deliver's: to free, to keep or
 * to post again. */
typedef struct yodel_mail {
    struct yodel_mail *next;
    void (*deliver)(struct yodel_mail *mail, void *owner);
} yodel_mail;

typedef struct yodel_mailbox {
    pthread_mutex_t lock;
    yodel_mail *first;
    yodel_mail **last;
    yodel_loop *loop;
    void *owner;
    ev_async wake;
} yodel_mailbox;

/* Opens a mailbox on a loop that does not run yet; owner is handed to every deliver. 0, or
 * a negative errno. */
int yodel_mailbox_init(yodel_mailbox *mailbox, yodel_loop *loop, void *owner);

/* Closes it, on the loop's thread or after that thread has ended. No other thread may post any
 * more. Messages that nobody took are delivered here, so that what they carry is not lost; they
 * must not post again. */
void yodel_mailbox_destroy(yodel_mailbox *mailbox);

/* Hands a message over; it is delivered on the loop's thread, in the order of posting. Any thread;
 * never blocks for longer than the queue's lock, never fails. */
void yodel_mailbox_post(yodel_mailbox *mailbox, yodel_mail *mail);

#endif
